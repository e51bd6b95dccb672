//! Check runs (docs.github.com, "REST API endpoints for check runs"). Only Apps have them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use ureq::http::Method;

use crate::domain::CommitSha;
use crate::forge::api::http::Calls;
use crate::forge::api::{ApiError, answer};
use crate::forge::{Annotation, Conclusion, Report, ReportState};

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

/// The checks of the revisions that were told of lately.
#[derive(Debug, Default)]
pub(super) struct Checks(Mutex<HashMap<CommitSha, HashMap<Name, Check>>>);

impl Checks {
    /// Tells of a check of the App `app` in the repository at `path`. It is made once, and found again after a crash.
    pub(super) async fn tell(&self, calls: &dyn Calls, path: &str, app: u64, report: &Report) -> Result<(), ApiError> {
        let name = (report.context.clone(), report.id.clone());
        let told = self.tell_once(calls, path, app, report, &name).await;
        if told.is_err() {
            // Whether a call that failed was done is not known: it is looked for before the next.
            self.lock().remove(&report.revision);
        }
        told
    }

    async fn tell_once(
        &self,
        calls: &dyn Calls,
        path: &str,
        app: u64,
        report: &Report,
        name: &Name,
    ) -> Result<(), ApiError> {
        let known = self.lock().get(&report.revision).cloned();
        let known = match known {
            Some(known) => known,
            None => self.remember(&report.revision, find(calls, path, app, &report.revision).await?),
        };
        let mut rest = report.annotations.as_slice();
        let mut check = known.get(name).cloned();
        if let Some(check) = &check {
            rest = rest.get(check.annotations..).unwrap_or_default();
        }
        loop {
            let (batch, later) = rest.split_at(rest.len().min(MOST_ANNOTATIONS));
            let mut body = body(report, batch);
            let answered = match &check {
                Some(Check { id, .. }) => {
                    calls.call(Method::PATCH, &format!("{path}/check-runs/{id}"), Some(&body)).await?
                }
                None => {
                    body["head_sha"] = json!(report.revision);
                    calls.call(Method::POST, &format!("{path}/check-runs"), Some(&body)).await?
                }
            };
            let annotations = check.map_or(0, |check| check.annotations) + batch.len();
            let told = Check { id: answer::number(&answered, "/id")?, annotations };
            if let Some(known) = self.lock().get_mut(&report.revision) {
                known.insert(name.clone(), told.clone());
            }
            (rest, check) = (later, Some(told));
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn remember(&self, revision: &CommitSha, found: HashMap<Name, Check>) -> HashMap<Name, Check> {
        let mut all = self.lock();
        if all.len() >= MOST_KNOWN {
            all.clear();
        }
        all.insert(revision.clone(), found.clone());
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CommitSha, HashMap<Name, Check>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    }
}

fn annotation(annotation: &Annotation) -> Value {
    let Annotation { file, line, message } = annotation;
    json!({
        "path": file, "start_line": line, "end_line": line, "annotation_level": "failure", "message": message,
    })
}
