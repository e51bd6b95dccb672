//! A bare repository with one commit, and what every forge's requests to merge and permissions have to be like, whichever
//! double keeps them.

use serde_json::Value;
use slipway_domain::{Account, CommitSha, ForgeId};
use slipway_forge::{ApiError, ForgeApi, Merging, NewRequest, Permission};
use slipway_testkit::{Repository, WorkTree};

pub(super) struct Ground {
    pub(super) bare: Repository,
    pub(super) work: WorkTree,
    _folder: tempfile::TempDir,
}

impl Ground {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Repository::init_bare(folder.path().join("bare.git")).await.expect("a repository");
        let url = bare.path().to_string_lossy().into_owned();
        let work = WorkTree::clone(&url, folder.path().join("work")).await.expect("a work tree");
        let ground = Self { bare, work, _folder: folder };
        ground.push("main", "1").await;
        ground
    }

    pub(super) async fn push(&self, branch: &str, content: &str) -> String {
        self.work.write("a", content).expect("written");
        let head = self.work.commit(content).await.expect("a commit");
        assert!(self.work.push(branch).await.expect("pushed").success());
        head
    }

    /// A request of `promote` is opened once, given another title, not merged when its head moved, and merged at the head
    /// that is named, once.
    pub(super) async fn opens_once_and_merges_what_was_judged(
        &self,
        api: &dyn ForgeApi,
        new: &NewRequest,
        title: impl Fn(u64) -> Value,
    ) {
        let judged: CommitSha = self.push("promote", "2").await.parse().expect("a commit");
        assert_eq!(api.find_request("promote", "main").await.expect("an answer"), None);
        let opened = api.open_request(new).await.expect("opened");
        assert_eq!((&opened.head, opened.merged), (&judged, false));
        assert_eq!(api.open_request(new).await.expect("there already"), opened);
        api.update_request(opened.number, "Promote digits", "because of that").await.expect("updated");
        assert_eq!(title(opened.number), "Promote digits");

        let before = self.bare.rev_parse("main").await.expect("a commit");
        let moved = self.push("promote", "3").await.parse().expect("a commit");
        let refused = api.merge_request(opened.number, &judged, &Merging::default()).await;
        assert!(matches!(refused, Err(ApiError::Moved { .. })), "{refused:?}");
        assert_eq!(self.bare.rev_parse("main").await.expect("a commit"), before, "nothing was merged");

        api.merge_request(opened.number, &moved, &Merging::default()).await.expect("merged");
        api.merge_request(opened.number, &moved, &Merging::default()).await.expect("merged already");
        assert_eq!(self.bare.show("main", "a").await.expect("a file"), "3");
        assert!(api.merge_request(opened.number, &judged, &Merging::default()).await.is_err());
    }

    /// A request that is closed is not found any more. Answers its number.
    pub(super) async fn closes_another(&self, api: &dyn ForgeApi, new: NewRequest) -> u64 {
        self.push("another", "4").await;
        let another = api.open_request(&NewRequest { head: "another".to_owned(), ..new }).await.expect("opened");
        api.close_request(another.number).await.expect("closed");
        assert_eq!(api.find_request("another", "main").await.expect("an answer"), None);
        another.number
    }
}

/// Permissions of accounts 1 (an administrator), 11 (who may push), 12 (who may only look) and 99 (nobody), by their numbers
/// and never by their names.
pub(super) async fn permissions_go_by_number(api: &dyn ForgeApi) {
    let permission = async |id: u64, name: &str| {
        let account = Account { id: ForgeId::from(id), name: Some(name.to_owned()) };
        api.permission(&account).await.expect("an answer")
    };
    assert_eq!(permission(1, "ada").await, Permission::Admin);
    assert_eq!(permission(11, "grace").await, Permission::Write);
    assert_eq!(permission(12, "grace").await, Permission::Read);
    assert_eq!(permission(99, "ada").await, Permission::None);
}
