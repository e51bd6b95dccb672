//! The content of a repository, at a revision or in a folder of this machine: models, their policies and data, and manifests with
//! marks. Runs and `slipway check` share the checks of this module before training.

mod branch_check;
mod checkout;
mod files;
mod labels;
pub(crate) mod model_check;
mod outside;
pub(crate) mod policy_file;
pub(crate) mod skip;
pub(crate) mod source;
mod test_rows;

pub use branch_check::mistakes_in_branch;
pub use checkout::Checkout;
pub(crate) use files::Revision;
pub use model_check::ModelDiagnostics;
pub use model_check::Readable;
pub use model_check::Repository;
pub use model_check::misnamed_model;
pub use skip::skipped;
pub(crate) use source::ModelFile;
pub(crate) use source::ModelFiles;
pub(crate) use source::folder_path;
pub use source::locate;
pub use source::read_model;
