//! Settings of the C library for this process: freed memory is kept, and the process can end immediately.

/// Keeps freed memory in the process. glibc returns activations of a few megabytes to the kernel after every step and faults them
/// in again at the next. Keeping them saves these faults. On a quiet machine it made no measurable difference to the time
/// (docs/benchmarks.md), and it costs memory. It must be the first statement of `main`.
pub fn prepare_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt(3) has no safe wrapper")]
    // SAFETY: mallopt only sets allocator parameters. It is called before any other thread exists.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 512 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Ends the process immediately, whatever other threads do. `std::process::exit` would run libtorch's destructors while another
/// thread still computes, which crashes.
pub fn end_at_once(code: i32) -> ! {
    #[expect(unsafe_code, reason = "_exit(2) has no safe wrapper")]
    // SAFETY: _exit only ends the process. None of its code runs afterwards.
    unsafe {
        libc::_exit(code)
    }
}
