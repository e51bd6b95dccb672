//! Gives up every privilege of the first process, and with it of the program: its user, its capabilities, files outside its
//! folders, system calls that it does not need, and resources above its limits.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::spec::Spec;
use crate::{During as _, SetupError, filter, root};

/// The newest version of Landlock that is used. An older kernel enforces what it knows.
const LANDLOCK: ABI = ABI::V6;
/// The first user of sandboxes that root starts. Each has a user of its own, so that none can reach another one's processes.
const FIRST_USER: u32 = 0x7000_0000;
/// The number of files that a process may have open.
const OPEN_FILES: u64 = 4096;
/// `CAP_LAST_CAP` of the newest kernels, and some to come.
const CAPABILITIES: u32 = 64;

/// The user of the program inside the sandbox. In a user namespace it is root without any privilege.
pub(crate) fn inner_user() -> u32 {
    if is_real_root() { outer_user() } else { 0 }
}

/// Whether this process is root of the machine, and not only of a user namespace.
fn is_real_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(2) != Some("1")
}

fn outer_user() -> u32 {
    /// The user without files of most systems, for containers that know few users.
    const NOBODY: u32 = 65_534;
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map
        .split_whitespace()
        .nth(2)
        .and_then(|count| count.parse().ok())
        .is_none_or(|count: u64| count <= u64::from(u32::MAX / 2))
    {
        return NOBODY;
    }
    // The parent's number outside is unknown here, but the start of the boot clock distinguishes simultaneous sandboxes enough.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    FIRST_USER + u32::try_from(now.tv_nsec / 16 % 0x0fff_ffff).unwrap_or_default()
}

/// Confines this process and all that it starts.
pub(crate) fn confine(spec: &Spec) -> Result<(), SetupError> {
    limit(spec)?;
    become_nobody()?;
    rustix::thread::set_no_new_privs(true).during("no new privileges")?;
    restrict_files(spec.network).during("Landlock")?;
    filter::apply(spec.network).during("the filter of system calls")
}

fn limit(spec: &Spec) -> Result<(), SetupError> {
    let limits = spec.limits;
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, limits.output.max(limits.temporary)),
        (Resource::Memlock, 64 << 10),
        (Resource::Msgqueue, 0),
        (Resource::Data, limits.memory),
        // One more for the first process.
        (Resource::Nproc, limits.processes.saturating_add(1)),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).during(format!("the limit {resource:?}"))?;
    }
    Ok(())
}

fn become_nobody() -> Result<(), SetupError> {
    for capability in 0..CAPABILITIES {
        let set = CapabilitySet::from_bits_retain(1_u64 << capability);
        // A kernel that does not know a capability refuses it.
        let _ = rustix::thread::remove_capability_from_bounding_set(set);
    }
    if is_real_root() {
        let id = user_of_passwd()?;
        rustix::thread::set_thread_groups(&[]).during("the groups")?;
        let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
        rustix::thread::set_thread_res_gid(group, group, group).during("the group")?;
        rustix::thread::set_thread_res_uid(user, user, user).during("the user")?;
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).during("the capabilities")
}

/// The user that the sandbox's `/etc/passwd` names.
fn user_of_passwd() -> Result<u32, SetupError> {
    let text = std::fs::read_to_string("/etc/passwd").during("/etc/passwd")?;
    text.split(':')
        .nth(2)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| SetupError::new("/etc/passwd", "it names no user"))
}

/// Landlock, in addition to the mounts: reads everywhere, and writes only to the folders in memory. Without the network it also
/// refuses TCP, signals to processes outside, and abstract sockets of others.
fn restrict_files(network: bool) -> Result<(), RulesetError> {
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(LANDLOCK))?;
    if !network {
        ruleset = ruleset.handle_access(AccessNet::from_all(LANDLOCK))?;
    }
    let mut ruleset = ruleset.scope(Scope::from_all(LANDLOCK))?.create()?;
    let rules = [("/", AccessFs::from_read(LANDLOCK)), ("/dev", AccessFs::from_read(LANDLOCK) | AccessFs::WriteFile)];
    let rules = rules.into_iter().chain(root::writable().map(|path| (path, AccessFs::from_all(LANDLOCK))));
    for (path, access) in rules {
        if let Ok(opened) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    ruleset.restrict_self().map(drop)
}
