//! Programs that run ONNX graphs in tests.

use std::path::{Path, PathBuf};

use crate::ignore_test;

/// The Pythons with the oldest supported onnxruntime and with the newest, which `make onnxruntime` installs. `None` if one is
/// missing: the calling test is then ignored.
pub fn onnxruntimes() -> Option<[PathBuf; 2]> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/onnxruntime");
    let pythons = ["oldest", "newest"].map(|version| home.join(version).join("bin/python"));
    if pythons.iter().all(|python| python.is_file()) {
        return Some(pythons);
    }
    ignore_test("onnxruntime is missing", "make onnxruntime");
    None
}

/// The shared library of the newest onnxruntime, which `make onnxruntime` installs. `None` if it is missing: the calling test is
/// then ignored.
pub fn onnxruntime_library() -> Option<PathBuf> {
    let [_, newest] = onnxruntimes()?;
    let found = library_of(&newest);
    if found.is_none() {
        ignore_test("the shared library of onnxruntime is missing", "make onnxruntime");
    }
    found
}

/// The library in the virtual environment of a Python, below `lib/python3.MINOR/site-packages`.
fn library_of(python: &Path) -> Option<PathBuf> {
    let lib = python.parent()?.parent()?.join("lib");
    let versions = std::fs::read_dir(lib).ok()?.flatten().map(|entry| entry.path());
    let folders = versions.map(|version| version.join("site-packages/onnxruntime/capi"));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let mut libraries = files.map(|entry| entry.path());
    libraries.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so")))
}
