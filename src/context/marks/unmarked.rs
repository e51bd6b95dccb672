//! Reasons why there is no place to promote a model to, and the remedies.

use super::StepError;
use slipway_domain::Diagnostic;
use slipway_manifest::Marker;

/// Remedy for a manifest of which git holds only a Git LFS pointer.
pub const NO_LFS: &str = "store manifests in git and not in Git LFS: Slipway does not read or write Git LFS objects";

/// Remedy for a model without a marked digest.
pub fn mark_digest(model: &str) -> String {
    format!(
        "add the comment `# {{\"slipway\": \"{model}:digest\"}}` after the value for the digest; the first value may \
         be `none`"
    )
}

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
        let nothing = "so a promotion would change nothing";
        let put = mark_digest(model);
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
                    "no manifest of the environment has a mark for `{model}`, {nothing}; `{file}` has one, but it is \
                     outside `folder: {folder}`"
                ),
                "set `folder` in the server's settings to the folder of the manifests, or add the marks in that folder"
                    .to_owned(),
            ),
            Self::Pointer(file) => (
                format!(
                    "no manifest of the environment has a mark for `{model}`, {nothing}; of `{file}`, git has only a \
                     Git LFS pointer"
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
    let message = format!("no model `{}` is known, but its name is similar to `{model}`", marker.model);
    let help = format!(
        "write `{}` if you mean that model; `{other}` becomes known when a served branch has its `slipway.yaml`, or \
         when its marked digest has a value",
        marker.of_model(model),
        other = marker.model
    );
    Diagnostic::new(file, message).at(marker.position).help(help)
}

/// The diagnostic for a manifest of which git holds only a pointer: it may contain marks.
pub(crate) fn kept_away(file: &str, model: &str) -> Diagnostic {
    let message =
        format!("git has only a Git LFS pointer of this file, so marks of `{model}` in it could not be changed");
    Diagnostic::new(file, message).help(NO_LFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_one_line_with_the_whole_mark() {
        let StepError::Refused { reason, .. } = (Unmarked::Nowhere { close: None }).refusal("churn") else {
            panic!("expected a refusal");
        };
        let (_, help) = reason.split_once("\n  help: ").expect("help");
        assert!(help.contains(r#"`# {"slipway": "churn:digest"}`"#) && !help.contains(['\\', '\n']), "{help}");
    }
}
