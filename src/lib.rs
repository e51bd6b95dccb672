//! Slipway: a push to a model's repository trains it, judges it, and commits the changed manifests.
pub mod app;
pub mod artifacts;
pub mod cli;
pub mod config;
pub mod domain;
pub mod evaluation;
pub mod executor;
pub mod forge;
pub mod git;
pub mod manifest;
pub mod pipeline;
pub mod policy;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod yaml;
