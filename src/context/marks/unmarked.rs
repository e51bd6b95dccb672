//! Reasons why there is no place to promote a model to, and the remedies.

use super::StepError;
use slipway_domain::Diagnostic;
use slipway_manifest::Marker;

/// Remedy for a manifest of which git holds only a Git LFS pointer.
pub const NO_LFS: &str = "keep manifests out of Git LFS: what it holds is neither read nor written";

/// Reason why there is no place to promote a model to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unmarked {
    /// No file has a mark for the model. If a mark with a similar name exists, `close` is its correction.
    Nowhere { close: Option<String> },
    /// Only this file outside the environment's folder has a mark.
    Elsewhere { file: String, folder: String },
    /// No file has a mark, and git holds only a Git LFS pointer of this file.
    Pointer(String),
    /// This file has a mark, but no file marks a digest.
    NoDigest { file: String, close: Option<String> },
}

impl Unmarked {
    pub(crate) fn refusal(&self, model: &str) -> StepError {
        let nothing = "so there is nothing to promote it to";
        let put = format!(
            r#"put `# {{"slipway": "{model}:digest"}}` behind the value that is to hold the digest; it may be `none` at first"#
        );
        let or_close = |close: &Option<String>| match close {
            Some(close) => format!("{close}, or {put}"),
            None => put.clone(),
        };
        let (reason, help) = match self {
            Self::Nowhere { close } => {
                (format!("no manifest of the environment has a mark for `{model}`, {nothing}"), or_close(close))
            }
            Self::Elsewhere { file, folder } => (
                format!(
                    "no manifest of the environment has a mark for `{model}`, {nothing}; `{file}` has one, outside of \
                     `folder: {folder}`"
                ),
                "name the folder of the manifests in the server's settings as git spells it, or mark the places there"
                    .to_owned(),
            ),
            Self::Pointer(file) => (
                format!(
                    "no manifest of the environment has a mark for `{model}`, and of `{file}` git has only a pointer of Git \
                     LFS, {nothing}"
                ),
                NO_LFS.to_owned(),
            ),
            Self::NoDigest { file, close } => (
                format!("the environment marks `{model}` in `{file}`, but no `digest`, so its champion is unknown"),
                or_close(close),
            ),
        };
        StepError::Refused { reason: format!("{reason}\n  help: {help}"), diagnostics: Vec::new() }
    }
}

/// The diagnostic for a mark of an unknown model whose name is close to `model`.
pub(crate) fn misspelt(file: &str, marker: &Marker, model: &str) -> Diagnostic {
    let message = format!("no model `{}` is known here, and its name is close to `{model}`", marker.model);
    let help = format!(
        "write `{}` if that is meant; `{other}` is known once a served branch has its `slipway.yaml`, or once a digest that is \
         marked with it has a value",
        marker.of_model(model),
        other = marker.model
    );
    Diagnostic::new(file, message).at(marker.position).help(help)
}

/// The diagnostic for a manifest of which git holds only a pointer: it may contain marks.
pub(crate) fn kept_away(file: &str, model: &str) -> Diagnostic {
    let message =
        format!("git has only a pointer of Git LFS of this file, so that marks of `{model}` in it would stay behind");
    Diagnostic::new(file, message).help(NO_LFS)
}
