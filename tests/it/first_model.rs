//! docs/first-model.md is played command by command, and says what it says there.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::documentation::fence::{blocks, commands};
use crate::documentation::shape::difference;
use crate::init::customers;
use crate::support::{DEADLINE, slipway};

/// What the page promises, training included.
const PROMISED: Duration = Duration::from_mins(2);
const MAX_COMMANDS: usize = 5;

/// The commands of the page, each with the lines that it is shown to say.
pub(crate) fn steps(page: &str) -> Vec<(String, Vec<String>)> {
    blocks(page).iter().filter(|block| block.language == "console").flat_map(commands).collect()
}

pub(crate) struct Place {
    _folder: tempfile::TempDir,
    pub(crate) work: PathBuf,
    home: PathBuf,
    port: u16,
    /// What `slipway init` has the shell export.
    exports: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (work, home) = (folder.path().join("customers"), folder.path().join("home"));
        std::fs::create_dir(&work).expect("a folder");
        std::fs::create_dir(&home).expect("a folder");
        std::fs::write(work.join("customers.csv"), customers(1_500)).expect("written");
        Self { _folder: folder, work, home, port: two_free_ports(), exports: String::new() }
    }

    pub(crate) fn shell(&self, command: &str) -> Command {
        let programs = slipway().parent().expect("a folder").to_owned();
        let path = std::env::join_paths(
            std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{}{command}", self.exports)])
            .current_dir(&self.work)
            .env("PATH", path.expect("a path"))
            .env("HOME", &self.home);
        for name in ["GIT_AUTHOR", "GIT_COMMITTER"] {
            shell.env(format!("{name}_NAME"), "Kim").env(format!("{name}_EMAIL"), "kim@example.com");
        }
        shell.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("SLIPWAY_SERVER").env_remove("SLIPWAY_TOKEN_FILE");
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell
    }

    /// The port of the page may be taken where this runs.
    pub(crate) fn on_our_port(&self, command: &str) -> String {
        let with_port = format!("--local ../slipway-local --port {}", self.port);
        command.replace("--local ../slipway-local", &with_port)
    }

    /// What the page shows and what was not said, but for the ports, which are those of the page only by chance.
    fn difference(&self, shown: &[String], said: &str) -> Option<String> {
        let is_for_the_port = |line: &&str| !line.trim_start().starts_with("export SLIPWAY_SERVER=");
        let said: String = said.lines().filter(is_for_the_port).flat_map(|line| [line, "\n"]).collect();
        let said = [(self.port, 8420), (self.port + 1, 8421)]
            .iter()
            .fold(said, |said, (here, page)| said.replace(&format!("127.0.0.1:{here}"), &format!("127.0.0.1:{page}")));
        difference(shown, &said)
    }

    /// Exports from now on what is listed under `next:`, as a shell does that it is pasted into.
    pub(crate) fn export(&mut self, listed: &str) {
        let exports = listed.lines().map(str::trim).filter(|line| line.starts_with("export "));
        self.exports = exports.fold(String::new(), |all, line| all + line + "; ");
    }

    pub(crate) fn run(&self, command: &str) -> (bool, String) {
        let output = self.shell(command).output().expect("it ran");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }
}

/// A port that is free, as is the one behind it.
fn two_free_ports() -> u16 {
    let bound = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    let pair = || {
        let first = bound(0)?;
        let port = first.local_addr().ok()?.port();
        bound(port.checked_add(1)?).map(|_| port)
    };
    (0..100).find_map(|_| pair()).expect("two free ports")
}

/// Ends the server of the page.
pub(crate) struct Served(pub(crate) Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a server that has not read the push yet leaves the hook to say.
const UNREAD: &str = "was delivered; see the new runs with `slipway runs list`";

#[test]
fn a_table_is_promoted_by_the_commands_of_the_page_in_the_time_it_promises() {
    let steps = steps("docs/first-model.md");
    let commands = steps.iter().filter(|(command, _)| !command.starts_with("export ")).count();
    assert!(commands <= MAX_COMMANDS, "{commands} commands");
    let mut place = Place::new();
    let begun = Instant::now();
    let (mut server, mut listed, mut follow) = (None, String::new(), None);
    for (index, (command, says)) in steps.iter().enumerate() {
        if index > 0 {
            assert!(listed.lines().any(|line| line.trim() == command), "`{command}` is not among {listed}");
        }
        if command.starts_with("export ") {
            continue;
        }
        if let Some(command) = command.strip_suffix(" &") {
            let mut child = Served(place.shell(&format!("exec {command}")).spawn().expect("it starts"));
            let mut line = String::new();
            BufReader::new(child.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
            assert_eq!(place.difference(says, &line), None, "`{command}` said {line}");
            server = Some(child);
            continue;
        }
        let command = place.on_our_port(command);
        let (mut done, mut said) = place.run(&command);
        // What follows the push takes a while.
        while index + 1 == steps.len() && place.difference(says, &said).is_some() && begun.elapsed() < DEADLINE {
            std::thread::yield_now();
            (done, said) = place.run(&command);
        }
        assert!(done, "`{command}`: {said}");
        let was_read = !said.contains(UNREAD);
        if was_read {
            assert_eq!(place.difference(says, &said), None, "`{command}` said {said}");
        }
        if index == 0 {
            place.export(&said);
            listed.clone_from(&said);
        }
        follow = said
            .split_once("staging: ")
            .map(|(_, rest)| rest.lines().next().unwrap_or_default().trim().to_owned())
            .or(follow);
    }
    let took = begun.elapsed();
    println!("from the table to the promotion: {:.1} s", took.as_secs_f64());
    assert!(took < PROMISED, "it took {took:?}");
    // What the hook names can be pasted.
    let follow = follow.unwrap_or_else(|| "slipway runs list".to_owned());
    let (done, said) = place.run(&follow);
    assert!(done && said.contains("customers"), "`{follow}`: {said}");
    let log = std::fs::read_to_string(place.work.join("../slipway-local/server.log")).expect("a log");
    assert!(log.contains("customers"), "{log}");
    let (done, shown) = place.run("git --git-dir ../slipway-local/repositories/environment.git show main");
    assert!(
        done && shown.contains("Promote customers to staging") && shown.contains("+      storageUri: file://"),
        "{shown}"
    );
    drop(server);
}

#[test]
fn a_local_server_set_up_is_made_once_and_kept() {
    let place = Place::new();
    let init = place.on_our_port("slipway init customers.csv --label churned --local ../slipway-local");
    assert!(place.run(&init).0);
    let secret = || std::fs::read_to_string(place.work.join("../slipway-local/api-token")).expect("a token");
    let before = secret();
    let (done, said) = place.run(&init);
    assert!(done && !said.contains("wrote"), "{said}");
    assert_eq!(secret(), before);
    let (done, said) = place.run("slipway check ../slipway-local/slipway-server.yaml");
    assert!(done, "{said}");
    // Another model beside it would take the settings away from this one.
    for force in ["", " --force"] {
        let (done, said) = place.run(&format!("{init} --model other --folder other{force}"));
        let expected = "`../slipway-local/slipway-server.yaml` already serves another model: `customers`\n  help: set another \
             folder";
        assert!(!done && said.contains(expected), "{said}");
        assert!(!place.work.join("other").exists());
    }
    let (done, said) = place.run("slipway check ../slipway-local/slipway-server.yaml && slipway check");
    assert!(done, "{said}");
}

#[test]
fn the_next_commands_work_when_pasted_whatever_characters_the_paths_have() {
    let mut place = Place::new();
    let init =
        place.on_our_port("slipway init customers.csv --label churned --folder 'the model' --local \"../Kim's $x\"");
    let init = format!("{init} --port {}", place.port);
    let (done, said) = place.run(&init);
    assert!(done, "{said}");
    place.export(&said);
    let listed = |part: &str| said.lines().map(str::trim).find(|line| line.contains(part)).expect("a line").to_owned();
    for command in [
        "test -s \"$SLIPWAY_TOKEN_FILE\"".to_owned(),
        listed(" commit -m "),
        listed(" push slipway ").replace("push", "push --dry-run"),
        listed("slipway serve").replace("slipway serve --config", "slipway check").replace(" &", ""),
    ] {
        let (done, said) = place.run(&command);
        assert!(done, "`{command}`: {said}");
    }
}
