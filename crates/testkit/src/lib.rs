//! Real servers and repositories for tests and the demo.
