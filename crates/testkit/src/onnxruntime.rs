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
