//! The memory of all processes of a sandbox, as `/proc` inside it shows them.

/// The memory of all processes in bytes, if it is above `limit`. The sum of the resident sets counts shared pages several times,
/// so the proportional sets, which take longer to read, decide.
pub(crate) fn above(limit: u64) -> Option<u64> {
    let page = rustix::param::page_size() as u64;
    let resident: u64 = processes().filter_map(|process| Some(resident_pages(&process)?.saturating_mul(page))).sum();
    if resident <= limit {
        return None;
    }
    let proportional: u64 = processes().map(|process| proportional(&process).unwrap_or_default()).sum();
    (proportional > limit).then_some(proportional)
}

/// The folders of all processes.
fn processes() -> impl Iterator<Item = std::path::PathBuf> {
    let is_process = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter(move |entry| is_process(&entry.file_name())).map(|entry| entry.path())
}

/// `proc_pid_statm(5)`: the second number is the resident set in pages.
fn resident_pages(process: &std::path::Path) -> Option<u64> {
    std::fs::read_to_string(process.join("statm")).ok()?.split(' ').nth(1)?.parse().ok()
}

/// `proc_pid_smaps(5)`: the proportional set in bytes.
fn proportional(process: &std::path::Path) -> Option<u64> {
    let text = std::fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.saturating_mul(1024))
}
