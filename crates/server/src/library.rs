//! Finds and loads the engine: the shared library of onnxruntime.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

/// The oldest onnxruntime whose library can be loaded. Exported graphs need 1.12.
pub const OLDEST: &str = "1.17";
/// The environment variable with the path of the library, as `ort` and other programs read it.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";
/// The beginning of the library's name. A release adds its version.
const NAME: &str = "libonnxruntime.so";

/// The loaded engine. A process can load it once.
static ENGINE: OnceLock<Environment> = OnceLock::new();
/// Held while it is loaded.
static LOADING: Mutex<()> = Mutex::new(());

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There is no library at any of the places.
    #[error(
        "onnxruntime is missing: `{NAME}` is neither beside the program ({beside}) nor named by `--onnxruntime` or {VARIABLE}\n  help: `pip download --no-deps onnxruntime`, unpack the wheel, and give the path of its `onnxruntime/capi/{NAME}.VERSION`"
    )]
    Missing {
        /// The folder of the program.
        beside: String,
    },
    /// The library cannot be loaded, or is too old.
    #[error(
        "onnxruntime cannot be loaded from `{file}`: {problem}\n  help: use the library of onnxruntime {OLDEST} or newer"
    )]
    Unusable {
        /// The library.
        file: String,
        /// Why.
        problem: String,
    },
}

/// The library: the named one, or the one beside the program.
fn find(named: Option<&Path>) -> Result<PathBuf, LibraryError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(beside).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let is_library = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NAME));
    // The newest version, in the order of the names.
    files.filter(is_library).max().ok_or_else(|| LibraryError::Missing { beside: beside.display().to_string() })
}

/// Loads the engine. Later calls answer the engine of the first one.
///
/// # Errors
/// The library is missing, cannot be loaded, or is too old.
pub fn load(named: Option<&Path>) -> Result<&'static Environment, LibraryError> {
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let file = find(named)?;
    let unusable = |problem: String| LibraryError::Unusable { file: file.display().to_string(), problem };
    if !file.is_file() {
        return Err(unusable("there is no such file".to_owned()));
    }
    // A relative path would be searched beside the program.
    let absolute = std::path::absolute(&file).map_err(|error| unusable(error.to_string()))?;
    let builder = ort::init_from(absolute).map_err(|error| unusable(error.to_string()))?;
    let engine = builder.with_name("slipway-server").with_telemetry(false).build();
    let engine = engine.map_err(|error| unusable(error.to_string()))?;
    Ok(ENGINE.get_or_init(|| engine))
}
