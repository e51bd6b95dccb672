//! One test binary: a file a behaviour.

mod architecture;
mod bad_input;
mod command_line;
mod crashes;
mod edit;
mod environment;
mod papers;
mod push;
mod server;
mod support;
mod trainer_ends;
mod webhook;
