//! Merge requests (docs.gitlab.com, "Merge requests API"). Merging is real: a merge commit in the repository.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Site;
use super::server::{Answer, bounded, message, not_found, page_of};
use super::state::{MergeRequest, PROJECT, ROBOT};

/// The longest title, in characters.
const MAX_TITLE_LENGTH: usize = 255;
/// The longest description, in characters ("Create MR": "Limited to 1,048,576 characters").
const MAX_DESCRIPTION_LENGTH: usize = 1_048_576;

pub(super) async fn list(Shared(site): Shared<Arc<Site>>, Query(query): Query<HashMap<String, String>>) -> Answer {
    let state = site.lock();
    let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted == value);
    let found = state.merges.iter().filter(|merge| {
        is("state", merge.state) && is("source_branch", &merge.branch) && is("target_branch", &merge.target)
    });
    Ok((StatusCode::OK, Json(page_of(found.map(MergeRequest::shown).collect(), &query).into())))
}

/// "Commits API", "List merge requests associated with a commit".
pub(super) async fn of_commit(Shared(site): Shared<Arc<Site>>, Path((_, sha)): Path<(String, String)>) -> Answer {
    let state = site.lock();
    let found = state.merges.iter().filter(|merge| merge.head == sha);
    Ok((StatusCode::OK, Json(found.map(MergeRequest::shown).collect())))
}

pub(super) async fn open(Shared(site): Shared<Arc<Site>>, Json(body): Json<Value>) -> Answer {
    bounded(&body, "title", MAX_TITLE_LENGTH)?;
    bounded(&body, "description", MAX_DESCRIPTION_LENGTH)?;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (branch, target) = (text("source_branch"), text("target_branch"));
    for name in ["source_branch", "target_branch", "title"] {
        if text(name).is_empty() {
            return Err((StatusCode::BAD_REQUEST, Json(json!({ "error": format!("{name} is missing") }))));
        }
    }
    let tip = async |branch: &str| site.repository.tip(branch).await.ok().flatten();
    let (Some(head), Some(_)) = (tip(&branch).await, tip(&target).await) else {
        return Err(message(StatusCode::BAD_REQUEST, "Source and target branch have to exist"));
    };
    let mut state = site.lock();
    let same = |merge: &&MergeRequest| merge.state == "opened" && merge.branch == branch && merge.target == target;
    if let Some(MergeRequest { number, .. }) = state.merges.iter().find(same) {
        let text = format!("Another open merge request already exists for this source branch: !{number}");
        return Err((StatusCode::CONFLICT, Json(json!({ "message": [text] }))));
    }
    let number = state.merges.len() as u64 + 1;
    let mut merge = MergeRequest::new(number, (PROJECT, &branch), &target, &head, ROBOT);
    (merge.title, merge.description) = (text("title"), text("description"));
    merge.removes_branch = body["remove_source_branch"] == true;
    let shown = merge.shown();
    state.merges.push(merge);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// A branch that moved is seen when its merge request is looked at.
async fn refresh(site: &Site, number: u64) -> Result<(), (StatusCode, Json<Value>)> {
    let found =
        site.lock().merges.iter().find(|merge| merge.number == number).map(|merge| {
            (merge.branch.clone(), merge.target.clone(), merge.state == "opened" && merge.project == PROJECT)
        });
    let (branch, target, moves) = found.ok_or_else(|| not_found("Merge Request"))?;
    if let (true, Ok(Some(head)), Ok(Some(onto))) =
        (moves, site.repository.tip(&branch).await, site.repository.tip(&target).await)
    {
        let conflicts = site.repository.git(&["merge-tree", "--write-tree", &onto, &head]).await.is_err();
        let mut state = site.lock();
        let merge = state.merge_mut(number);
        (merge.head, merge.conflicts) = (head, conflicts);
    }
    Ok(())
}

pub(super) async fn show(Shared(site): Shared<Arc<Site>>, Path((_, number)): Path<(String, u64)>) -> Answer {
    refresh(&site, number).await?;
    Ok((StatusCode::OK, Json(site.lock().merge(number).shown())))
}

pub(super) async fn update(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number)): Path<(String, u64)>,
    Json(body): Json<Value>,
) -> Answer {
    bounded(&body, "title", MAX_TITLE_LENGTH)?;
    bounded(&body, "description", MAX_DESCRIPTION_LENGTH)?;
    refresh(&site, number).await?;
    let mut state = site.lock();
    let merge = state.merge_mut(number);
    if let Some(title) = body["title"].as_str() {
        title.clone_into(&mut merge.title);
    }
    if let Some(description) = body["description"].as_str() {
        description.clone_into(&mut merge.description);
    }
    if body["state_event"] == "close" {
        merge.state = "closed";
    }
    Ok((StatusCode::OK, Json(merge.shown())))
}

/// "Merge a merge request", with its answers: 405 where it cannot be merged as it stands, 422 where its branches conflict,
/// 409 where `sha` is not its head; looked at in this order.
pub(super) async fn merge(
    Shared(site): Shared<Arc<Site>>,
    Path((_, number)): Path<(String, u64)>,
    Json(body): Json<Value>,
) -> Answer {
    refresh(&site, number).await?;
    let (state, conflicts, head, branch, target, removes) = {
        let state = site.lock();
        let merge = state.merge(number);
        let (branch, target) = (merge.branch.clone(), merge.target.clone());
        (merge.state, merge.conflicts, merge.head.clone(), branch, target, merge.removes_branch)
    };
    if state != "opened" {
        return Err(message(StatusCode::METHOD_NOT_ALLOWED, "405 Method Not Allowed"));
    }
    let cannot = || message(StatusCode::UNPROCESSABLE_ENTITY, "Branch cannot be merged");
    if conflicts {
        return Err(cannot());
    }
    if body["sha"].as_str().is_some_and(|sha| sha != head) {
        return Err(message(StatusCode::CONFLICT, "SHA does not match HEAD of source branch"));
    }
    site.repository.merge(&target, &head, "Merge branch").await.map_err(|_| cannot())?;
    if removes {
        let reference = format!("refs/heads/{branch}");
        site.repository.git(&["update-ref", "-d", &reference, &head]).await.map_err(|_| cannot())?;
    }
    let mut state = site.lock();
    let merge = state.merge_mut(number);
    merge.state = "merged";
    Ok((StatusCode::OK, Json(merge.shown())))
}
