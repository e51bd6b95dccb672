//! The built server, called as clients call it. Each test starts its own and ends it.

mod artifacts;
mod clients;
mod conformance;
mod follow;
mod models;
mod overload;
mod refusals;
mod support;
