//! Environments with rules: what is promoted where, when, and by whom; and what people do about it.

mod commands;
mod first_promotion;
mod history;
mod owners;
mod people;
mod requests;
mod rules;
mod seed_runs;
mod shared;
pub(crate) mod teams;
pub(crate) mod world;
