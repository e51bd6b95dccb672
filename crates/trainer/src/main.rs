//! Entry point of the trainer process.
fn main() {}
