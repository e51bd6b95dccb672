//! Trains and evaluates one model in a process of its own, so that a failure in libtorch ends only this process.

mod artifact;
mod baselines;
mod data;
mod definable;
mod device;
mod encoder;
mod evaluation;
mod export;
mod failure;
mod family;
mod head;
mod job;
mod latency;
mod mlp;
mod network;
mod optimizer;
mod output;
mod pipeline;
mod precision;
mod predictions;
mod preprocessing;
mod process;
mod programs;
mod progress;
mod samples;
mod split;
mod trained_baselines;
mod training;

pub use device::Probe;
pub use job::run;
pub use process::{end_at_once, prepare_memory};
