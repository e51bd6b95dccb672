//! A shell in which the commands of a page are typed, one after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::shape::difference;
use crate::support::{DEADLINE, slipway};

/// Stands before the exit code of a command.
const END: &str = "\u{1e}end ";

/// How long a command that does not say everything yet is left alone.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the commands of a page run.
pub(crate) struct World {
    /// The folder in which the shell begins.
    pub(crate) folder: PathBuf,
    /// Texts of the page, each with what takes its place here: ports, folders, addresses.
    pub(crate) here: Vec<(String, String)>,
    /// Shell lines before everything else.
    pub(crate) first: String,
    /// Servers and folders that live as long as the session.
    pub(crate) kept: Box<dyn std::any::Any + Send>,
}

/// A shell; it ends, with everything that it started, when it is dropped.
pub(crate) struct Session {
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    here: Vec<(String, String)>,
    folder: PathBuf,
    _kept: Box<dyn std::any::Any + Send>,
}

impl Drop for Session {
    fn drop(&mut self) {
        let group = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process_group(group, Signal::KILL).ok();
        self.shell.wait().ok();
    }
}

impl Session {
    pub(crate) fn new(world: World) -> Self {
        let World { folder, here, first, kept } = world;
        let programs = slipway().parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).expect("a path");
        let mut shell = Command::new("sh");
        shell.current_dir(&folder).env("PATH", path).env("HOME", &folder).env("GIT_PAGER", "cat");
        for name in ["GIT_AUTHOR", "GIT_COMMITTER"] {
            shell.env(format!("{name}_NAME"), "Kim").env(format!("{name}_EMAIL"), "kim@example.com");
        }
        for name in ["SLIPWAY_SERVER", "SLIPWAY_TOKEN_FILE", "SLIPWAY_CONFIG", "GIT_DIR"] {
            shell.env_remove(name);
        }
        shell.env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut shell = shell.spawn().expect("a shell");
        let input = shell.stdin.take().expect("a pipe");
        let output = BufReader::new(shell.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut session = Self { shell, input, lines, here, folder, _kept: kept };
        session.must("exec 2>&1");
        session.must(&first);
        session
    }

    /// The folder in which the shell began.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Text of the page with what takes its place here.
    pub(crate) fn here(&self, text: &str) -> String {
        self.here.iter().fold(text.to_owned(), |text, (page, here)| text.replace(page, here))
    }

    /// What was said here, as the page would show it.
    fn as_in_page(&self, text: &str) -> String {
        self.here.iter().rev().fold(text.to_owned(), |text, (page, here)| text.replace(here, page))
    }

    /// Runs shell lines that no page shows.
    pub(crate) fn must(&mut self, lines: &str) -> String {
        let (code, said) = self.run(lines);
        assert_eq!(code, 0, "`{lines}`: {said}");
        said
    }

    /// Runs one command, and answers its exit code and what it said.
    fn run(&mut self, command: &str) -> (i32, String) {
        // A brace on a line of its own: `&` may end the command.
        let script = format!("{{ :\n{command}\n}} </dev/null\nprintf '\\n{END}%s\\n' $?\n");
        self.input.write_all(script.as_bytes()).and_then(|()| self.input.flush()).expect("the shell reads");
        let mut said = String::new();
        loop {
            let line = self.lines.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("`{command}` does not end: {said}"));
            if let Some(code) = line.strip_prefix(END) {
                return (code.parse().expect("a code"), said);
            }
            said += &line;
            said.push('\n');
        }
    }

    /// Plays a command of a page, and holds what it says to what the page shows. What others have yet to do may take a while:
    /// the command is given until then.
    pub(crate) fn play(&mut self, command: &str, shown: &[String], code: i32, may_wait: bool) -> Result<(), String> {
        let given = self.here(&super::commands::as_on_a_terminal(command));
        let begun = Instant::now();
        loop {
            let (ended, said) = self.run(&given);
            let said = self.as_in_page(&said);
            let fault = if ended != code {
                Some(format!("expected the exit code {code}, came {ended}"))
            } else if shown.is_empty() {
                None
            } else {
                difference(shown, &said)
            };
            let Some(fault) = fault else { return Ok(()) };
            if !may_wait || begun.elapsed() > DEADLINE {
                return Err(format!("`$ {command}`: {fault}\n  it said:\n{said}"));
            }
            // Whatever is said meanwhile belongs to no command.
            self.lines.recv_timeout(PAUSE).ok();
        }
    }

    /// Plays a command that goes on in the background, until it has said what the page shows.
    pub(crate) fn begin(&mut self, command: &str, shown: &[String]) -> Result<(), String> {
        let given = self.here(command);
        let (_, mut said) = self.run(&format!("{} &", given.trim_end_matches('&').trim_end()));
        let among_others = [&["…".to_owned()], shown, &["…".to_owned()]].concat();
        let begun = Instant::now();
        while let Some(fault) = difference(&among_others, &self.as_in_page(&said)) {
            if begun.elapsed() > DEADLINE {
                return Err(format!("`$ {command}`: {fault}\n  it said:\n{said}"));
            }
            if let Ok(line) = self.lines.recv_timeout(DEADLINE) {
                said.extend([line.as_str(), "\n"]);
            }
        }
        Ok(())
    }
}
