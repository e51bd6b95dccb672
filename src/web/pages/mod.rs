//! Pages of runs. A link in a forge's report opens its page without a token. Callers with a token use the API.

mod run;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Shared;
use super::access::too_often;
use super::peer::peer_of;
use super::problem::Problem;
use slipway_domain::{Run, RunId};
use slipway_gate::policy::render::svg as picture_of;
use slipway_store::StoreError;

/// Security headers: a page may load only its own picture and style. The key in its address is not sent to linked sites.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
];

/// Parameters of a link.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    key: String,
}

/// `GET /runs/{id}`.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(link): Query<Link>,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let run = shared.opened_by(&id, &link, &extensions).await?;
    let transitions = shared.store.transitions(run.id).await?;
    let picture = format!("{}/verdict.svg?key={}", run.id, link.key);
    let run = shared.as_authors_see(run).await?;
    let page = run::page_of(&run, &transitions, &picture);
    Ok((HEADERS, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}

/// `GET /runs/{id}/verdict.svg`.
pub(super) async fn picture(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(link): Query<Link>,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let run = shared.opened_by(&id, &link, &extensions).await?;
    let run = shared.as_authors_see(run).await?;
    let verdict = run.judgement.verdict.as_ref().ok_or_else(no_such_page)?;
    let picture = picture_of(verdict);
    Ok((HEADERS, [(header::CONTENT_TYPE, "image/svg+xml; charset=utf-8")], picture).into_response())
}

impl Shared {
    /// Returns a run without the figures that are withheld from authors, unless its test set is used up.
    pub(super) async fn as_authors_see(&self, run: Run) -> Result<Run, StoreError> {
        let Some(verdict) = run.judgement.verdict.as_ref().filter(|verdict| verdict.is_withheld()) else {
            return Ok(run);
        };
        let ended = match &verdict.test_set {
            Some(test_set) => self.store.is_used_up(&run.cause.source, &run.cause.model, &test_set.rows).await?,
            None => false,
        };
        let verdict = if ended { verdict.clone() } else { verdict.for_authors().into_owned() };
        Ok(run.with(|run| run.judgement.verdict = Some(verdict)))
    }

    /// Returns the run of a link. Without a valid link the response does not reveal whether the run exists.
    async fn opened_by(&self, id: &str, link: &Link, extensions: &Extensions) -> Result<Run, Problem> {
        self.visitors.take(&peer_of(extensions), Instant::now()).map_err(too_often)?;
        let id: RunId = id.parse().map_err(|_| no_such_page())?;
        // Guessed keys are refused before a query of the store.
        if !self.page_secrets.values().any(|secrets| slipway_forge::opens(secrets, id, &link.key)) {
            return Err(no_such_page());
        }
        let run = match self.store.run(id).await {
            Ok(run) => run,
            Err(StoreError::NoSuchRun { .. }) => return Err(no_such_page()),
            Err(error) => return Err(error.into()),
        };
        let secrets = self.page_secrets.get(&run.cause.source).map(Vec::as_slice).unwrap_or_default();
        if slipway_forge::opens(secrets, id, &link.key) { Ok(run) } else { Err(no_such_page()) }
    }
}

fn no_such_page() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such page, or the link to it is not whole")
}
