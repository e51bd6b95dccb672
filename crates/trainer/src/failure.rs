//! Converts errors of libtorch, of files and of panics to faults with a kind.

use std::any::Any;

use slipway_contract::{Fault, FaultKind};

/// Parts of the messages of libtorch and of the operating system when memory runs out.
const OUT_OF_MEMORY: [&str; 5] =
    ["not enough memory", "can't allocate memory", "out of memory", "memory allocation of", "std::bad_alloc"];

/// An error of libtorch, without the C++ backtrace that follows its message.
pub(crate) fn of_torch(error: &tch::TchError) -> Fault {
    of_text(&error.to_string())
}

fn of_text(text: &str) -> Fault {
    let message = headline(text);
    if OUT_OF_MEMORY.iter().any(|words| message.contains(words)) {
        return Fault::new(FaultKind::Memory, message)
            .help("make `batch_size` or the model smaller, or allow more memory");
    }
    Fault::new(FaultKind::Internal, message)
}

/// The message of libtorch before its backtrace. A panic of `unwrap` quotes it with escaped line breaks.
fn headline(text: &str) -> &str {
    const BACKTRACES: [&str; 4] = ["\nException raised from", "\\nException raised from", "\nframe #", "\\nframe #"];
    let text = text.split_once("value: Torch(\"").map_or(text, |(_, said)| said);
    let end = BACKTRACES.iter().filter_map(|start| text.find(start)).min();
    text[..end.unwrap_or(text.len())].trim()
}

/// The fault of a panic.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Fault {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    of_text(text.unwrap_or("a panic without words"))
}

/// The fault of a file of the job that could not be read or written.
pub(crate) fn of_file(path: &std::path::Path, error: &std::io::Error) -> Fault {
    Fault::new(FaultKind::Internal, format!("`{}`: {error}", path.display()))
}

/// The exit code for a fault, as the contract's `Job` defines it.
pub(crate) fn exit_code(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::Specification => 2,
        FaultKind::Memory => 137,
        FaultKind::Data | FaultKind::Artifact | FaultKind::Internal => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backtrace_of_libtorch_is_cut_off() {
        let fault =
            of_text("shapes cannot be multiplied (1x2 and 3x4)\nException raised from meta at x.cpp:1\nframe #0");
        assert_eq!(fault.message, "shapes cannot be multiplied (1x2 and 3x4)");
        assert_eq!(fault.kind, FaultKind::Internal);
        let unwrapped =
            r#"called `Result::unwrap()` on an `Err` value: Torch("sizes differ\nframe #0: x (y in z.so)\n")"#;
        assert_eq!(of_text(unwrapped).message, "sizes differ");
    }

    #[test]
    fn every_way_to_run_out_of_memory_is_recognised() {
        for text in [
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes",
            "DefaultCPUAllocator: not enough memory: you tried to allocate 17592186044416 bytes.",
            "CUDA out of memory. Tried to allocate 2.00 GiB",
        ] {
            assert_eq!(of_text(text).kind, FaultKind::Memory, "{text}");
            assert_eq!(exit_code(of_text(text).kind), 137);
        }
    }
}
