//! Tells whether this machine can make a sandbox, by making one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::spec::{Ended, Limits, RESULT, SPEC, Spec};

/// The beginning of what a machine says that can make sandboxes.
pub const PROBE_OK: &str = "programs run in a sandbox";

/// Runs `true` in a sandbox. Returns one line about what this machine has, or the reason why there can be none.
pub fn probe() -> Result<String, String> {
    let folder = std::env::temp_dir().join(format!("slipway-sandbox-probe-{}", std::process::id()));
    let ended = run_in(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    match ended? {
        Ended::Exit { code: 0, .. } => Ok(format!("{PROBE_OK}: namespaces, a filter of system calls, {}", landlock())),
        Ended::Refused { reason } => Err(format!("programs cannot run: {reason}")),
        ended => Err(format!("programs cannot run: `true` ended with {ended:?}")),
    }
}

fn run_in(folder: &Path) -> Result<Ended, String> {
    let failed = |error: std::io::Error| format!("programs cannot run: `{}`: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let spec = Spec {
        command: vec!["true".to_owned()],
        environment: BTreeMap::new(),
        work: "/".to_owned(),
        mounts: Vec::new(),
        outputs: Vec::new(),
        limits: Limits { seconds: 60, memory: 1 << 30, processes: 16, output: 1 << 20, temporary: 1 << 20 },
        network: false,
    };
    std::fs::write(folder.join(SPEC), serde_json::to_vec(&spec).expect("plain data")).map_err(failed)?;
    // Namespaces change the process that makes them, so another one does.
    let program = std::env::current_exe().map_err(failed)?;
    let ran = Command::new(program).arg("--run").arg(folder).stdin(Stdio::null()).output().map_err(failed)?;
    let written = std::fs::read(folder.join(RESULT));
    let written =
        written.map_err(|_| format!("programs cannot run: {}", String::from_utf8_lossy(&ran.stderr).trim()))?;
    serde_json::from_slice(&written).map_err(|error| format!("programs cannot run: {error}"))
}

/// Whether the kernel has Landlock, and which version.
fn landlock() -> String {
    const VERSION: u32 = 1;
    #[expect(unsafe_code, reason = "the version of Landlock has no safe wrapper")]
    // SAFETY: with this flag, landlock_create_ruleset(2) reads no memory and only returns a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    if version > 0 { format!("Landlock {version}") } else { "no Landlock (the kernel has none)".to_owned() }
}
