//! How GitHub writes down what it shows, with every field that its description asks for. Values are the state's; what the
//! double does not keep is empty, as it would be in a young repository. `make test-contract` holds this against the
//! description.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::APP_ID;
use super::mail::Attempt;
use super::state::{Comment, Pull};

/// Addresses in answers lead nowhere: nobody may follow them.
const API: &str = "https://api.github.example";
const PAGES: &str = "https://github.example";
const REPOSITORY: &str = "https://api.github.example/repos/team/models";

/// The time, to the second, as GitHub tells it.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn add(document: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
}

/// Adds an address below `base` for each name.
fn add_addresses(document: &mut Value, base: &str, names: &str) {
    for name in names.split_whitespace() {
        document[format!("{name}_url")] = json!(format!("{base}/{name}"));
    }
}

pub(super) fn account(id: u64, login: &str) -> Value {
    let base = format!("{API}/users/{id}");
    let mut account = json!({
        "id": id, "login": login, "node_id": format!("U_{id}"), "gravatar_id": "", "site_admin": false,
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
        "url": base, "html_url": format!("{PAGES}/{id}"),
    });
    let names = "avatar events followers following gists organizations received_events repos starred subscriptions";
    add_addresses(&mut account, &base, names);
    account
}

/// An account as its own page shows it.
pub(super) fn profile(mut account: Value) -> Value {
    let more = json!({
        "name": null, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0, "created_at": Timestamp::UNIX_EPOCH,
        "updated_at": Timestamp::UNIX_EPOCH,
    });
    add(&mut account, &more);
    account
}

/// A commit with the account of its author, if its address belongs to one.
pub(super) fn commit(
    sha: &str,
    (name, email): (&str, &str),
    account: Option<&Value>,
    tree: &str,
    parents: &[&str],
) -> Value {
    let url = format!("{REPOSITORY}/commits/{sha}");
    let page = format!("{PAGES}/team/models/commit/{sha}");
    let who = json!({ "name": name, "email": email, "date": now() });
    let parents =
        parents.iter().map(|parent| json!({ "sha": parent, "url": format!("{REPOSITORY}/commits/{parent}") }));
    json!({
        "sha": sha, "node_id": format!("C_{sha}"), "url": url, "html_url": page, "comments_url": format!("{url}/comments"),
        "commit": {
            "url": url, "author": who, "committer": who, "message": "a commit", "comment_count": 0,
            "tree": { "sha": tree, "url": format!("{REPOSITORY}/git/trees/{tree}") },
        },
        "author": account, "committer": account, "parents": parents.collect::<Vec<_>>(),
    })
}

pub(super) fn permission(mut account: Value, permission: &str) -> Value {
    account["role_name"] = json!(permission);
    json!({ "permission": permission, "role_name": permission, "user": account })
}

pub(super) fn repository() -> Value {
    let mut repository = json!({
        "id": 41, "node_id": "R_41", "name": "models", "full_name": "team/models", "owner": account(40, "team"),
        "private": false, "description": null, "fork": false, "default_branch": "main", "forks": 0, "forks_count": 0,
        "has_downloads": true, "has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false,
        "homepage": null, "language": null, "archived": false, "disabled": false, "open_issues": 0,
        "open_issues_count": 0, "license": null, "pushed_at": now(), "size": 1, "stargazers_count": 0, "watchers": 0,
        "watchers_count": 0, "created_at": Timestamp::UNIX_EPOCH, "updated_at": now(), "mirror_url": null,
        "url": REPOSITORY, "html_url": format!("{PAGES}/team/models"), "ssh_url": "git@github.example:team/models.git",
    });
    let names = "archive assignees blobs branches collaborators comments commits compare contents contributors \
                 deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events \
                 issues keys labels languages merges milestones notifications pulls releases stargazers statuses \
                 subscribers subscription tags teams trees clone git svn";
    add_addresses(&mut repository, REPOSITORY, names);
    repository
}

/// The repository of somebody who may not push to ours.
fn fork() -> Value {
    let mut fork = repository();
    let more = json!({
        "id": 51, "node_id": "R_51", "full_name": "eve/models", "owner": account(50, "eve"), "fork": true,
        "html_url": format!("{PAGES}/eve/models"), "ssh_url": "git@github.example:eve/models.git",
    });
    add(&mut fork, &more);
    fork
}

/// The repository as its own page shows it to somebody who may write.
pub(super) fn full_repository() -> Value {
    let mut full = repository();
    let more = json!({
        "subscribers_count": 0, "network_count": 0, "has_discussions": false,
        "permissions": { "admin": false, "maintain": false, "push": true, "triage": true, "pull": true },
    });
    add(&mut full, &more);
    full
}

/// A webhook of the repository: its `config`, `events` and `active`, and what became of its last delivery.
pub(super) fn hook(id: u64, hook: &Value) -> Value {
    let url = format!("{REPOSITORY}/hooks/{id}");
    let mut shown = json!({
        "type": "Repository", "id": id, "name": "web", "active": true, "url": url, "test_url": format!("{url}/test"),
        "ping_url": format!("{url}/pings"), "updated_at": now(), "created_at": Timestamp::UNIX_EPOCH,
        "last_response": { "code": null, "status": "unused", "message": null },
    });
    add(&mut shown, hook);
    shown
}

pub(super) fn app() -> Value {
    json!({
        "id": APP_ID, "slug": "slipway", "node_id": "A_1", "owner": account(40, "team"), "name": "Slipway",
        "description": null, "external_url": PAGES, "html_url": format!("{PAGES}/apps/slipway"),
        "created_at": Timestamp::UNIX_EPOCH, "updated_at": Timestamp::UNIX_EPOCH, "events": ["pull_request"],
        "permissions": { "checks": "write", "metadata": "read", "pull_requests": "write" },
    })
}

pub(super) fn installation() -> Value {
    let mut installation = json!({
        "id": 1, "app_id": APP_ID, "app_slug": "slipway", "target_id": 40, "target_type": "Organization",
        "single_file_name": null, "repository_selection": "selected", "events": ["pull_request"],
        "account": account(40, "team"), "permissions": app()["permissions"], "created_at": Timestamp::UNIX_EPOCH,
        "updated_at": Timestamp::UNIX_EPOCH, "suspended_by": null, "suspended_at": null,
    });
    add_addresses(&mut installation, &format!("{API}/app/installations/1"), "access_tokens html repositories");
    installation
}

/// A check that was just made. The double keeps what it is told in it: its annotations and its actions, too.
pub(super) fn check(id: u64, name: &str, head: &str) -> Value {
    let url = format!("{REPOSITORY}/check-runs/{id}");
    json!({
        "id": id, "node_id": format!("CR_{id}"), "name": name, "head_sha": head, "status": "queued", "conclusion": null,
        "url": url, "html_url": format!("{PAGES}/team/models/runs/{id}"), "details_url": PAGES, "external_id": "",
        "started_at": now(), "completed_at": null, "check_suite": { "id": 1 }, "app": app(), "pull_requests": [],
        "output": {
            "title": null, "summary": null, "text": null, "annotations_count": 0,
            "annotations_url": format!("{url}/annotations"),
        },
        "annotations": [],
    })
}

pub(super) fn status(id: u64, sha: &str, body: &Value, creator: &Value) -> Value {
    json!({
        "id": id, "node_id": format!("S_{id}"), "sha": sha, "state": body["state"], "context": body["context"],
        "description": body["description"], "target_url": body["target_url"], "avatar_url": null, "creator": creator,
        "url": format!("{REPOSITORY}/statuses/{sha}"), "created_at": now(), "updated_at": now(),
    })
}

/// A deployment that was just made.
pub(super) fn deployment(id: u64, sha: &str, body: &Value, creator: &Value, by_app: bool) -> Value {
    let url = format!("{REPOSITORY}/deployments/{id}");
    json!({
        "id": id, "node_id": format!("DE_{id}"), "sha": sha, "ref": body["ref"], "task": body["task"],
        "payload": body["payload"], "environment": body["environment"], "original_environment": body["environment"],
        "description": body["description"], "creator": creator, "transient_environment": false,
        "production_environment": body["environment"] == "production", "created_at": now(), "updated_at": now(),
        "url": url, "statuses_url": format!("{url}/statuses"), "repository_url": REPOSITORY,
        "performed_via_github_app": by_app.then(app),
    })
}

pub(super) fn deployment_status(id: u64, of: &Value, body: &Value) -> Value {
    let url = of["url"].as_str().unwrap_or_default();
    json!({
        "id": id, "node_id": format!("DES_{id}"), "state": body["state"], "description": body["description"],
        "environment": of["environment"], "creator": of["creator"],
        // GitHub answers an empty text where there is no address; its description takes addresses alone.
        "log_url": body["log_url"].as_str().unwrap_or(PAGES), "target_url": body["log_url"].as_str().unwrap_or(PAGES),
        "created_at": now(), "updated_at": now(), "url": format!("{url}/statuses/{id}"), "deployment_url": url,
        "repository_url": REPOSITORY, "performed_via_github_app": of["performed_via_github_app"],
    })
}

pub(super) fn comment(comment: &Comment, user: &Value) -> Value {
    let Comment { id, pull, account: _, app: by_app, text, written_at, changed_at } = comment;
    json!({
        "id": id, "node_id": format!("IC_{id}"), "body": text, "user": user,
        "performed_via_github_app": by_app.map(|_| app()), "created_at": written_at, "updated_at": changed_at,
        "url": format!("{REPOSITORY}/issues/comments/{id}"), "issue_url": format!("{REPOSITORY}/issues/{pull}"),
        "html_url": format!("{PAGES}/team/models/pull/{pull}#issuecomment-{id}"), "author_association": "MEMBER",
    })
}

pub(super) fn reaction(id: u64, content: &str, user: &Value) -> Value {
    json!({ "id": id, "node_id": format!("RE_{id}"), "user": user, "content": content, "created_at": now() })
}

fn label(name: &str) -> Value {
    json!({
        "id": 7, "node_id": "LA_7", "url": format!("{REPOSITORY}/labels/{name}"), "name": name, "description": null,
        "color": "ededed", "default": false,
    })
}

/// A pull request as it stands in lists.
pub(super) fn pull_in_list(pull: &Pull, user: &Value) -> Value {
    let number = pull.number;
    let (url, page) = (format!("{REPOSITORY}/pulls/{number}"), format!("{PAGES}/team/models/pull/{number}"));
    let end = |name: &str, commit: &str, of_fork: bool| {
        let (owner, login, repository) = if of_fork { (50, "eve", fork()) } else { (40, "team", repository()) };
        json!({
            "label": format!("{login}:{name}"), "ref": name, "sha": commit, "repo": repository,
            "user": account(owner, login),
        })
    };
    let mut shown = json!({
        "id": 100_000 + number, "node_id": format!("PR_{number}"), "number": number, "title": pull.title,
        "body": pull.text, "state": if pull.open { "open" } else { "closed" }, "locked": false, "user": user,
        "assignee": null, "labels": pull.labels.iter().map(|name| label(name)).collect::<Vec<_>>(), "milestone": null, "author_association": "MEMBER", "auto_merge": null,
        "draft": pull.draft, "head": end(&pull.branch, &pull.head, pull.of_fork),
        "base": end(&pull.base_branch, &pull.base, false),
        "created_at": pull.opened_at, "updated_at": now(), "closed_at": pull.closed_at,
        "merged_at": pull.closed_at.filter(|_| pull.is_merged()), "merge_commit_sha": pull.merge_commit,
        "url": url, "html_url": page,
    });
    add_addresses(&mut shown, &url, "comments commits diff issue patch review_comment review_comments statuses");
    let link = |name: &str| json!({ "href": format!("{url}/{name}") });
    shown["_links"] = json!({
        "self": { "href": url }, "html": { "href": page }, "comments": link("comments"), "commits": link("commits"),
        "statuses": link("statuses"), "issue": link("issue"), "review_comments": link("review_comments"),
        "review_comment": link("review_comment"),
    });
    shown
}

/// A pull request as it is shown alone, and in webhooks.
pub(super) fn pull(pull: &Pull, user: &Value, comments: usize) -> Value {
    let mut shown = pull_in_list(pull, user);
    let more = json!({
        "merged": pull.is_merged(), "mergeable": pull.open, "mergeable_state": "clean", "comments": comments,
        "merged_by": pull.is_merged().then_some(user), "review_comments": 0, "maintainer_can_modify": false,
        "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1,
    });
    add(&mut shown, &more);
    shown
}

/// An attempt to send a webhook, in a list.
pub(super) fn attempt(attempt: &Attempt) -> Value {
    let Attempt { id, delivery, status, at } = attempt;
    json!({
        "id": id, "guid": delivery.guid, "delivered_at": at, "redelivery": false, "duration": 0.1,
        "status": if *status < 300 { "OK" } else { "failed to connect to host" }, "status_code": status,
        "event": delivery.event, "action": delivery.body["action"], "installation_id": 1, "repository_id": 1,
        "throttled_at": null,
    })
}

/// The same with what was sent.
pub(super) fn attempt_in_full(of: &Attempt) -> Value {
    let mut full = attempt(of);
    full["url"] = json!("https://slipway.example/webhooks/digits");
    full["request"] = json!({ "headers": { "X-GitHub-Event": of.delivery.event }, "payload": of.delivery.body });
    full["response"] = json!({ "headers": {}, "payload": "" });
    full
}
