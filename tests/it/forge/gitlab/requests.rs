//! Requests to merge of our own at a GitLab, as promotions use them.

use slipway::domain::{Account, ForgeId};
use slipway::forge::{ApiError, ApiSettings, ForgeApi, Login, NewRequest, Permission, Purpose, Settings, connect_api};
use slipway_testkit::gitlab::{GitLab, ROBOT_TOKEN, access};
use slipway_testkit::{Repository, WorkTree};

struct Peer {
    gitlab: GitLab,
    bare: Repository,
    work: WorkTree,
    _folder: tempfile::TempDir,
}

impl Peer {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Repository::init_bare(folder.path().join("bare.git")).await.expect("a repository");
        let url = bare.path().to_string_lossy().into_owned();
        let work = WorkTree::clone(&url, folder.path().join("work")).await.expect("a work tree");
        let gitlab = GitLab::start(bare.clone()).await.expect("a GitLab");
        let peer = Self { gitlab, bare, work, _folder: folder };
        peer.push("main", "1").await;
        peer
    }

    async fn push(&self, branch: &str, content: &str) -> String {
        self.work.write("a", content).expect("written");
        let head = self.work.commit(content).await.expect("a commit");
        assert!(self.work.push(branch).await.expect("pushed").success());
        head
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
    let judged = peer.push("promote", "2").await;
    assert_eq!(api.find_request("promote", "main").await.expect("an answer"), None);
    let new = new_request("promote");
    let opened = api.open_request(&new).await.expect("opened");
    assert_eq!((opened.head.to_string(), opened.merged), (judged.clone(), false));
    assert_eq!(api.open_request(&new).await.expect("there already"), opened);
    api.update_request(opened.number, "Promote digits", "because of that").await.expect("updated");
    assert_eq!(peer.gitlab.merge_request(opened.number)["title"], "Promote digits");

    let before = peer.bare.rev_parse("main").await.expect("a commit");
    let moved = peer.push("promote", "3").await;
    let refused = api.merge_request(opened.number, &judged.parse().expect("a commit")).await;
    assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
    assert_eq!(peer.bare.rev_parse("main").await.expect("a commit"), before, "nothing was merged");

    let moved = moved.parse().expect("a commit");
    api.merge_request(opened.number, &moved).await.expect("merged");
    api.merge_request(opened.number, &moved).await.expect("merged already");
    assert_eq!(peer.bare.show("main", "a").await.expect("a file"), "3");
    assert_eq!(peer.bare.tip("promote").await.expect("asked"), None, "its branch is gone");
    assert!(api.merge_request(opened.number, &judged.parse().expect("a commit")).await.is_err());

    peer.push("another", "4").await;
    let another = api.open_request(&new_request("another")).await.expect("opened");
    assert!(!peer.gitlab.merge_request(another.number)["description"].as_str().expect("a text").contains("\n/close"));
    api.close_request(another.number).await.expect("closed");
    assert_eq!(api.find_request("another", "main").await.expect("an answer"), None);
}

#[tokio::test]
async fn a_merge_whose_answer_gitlab_lost_is_found_done() {
    let peer = Peer::start().await;
    let judged = peer.push("promote", "2").await;
    let opened = peer.api().open_request(&new_request("promote")).await.expect("opened");
    peer.gitlab.lose_answers("PUT", 1);
    let judged = judged.parse().expect("a commit");
    assert!(peer.api().merge_request(opened.number, &judged).await.is_err());
    peer.api().merge_request(opened.number, &judged).await.expect("it is merged");
    assert_eq!(peer.bare.commits("main").await.expect("commits").len(), 3, "two commits and one merge");
}

#[tokio::test]
async fn a_request_at_gitlab_that_conflicts_has_to_be_made_anew() {
    let peer = Peer::start().await;
    let judged = peer.push("promote", "2").await;
    peer.work.git(&["reset", "--quiet", "--hard", "origin/main"]).await.expect("back");
    peer.push("main", "3").await;
    let opened = peer.api().open_request(&new_request("promote")).await.expect("opened");
    let refused = peer.api().merge_request(opened.number, &judged.parse().expect("a commit")).await;
    assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_permission_at_gitlab_is_looked_up_by_number_and_never_by_a_name() {
    let peer = Peer::start().await;
    peer.gitlab.permit(11, "grace", access::DEVELOPER);
    peer.gitlab.permit(12, "eve", access::REPORTER);
    let permission = async |id: u64, name: &str| {
        let account = Account { id: ForgeId::from(id), name: Some(name.to_owned()) };
        peer.api().permission(&account).await.expect("an answer")
    };
    assert_eq!(permission(1, "ada").await, Permission::Admin);
    assert_eq!(permission(11, "grace").await, Permission::Write);
    assert_eq!(permission(12, "grace").await, Permission::Read);
    assert_eq!(permission(99, "ada").await, Permission::None);
}
