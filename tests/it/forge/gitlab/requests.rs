//! Requests to merge of our own at a GitLab, as promotions use them.

use slipway_forge::{ApiError, ApiSettings, ForgeApi, Login, Merging, NewRequest, Purpose, Settings, connect_api};
use slipway_testkit::gitlab::{GitLab, ROBOT_TOKEN, access};

use crate::forge::ground::{Ground, permissions_go_by_number};

struct Peer {
    gitlab: GitLab,
    ground: Ground,
}

impl Peer {
    async fn start() -> Self {
        let ground = Ground::new().await;
        let gitlab = GitLab::start(ground.bare.clone()).await.expect("a GitLab");
        Self { gitlab, ground }
    }

    fn api(&self) -> std::sync::Arc<dyn ForgeApi> {
        let (url, repository) = (self.gitlab.url(), "team/models".to_owned());
        let (login, purpose) = (Login::Token(ROBOT_TOKEN.into()), Purpose::Environment);
        connect_api(ApiSettings { forge: Settings::GitLab, url, repository, login, purpose }).expect("an API")
    }
}

fn new_request(head: &str) -> NewRequest {
    let [base, title, body] = ["main", "Promote", "because\n/close"].map(str::to_owned);
    NewRequest { head: head.to_owned(), base, title, body }
}

#[tokio::test]
async fn a_request_at_gitlab_is_opened_once_and_merged_at_exactly_the_head_that_was_judged() {
    let peer = Peer::start().await;
    let api = peer.api();
    let title = |number| peer.gitlab.merge_request(number)["title"].clone();
    let new = new_request("promote");
    peer.ground.opens_once_and_merges_what_was_judged(api.as_ref(), &new, title).await;
    assert_eq!(peer.ground.bare.tip("promote").await.expect("asked"), None, "its branch does not exist any more");
    let another = peer.ground.closes_another(api.as_ref(), new).await;
    assert!(!peer.gitlab.merge_request(another)["description"].as_str().expect("a text").contains("\n/close"));
}

#[tokio::test]
async fn a_merge_whose_answer_gitlab_lost_is_found_done() {
    let peer = Peer::start().await;
    let judged = peer.ground.push("promote", "2").await;
    let opened = peer.api().open_request(&new_request("promote")).await.expect("opened");
    peer.gitlab.lose_answers("PUT", 1);
    let judged = judged.parse().expect("a commit");
    assert!(peer.api().merge_request(opened.number, &judged, &Merging::default()).await.is_err());
    peer.api().merge_request(opened.number, &judged, &Merging::default()).await.expect("it is merged");
    assert_eq!(peer.ground.bare.commits("main").await.expect("commits").len(), 3, "two commits and one merge");
}

#[tokio::test]
async fn a_request_at_gitlab_that_conflicts_has_to_be_made_anew() {
    let peer = Peer::start().await;
    let judged = peer.ground.push("promote", "2").await;
    peer.ground.work.git(&["reset", "--quiet", "--hard", "origin/main"]).await.expect("back");
    peer.ground.push("main", "3").await;
    let opened = peer.api().open_request(&new_request("promote")).await.expect("opened");
    let refused =
        peer.api().merge_request(opened.number, &judged.parse().expect("a commit"), &Merging::default()).await;
    assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_permission_at_gitlab_is_found_by_number_and_never_by_a_name() {
    let peer = Peer::start().await;
    peer.gitlab.permit(11, "grace", access::DEVELOPER);
    peer.gitlab.permit(12, "eve", access::REPORTER);
    permissions_go_by_number(peer.api().as_ref()).await;
}
