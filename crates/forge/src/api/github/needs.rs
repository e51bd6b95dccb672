//! What a GitHub App has to be allowed and told of: the one list that tokens are asked by, Apps are made by, and Apps are
//! held against (docs.github.com, "Permissions required for GitHub Apps" and "Webhook events and payloads").

use serde_json::{Map, Value, json};

use crate::api::Purpose;
use crate::api::preflight::hooks::NeededEvent;

/// How much a permission allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Looking.
    Read,
    /// Looking and changing.
    Write,
}

impl Level {
    /// The word of the API.
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The words of the App's settings.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Read => "Read-only",
            Self::Write => "Read and write",
        }
    }

    /// What a word of the API means; `admin` includes writing.
    fn read(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Self::Read),
            "write" | "admin" => Some(Self::Write),
            _ => None,
        }
    }
}

/// A permission in repositories that an App has to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct NeededPermission {
    /// The word of the API.
    pub(super) name: &'static str,
    /// What it is called in the App's settings.
    pub(super) title: &'static str,
    pub(super) level: Level,
    /// What does not work without it.
    pub(super) used_for: &'static str,
}

impl NeededPermission {
    /// Whether permissions, as the API writes them, hold this one.
    pub(super) fn is_in(&self, permissions: &Value) -> bool {
        permissions[self.name].as_str().and_then(Level::read).is_some_and(|level| level >= self.level)
    }
}

const fn needed(name: &'static str, title: &'static str, level: Level, used_for: &'static str) -> NeededPermission {
    NeededPermission { name, title, level, used_for }
}

const METADATA: NeededPermission = needed("metadata", "Metadata", Level::Read, "GitHub wants it of every App");
const CHECKS: NeededPermission = needed("checks", "Checks", Level::Write, "checks cannot be written");
const PULLS: NeededPermission =
    needed("pull_requests", "Pull requests", Level::Write, "comments and requests to merge cannot be written");

const CONTENTS: NeededPermission =
    needed("contents", "Contents", Level::Read, "whose commits they are is not known, and GitHub tells of no pushes");

/// What a token is asked for in a repository of models.
const OF_SOURCES: &[NeededPermission] = &[CHECKS, CONTENTS, PULLS, METADATA];

/// What a token is asked for in a repository of environments.
const OF_ENVIRONMENTS: &[NeededPermission] =
    &[needed("contents", "Contents", Level::Write, "requests cannot be merged"), PULLS, METADATA];

/// What GitHub wants of an App before it tells it of [`EVENTS`], besides what tokens are asked for.
pub(super) const OF_EVENTS: &[NeededPermission] = &[
    needed("issues", "Issues", Level::Read, "GitHub tells of no comments"),
    needed("merge_queues", "Merge queues", Level::Read, "GitHub tells of no merge queues"),
];

/// The same where promotions are told of as deployments.
const OF_SOURCES_WITH_DEPLOYMENTS: &[NeededPermission] = &[
    CHECKS,
    CONTENTS,
    needed("deployments", "Deployments", Level::Write, "promotions are not shown as deployments"),
    PULLS,
    METADATA,
];

/// What an App has to be told of.
pub(super) const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("pull_request", "Pull request", "changes are not judged"),
    NeededEvent::essential("push", "Push", "pushes are found by looking alone, minutes later"),
    NeededEvent::useful("issue_comment", "Issue comment", "commands in comments are not followed"),
    NeededEvent::useful("check_run", "Check run", "buttons of checks and `Re-run` do nothing"),
    NeededEvent::useful("check_suite", "Check suite", "`Re-run all checks` does nothing"),
    NeededEvent::useful("merge_group", "Merge group", "a merge queue waits in vain for its checks"),
];

/// What a token is asked for in a repository.
pub(super) fn of_tokens(purpose: Purpose) -> &'static [NeededPermission] {
    match purpose {
        Purpose::Source { deployments: false } => OF_SOURCES,
        Purpose::Source { deployments: true } => OF_SOURCES_WITH_DEPLOYMENTS,
        Purpose::Environment => OF_ENVIRONMENTS,
    }
}

/// What an App has to have besides what its tokens are asked for.
pub(super) fn beside_tokens(purpose: Purpose) -> &'static [NeededPermission] {
    match purpose {
        Purpose::Source { .. } => OF_EVENTS,
        Purpose::Environment => &[],
    }
}

/// Permissions as the API writes them; of one that is named twice, the most.
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

    /// The page of forges says what an App needs in words.
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
