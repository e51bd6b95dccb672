//! Tells the linker where libtorch lies, so that the trainer starts without `LD_LIBRARY_PATH`.
#[expect(clippy::disallowed_methods, reason = "a build script is told everything through its environment")]
fn main() {
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    match std::env::var("DEP_TCH_LIBTORCH_LIB") {
        Ok(lib) => println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/slipway,-rpath,{lib}"),
        Err(_) => println!("cargo::error=libtorch was not found: run `make libtorch`, or set LIBTORCH to its folder"),
    }
}
