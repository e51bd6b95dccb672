//! One test binary: a file a behaviour.

mod api;
mod architecture;
mod bad_input;
mod change;
mod check;
mod command_line;
mod crashes;
mod edit;
mod environment;
mod environments;
mod evaluation_folders;
mod faults;
mod forge;
mod gate;
mod hostile_clients;
mod notes;
mod papers;
mod plan;
mod push;
mod recorded;
mod reload;
mod server;
mod storage;
mod support;
mod trainer_ends;
mod webhook;
