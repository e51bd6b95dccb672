//! How the forges without a double of their own are asked: after their documentation, one canned answer a question.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::*;
use crate::{Conclusion, ReportState};
use slipway_domain::CommitSha;

/// A question that a forge was asked.
#[derive(Debug)]
pub(super) struct Question {
    /// Method and path.
    pub(super) line: String,
    /// Headers in lower case.
    head: String,
    body: Value,
}

/// A forge that gives these answers, one after the other.
pub(super) struct Forge {
    pub(super) api: Arc<dyn ForgeApi>,
    questions: JoinHandle<Vec<Question>>,
}

impl Forge {
    pub(super) fn answering(forge: Settings, answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let questions =
            std::thread::spawn(move || answers.iter().map(|answer| answer_one(&listener, answer)).collect());
        let (repository, login, purpose) =
            ("team/models".to_owned(), Login::Token("the-token".into()), Purpose::Source { deployments: false });
        let api = connect_api(ApiSettings { forge, url, repository, login, purpose }).expect("an API");
        Self { api, questions }
    }

    /// What it was asked, once it was asked as often as it has answers.
    pub(super) fn questions(self) -> Vec<Question> {
        self.questions.join().expect("a forge")
    }
}

fn answer_one(listener: &TcpListener, (status, body): &(u16, Value)) -> Question {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        reader.read_line(&mut head).expect("a header");
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut bytes = vec![0; length.map_or(0, |length| length.trim().parse().expect("a length"))];
    reader.read_exact(&mut bytes).expect("a body");
    let answer = body.to_string();
    let (length, mut stream) = (answer.len(), reader.into_inner());
    write!(stream, "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{answer}")
        .expect("answered");
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Question { line, head, body: serde_json::from_slice(&bytes).unwrap_or_default() }
}

fn head() -> CommitSha {
    "1111111111111111111111111111111111111111".parse().expect("a commit")
}

fn report(state: ReportState) -> Report {
    Report {
        revision: head(),
        context: "slipway/digits".to_owned(),
        id: "1".to_owned(),
        state,
        title: "x".repeat(500),
        text: String::new(),
        annotations: Vec::new(),
        buttons: Vec::new(),
        page: None,
    }
}

#[tokio::test]
async fn each_forge_gets_reports_in_its_own_terms() {
    let sha = head();
    let gitea = format!("POST /api/v1/repos/team/models/statuses/{sha}");
    for (forge, line, login, state) in [
        (
            Settings::GitHub,
            format!("POST /repos/team/models/statuses/{sha}"),
            "authorization: bearer the-token",
            "failure",
        ),
        (Settings::Gitea, gitea.clone(), "authorization: token the-token", "failure"),
        (Settings::Forgejo, gitea, "authorization: token the-token", "failure"),
        (
            Settings::GitLab,
            format!("POST /api/v4/projects/team%2Fmodels/statuses/{sha}"),
            "private-token: the-token",
            "failed",
        ),
        (
            Settings::Bitbucket,
            format!("POST /2.0/repositories/team/models/commit/{sha}/statuses/build"),
            "authorization: bearer the-token",
            "FAILED",
        ),
    ] {
        let peer = Forge::answering(forge, vec![(201, json!({}))]);
        peer.api
            .report(&report(ReportState::Ended(Conclusion::Failure)), &mut ReportHandle::default())
            .await
            .expect("told");
        let [question] = &peer.questions()[..] else { panic!("one question") };
        assert_eq!((&question.line, &question.body["state"]), (&line, &json!(state)), "{forge:?}");
        assert!(question.head.contains(login), "{forge:?}: {}", question.head);
        assert_eq!(question.body["description"], "x".repeat(140), "{forge:?}");
    }
}

#[tokio::test]
async fn a_status_of_each_forge_leads_to_the_page_of_its_run() {
    let page = "https://slipway.example/runs/1?key=2";
    for (forge, key) in [
        (Settings::GitHub, "target_url"),
        (Settings::Gitea, "target_url"),
        (Settings::Forgejo, "target_url"),
        (Settings::GitLab, "target_url"),
        (Settings::Bitbucket, "url"),
    ] {
        let peer = Forge::answering(forge, vec![(201, json!({}))]);
        let with_page = Report { page: Some(page.to_owned()), ..report(ReportState::UnderWay) };
        peer.api.report(&with_page, &mut ReportHandle::default()).await.expect("told");
        assert_eq!(peer.questions()[0].body[key], page, "{forge:?}");
    }
}

#[tokio::test]
async fn a_status_that_gitlab_has_already_is_reported() {
    let message = json!({ "message": "Cannot transition status via :run from :running" });
    let peer = Forge::answering(Settings::GitLab, vec![(400, message)]);
    peer.api.report(&report(ReportState::UnderWay), &mut ReportHandle::default()).await.expect("told");
    assert_eq!(peer.questions()[0].body["state"], "running");
}

#[tokio::test]
async fn a_comment_of_ours_is_found_again_and_one_that_only_looks_like_ours_is_left_alone() {
    let hidden = "<!-- slipway:change -->\nold";
    let gitlab = vec![
        (200, json!({ "id": 5 })),
        (
            200,
            json!([{ "id": 1, "author": { "id": 6 }, "body": hidden }, { "id": 2, "author": { "id": 5 }, "body": hidden }]),
        ),
        (200, json!({ "id": 2 })),
    ];
    let gitea = vec![
        (200, json!({ "id": 5 })),
        (
            200,
            json!([{ "id": 1, "user": { "id": 6 }, "body": hidden }, { "id": 2, "user": { "id": 5 }, "body": hidden }]),
        ),
        (200, json!({ "id": 2 })),
    ];
    let raw = json!({ "raw": "[//]: # (slipway:change)\n\nold" });
    let bitbucket = vec![
        (200, json!({ "uuid": "{us}" })),
        (
            200,
            json!({ "values": [
                { "id": 1, "user": { "uuid": "{them}" }, "content": raw },
                { "id": 2, "user": { "uuid": "{us}" }, "content": raw },
            ]}),
        ),
        (200, json!({ "id": 2 })),
    ];
    for (forge, answers, line) in [
        (Settings::GitLab, gitlab, "PUT /api/v4/projects/team%2Fmodels/merge_requests/7/notes/2"),
        (Settings::Gitea, gitea, "PATCH /api/v1/repos/team/models/issues/comments/2"),
        (Settings::Bitbucket, bitbucket, "PUT /2.0/repositories/team/models/pullrequests/7/comments/2"),
    ] {
        let peer = Forge::answering(forge, answers);
        let mut known = ReportHandle::default();
        let text = "new\n/approve\n<details><summary>more</summary>";
        peer.api.comment(7, &Marker::summary(), text, &mut known).await.expect("put");
        assert_eq!(known.id, "2", "{forge:?}");
        let questions = peer.questions();
        assert_eq!(questions[2].line, line, "{forge:?}");
        let said = questions[2].body.to_string();
        assert_eq!(said.contains("\\n/approve"), forge != Settings::GitLab, "no command to GitLab: {said}");
        assert_eq!(said.contains("<details>"), forge != Settings::Bitbucket, "Bitbucket folds nothing: {said}");
    }
}

#[tokio::test]
async fn a_permission_is_asked_for_by_number() {
    let account = |id: &str| Account { id: id.parse().expect("an identifier"), name: Some("grace".to_owned()) };
    let peer = Forge::answering(Settings::GitLab, vec![(200, json!({ "access_level": 30 })), (404, json!({}))]);
    assert_eq!(peer.api.permission(&account("11")).await, Ok(Permission::Write));
    assert_eq!(peer.api.permission(&account("12")).await, Ok(Permission::None));
    assert_eq!(peer.questions()[0].line, "GET /api/v4/projects/team%2Fmodels/members/all/11");

    let found = json!({ "data": [{ "id": 11, "login": "hopper" }] });
    let somebody_else = json!({ "permission": "admin", "user": { "id": 99 } });
    let answers = vec![(200, found.clone()), (200, json!({ "permission": "write", "user": { "id": 11 } }))];
    let peer = Forge::answering(Settings::Gitea, [answers, vec![(200, found), (200, somebody_else)]].concat());
    assert_eq!(peer.api.permission(&account("11")).await, Ok(Permission::Write));
    assert_eq!(peer.api.permission(&account("11")).await, Ok(Permission::None), "the name is somebody else's now");
    assert_eq!(peer.questions()[1].line, "GET /api/v1/repos/team/models/collaborators/hopper/permission");

    let values = |uuid: &str| json!({ "values": [{ "permission": "admin", "user": { "uuid": uuid } }] });
    let peer = Forge::answering(Settings::Bitbucket, vec![(200, values("{a-1}")), (200, values("{b-2}"))]);
    assert_eq!(peer.api.permission(&account("{a-1}")).await, Ok(Permission::Admin));
    assert_eq!(peer.api.permission(&account("{a-1}")).await, Ok(Permission::None));
    peer.questions();
}

#[tokio::test]
async fn whose_commit_it_is_is_the_account_that_the_forge_knows_and_nobody_else() {
    let id = |id: u64| Some(ForgeId::from(id));
    let ours = |public: &str| json!([{"id": 7, "username": "kim", "name": "Kim", "public_email": public}]);
    let spoofed = json!([{"id": 8, "username": "eve", "name": "kim@example.com", "public_email": "eve@example.com"}]);
    let uuid = "{b89f4b8d-9b1a-4a70-8f6a-2f3c1b4a9d1e}";
    for (forge, answer, expected) in [
        (Settings::GitHub, (200, json!({"author": {"id": 7, "login": "kim"}})), id(7)),
        (Settings::GitHub, (200, json!({"author": null})), None),
        (Settings::GitHub, (404, json!({"message": "Not Found"})), None),
        (Settings::Gitea, (200, json!({"author": {"id": 7, "login": "kim"}})), id(7)),
        (Settings::Gitea, (200, json!({"author": {"id": 0, "login": ""}})), None),
        (Settings::GitLab, (200, ours("Kim@example.com")), id(7)),
        (Settings::GitLab, (200, ours("other@example.com")), None),
        (Settings::GitLab, (200, spoofed), None),
        (Settings::GitLab, (200, json!([ours("kim@example.com")[0], ours("kim@example.com")[0]])), None),
        (Settings::Bitbucket, (200, json!({"author": {"user": {"uuid": uuid}}})), uuid.parse().ok()),
        (Settings::Bitbucket, (200, json!({"author": {"raw": "Kim <kim@example.com>"}})), None),
    ] {
        let double = Forge::answering(forge, vec![answer.clone()]);
        let found = double.api.author_of(&head(), "kim@example.com").await.expect("an answer");
        assert_eq!(found.map(|account| account.id), expected, "{forge:?} {answer:?}");
        let questions = double.questions().remove(0).line;
        assert!(questions.contains(head().as_str()) || questions.contains("search=kim%40example.com"), "{questions}");
    }
}

#[tokio::test]
async fn a_request_is_merged_at_exactly_one_commit_or_not_at_all() {
    for (forge, line, name) in [
        (Settings::GitLab, "PUT /api/v4/projects/team%2Fmodels/merge_requests/7/merge", "sha"),
        (Settings::Gitea, "POST /api/v1/repos/team/models/pulls/7/merge", "head_commit_id"),
    ] {
        let elsewhere = "2".repeat(40);
        let now = json!({
            "iid": 7, "number": 7, "sha": elsewhere, "head": { "sha": elsewhere }, "state": "opened", "merged": false,
        });
        let peer = Forge::answering(forge, vec![(200, json!({})), (409, json!({})), (200, now)]);
        peer.api.merge_request(7, &head(), &Merging::default()).await.expect("merged");
        let moved = peer.api.merge_request(7, &head(), &Merging::default()).await;
        assert!(matches!(moved, Err(ApiError::Moved { .. })), "{forge:?}: {moved:?}");
        let questions = peer.questions();
        assert_eq!((&*questions[0].line, &questions[0].body[name]), (line, &json!(head())), "{forge:?}");
    }
    let bitbucket = Forge::answering(Settings::Bitbucket, Vec::new());
    let refused = bitbucket.api.merge_request(7, &head(), &Merging::default()).await;
    assert!(matches!(refused, Err(ApiError::Unsupported { .. })), "it merges whatever is there by then: {refused:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_token_is_shown_to_nobody() {
    let peer = Forge::answering(Settings::Gitea, vec![(307, json!({}))]);
    assert!(!format!("{:?}", peer.api).contains("the-token"));
    let refused = peer
        .api
        .report(&report(ReportState::Queued), &mut ReportHandle::default())
        .await
        .expect_err("refused")
        .to_string();
    assert!(refused.contains("redirects are not followed") && !refused.contains("the-token"), "{refused}");
    let url = "https://example.org".to_owned();
    let settings = |forge| ApiSettings {
        forge,
        url: url.clone(),
        repository: "team/models".to_owned(),
        login: Login::Token("t".into()),
        purpose: Purpose::Source { deployments: false },
    };
    assert!(connect_api(settings(Settings::Plain)).is_err(), "a plain git server has no API");
}

#[tokio::test]
async fn a_commit_that_is_not_at_the_forge_any_more_is_never_reported_again_and_one_that_is_hidden_is() {
    for (forge, status, message, is_final) in [
        (Settings::GitHub, 422, "No commit found for SHA", true),
        (Settings::GitHub, 404, "Not Found", false),
        (Settings::GitHub, 401, "Bad credentials", false),
        (Settings::GitHub, 403, "Resource not accessible by integration", false),
        (Settings::GitLab, 404, "404 Commit Not Found", true),
        (Settings::GitLab, 404, "404 Project Not Found", false),
        (Settings::Gitea, 503, "", false),
        (Settings::Bitbucket, 401, "", false),
    ] {
        let peer = Forge::answering(forge, vec![(status, json!({ "message": message }))]);
        let refused = peer.api.report(&report(ReportState::UnderWay), &mut ReportHandle::default()).await;
        peer.questions();
        assert_eq!(refused.expect_err("refused").is_final(), is_final, "{forge:?} {status} {message}");
    }
}
