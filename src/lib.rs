//! Slipway: a push to a model's repository trains it, judges it, and commits the changed manifests.
pub mod activities;
pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod deprecated;
pub mod intake;
pub mod promotions;
pub mod reconcile;
pub mod reports;
pub mod repository;
pub mod revisions;
pub mod runs;
pub mod telemetry;
pub mod web;
