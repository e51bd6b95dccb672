//! Writes commit statuses, for logins without check runs. GitHub: docs.github.com, "REST API endpoints for commit statuses".
//! Gitea and Forgejo: `POST /repos/{owner}/{repo}/statuses/{sha}` of their API description, in the same form.

use serde_json::{Value, json};

use crate::{Conclusion, Report, ReportState};

/// The longest description that GitHub accepts, in characters. The other forges accept more.
const MAX_DESCRIPTION_LENGTH: usize = 140;

/// The report's title, cut to the length that every forge accepts.
pub(super) fn description(report: &Report) -> String {
    report.title.chars().take(MAX_DESCRIPTION_LENGTH).collect()
}

/// A report as a commit status. Statuses have no value for "neutral" and none for "a person has to act". The first must not block
/// a pull request, so it becomes `success`. The second must block it, so it becomes `error`.
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
