//! Selects the device for computing, and reports the version of libtorch.

use std::fmt;

use slipway_contract::{DevicePreference, Fault, FaultKind};
use tch::Device;

/// Loads libtorch's CUDA part, if it exists. This must happen before the first call into libtorch, which stores permanently
/// whether CUDA was available. The error explains why it was not.
fn load_cuda() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    #[expect(unsafe_code, reason = "loading a library runs its initialisers")]
    // SAFETY: the library is libtorch's own, found where libtorch was found. It stays loaded for the life of the process.
    let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// The device that a job computes on. Call this before any other function of libtorch.
pub(crate) fn choose(preference: DevicePreference) -> Result<Device, Fault> {
    if preference == DevicePreference::Cpu {
        return Ok(Device::Cpu);
    }
    let loaded = load_cuda();
    if tch::Cuda::is_available() {
        return Ok(Device::Cuda(0));
    }
    if preference == DevicePreference::Auto {
        return Ok(Device::Cpu);
    }
    let reason = loaded.err().unwrap_or_else(|| "libtorch sees no GPU".to_owned());
    let help = "install the CUDA libraries beside libtorch and a driver, or use `device: auto`";
    Err(Fault::new(FaultKind::Internal, format!("a GPU was asked for, but {reason}")).help(help))
}

/// The device's name in reports.
pub(crate) fn name(device: Device) -> &'static str {
    if device.is_cuda() { "cuda" } else { "cpu" }
}

/// The version of the loaded libtorch, from the `version.py` that PyTorch's packages keep beside it, or from the `build-version`
/// of a plain libtorch; `unknown` if neither exists.
pub(crate) fn libtorch_version() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let library =
        maps.lines().filter_map(|line| line.split_whitespace().last()).find(|path| path.ends_with("/libtorch_cpu.so"));
    let root = library.and_then(|path| std::path::Path::new(path).parent()?.parent());
    let read = |name: &str| std::fs::read_to_string(root?.join(name)).ok();
    let quoted = read("version.py").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("__version__"))?.to_owned();
        Some(line.split('\'').nth(1)?.to_owned())
    });
    quoted.or_else(|| read("build-version").map(|text| text.trim().to_owned())).unwrap_or_else(|| "unknown".to_owned())
}

/// The version of libtorch and the devices of this machine.
pub struct Probe {
    libtorch: String,
    devices: i64,
    cuda: Result<(), String>,
}

impl Probe {
    /// Detects them.
    pub fn take() -> Self {
        let cuda = load_cuda();
        // The first call into libtorch also ensures that it is mapped when its version is read.
        let devices = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
        Self { libtorch: libtorch_version(), devices, cuda }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { libtorch, devices, cuda } = self;
        write!(f, "{} with libtorch {libtorch}, ", env!("CARGO_PKG_VERSION"))?;
        match (devices, cuda) {
            (0, Ok(())) => f.write_str("no GPU"),
            (0, Err(_)) => f.write_str("CPU only (no CUDA libraries)"),
            (count, _) => write!(f, "GPUs: {count}"),
        }
    }
}
