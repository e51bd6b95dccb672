//! Tests of the sandbox with real programs, as root and as an ordinary user.

#![cfg(target_os = "linux")]

mod escapes;
mod outputs;
mod support;
