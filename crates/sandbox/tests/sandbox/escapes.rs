//! Programs that try to leave the sandbox or to take more than they may. Each is refused or contained.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

use slipway_sandbox::Ended;

use crate::support::{Ran, SECRET, as_each_user, processes_with};

#[test]
fn the_network_and_sockets_of_the_machine_are_out_of_reach() {
    as_each_user(|world| {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        let path = world.path("socket");
        let _unix = UnixListener::bind(&path).expect("a socket");
        let name = format!("slipway-test-{}-{port}", std::process::id());
        let _abstract =
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name")).expect("a socket");
        world.expect_refusals(
            7,
            &format!(
                r#"
attempt("TCP to loopback", lambda: socket.create_connection(("127.0.0.1", {port}), 5))
attempt("TCP over IPv6", lambda: socket.socket(socket.AF_INET6).connect(("::1", {port})))
attempt("UDP", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port})))
attempt("the host of a virtual machine", lambda: socket.socket(40).connect((2, 22)))
attempt("names of packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("UNIX socket", lambda: socket.socket(socket.AF_UNIX).connect("{}"))
attempt("abstract socket", lambda: socket.socket(socket.AF_UNIX).connect("\0{name}"))
"#,
                path.display()
            ),
        );
    });
}

#[test]
fn files_outside_are_neither_read_nor_written_nor_changed() {
    as_each_user(|world| {
        let state = world.path("state.txt");
        let state = state.display();
        world.expect_refusals(
            15,
            &format!(
                r#"
attempt("passwords", lambda: open("/etc/shadow").read())
attempt("the state", lambda: open("{state}").read())
attempt("the home of root", lambda: os.listdir("/root"))
attempt("the root of the first process", lambda: open("/proc/1/root{state}").read())
attempt("the own root", lambda: open("/proc/self/root{state}").read())
attempt("above the root", lambda: open("/../../..{state}").read())
attempt("write to the system", lambda: open("/usr/bin/new", "w"))
attempt("write to settings", lambda: open("/etc/new", "w"))
attempt("write to the root", lambda: open("/new", "w"))
attempt("write to the source", lambda: open("program.py", "a"))
attempt("new file in the source", lambda: open("new.py", "w"))
attempt("chmod of the source", lambda: os.chmod("program.py", 0o777))
attempt("chown of the system", lambda: os.chown("/usr/bin/env", 1, 1))
attempt("removal", lambda: os.unlink("/slipway/source/program.py"))
attempt("a setting of the kernel", lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/tmp/x"))
"#
            ),
        );
    });
}

#[test]
fn secrets_and_processes_of_the_controller_are_invisible() {
    as_each_user(|world| {
        let own = std::process::id();
        let Ran { ended, said } = world.run(&format!(
            r#"
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try:
            found.append(open(f"/proc/{{pid}}/{{name}}").read())
        except OSError:
            pass
print("ESCAPED" if any("{SECRET}" in text for text in found) or "SECRET" in os.environ else "refused: no secret")
print(sorted(os.environ))
attempt("the memory of the first process", lambda: open("/proc/1/mem", "rb"))
attempt("ptrace", lambda: call(101, 16, 1, 0, 0))
attempt("memory of another process", lambda: call(310, 1, 0, 0, 0, 0, 0))
attempt("a signal to the controller", lambda: os.kill({own}, signal.SIGKILL))
# The first process ignores the signals of its children.
os.kill(1, signal.SIGKILL)
os.kill(1, signal.SIGTERM)
time.sleep(0.1)
print("still here")
"#
        ));
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        assert!(!said.contains("ESCAPED") && said.matches("refused:").count() == 5, "{said}");
        assert!(said.contains("still here"), "{said}");
        let names = "['HOME', 'LANG', 'LOGNAME', 'PATH', 'SLIPWAY_OUTPUT', 'TMPDIR', 'USER']";
        assert!(said.contains(names), "{said}");
    });
}

#[test]
fn devices_mounts_namespaces_and_other_users_are_refused() {
    as_each_user(|world| {
        world.expect_refusals(
            14,
            r#"
attempt("memory of the machine", lambda: open("/dev/mem", "rb").read(1))
attempt("log of the kernel", lambda: open("/dev/kmsg").read(1))
attempt("a disk", lambda: open("/dev/vda", "rb").read(1))
attempt("a device of its own", lambda: (os.mknod("/tmp/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1)), open("/tmp/mem", "rb").read(1)))
attempt("mount", lambda: call(165, b"tmpfs", b"/tmp", b"tmpfs", 0, 0))
attempt("unmount", lambda: call(166, b"/slipway/source", 2))
attempt("a user namespace", lambda: call(272, 0x10000000))
attempt("a mount namespace", lambda: subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], check=True, stderr=subprocess.DEVNULL))
attempt("another root", lambda: os.chroot("/tmp"))
attempt("another user", lambda: os.setuid(12345))
attempt("groups", lambda: os.setgroups([0]))
attempt("keys of the kernel", lambda: call(250, 0, -3, 0))
attempt("programs in the kernel", lambda: call(321, 0, 0, 0))
attempt("the name of the machine", lambda: socket.sethostname("x"))
"#,
        );
    });
}

#[test]
fn a_program_with_the_bit_of_another_user_gains_nothing() {
    as_each_user(|world| {
        let Ran { ended, said } = world.run(
            r#"
import shutil
shutil.copy("/usr/bin/python3", "/tmp/python")
os.chmod("/tmp/python", 0o6755)
look = "import os; print([line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd', 'NoNewPrivs'))])"
print(subprocess.run(["/tmp/python", "-S", "-c", look], capture_output=True, text=True).stdout)
print(subprocess.run(["su", "-c", "id"], capture_output=True, text=True, stdin=subprocess.DEVNULL).returncode != 0)
"#,
        );
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        for expected in ["CapEff:\\t0000000000000000", "CapBnd:\\t0000000000000000", "NoNewPrivs:\\t1", "True"] {
            assert!(said.contains(expected), "{said}");
        }
    });
}

#[test]
fn a_fork_bomb_stays_within_its_processes() {
    as_each_user(|world| {
        let Ran { ended, said } = world.run(
            r#"
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError as error:
    print("refused:", error)
print("made", made)
"#,
        );
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        let made: usize = said.split("made ").nth(1).and_then(|made| made.trim().parse().ok()).expect("a number");
        assert!(said.contains("refused:") && made < 64, "{said}");
    });
}

#[test]
fn memory_of_one_process_and_of_many_is_limited() {
    as_each_user(|mut world| {
        world.limits.memory = 200 << 20;
        let Ran { ended, said } = world.run("hog = bytearray(1 << 30)\nprint('ESCAPED')");
        assert!(matches!(ended, Ended::Exit { code: 1, .. }) && said.contains("MemoryError"), "{ended:?}: {said}");
        let many = r#"
for _ in range(8):
    if os.fork() == 0:
        hog = b"x" * (100 << 20)
        time.sleep(60)
time.sleep(60)
"#;
        let Ran { ended, said } = world.run(many);
        assert!(matches!(ended, Ended::Memory { used } if used > 200 << 20), "{ended:?}: {said}");
        world.expect_refusals(
            3,
            r#"
attempt("memory in no process", lambda: os.memfd_create("x"))
attempt("shared memory of System V", lambda: call(29, 0, 1 << 30, 0o1600))
attempt("a file in memory", lambda: open("/dev/shm/x", "wb").write(b"x" * (64 << 20)))
"#,
        );
    });
}

#[test]
fn files_of_a_program_are_limited_together_and_also_after_their_removal() {
    as_each_user(|world| {
        world.expect_refusals(
            5,
            r#"
def flood(folder, remove):
    for index in range(64):
        file = open(f"{folder}/{index}", "wb", buffering=0)
        if remove:
            os.unlink(file.name)
        kept.append(file)
        left = 1 << 20
        while left:
            left -= file.write(b"x" * left)
kept = []
attempt("one output", lambda: open("/slipway/output/large", "wb").write(b"x" * (16 << 20)))
os.unlink("/slipway/output/large")
attempt("many outputs", lambda: flood("/slipway/output", False))
attempt("removed files", lambda: flood("/tmp", True))
for file in kept: file.close()
attempt("a giant with holes", lambda: os.truncate(os.open("/dev/shm/x", os.O_CREAT | os.O_RDWR), 1 << 40))
attempt("many names", lambda: [open(f"/dev/shm/{index}", "w").close() for index in range(70000)])
"#,
        );
    });
}

#[test]
fn nothing_survives_the_end_of_the_program() {
    as_each_user(|world| {
        let mark = format!("slipway-daemon-{}", world.folder.path().display());
        let Ran { ended, said } = world.run(&format!(
            r#"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.execvp("python3", ["python3", "-c", "import time; time.sleep(300)", "{mark}"])
    os._exit(0)
os.wait()
time.sleep(0.3)
print("started")
"#
        ));
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        assert!(said.contains("started"), "{said}");
        assert_eq!(processes_with(&mark), 0);
    });
}

#[test]
fn a_program_that_ignores_signals_ends_with_its_time() {
    as_each_user(|mut world| {
        world.limits.seconds = 1;
        let begun = Instant::now();
        let Ran { ended, said } = world.run(
            "for number in (1, 2, 3, 10, 12, 15):\n    signal.signal(number, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)",
        );
        assert_eq!(ended, Ended::Time, "{said}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_controller_that_ends_takes_the_sandbox_with_it() {
    as_each_user(|world| {
        let mark = format!("slipway-left-{}", world.folder.path().display());
        let program = format!(r#"os.execvp("python3", ["python3", "-c", "import time; time.sleep(300)", "{mark}"])"#);
        for end in ["input", "kill"] {
            let mut child = world.start(&program);
            let begun = Instant::now();
            let waits = || begun.elapsed() < Duration::from_secs(20);
            while processes_with(&mark) == 0 && waits() {
                std::thread::yield_now();
            }
            assert_eq!(processes_with(&mark), 1);
            if end == "kill" {
                child.kill().expect("killed");
            }
            drop(child.stdin.take());
            while processes_with(&mark) > 0 && waits() {
                std::thread::yield_now();
            }
            assert_eq!(processes_with(&mark), 0, "{end}");
            child.wait().expect("it ends");
        }
    });
}
