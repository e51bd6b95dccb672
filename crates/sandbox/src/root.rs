//! The root folder of a sandbox: the system's programs and libraries and the files of the specification, all read-only; `/proc` of
//! its own processes; a few harmless devices; and folders in memory for outputs and temporary files.

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, unmount};

use crate::spec::{INNER_OUTPUT, Mount, ROOT, Spec};
use crate::{During as _, SetupError, confine};

/// Folders of the system that hold programs and libraries.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// Files and folders of `/etc` that the linker and the C library read.
const ETC: [&str; 7] =
    ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf", "ssl/certs"];
/// The same for the network.
const ETC_NETWORK: [&str; 2] = ["resolv.conf", "hosts"];
/// Devices that keep nothing and tell nothing.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The variables that every program has. A specification may replace them.
pub(crate) const ENVIRONMENT: [(&str, &str); 6] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", "/tmp"),
    ("TMPDIR", "/tmp"),
    ("USER", "slipway"),
    ("LOGNAME", "slipway"),
    ("LANG", "C.UTF-8"),
];
/// The largest number of files in each folder in memory.
const MAX_FILES: u64 = 65_536;

/// Builds the root folder in `folder` and moves into it.
pub(crate) fn enter(folder: &Path, spec: &Spec) -> Result<(), SetupError> {
    let root = folder.join(ROOT);
    let sources = Sources::open(spec)?;
    mount("tmpfs", &root, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755,size=16m")
        .during("the root folder")?;
    for path in SYSTEM {
        match fs::read_link(path) {
            Ok(target) => symlink(&target, below(&root, path)).during(path)?,
            Err(_) if Path::new(path).is_dir() => bind_path(Path::new(path), &root, path, Access::Read)?,
            Err(_) => {}
        }
    }
    make_folder(&root, "/etc")?;
    for name in ETC.iter().chain(ETC_NETWORK.iter().filter(|_| spec.network)) {
        let path = format!("/etc/{name}");
        // Some are links, such as `localtime`: what they lead to is mounted.
        if let Ok(target) = fs::canonicalize(&path) {
            bind_path(&target, &root, &path, Access::Read)?;
        }
    }
    let id = confine::inner_user();
    fs::write(below(&root, "/etc/passwd"), format!("slipway:x:{id}:{id}::/tmp:/bin/sh\n")).during("/etc/passwd")?;
    fs::write(below(&root, "/etc/group"), format!("slipway:x:{id}:\n")).during("/etc/group")?;
    devices(&root)?;
    make_folder(&root, "/proc")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", below(&root, "/proc"), "proc", flags, None).during("/proc of its own")?;
    let limits = spec.limits;
    for (path, size) in [("/tmp", limits.temporary), ("/dev/shm", limits.temporary), (INNER_OUTPUT, limits.output)] {
        in_memory(&root, path, size)?;
    }
    sources.mount(&root)?;
    seal(&root)?;
    change_root(&root)
}

/// The files of the specification, opened before a mount can hide them.
struct Sources(Vec<(OwnedFd, bool, Mount)>);

impl Sources {
    fn open(spec: &Spec) -> Result<Self, SetupError> {
        let open = |mount: &Mount| {
            let shown = mount.from.display();
            let is_plain = mount.to.starts_with('/') && !mount.to.split('/').any(|part| part == "..");
            if !is_plain || mount.to == "/" {
                return Err(SetupError::new(format!("`{}`", mount.to), "it is not a path below the root folder"));
            }
            let opened = rustix::fs::open(&mount.from, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            let opened = opened.during(format!("`{shown}`, which the program may read"))?;
            let found = fs::metadata(descriptor(&opened)).during(format!("`{shown}`"))?;
            Ok((opened, found.is_dir(), mount.clone()))
        };
        spec.mounts.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    fn mount(&self, root: &Path) -> Result<(), SetupError> {
        for (opened, is_folder, Mount { to, .. }) in &self.0 {
            bind(&descriptor(opened), *is_folder, root, to, Access::Read)?;
        }
        Ok(())
    }
}

/// The path of an open file, which needs no search of the folders above it.
fn descriptor(opened: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Device,
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn make_folder(root: &Path, path: &str) -> Result<(), SetupError> {
    fs::create_dir_all(below(root, path)).during(path)
}

fn bind_path(from: &Path, root: &Path, to: &str, access: Access) -> Result<(), SetupError> {
    let is_folder = fs::metadata(from).during(from.display().to_string())?.is_dir();
    bind(from, is_folder, root, to, access)
}

fn bind(from: &Path, is_folder: bool, root: &Path, to: &str, access: Access) -> Result<(), SetupError> {
    let target = below(root, to);
    if !target.exists() {
        if is_folder {
            fs::create_dir_all(&target).during(to)?;
        } else {
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).during(to)?;
            }
            File::create(&target).during(to)?;
        }
    }
    mount_bind_recursive(from, &target).during(format!("the mount of `{to}`"))?;
    let device = if access == Access::Device { 0 } else { libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV };
    set_attributes(&target, device | libc::MOUNT_ATTR_NOSUID, true).during(format!("the flags of `{to}`"))
}

fn devices(root: &Path) -> Result<(), SetupError> {
    make_folder(root, "/dev")?;
    for name in DEVICES {
        let path = format!("/dev/{name}");
        bind_path(Path::new(&path), root, &path, Access::Device)?;
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{target}"), below(root, &format!("/dev/{name}"))).during("/dev")?;
    }
    Ok(())
}

fn in_memory(root: &Path, path: &str, size: u64) -> Result<(), SetupError> {
    make_folder(root, path)?;
    let options = std::ffi::CString::new(format!("mode=0777,size={size},nr_inodes={MAX_FILES}")).during(path)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", below(root, path), "tmpfs", flags, options.as_c_str()).during(path)
}

/// Makes the folders between the mounts read-only.
fn seal(root: &Path) -> Result<(), SetupError> {
    make_folder(root, "/slipway")?;
    set_attributes(root, libc::MOUNT_ATTR_RDONLY, false).during("the flags of the root folder")
}

/// `mount_setattr(2)`: adds attributes and keeps the others, which an unprivileged user may not take away.
fn set_attributes(path: &Path, set: u64, recursive: bool) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    #[expect(unsafe_code, reason = "mount_setattr(2) has no safe wrapper")]
    // SAFETY: the path ends with a zero byte, and the structure has the size that is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Makes `root` the root folder of this namespace, and unmounts the former one.
fn change_root(root: &Path) -> Result<(), SetupError> {
    rustix::process::chdir(root).during("the new root folder")?;
    rustix::process::pivot_root(".", ".").during("the new root folder")?;
    unmount(".", UnmountFlags::DETACH).during("the former root folder")?;
    rustix::process::chdir("/").during("the new root folder")
}

/// The folders that the program may write.
pub(crate) fn writable() -> [&'static str; 3] {
    [INNER_OUTPUT, "/tmp", "/dev/shm"]
}
