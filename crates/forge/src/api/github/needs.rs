//! The permissions and events that a GitHub App needs. Requests for tokens, App manifests and preflight checks all use this list
//! (docs.github.com, "Permissions required for GitHub Apps" and "Webhook events and payloads").

use serde_json::{Map, Value, json};

use crate::api::Purpose;
use crate::api::preflight::hooks::NeededEvent;

/// The level of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

impl Level {
    /// The level in the API's words.
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The level in the words of the App's settings.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Read => "Read-only",
            Self::Write => "Read and write",
        }
    }

    /// Reads a level in the API's words; `admin` includes writing.
    fn read(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Self::Read),
            "write" | "admin" => Some(Self::Write),
            _ => None,
        }
    }
}

/// A repository permission that an App needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct NeededPermission {
    /// Its name in the API.
    pub(super) name: &'static str,
    /// Its name in the App's settings.
    pub(super) title: &'static str,
    pub(super) level: Level,
    /// What does not work without it.
    pub(super) used_for: &'static str,
}

impl NeededPermission {
    /// Whether permissions in the API's form include this one.
    pub(super) fn is_in(&self, permissions: &Value) -> bool {
        permissions[self.name].as_str().and_then(Level::read).is_some_and(|level| level >= self.level)
    }
}

const fn needed(name: &'static str, title: &'static str, level: Level, used_for: &'static str) -> NeededPermission {
    NeededPermission { name, title, level, used_for }
}

const METADATA: NeededPermission = needed("metadata", "Metadata", Level::Read, "GitHub requires it for every App");
const CHECKS: NeededPermission = needed("checks", "Checks", Level::Write, "checks cannot be written");
const PULLS: NeededPermission =
    needed("pull_requests", "Pull requests", Level::Write, "comments and pull requests cannot be written");

const CONTENTS: NeededPermission = needed(
    "contents",
    "Contents",
    Level::Read,
    "the authors of commits are not known, and GitHub sends no events of pushes",
);

/// The permissions of a token for a repository of models.
const OF_SOURCES: &[NeededPermission] = &[CHECKS, CONTENTS, PULLS, METADATA];

/// The permissions of a token for a repository of environments.
const OF_ENVIRONMENTS: &[NeededPermission] =
    &[needed("contents", "Contents", Level::Write, "pull requests cannot be merged"), PULLS, METADATA];

/// The permissions that an App needs besides those of its tokens, before GitHub sends it [`EVENTS`].
pub(super) const OF_EVENTS: &[NeededPermission] = &[
    needed("issues", "Issues", Level::Read, "GitHub sends no events of comments"),
    needed("merge_queues", "Merge queues", Level::Read, "GitHub sends no events of merge queues"),
];

/// The permissions of a token for a repository of models if promotions are reported as deployments.
const OF_SOURCES_WITH_DEPLOYMENTS: &[NeededPermission] = &[
    CHECKS,
    CONTENTS,
    needed("deployments", "Deployments", Level::Write, "promotions are not shown as deployments"),
    PULLS,
    METADATA,
];

/// The events that an App has to receive.
pub(super) const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("pull_request", "Pull request", "pull requests are not judged"),
    NeededEvent::essential("push", "Push", "pushes are only found by polling, minutes later"),
    NeededEvent::useful("issue_comment", "Issue comment", "commands in comments are not executed"),
    NeededEvent::useful("check_run", "Check run", "buttons of checks and `Re-run` do nothing"),
    NeededEvent::useful("check_suite", "Check suite", "`Re-run all checks` does nothing"),
    NeededEvent::useful("merge_group", "Merge group", "a merge queue never receives its checks"),
];

/// The permissions that a token requests in a repository.
pub(super) fn of_tokens(purpose: Purpose) -> &'static [NeededPermission] {
    match purpose {
        Purpose::Source { deployments: false } => OF_SOURCES,
        Purpose::Source { deployments: true } => OF_SOURCES_WITH_DEPLOYMENTS,
        Purpose::Environment => OF_ENVIRONMENTS,
    }
}

/// The permissions that an App needs besides those of its tokens.
pub(super) fn beside_tokens(purpose: Purpose) -> &'static [NeededPermission] {
    match purpose {
        Purpose::Source { .. } => OF_EVENTS,
        Purpose::Environment => &[],
    }
}

/// Permissions in the API's form. If one is named twice, the higher level counts.
pub(super) fn document(permissions: impl IntoIterator<Item = &'static NeededPermission>) -> Value {
    let mut all = Map::new();
    for needed in permissions {
        if !needed.is_in(&Value::Object(all.clone())) {
            all.insert(needed.name.to_owned(), json!(needed.level.as_str()));
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_may_read_and_what_is_named_twice_is_the_most_of_both() {
        assert!(CONTENTS.is_in(&json!({ "contents": "write" })) && CONTENTS.is_in(&json!({ "contents": "admin" })));
        assert!(!OF_ENVIRONMENTS[0].is_in(&json!({ "contents": "read" })));
        let both = document(OF_SOURCES.iter().chain(OF_ENVIRONMENTS).chain(OF_SOURCES));
        assert_eq!(both["contents"], "write");
    }

    /// `docs/forges.md` describes what an App needs.
    #[test]
    fn the_page_of_forges_names_the_permissions_and_events_of_this_list_and_no_others() {
        let page = include_str!("../../../../../docs/forges.md");
        let section = page.split("### What a GitHub App needs").nth(1).expect("a section");
        let section = section.split("\n#").next().expect("a section");
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let all = [OF_SOURCES_WITH_DEPLOYMENTS, OF_ENVIRONMENTS, OF_EVENTS];
        for needed in all.iter().copied().flatten() {
            let row = format!("| `{}` | {}: {} |", needed.name, needed.title, needed.level.title());
            assert!(rows.iter().any(|line| line.starts_with(&row)), "no line begins with {row}");
        }
        for event in EVENTS {
            let row = format!("| `{}` | {} |", event.name, event.title);
            assert!(rows.iter().any(|line| line.starts_with(&row)), "no line begins with {row}");
        }
        let mut needed: Vec<_> =
            all.iter().copied().flatten().map(|needed| (needed.name, needed.level.as_str())).collect();
        needed.sort_unstable();
        needed.dedup();
        assert_eq!(rows.len(), needed.len() + EVENTS.len(), "{rows:#?}");
    }
}
