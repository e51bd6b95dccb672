//! Runs a Python program in a sandbox, and a reference to what it must not reach.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use slipway_sandbox::{Ended, Limits, Mount, OUTPUT, RESULT, SPEC, Spec};

/// A text in the environment and in a file of the controller that no program may see.
pub(crate) const SECRET: &str = "the-password-of-the-forge";
/// An ordinary user.
const NOBODY: u32 = 65_534;
/// What every program begins with: `attempt` prints `ESCAPED` if what is attempted works.
const PRELUDE: &str = r#"
import ctypes, os, signal, socket, stat, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        action()
    except BaseException as error:
        print("refused:", name, type(error).__name__, error, flush=True)
    else:
        print("ESCAPED:", name, flush=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"#;

/// A sandbox in a folder of its own.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) limits: Limits,
    pub(crate) outputs: Vec<String>,
    user: Option<u32>,
}

/// How a program ended, and what it printed.
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    pub(crate) said: String,
}

/// Runs a test as this user and, if that is root, as an ordinary user as well.
pub(crate) fn as_each_user(test: impl Fn(World)) {
    let is_root = rustix_is_root();
    for user in [None, is_root.then_some(NOBODY)].into_iter().take(if is_root { 2 } else { 1 }) {
        test(World::new(user));
    }
}

fn rustix_is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

impl World {
    fn new(user: Option<u32>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("source")).expect("a folder");
        std::fs::create_dir(folder.path().join("job")).expect("a folder");
        std::fs::write(folder.path().join("state.txt"), SECRET).expect("written");
        if let Some(user) = user {
            for path in ["", "source", "job", "state.txt"] {
                let path = folder.path().join(path);
                std::os::unix::fs::chown(path, Some(user), Some(user)).expect("given away");
            }
        }
        let limits = Limits { seconds: 60, memory: 1 << 30, processes: 64, output: 8 << 20, temporary: 8 << 20 };
        Self { folder, limits, outputs: Vec::new(), user }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a Python program in the sandbox.
    pub(crate) fn start(&self, program: &str) -> Child {
        std::fs::write(self.path("source/program.py"), format!("{PRELUDE}\n{program}")).expect("written");
        let spec = Spec {
            command: ["python3", "program.py"].map(str::to_owned).to_vec(),
            environment: BTreeMap::from([("SLIPWAY_OUTPUT".to_owned(), "/slipway/output".to_owned())]),
            work: "/slipway/source".to_owned(),
            mounts: vec![Mount { from: self.path("source"), to: "/slipway/source".to_owned() }],
            outputs: self.outputs.clone(),
            limits: self.limits,
            network: false,
        };
        std::fs::write(self.path("job").join(SPEC), serde_json::to_vec(&spec).expect("plain data")).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-sandbox"));
        command.arg("--run").arg(self.path("job")).env("SECRET", SECRET);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.spawn().expect("it starts")
    }

    /// Runs a Python program in the sandbox to its end.
    pub(crate) fn run(&self, program: &str) -> Ran {
        let mut child = self.start(program);
        let stdin = child.stdin.take();
        let output = child.wait_with_output().expect("it ends");
        drop(stdin);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let ended = std::fs::read(self.path("job").join(RESULT)).unwrap_or_else(|error| panic!("{error}: {said}"));
        Ran { ended: serde_json::from_slice(&ended).expect("a result"), said }
    }

    /// Runs a program whose attempts must all be refused.
    pub(crate) fn expect_refusals(&self, attempts: usize, program: &str) {
        let Ran { ended, said } = self.run(program);
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        assert!(!said.contains("ESCAPED"), "{said}");
        assert_eq!(said.matches("refused:").count(), attempts, "{said}");
    }

    /// The content of an output.
    pub(crate) fn output(&self, index: usize) -> Option<Vec<u8>> {
        std::fs::read(self.path("job").join(OUTPUT).join(index.to_string())).ok()
    }
}

/// The processes whose command line contains a text.
pub(crate) fn processes_with(text: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let has = |path: &Path| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
    };
    entries.filter(|entry| has(&entry.path())).count()
}
