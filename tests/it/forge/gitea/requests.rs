//! The calls of a real Gitea or Forgejo that promotions and commands rest on.

use std::sync::Arc;

use slipway_domain::{Account, CommitSha, ForgeId, Retry};
use slipway_forge::{
    ApiError, ApiSettings, ForgeApi, Login, MergeMethod, Merging, NewRequest, Permission, Purpose, Settings,
    connect_api,
};
use slipway_testkit::WorkTree;
use slipway_testkit::gitea::{Brand, Gitea, Person};

use super::SCOPES;
use crate::support::DEADLINE;

/// A repository with one commit, and Slipway's account in it.
struct Peer {
    gitea: Gitea,
    slipway: Person,
    work: WorkTree,
    _folder: tempfile::TempDir,
}

impl Peer {
    async fn start(brand: Brand) -> Option<Self> {
        let gitea = Gitea::start(brand).await.expect("it starts")?;
        gitea.organisation("team").await.expect("a team");
        let project = gitea.project("team", "models").await.expect("a repository");
        let slipway = gitea.person("slipway").await.expect("an account");
        project.permit(&slipway, "admin").await.expect("permitted");
        let token = gitea.token(&slipway, SCOPES).await.expect("a token");
        let folder = tempfile::tempdir().expect("a folder");
        let url = gitea.clone_url("team/models", "slipway", &token);
        let work = WorkTree::clone(&url, folder.path().join("work")).await.expect("a work tree");
        let peer = Self { gitea, slipway, work, _folder: folder };
        peer.push("main", "1").await;
        Some(peer)
    }

    async fn api(&self, scopes: &[&str]) -> Arc<dyn ForgeApi> {
        let token = self.gitea.token(&self.slipway, scopes).await.expect("a token");
        let (url, repository) = (self.gitea.url().to_owned(), "team/models".to_owned());
        let login = Login::Token(token.into());
        let forge = match self.gitea.brand() {
            Brand::Gitea => Settings::Gitea,
            Brand::Forgejo => Settings::Forgejo,
        };
        let settings = ApiSettings { forge, url, repository, login, purpose: Purpose::Environment };
        connect_api(settings).expect("an API")
    }

    async fn push(&self, branch: &str, content: &str) -> CommitSha {
        self.work.write("a", content).expect("written");
        let head = self.work.commit(content).await.expect("a commit");
        let pushed = self.work.push(branch).await.expect("pushed");
        assert!(pushed.success(), "{}", pushed.stderr);
        head.parse().expect("a commit")
    }
}

/// Merges as promotions do: a forge that asks to wait is waited for.
async fn merged(api: &dyn ForgeApi, number: u64, head: &CommitSha) -> Result<(), ApiError> {
    merged_by(api, number, head, &Merging::default()).await
}

async fn merged_by(api: &dyn ForgeApi, number: u64, head: &CommitSha, merging: &Merging<'_>) -> Result<(), ApiError> {
    let merged = async {
        loop {
            match api.merge_request(number, head, merging).await {
                Err(error) if let Retry::After(pause) = error.retry() => tokio::time::sleep(pause).await,
                ended => return ended,
            }
        }
    };
    tokio::time::timeout(DEADLINE, merged).await.expect("it ends")
}

#[tokio::test]
async fn a_request_at_a_real_gitea_is_opened_once_and_merged_at_exactly_the_head_that_was_judged() {
    opens_once_and_merges_what_was_judged(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_request_at_a_real_forgejo_is_opened_once_and_merged_at_exactly_the_head_that_was_judged() {
    opens_once_and_merges_what_was_judged(Brand::Forgejo).await;
}

async fn opens_once_and_merges_what_was_judged(brand: Brand) {
    let Some(peer) = Peer::start(brand).await else { return };
    let api = peer.api(SCOPES).await;
    let project = peer.gitea.at("team/models");
    let judged = peer.push("promote", "2").await;
    assert_eq!(api.find_request("promote", "main").await.expect("an answer"), None);
    let text = |text: &str| text.to_owned();
    let new = NewRequest { head: text("promote"), base: text("main"), title: text("Promote"), body: text("because") };
    let opened = api.open_request(&new).await.expect("opened");
    assert_eq!((&opened.head, opened.merged), (&judged, false));
    assert_eq!(api.open_request(&new).await.expect("there already"), opened);
    api.update_request(opened.number, "Promote digits", "because of that").await.expect("updated");
    assert_eq!(project.pull(opened.number).await.expect("a request")["title"], "Promote digits");

    let bare = peer.gitea.repository("team/models");
    let before = bare.rev_parse("main").await.expect("a commit");
    let moved = peer.push("promote", "3").await;
    let refused = merged(api.as_ref(), opened.number, &judged).await;
    assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
    assert_eq!(bare.rev_parse("main").await.expect("a commit"), before, "nothing was merged");
    merged(api.as_ref(), opened.number, &moved).await.expect("merged");
    merged(api.as_ref(), opened.number, &moved).await.expect("merged already");
    assert_eq!(bare.show("main", "a").await.expect("a file"), "3");
    assert!(merged(api.as_ref(), opened.number, &judged).await.is_err());

    peer.push("another", "4").await;
    let another = api.open_request(&NewRequest { head: text("another"), ..new }).await.expect("opened");
    api.close_request(another.number).await.expect("closed");
    assert_eq!(api.find_request("another", "main").await.expect("an answer"), None);
}

#[tokio::test]
async fn a_squash_with_the_title_alone_is_named_by_its_request_at_a_real_gitea() {
    names_the_commit_of_a_squash(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_squash_with_the_title_alone_is_named_by_its_request_at_a_real_forgejo() {
    names_the_commit_of_a_squash(Brand::Forgejo).await;
}

async fn names_the_commit_of_a_squash(brand: Brand) {
    let Some(peer) = Peer::start(brand).await else { return };
    let api = peer.api(SCOPES).await;
    let head = peer.push("promote", "2").await;
    let [head_branch, base, title] = ["promote", "main", "Promote"].map(str::to_owned);
    let new = NewRequest { head: head_branch, base, title, body: String::new() };

    let opened = api.open_request(&new).await.expect("opened");
    let by_title = Merging { method: Some(MergeMethod::Squash), message: "Promote" };
    merged_by(api.as_ref(), opened.number, &head, &by_title).await.expect("merged");
    let repository = peer.gitea.repository("team/models");
    let tip = repository.rev_parse("main").await.expect("a commit");
    assert!(!repository.message("main").await.expect("a message").contains("Slipway-"), "no trailer says whose it is");
    let request = api.get_request(opened.number).await.expect("a request");
    assert_eq!((request.merged, &request.head), (true, &head));
    assert_eq!(request.merge_commit.map(|commit| commit.to_string()), Some(tip));
}

#[tokio::test]
async fn a_merge_that_a_rule_of_a_real_gitea_forbids_is_refused_and_not_taken_for_a_moved_head() {
    refuses_what_a_rule_forbids(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_merge_that_a_rule_of_a_real_forgejo_forbids_is_refused_and_not_taken_for_a_moved_head() {
    refuses_what_a_rule_forbids(Brand::Forgejo).await;
}

async fn refuses_what_a_rule_forbids(brand: Brand) {
    let Some(peer) = Peer::start(brand).await else { return };
    let api = peer.api(SCOPES).await;
    let project = peer.gitea.at("team/models");
    project.protect("main", &["manifests"]).await.expect("protected");
    let head = peer.push("promote", "2").await;
    let text = |text: &str| text.to_owned();
    let new = NewRequest { head: text("promote"), base: text("main"), title: text("Promote"), body: String::new() };
    let opened = api.open_request(&new).await.expect("opened");
    let refused = merged(api.as_ref(), opened.number, &head).await;
    assert!(matches!(&refused, Err(ApiError::Refused { reason, .. }) if reason.contains("checks")), "{refused:?}");
    project.set_status(head.as_str(), "manifests", "success").await.expect("reported");
    merged(api.as_ref(), opened.number, &head).await.expect("merged");
}

#[tokio::test]
async fn a_permission_at_a_real_gitea_is_found_by_number_and_never_by_a_name() {
    finds_permissions_by_number(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_permission_at_a_real_forgejo_is_found_by_number_and_never_by_a_name() {
    finds_permissions_by_number(Brand::Forgejo).await;
}

async fn finds_permissions_by_number(brand: Brand) {
    let Some(peer) = Peer::start(brand).await else { return };
    let api = peer.api(SCOPES).await;
    let project = peer.gitea.at("team/models");
    let permission = async |id: u64, name: &str| {
        api.permission(&Account { id: ForgeId::from(id), name: Some(name.to_owned()) }).await.expect("an answer")
    };
    assert_eq!(permission(peer.slipway.id, "slipway").await, Permission::Admin);
    for (name, word, expected) in [("grace", "write", Permission::Write), ("eve", "read", Permission::Read)] {
        let person = peer.gitea.person(name).await.expect("an account");
        project.permit(&person, word).await.expect("permitted");
        assert_eq!(permission(person.id, "slipway").await, expected, "{name} calls itself slipway");
    }
    assert_eq!(permission(99, "slipway").await, Permission::None);
}
