//! The process outside the sandbox: makes the namespaces, watches the processes inside, and takes the outputs.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::UnshareFlags;

use crate::init::Report;
use crate::spec::{Ended, Limits, OUTPUT, RESULT, ROOT, SPEC, Spec};
use crate::{During as _, SetupError, collect, memory};

/// Interval between two looks at the memory of the processes.
const WATCH: Duration = Duration::from_millis(50);
/// The largest specification that is read, in bytes.
const MAX_SPEC_BYTES: u64 = 4 << 20;

/// The installed program of the sandbox: it is in the same folder as this program.
pub fn sandbox_beside_us() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("slipway-sandbox"))
}

/// Runs the sandbox in `folder`. The program's output goes to the standard output and error of this process. When the standard
/// input of this process closes, its controller has ended, and everything inside is killed.
pub fn launch(folder: &Path) -> ExitCode {
    let opened = folder.canonicalize().during(format!("`{}`", folder.display())).and_then(|folder| {
        let own = open_folder(&folder)?;
        Ok((folder, own))
    });
    let (folder, own) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::from(2);
        }
    };
    let ended = run(&folder).unwrap_or_else(|error| Ended::Refused { reason: error.to_string() });
    let written = serde_json::to_vec(&ended).expect("a result holds only texts and numbers");
    // The root of this process is now the sandbox's, so the folder is only reachable by its descriptor.
    match collect::write(&own, RESULT, &written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "the result cannot be written: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> Result<Ended, SetupError> {
    let spec = read_spec(folder)?;
    for name in [ROOT, OUTPUT] {
        std::fs::create_dir_all(folder.join(name)).during(format!("the folder `{name}`"))?;
    }
    let taken = open_folder(&folder.join(OUTPUT))?;
    separate(spec.network)?;
    let (mut report, theirs) = UnixStream::pair().during("a pair of sockets")?;
    let program = std::env::current_exe().during("the path of this program")?;
    let mut inside = Command::new(program)
        .arg("--init")
        .arg(folder)
        // The program can read the environment of the first process.
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .during("the first process of the sandbox")?;
    let ready = Report::read(&mut report);
    if let Some(Report::Refused { reason }) = &ready {
        let _ = inside.wait();
        return Ok(Ended::Refused { reason: reason.clone() });
    }
    if ready != Some(Report::Ready) {
        let _ = inside.wait();
        return Err(SetupError::new("the first process of the sandbox", "it ended before the program started"));
    }
    let exceeded = watch(&mut inside, spec.limits);
    // The first process is gone, and with it every other process of the sandbox.
    let last = Report::read(&mut report);
    Ok(match (exceeded, last) {
        (Some(ended), _) => ended,
        (None, Some(Report::Exit { code })) => {
            let refused = if code == 0 { collect::take(&spec, &taken) } else { Vec::new() };
            Ended::Exit { code, refused }
        }
        (None, Some(Report::Signal { signal })) => Ended::Signal { signal },
        (None, Some(Report::Refused { reason })) => Ended::Refused { reason },
        (None, Some(Report::Ready) | None) => Ended::Signal { signal: rustix::process::Signal::KILL.as_raw() },
    })
}

pub(crate) fn read_spec(folder: &Path) -> Result<Spec, SetupError> {
    let mut text = Vec::new();
    let file = std::fs::File::open(folder.join(SPEC)).during(SPEC)?;
    file.take(MAX_SPEC_BYTES).read_to_end(&mut text).during(SPEC)?;
    serde_json::from_slice(&text).during(SPEC)
}

fn open_folder(path: &Path) -> Result<OwnedFd, SetupError> {
    rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
        .during(format!("`{}`", path.display()))
}

/// Moves this process into namespaces of its own. Its children are in a PID namespace of their own. Root needs no user namespace,
/// because the program gets a user of its own.
fn separate(network: bool) -> Result<(), SetupError> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !network {
        flags |= UnshareFlags::NEWNET;
    }
    if !user.is_root() {
        flags |= UnshareFlags::NEWUSER;
    }
    #[expect(unsafe_code, reason = "unshare(2) may share less than a library expects")]
    // SAFETY: this process has one thread and no state that the separated namespaces invalidate.
    unsafe { rustix::thread::unshare_unsafe(flags) }
        .during("namespaces of its own (the kernel or the container refuses them)")?;
    if !user.is_root() {
        std::fs::write("/proc/self/setgroups", "deny").during("/proc/self/setgroups")?;
        std::fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw())).during("/proc/self/uid_map")?;
        std::fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw())).during("/proc/self/gid_map")?;
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).during("private mounts")
}

/// Waits until the first process of the sandbox has ended. Kills it if the processes hold too much memory, if their time is over,
/// or if the controller has ended, and returns which.
fn watch(inside: &mut Child, limits: Limits) -> Option<Ended> {
    let stdin = std::io::stdin();
    let end = Instant::now().checked_add(Duration::from_secs(limits.seconds));
    loop {
        if let Ok(Some(_)) | Err(_) = inside.try_wait() {
            return None;
        }
        let exceeded = if let Some(used) = memory::above(limits.memory) {
            Some(Ended::Memory { used })
        } else if end.is_some_and(|end| Instant::now() >= end) {
            Some(Ended::Time)
        } else {
            is_closed(stdin.as_fd()).then_some(Ended::Abandoned)
        };
        if exceeded.is_some() {
            let _ = inside.kill();
            let _ = inside.wait();
            return exceeded;
        }
    }
}

/// Waits for the next look, and says whether the other end of the standard input is closed.
fn is_closed(stdin: std::os::fd::BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(stdin, PollFlags::HUP)];
    let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(WATCH.subsec_nanos()) };
    matches!(poll(&mut polled, Some(&wait)), Ok(1..)) && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}
