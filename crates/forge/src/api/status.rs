//! Commit statuses, for forges without checks. GitHub: docs.github.com, "REST API endpoints for commit statuses". Gitea
//! and Forgejo: `POST /repos/{owner}/{repo}/statuses/{sha}` of their API description, in the same words.

use serde_json::{Value, json};

use crate::{Conclusion, Report, ReportState};

/// The longest description that GitHub takes, in characters; the others take more.
const MAX_DESCRIPTION_LENGTH: usize = 140;

/// The first characters of a report's sentence, as many as every forge takes.
pub(super) fn description(report: &Report) -> String {
    report.title.chars().take(MAX_DESCRIPTION_LENGTH).collect()
}

/// A report as a commit status. Statuses know neither "neutral" nor "a person has to act": the first does not hold up a
/// change, the second does.
pub(super) fn body(report: &Report) -> Value {
    let state = match report.state {
        ReportState::Queued | ReportState::UnderWay => "pending",
        ReportState::Ended(Conclusion::Success | Conclusion::Neutral) => "success",
        ReportState::Ended(Conclusion::Failure | Conclusion::TimedOut) => "failure",
        ReportState::Ended(Conclusion::ActionRequired | Conclusion::Cancelled) => "error",
    };
    let mut body = json!({ "state": state, "context": report.context, "description": description(report) });
    if let Some(page) = &report.page {
        body["target_url"] = json!(page);
    }
    body
}
