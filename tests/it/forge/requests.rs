//! Requests to merge of our own, as promotions will use them, against the double and its real repository.

use slipway::domain::{Account, ForgeId};
use slipway::forge::{
    ApiError, ApiSettings, AppLogin, Conclusion, ForgeApi, Login, Marker, NewRequest, Permission, Purpose, Report,
    ReportState, Settings, connect_api,
};
use slipway_testkit::github::{APP_ID, APP_KEY, GitHub, ROBOT_TOKEN};
use slipway_testkit::{Repository, WorkTree};

pub(super) struct Peer {
    pub(super) github: GitHub,
    bare: Repository,
    work: WorkTree,
    _folder: tempfile::TempDir,
}

impl Peer {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Repository::init_bare(folder.path().join("bare.git")).await.expect("a repository");
        let url = bare.path().to_string_lossy().into_owned();
        let work = WorkTree::clone(&url, folder.path().join("work")).await.expect("a work tree");
        work.write("a", "1").expect("written");
        work.commit("first").await.expect("a commit");
        assert!(work.push("main").await.expect("pushed").success());
        let github = GitHub::start(bare.clone()).await.expect("a GitHub");
        Self { github, bare, work, _folder: folder }
    }

    async fn push(&self, branch: &str, content: &str) -> String {
        self.work.write("a", content).expect("written");
        let head = self.work.commit(content).await.expect("a commit");
        assert!(self.work.push(branch).await.expect("pushed").success());
        head
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
        let judged = peer.push("promote", "2").await;
        assert_eq!(api.find_request("promote", "main").await.expect("an answer"), None);
        let text = |text: &str| text.to_owned();
        let new =
            NewRequest { head: text("promote"), base: text("main"), title: text("Promote"), body: text("because") };
        let opened = api.open_request(&new).await.expect("opened");
        assert_eq!((opened.head.to_string(), opened.merged), (judged.clone(), false));
        assert_eq!(api.open_request(&new).await.expect("there already"), opened);
        api.update_request(opened.number, "Promote digits", "because of that").await.expect("updated");
        assert_eq!(peer.github.pull(opened.number)["title"], "Promote digits");

        let before = peer.bare.rev_parse("main").await.expect("a commit");
        let moved = peer.push("promote", "3").await;
        let refused = api.merge_request(opened.number, &judged.parse().expect("a commit")).await;
        assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
        assert_eq!(peer.bare.rev_parse("main").await.expect("a commit"), before, "nothing was merged");

        let moved = moved.parse().expect("a commit");
        api.merge_request(opened.number, &moved).await.expect("merged");
        api.merge_request(opened.number, &moved).await.expect("merged already");
        assert_eq!(peer.bare.show("main", "a").await.expect("a file"), "3");
        assert!(api.merge_request(opened.number, &judged.parse().expect("a commit")).await.is_err());

        peer.push("another", "4").await;
        let another = api.open_request(&NewRequest { head: text("another"), ..new }).await.expect("opened");
        api.close_request(another.number).await.expect("closed");
        assert_eq!(api.find_request("another", "main").await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn a_permission_is_looked_up_by_number_and_never_by_a_name_that_somebody_else_took() {
    let peer = Peer::start().await;
    peer.github.permit(11, "grace", "write");
    peer.github.permit(12, "eve", "read");
    for login in logins() {
        let api = peer.api(login);
        let permission = async |id: u64, name: &str| {
            let account = Account { id: ForgeId::from(id), name: Some(name.to_owned()) };
            api.permission(&account).await.expect("an answer")
        };
        assert_eq!(permission(1, "ada").await, Permission::Admin);
        assert_eq!(permission(11, "grace").await, Permission::Write);
        assert_eq!(permission(12, "grace").await, Permission::Read);
        assert_eq!(permission(99, "ada").await, Permission::None);
    }
}

#[tokio::test]
async fn a_robot_tells_by_statuses_and_finds_its_own_comment_again() {
    let peer = Peer::start().await;
    peer.push("better", "2").await;
    let number = peer.github.open_pull("better", 1).await.expect("a pull request");
    let head = peer.bare.rev_parse("better").await.expect("a commit");
    let report = Report {
        revision: head.parse().expect("a commit"),
        context: "slipway".to_owned(),
        id: "slipway".to_owned(),
        state: ReportState::Ended(Conclusion::Neutral),
        title: "no model is touched".to_owned(),
        text: String::new(),
        annotations: Vec::new(),
        buttons: Vec::new(),
        page: None,
    };
    for text in ["first", "second"] {
        let robot = peer.api(Login::Token(ROBOT_TOKEN.into()));
        robot.report(&report).await.expect("told");
        robot.comment(number, &Marker::summary(), text).await.expect("written");
    }
    let statuses = peer.github.statuses(&head);
    assert!(!statuses.is_empty(), "they were told");
    assert!(statuses.iter().all(|status| status["state"] == "success" && status["context"] == "slipway"));
    let comments = peer.github.our_comments(number);
    assert!(comments.len() == 1 && comments[0].ends_with("second"), "{comments:?}");
}
