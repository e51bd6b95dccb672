#![doc = include_str!("../README.md")]

pub mod artifact;
pub mod engine;
pub mod follow;
pub mod http;
pub mod library;
mod metrics;
pub mod protocol;
mod queue;
pub mod refusal;
pub mod registry;
pub mod stats;
pub mod tensor;
pub mod version;
mod warm_up;
