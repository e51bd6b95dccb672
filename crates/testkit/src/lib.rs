//! Real servers and repositories for tests and the demo: git over smart HTTP, the Slipway binary as a process.
//!
//! Next to nothing here is faked: a [`GitServer`] answers the plain `git` client through git's own `http-backend`, a
//! [`SlipwayProcess`] is the built binary, and [`Api`] speaks to it as any other client would. But for three: GitHub,
//! GitLab and Bitbucket cannot run here, so [`github`], [`gitlab`] and [`bitbucket`] stand in for their APIs, over real
//! repositories and with their limits.

mod api;
pub mod benchmark;
pub mod bitbucket;
pub mod demo;
mod double;
pub mod git;
mod git_server;
pub mod gitea;
pub mod github;
pub mod gitlab;
mod ignored;
mod load;
mod onnxruntime;
mod postgres;
mod process;
mod repository;

pub use api::{Answer, Api};
pub use git_server::{Faults, GitServer, LoggedRequest, Login};
pub use ignored::ignore_test;
pub use load::{Load, Outcome, UnderWay, signature};
pub use onnxruntime::{onnxruntime_library, onnxruntimes};
pub use postgres::Postgres;
pub use process::{SlipwayProcess, built};
pub use repository::{Repository, WorkTree};
