//! The fuzzer: runs the target that `SLIPWAY_FUZZ` names under libFuzzer. `scripts/fuzz.sh` starts it.
#![no_main]

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    let run = TARGET.get_or_init(|| {
        let name = std::env::var_os("SLIPWAY_FUZZ").unwrap_or_default();
        slipway_fuzz::target(&name.to_string_lossy()).expect("`SLIPWAY_FUZZ` names a target")
    });
    run(input);
});
