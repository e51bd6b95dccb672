//! How the C library's allocator keeps what was freed. By default each thread that waits for another gets an arena of its own,
//! and keeps there what it freed: threads that ask git servers come and go, and left 5 MB each behind.

/// Arenas that threads share.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;
/// Blocks from this size on are mapped by themselves, and go back to the system when they are freed. The C library raises it by
/// itself unless it is set.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const BLOCK: libc::c_int = 1 << 20;
/// So much may be free at the end of an arena until it is given back at once: less would be asked for again under load, page by
/// page. The rest goes back by [`trim`].
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_AT_END: libc::c_int = 16 << 20;

/// Has the process keep little of what it freed. Called once, before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be told this")]
pub fn keep_little_memory() {
    // SAFETY: `mallopt(3)` only sets numbers of the allocator, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_AT_END);
    }
}

/// Gives free pages back to the system, those between blocks in use as well.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe way to be told this")]
pub(super) fn trim() {
    // SAFETY: `malloc_trim(3)` takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other C libraries keep little by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_little_memory() {}

/// Other C libraries give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
