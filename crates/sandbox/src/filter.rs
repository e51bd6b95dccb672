//! The filter of system calls: those that reach outside of namespaces, that make new ones, that hold memory which no limit counts,
//! or that have a long history of holes in the kernel are refused with EPERM.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use crate::SetupError;

/// System calls that no training needs.
const REFUSED: [i64; 48] = [
    // Mounts, namespaces and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Memory that is in no process and in no folder with a limit.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Keys are kept by user and not by namespace.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Parts of the kernel with a large surface.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    // The machine as a whole.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_syslog,
];

/// Applies the filter to this process and to all that it starts.
pub(crate) fn apply(network: bool) -> Result<(), SetupError> {
    let refuse = |error: BackendError| SetupError::new("a rule", error);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, new_namespaces().map_err(refuse)?);
    rules.insert(libc::SYS_socket, other_families(network).map_err(refuse)?);
    install(rules, libc::EPERM)?;
    // Its flags are in memory, where a filter cannot read them. The C library then uses clone(2).
    install(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
}

fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<(), SetupError> {
    let arch = std::env::consts::ARCH.try_into().map_err(|error| SetupError::new("this processor", error))?;
    let refusal = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch)
        .map_err(|error| SetupError::new("a filter", error))?;
    let program: BpfProgram = filter.try_into().map_err(|error| SetupError::new("a filter", error))?;
    apply_filter(&program).map_err(|error| SetupError::new("a filter", error))
}

/// clone(2) with a flag of a new namespace.
fn new_namespaces() -> Result<Vec<SeccompRule>, BackendError> {
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let rule = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?])
    };
    flags.into_iter().map(rule).collect()
}

/// Sockets of other families than UNIX, IPv4, IPv6 and netlink. Some of them, such as those to the host of a virtual machine, are in no
/// network namespace. Without the network only UNIX sockets are left.
fn other_families(network: bool) -> Result<Vec<SeccompRule>, BackendError> {
    let local = [libc::AF_UNIX];
    let wide = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let allowed: &[i32] = if network { &wide } else { &local };
    let is_not = |family: &i32| {
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))
    };
    Ok(vec![SeccompRule::new(allowed.iter().map(is_not).collect::<Result<_, _>>()?)?])
}
