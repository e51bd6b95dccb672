//! The methods to merge a pull request, and which of them a repository allows if the settings name none.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use ureq::http::Method;

use super::ApiError;
use super::pulls::Pulls;
use slipway_domain::CommitSha;

/// A method to merge a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMethod {
    /// By a merge commit with two parents.
    Merge,
    /// By one new commit on the branch.
    Squash,
    /// By its commits, rebased onto the branch.
    Rebase,
}

impl MergeMethod {
    /// Its name at GitHub, Gitea and Forgejo.
    fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        }
    }
}

/// The form of a request to merge at one kind of forge: its methods, and its names of the keys.
pub(super) struct MergeForm {
    pub(super) verb: Method,
    /// Every method of the forge, in the order in which they are tried.
    pub(super) methods: &'static [&'static str],
    pub(super) head: &'static str,
    pub(super) method: &'static str,
    /// The keys of the first line of a squash's message, and of the rest of it.
    pub(super) message: [&'static str; 2],
}

impl MergeForm {
    /// The body of a request to merge by a method.
    fn body(&self, method: &str, expected_head: &CommitSha, merging: &Merging<'_>) -> Value {
        let mut body = json!({ self.head: expected_head, self.method: method });
        let (title, text) = merging.title_and_text();
        if method == MergeMethod::Squash.name() && !title.is_empty() {
            let [title_key, text_key] = self.message;
            body[title_key] = title.into();
            body[text_key] = text.into();
        }
        body
    }
}

impl Pulls<'_> {
    /// Merges by the configured method, or by the first that the repository allows.
    pub(super) async fn merge_by_some_method(
        &self,
        number: u64,
        expected_head: &CommitSha,
        merging: &Merging<'_>,
        (form, taken): (&MergeForm, &LearnedMethods),
    ) -> Result<(), ApiError> {
        let mut refusal = None;
        for method in taken.order(merging.method.map(MergeMethod::name), form.methods) {
            let body = form.body(method, expected_head, merging);
            match self.merge(number, expected_head, form.verb.clone(), &body).await {
                Err(error) if is_about_method(&error) => refusal = refusal.or(Some(error)),
                merged => {
                    if merged.is_ok() {
                        taken.learn(method);
                    }
                    return merged;
                }
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// How to merge.
#[derive(Debug, Clone, Copy, Default)]
pub struct Merging<'a> {
    /// The method. If `None`, one that the repository allows.
    pub method: Option<MergeMethod>,
    /// The message of a squash. It contains the trailers of the promotion's commit, so that the squashed commit can be
    /// recognised.
    pub message: &'a str,
}

impl Merging<'_> {
    /// The first line of the message, and the rest.
    pub(super) fn title_and_text(&self) -> (&str, &str) {
        let (title, text) = self.message.split_once('\n').unwrap_or((self.message, ""));
        (title.trim_end(), text.trim())
    }
}

/// The method that the repository accepted last, by the forge's name of it.
#[derive(Debug, Default)]
pub(super) struct LearnedMethods(Mutex<Option<&'static str>>);

impl LearnedMethods {
    /// The methods to try, in order: the configured one alone, or the one that was accepted last and then the rest of `all`.
    fn order(&self, wanted: Option<&'static str>, all: &[&'static str]) -> Vec<&'static str> {
        if let Some(wanted) = wanted {
            return vec![wanted];
        }
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.into_iter().chain(all.iter().copied().filter(|method| Some(*method) != last)).collect()
    }

    fn learn(&self, method: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(method);
    }
}

/// Whether a refusal to merge is about the method alone. GitHub (405): "Squash merges are not allowed on this repository."; Gitea
/// and Forgejo (405): "merge is not allowed an allowed merge style for this repository".
fn is_about_method(refusal: &ApiError) -> bool {
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
        let taken = LearnedMethods::default();
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
