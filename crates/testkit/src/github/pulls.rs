//! Pull requests over HTTP. Merging is real, by the methods that the repository takes: a merge commit, a squash or a rebase, if
//! the head is the expected one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::server::{Answer, refused, unprocessable};
use super::state::{Pull, ROBOT};
use super::{Site, index_of};

pub(super) async fn list(Shared(site): Shared<Arc<Site>>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let state = site.lock();
    let wanted = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (head, base, open) = (wanted("head"), wanted("base"), wanted("state") != "closed");
    let found = state
        .pulls
        .iter()
        .filter(|pull| pull.open == open && pull.base_branch == base && format!("team:{}", pull.branch) == head);
    Json(found.map(|pull| state.pull_in_list(pull)).collect())
}

pub(super) async fn open(Shared(site): Shared<Arc<Site>>, Json(body): Json<Value>) -> Answer {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let tip = async |branch: &str| site.repository.rev_parse(&format!("refs/heads/{branch}")).await;
    let (Ok(head_commit), Ok(base_commit)) = (tip(&head).await, tip(&base).await) else {
        return Err(unprocessable("Validation Failed: no such branch"));
    };
    let mut state = site.lock();
    if state.pulls.iter().any(|pull| pull.open && pull.branch == head && pull.base_branch == base) {
        return Err(unprocessable("A pull request already exists"));
    }
    let number = state.pulls.len() as u64 + 1;
    let mut pull = Pull::new(number, &head, &base, &head_commit, &base_commit, ROBOT);
    (pull.title, pull.text) = (text("title"), text("body"));
    state.pulls.push(pull);
    Ok((StatusCode::CREATED, Json(state.pull(number))))
}

pub(super) async fn show(Shared(site): Shared<Arc<Site>>, Path(number): Path<u64>) -> Json<Value> {
    Json(site.lock().pull(number))
}

pub(super) async fn update(
    Shared(site): Shared<Arc<Site>>,
    Path(number): Path<u64>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let mut state = site.lock();
    let pull = &mut state.pulls[index_of(number)];
    if let Some(title) = body["title"].as_str() {
        title.clone_into(&mut pull.title);
    }
    if let Some(text) = body["body"].as_str() {
        text.clone_into(&mut pull.text);
    }
    if body["state"] == "closed" {
        pull.close(None);
    }
    Json(state.pull(number))
}

pub(super) async fn merge(Shared(site): Shared<Arc<Site>>, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer {
    let (open, branch, base) = {
        let state = site.lock();
        let pull = &state.pulls[index_of(number)];
        (pull.open, pull.branch.clone(), pull.base_branch.clone())
    };
    if !open {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "Pull Request is not mergeable"));
    }
    let conflict = |_| refused(StatusCode::METHOD_NOT_ALLOWED, "Pull Request is not mergeable");
    let repository = &site.repository;
    let head = repository.rev_parse(&format!("refs/heads/{branch}")).await.map_err(conflict)?;
    if body["sha"].as_str().is_some_and(|sha| sha != head) {
        return Err(refused(StatusCode::CONFLICT, "Head branch was modified. Review and try the merge again."));
    }
    let before = repository.rev_parse(&format!("refs/heads/{base}")).await.map_err(conflict)?;
    let method = body["merge_method"].as_str().unwrap_or("merge");
    let (takes, title) = {
        let state = site.lock();
        (state.merge_methods.iter().any(|taken| taken == method), state.pulls[index_of(number)].title.clone())
    };
    // docs.github.com, "Configuring pull request merges": each method can be switched off.
    let commit = match (method, takes) {
        (_, false) => {
            let kinds = match method {
                "squash" => "Squash merges",
                "rebase" => "Rebase merges",
                _ => "Merge commits",
            };
            let text = format!("{kinds} are not allowed on this repository.");
            return Err(refused(StatusCode::METHOD_NOT_ALLOWED, &text));
        }
        ("squash", _) => {
            let title = body["commit_title"].as_str().map_or(format!("{title} (#{number})"), str::to_owned);
            let message = format!("{title}\n\n{}", body["commit_message"].as_str().unwrap_or_default());
            repository.squash(&base, &head, message.trim_end()).await.map_err(conflict)?
        }
        ("rebase", _) => {
            let message = repository.message(&head).await.map_err(conflict)?;
            repository.squash(&base, &head, message.trim_end()).await.map_err(conflict)?
        }
        _ => repository.merge(&base, &head, "Merge pull request").await.map_err(conflict)?,
    };
    let mut state = site.lock();
    let pull = &mut state.pulls[index_of(number)];
    pull.head = head;
    pull.close(Some(commit.clone()));
    let author = pull.author;
    let closed = json!({ "action": "closed", "number": number, "pull_request": state.pull(number) });
    state.mail("pull_request", closed, author);
    let push = json!({
        "ref": format!("refs/heads/{base}"), "before": before, "after": commit,
        "created": false, "deleted": false, "forced": false, "commits": [],
    });
    state.mail("push", push, author);
    Ok((StatusCode::OK, Json(json!({ "sha": commit, "merged": true, "message": "Pull Request successfully merged" }))))
}
