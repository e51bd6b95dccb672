//! Check runs (docs.github.com, "REST API endpoints for check runs"). Only Apps have them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use ureq::http::Method;

use crate::domain::CommitSha;
use crate::forge::api::http::Calls;
use crate::forge::api::{ApiError, answer};
use crate::forge::{Annotation, AnnotationLevel, Conclusion, Report, ReportState};

/// Annotations that one call may bring; they add up.
const MOST_ANNOTATIONS: usize = 50;
/// Checks on one page.
const PAGE: usize = 100;
/// Pages that are looked through.
const MOST_PAGES: usize = 10;
/// Revisions whose checks are remembered.
const MOST_KNOWN: usize = 2_000;
/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 65_535;

/// What tells one check of a revision from another: its name, and what we called it.
type Name = (String, String);

/// A check as GitHub keeps it.
#[derive(Debug, Clone)]
struct Check {
    id: u64,
    /// How many annotations it has. Sent again, they would be there twice.
    annotations: usize,
}

/// The checks of a revision, once they were looked for.
type OfRevision = Arc<AsyncMutex<Option<HashMap<Name, Check>>>>;

/// The checks of the revisions that were told of lately.
#[derive(Debug, Default)]
pub(super) struct Checks(Mutex<HashMap<CommitSha, OfRevision>>);

impl Checks {
    /// Tells of a check of the App `app` in the repository at `path`. It is made once, and found again after a crash.
    pub(super) async fn tell(&self, calls: &dyn Calls, path: &str, app: u64, report: &Report) -> Result<(), ApiError> {
        let of_revision = self.of(&report.revision);
        // Two who tell of the same check at once would both find that it is not there yet.
        let mut known = of_revision.lock().await;
        let told = tell_knowing(&mut known, calls, path, app, report).await;
        // Whether a call that failed was done is not known: it is looked for before the next. One that was not made, was not.
        if told.as_ref().is_err_and(|error| !matches!(error, ApiError::Throttled { .. })) {
            *known = None;
        }
        told
    }

    fn of(&self, revision: &CommitSha) -> OfRevision {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KNOWN && !all.contains_key(revision) {
            // Whoever is telling keeps what is known until that is done.
            all.retain(|_, known| Arc::strong_count(known) > 1);
        }
        all.entry(revision.clone()).or_default().clone()
    }
}

async fn tell_knowing(
    known: &mut Option<HashMap<Name, Check>>,
    calls: &dyn Calls,
    path: &str,
    app: u64,
    report: &Report,
) -> Result<(), ApiError> {
    let known = match known {
        Some(known) => known,
        None => known.insert(find(calls, path, app, &report.revision).await?),
    };
    let name = (report.context.clone(), report.id.clone());
    let mut rest = report.annotations.as_slice();
    let mut check = known.get(&name).cloned();
    if let Some(check) = &check {
        rest = rest.get(check.annotations..).unwrap_or_default();
    }
    loop {
        let (batch, later) = rest.split_at(rest.len().min(MOST_ANNOTATIONS));
        let mut body = body(report, batch);
        let answered = if let Some(Check { id, .. }) = &check {
            calls.call(Method::PATCH, &format!("{path}/check-runs/{id}"), Some(&body)).await?
        } else {
            body["head_sha"] = json!(report.revision);
            calls.call(Method::POST, &format!("{path}/check-runs"), Some(&body)).await?
        };
        let annotations = check.map_or(0, |check| check.annotations) + batch.len();
        let told = Check { id: answer::number(&answered, "/id")?, annotations };
        known.insert(name.clone(), told.clone());
        (rest, check) = (later, Some(told));
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// The checks of a revision that are this App's.
async fn find(calls: &dyn Calls, path: &str, app: u64, revision: &CommitSha) -> Result<HashMap<Name, Check>, ApiError> {
    let mut found = HashMap::new();
    for page in 1..=MOST_PAGES {
        let query = format!("app_id={app}&filter=all&per_page={PAGE}&page={page}");
        let answered = calls.call(Method::GET, &format!("{path}/commits/{revision}/check-runs?{query}"), None).await?;
        let runs = answer::items(&answered["check_runs"])?;
        for run in runs.iter().filter(|run| run["app"]["id"].as_u64() == Some(app)) {
            let external = run["external_id"].as_str().unwrap_or_default().to_owned();
            let annotations = run.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or(0);
            let annotations = usize::try_from(annotations).unwrap_or(usize::MAX);
            let check = Check { id: answer::number(run, "/id")?, annotations };
            found.insert((answer::text(run, "/name")?.to_owned(), external), check);
        }
        if runs.len() < PAGE {
            break;
        }
    }
    Ok(found)
}

fn body(report: &Report, annotations: &[Annotation]) -> Value {
    let annotations: Vec<Value> = annotations.iter().map(annotation).collect();
    let summary: String = report.text.chars().take(LONGEST_SUMMARY).collect();
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

/// GitHub keeps `stale` to itself, and a run that another took the place of is `cancelled`.
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
