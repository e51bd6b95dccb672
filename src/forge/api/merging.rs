//! How a request is merged: the methods that forges know, and which of them a repository takes where nobody has set one.

use std::sync::{Mutex, PoisonError};

use super::ApiError;

/// How a request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMethod {
    /// By a commit with two parents.
    Merge,
    /// By one new commit on the branch.
    Squash,
    /// By its commits, made anew on the branch.
    Rebase,
}

/// What a merge is to be like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Merging<'a> {
    /// By which method; one that the repository takes if `None`.
    pub method: Option<MergeMethod>,
    /// The message of a squash: with the trailers of the commit that is offered, so that it is known again.
    pub message: &'a str,
}

impl Merging<'_> {
    /// The first line of the message, and what follows it.
    pub(super) fn title_and_text(&self) -> (&str, &str) {
        let (title, text) = self.message.split_once('\n').unwrap_or((self.message, ""));
        (title.trim_end(), text.trim())
    }
}

/// The method that the repository took last, by the forge's name of it.
#[derive(Debug, Default)]
pub(super) struct Taken(Mutex<Option<&'static str>>);

impl Taken {
    /// The methods to be tried, one after another: the one that is wanted, else the one that was taken last and then `all`.
    pub(super) fn order(&self, wanted: Option<&'static str>, all: &[&'static str]) -> Vec<&'static str> {
        if let Some(wanted) = wanted {
            return vec![wanted];
        }
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.into_iter().chain(all.iter().copied().filter(|method| Some(*method) != last)).collect()
    }

    pub(super) fn learn(&self, method: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(method);
    }
}

/// Whether a refusal to merge is about the method alone. GitHub (405): "Squash merges are not allowed on this repository.";
/// Gitea and Forgejo (405): "merge is not allowed an allowed merge style for this repository".
pub(super) fn is_about_method(refusal: &ApiError) -> bool {
    let ApiError::Refused { reason, .. } = refusal else { return false };
    let reason = reason.to_lowercase();
    let says = |words: &str| reason.contains(words);
    says("not allowed")
        && ["merge commits", "squash merg", "rebase merg", "merge style", "merge method"].into_iter().any(says)
        || says("must not contain merge commits")
}

#[cfg(test)]
mod tests {
    use super::super::RefusalOf;
    use super::*;

    #[test]
    fn only_refusals_of_the_method_have_another_one_tried() {
        let refused = |reason: &str| ApiError::Refused { reason: reason.to_owned(), help: "", of: RefusalOf::Content };
        for reason in [
            "405: {\"message\":\"Merge commits are not allowed on this repository.\"}",
            "405: Squash merges are not allowed on this repository.",
            "405: merge is not allowed an allowed merge style for this repository",
            "405: Repository rule violations found: This branch must not contain merge commits.",
        ] {
            assert!(is_about_method(&refused(reason)), "{reason}");
        }
        for reason in [
            "405: Pull Request is not mergeable",
            "405: At least 1 approving review is required",
            "403: not allowed to merge",
        ] {
            assert!(!is_about_method(&refused(reason)), "{reason}");
        }
        assert!(!is_about_method(&ApiError::Moved { reason: "squash merges are not allowed".to_owned() }));
    }

    #[test]
    fn what_was_taken_last_is_tried_first_and_what_is_set_is_tried_alone() {
        let taken = Taken::default();
        let all = ["merge", "squash", "rebase"];
        assert_eq!(taken.order(None, &all), all);
        taken.learn("squash");
        assert_eq!(taken.order(None, &all), ["squash", "merge", "rebase"]);
        assert_eq!(taken.order(Some("rebase"), &all), ["rebase"]);
    }

    #[test]
    fn a_message_has_a_title_and_a_text() {
        let merging = Merging { method: None, message: "Promote a\n\nbecause\n\nSlipway-Run: 1\n" };
        assert_eq!(merging.title_and_text(), ("Promote a", "because\n\nSlipway-Run: 1"));
        assert_eq!(Merging::default().title_and_text(), ("", ""));
    }
}
