//! Slipway: a push to a model's repository trains it, judges it, and commits the changed manifests.
pub mod app;
pub mod cli;
pub mod config;
pub mod pipeline;
pub mod telemetry;
pub mod web;
