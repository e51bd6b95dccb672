//! The world of the demo, which tests use too: a model repository, an environment repository, a git server, a server.

mod content;
mod steps;
mod world;

pub use content::{DataSet, Variant, environment_files, model_file, model_files};
pub use steps::{Step, steps};
pub use world::{API_TOKEN, SECRET, World};
