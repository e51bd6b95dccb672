//! The API as its callers meet it. No test here trains: runs are written into the store before the server starts.

mod access;
mod beside;
mod client;
mod events;
mod limits;
mod names;
pub(crate) mod quarantine;
mod reading;
mod reports;
mod steering;
mod telemetry;
pub(crate) mod world;
