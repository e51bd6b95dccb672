//! Tests of the test kit itself: a fault that does not happen as described would make tests elsewhere pass for nothing.

mod git_server;
mod process;
mod traffic;
