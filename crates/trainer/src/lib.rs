//! Trains and evaluates one model, in a process of its own: whatever a model does to libtorch ends with this process.

mod artifact;
mod data;
mod device;
mod evaluation;
mod failure;
mod job;
mod network;
mod output;
mod predictions;
mod progress;
mod training;

pub use device::{Probe, prepare_memory};
pub use job::run;
