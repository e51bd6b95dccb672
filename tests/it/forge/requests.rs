//! Requests to merge of our own, as promotions will use them, against the double and its real repository.

use slipway_domain::{Account, ForgeId};
use slipway_forge::{
    ApiSettings, AppLogin, Conclusion, ForgeApi, Login, Marker, NewRequest, Permission, Purpose, Report, ReportHandle,
    ReportState, Settings, connect_api,
};
use slipway_testkit::github::{APP_ID, APP_KEY, GitHub, ROBOT_TOKEN};

use super::ground::{Ground, permissions_go_by_number};

pub(super) struct Peer {
    pub(super) github: GitHub,
    ground: Ground,
}

impl Peer {
    pub(super) async fn start() -> Self {
        let ground = Ground::new().await;
        let github = GitHub::start(ground.bare.clone()).await.expect("a GitHub");
        Self { github, ground }
    }

    fn api(&self, login: Login) -> std::sync::Arc<dyn ForgeApi> {
        let (url, repository) = (self.github.url(), "team/models".to_owned());
        let purpose = Purpose::Environment;
        connect_api(ApiSettings { forge: Settings::GitHub, url, repository, login, purpose }).expect("an API")
    }
}

fn logins() -> [Login; 2] {
    [Login::Token(ROBOT_TOKEN.into()), Login::App(AppLogin::new(APP_ID, APP_KEY).expect("an App"))]
}

#[tokio::test]
async fn a_request_is_opened_once_and_merged_at_exactly_the_head_that_was_judged() {
    for login in logins() {
        let peer = Peer::start().await;
        let api = peer.api(login);
        let [head, base, title, body] = ["promote", "main", "Promote", "because"].map(str::to_owned);
        let new = NewRequest { head, base, title, body };
        let title = |number| peer.github.pull(number)["title"].clone();
        peer.ground.opens_once_and_merges_what_was_judged(api.as_ref(), &new, title).await;
        peer.ground.closes_another(api.as_ref(), new).await;
    }
}

#[tokio::test]
async fn a_permission_is_found_by_number_and_never_by_a_name_that_somebody_else_took() {
    let peer = Peer::start().await;
    peer.github.permit(11, "grace", "write");
    peer.github.permit(12, "eve", "read");
    for login in logins() {
        permissions_go_by_number(peer.api(login).as_ref()).await;
    }
}

#[tokio::test]
async fn what_has_not_changed_since_it_was_asked_costs_nothing_of_the_hour_and_what_has_is_seen_at_once() {
    for login in logins() {
        let peer = Peer::start().await;
        peer.github.permit(11, "grace", "write");
        let api = peer.api(login);
        let grace = Account { id: ForgeId::from(11), name: None };
        let permission = async || api.permission(&grace).await.expect("an answer");
        assert_eq!(permission().await, Permission::Write);
        let (used, _) = peer.github.used();
        for _ in 0..3 {
            assert_eq!(permission().await, Permission::Write);
        }
        assert_eq!(peer.github.used(), (used, 6), "a lookup is two calls");
        peer.github.permit(11, "grace", "read");
        assert_eq!(permission().await, Permission::Read);
        assert_eq!(peer.github.used(), (used + 1, 7), "the account is the same, its permission is not");
    }
}

#[tokio::test]
async fn a_robot_reports_by_statuses_and_finds_its_own_comment_again() {
    let peer = Peer::start().await;
    peer.ground.push("better", "2").await;
    let number = peer.github.open_pull("better", 1).await.expect("a pull request");
    let head = peer.ground.bare.rev_parse("better").await.expect("a commit");
    let report = Report {
        revision: head.parse().expect("a commit"),
        context: "slipway".to_owned(),
        id: "slipway".to_owned(),
        state: ReportState::Ended(Conclusion::Neutral),
        title: "no model is affected".to_owned(),
        text: String::new(),
        annotations: Vec::new(),
        buttons: Vec::new(),
        page: None,
    };
    for text in ["first", "second"] {
        let robot = peer.api(Login::Token(ROBOT_TOKEN.into()));
        robot.report(&report, &mut ReportHandle::default()).await.expect("told");
        robot.comment(number, &Marker::summary(), text, &mut ReportHandle::default()).await.expect("written");
    }
    let statuses = peer.github.statuses(&head);
    assert!(!statuses.is_empty(), "they were told");
    assert!(statuses.iter().all(|status| status["state"] == "success" && status["context"] == "slipway"));
    let comments = peer.github.our_comments(number);
    assert!(comments.len() == 1 && comments[0].ends_with("second"), "{comments:?}");
}
