//! Writes check runs (docs.github.com, "REST API endpoints for check runs"). Only Apps can write them.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::http::Calls;
use crate::api::{ApiError, FoundReport, ReportHandle, answer};
use crate::{Annotation, AnnotationLevel, Conclusion, Report, ReportState};
use slipway_domain::CommitSha;

/// Annotations per call. The annotations of several calls accumulate.
const MAX_ANNOTATIONS: usize = 50;
/// Check runs per page.
const PAGE: usize = 100;
/// The most pages that are read.
const MAX_PAGES: usize = 10;
/// The longest summary, in characters.
const MAX_SUMMARY_LENGTH: usize = 65_535;

/// Writes a check run in the repository at `path`. It updates the check run that is known, and creates one otherwise.
pub(super) async fn publish(
    calls: &dyn Calls,
    path: &str,
    report: &Report,
    known: &mut ReportHandle,
) -> Result<(), ApiError> {
    let sent = usize::try_from(known.annotations).unwrap_or(usize::MAX);
    let mut rest = report.annotations.get(sent..).unwrap_or_default();
    loop {
        let (batch, later) = rest.split_at(rest.len().min(MAX_ANNOTATIONS));
        let mut body = body(report, batch);
        let answered = if known.id.is_empty() {
            body["head_sha"] = json!(report.revision);
            calls.call(Method::POST, &format!("{path}/check-runs"), Some(&body)).await?
        } else {
            calls.call(Method::PATCH, &format!("{path}/check-runs/{}", known.id), Some(&body)).await?
        };
        known.id = answer::number(&answered, "/id")?.to_string();
        known.annotations += batch.len() as u64;
        rest = later;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// The check runs of a revision that belong to the App `app`.
pub(super) async fn find(
    calls: &dyn Calls,
    path: &str,
    app: u64,
    revision: &CommitSha,
) -> Result<Vec<FoundReport>, ApiError> {
    let mut found = Vec::new();
    for page in 1..=MAX_PAGES {
        let query = format!("app_id={app}&filter=all&per_page={PAGE}&page={page}");
        let answered = calls.call(Method::GET, &format!("{path}/commits/{revision}/check-runs?{query}"), None).await?;
        let runs = answer::items(&answered["check_runs"])?;
        for run in runs.iter().filter(|run| run["app"]["id"].as_u64() == Some(app)) {
            let id = run["external_id"].as_str().unwrap_or_default().to_owned();
            let annotations = run.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or(0);
            let at = ReportHandle { id: answer::number(run, "/id")?.to_string(), annotations };
            found.push(FoundReport { context: answer::text(run, "/name")?.to_owned(), id, at });
        }
        if runs.len() < PAGE {
            break;
        }
    }
    Ok(found)
}

fn body(report: &Report, annotations: &[Annotation]) -> Value {
    let annotations: Vec<Value> = annotations.iter().map(annotation).collect();
    let summary: String = report.text.chars().take(MAX_SUMMARY_LENGTH).collect();
    let mut body = json!({
        "name": report.context,
        "external_id": report.id,
        "output": { "title": report.title, "summary": summary, "annotations": annotations },
    });
    if let Some(page) = &report.page {
        body["details_url"] = json!(page);
    }
    match report.state {
        ReportState::Queued => body["status"] = json!("queued"),
        ReportState::UnderWay => body["status"] = json!("in_progress"),
        ReportState::Ended(conclusion) => {
            body["status"] = json!("completed");
            body["conclusion"] = json!(word(conclusion));
        }
    }
    let actions = report.buttons.iter().map(|button| {
        json!({ "label": button.label(), "description": button.description(), "identifier": button.identifier() })
    });
    body["actions"] = actions.collect();
    body
}

/// The conclusion in GitHub's words. Only GitHub can set `stale`, so a run that another run replaced is `cancelled`.
fn word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success => "success",
        Conclusion::Neutral => "neutral",
        Conclusion::Failure => "failure",
        Conclusion::ActionRequired => "action_required",
        Conclusion::Cancelled => "cancelled",
        Conclusion::TimedOut => "timed_out",
    }
}

fn annotation(annotation: &Annotation) -> Value {
    let Annotation { file, line, message, level } = annotation;
    let level = match level {
        AnnotationLevel::Failure => "failure",
        AnnotationLevel::Warning => "warning",
    };
    json!({
        "path": file, "start_line": line, "end_line": line, "annotation_level": level, "message": message,
    })
}
