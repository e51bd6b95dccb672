//! The settings of a throwaway Gitea: everything in one folder, nothing that speaks to the outside.

use std::path::Path;

/// Its `app.ini`. Deliveries wait in memory (`channel`): they come at once, and a kill loses them. Gitea's usual queue on
/// disk looks for them every two seconds.
pub(super) fn of(folder: &Path, share: &Path, port: u16) -> String {
    let (folder, share) = (folder.display(), share.display());
    format!(
        "APP_NAME = forge
RUN_MODE = prod
WORK_PATH = {folder}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {share}
DISABLE_SSH = true
LFS_START_SERVER = true
LFS_JWT_SECRET = KbVdvGCqUzPWZS9Ac8PySvfcSeGMy8Z2vVxqYhfSyTk
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
SQLITE_JOURNAL_MODE = WAL
SQLITE_TIMEOUT = 20000
[security]
INSTALL_LOCK = true
SECRET_KEY = a secret for one machine and one hour
PASSWORD_HASH_ALGO = pbkdf2_v1
[oauth2]
ENABLED = false
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[lfs]
PATH = {folder}/lfs
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[actions]
ENABLED = false
[mailer]
ENABLED = false
[cron.update_checker]
ENABLED = false
[log]
MODE = console
LEVEL = Warn
"
    )
}
