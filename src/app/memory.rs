//! Limits the freed memory that the C library's allocator keeps. By default, threads that contend for an arena get arenas of
//! their own and keep freed memory there. Threads for requests to git servers start and end often, and each left 5 MB behind.

/// Number of arenas that all threads share.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;
/// Blocks of at least this size, in bytes, get their own mapping and return to the system when they are freed. The C library
/// raises this threshold dynamically unless it is set.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const BLOCK: libc::c_int = 1 << 20;
/// Free bytes at the end of an arena above which the allocator returns them at once. With a smaller value, the process would
/// request the same pages again under load. [`trim`] returns the rest.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_AT_END: libc::c_int = 16 << 20;

/// Limits the freed memory that the process keeps. Must be called once, before other threads start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe interface for this setting")]
pub fn keep_little_memory() {
    // SAFETY: `mallopt(3)` only sets numbers of the allocator, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_AT_END);
    }
}

/// Returns free pages to the system, including those between blocks in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe interface for this setting")]
pub(super) fn trim() {
    // SAFETY: `malloc_trim(3)` takes the allocator's own locks, and does not access blocks in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Does nothing: other C libraries keep little freed memory.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_little_memory() {}

/// Does nothing: other C libraries return freed memory themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
