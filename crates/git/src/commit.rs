//! The content of a commit, limited in size and safe to display.

use git2::Commit;
use jiff::Timestamp;

use slipway_domain::CommitSha;

use super::history;
use super::message::single_line;
use super::mirror::name_of;

/// Maximum length of a stored commit message in bytes: the rest is cut off, so that a message cannot flood the store.
const MAX_MESSAGE_LENGTH: usize = 16 * 1024;

/// Maximum number of stored trailers per message, and maximum length of one.
const MAX_TRAILERS: usize = 64;
const MAX_TRAILER_LENGTH: usize = 1024;

/// Maximum number of stored parents per commit.
const MAX_PARENTS: usize = 8;

/// The content of a commit, limited in size and always valid text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit.
    pub commit: CommitSha,
    /// The author's name.
    pub author: String,
    /// The author's e-mail address, as written in the commit.
    pub author_email: String,
    /// The committer's name.
    pub committer: String,
    /// The first line of the message.
    pub subject: String,
    /// The message, cut off at 16 KiB.
    pub message: String,
    /// Keys and values of the message's last paragraph, independent of the cut.
    pub trailers: Vec<(String, String)>,
    /// The parents; several for a merge, eight at most.
    pub parents: Vec<CommitSha>,
    /// Time of the commit; `None` if the time is outside the calendar's range.
    pub time: Option<Timestamp>,
}

impl CommitInfo {
    /// Reads a commit.
    pub(super) fn of(commit: &Commit<'_>) -> Self {
        let whole = commit.message_bytes();
        let message = String::from_utf8_lossy(&whole[..whole.len().min(MAX_MESSAGE_LENGTH)]).into_owned();
        let fits = |text: &str| text.len() <= MAX_TRAILER_LENGTH && !text.chars().any(char::is_control);
        let trailers = history::trailers(&String::from_utf8_lossy(whole))
            .filter(|(key, value)| fits(key) && fits(value))
            .take(MAX_TRAILERS)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Self {
            commit: name_of(commit.id()),
            author: single_line(&String::from_utf8_lossy(commit.author().name_bytes())),
            author_email: single_line(&String::from_utf8_lossy(commit.author().email_bytes())),
            committer: single_line(&String::from_utf8_lossy(commit.committer().name_bytes())),
            subject: single_line(message.lines().next().unwrap_or_default()),
            time: Timestamp::from_second(commit.time().seconds()).ok(),
            parents: commit.parent_ids().take(MAX_PARENTS).map(name_of).collect(),
            trailers,
            message,
        }
    }

    /// The value of the first trailer with this key, ignoring case.
    pub fn trailer(&self, key: &str) -> Option<&str> {
        self.trailers.iter().find(|(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}
