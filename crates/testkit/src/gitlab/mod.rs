//! A stateful GitLab, after its documentation (docs.gitlab.com): what of its REST API Slipway uses, over a real bare
//! repository, with its limits and its refusals. What happens in it leaves webhooks, which wait until a test sends them.
//!
//! It knows one project, `team/models`.

mod guard;
mod mail;
mod merges;
mod notes;
mod server;
mod state;
mod statuses;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::double::{self, Request};
use crate::repository::Repository;

pub use guard::Refusal;
pub use mail::Delivery;
use state::{MergeRequest, State};

/// The token of Slipway's account there.
pub const ROBOT_TOKEN: &str = "glpat-robot";

/// Access levels (docs.gitlab.com, "Members API", "Roles").
pub mod access {
    /// May look and comment.
    pub const REPORTER: u64 = 20;
    /// May push.
    pub const DEVELOPER: u64 = 30;
}

/// A running double.
#[derive(Debug)]
pub struct GitLab {
    address: SocketAddr,
    site: Arc<Site>,
    stop: CancellationToken,
    _serving: JoinSet<()>,
}

/// What the double's parts share.
#[derive(Debug)]
struct Site {
    state: Mutex<State>,
    repository: Repository,
    /// Tells that a request was answered.
    answered: Notify,
}

impl Site {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GitLab {
    /// Starts a double over a bare repository.
    pub async fn start(repository: Repository) -> Result<Self> {
        let site = Arc::new(Site { state: Mutex::new(State::new()), repository, answered: Notify::new() });
        let stop = CancellationToken::new();
        let mut parts = JoinSet::new();
        let address = double::listen(server::router(&site), &stop, &mut parts).await?;
        Ok(Self { address, site, stop, _serving: parts })
    }

    /// The address that its API is below.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives an account an access level in the project, from the next question on.
    pub fn permit(&self, id: u64, username: &str, access_level: u64) {
        self.site.lock().people.insert(id, (username.to_owned(), access_level));
    }

    /// Opens a merge request of a branch of the project into `main`.
    pub async fn open_merge_request(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(&self.site.repository, branch, state::PROJECT, author, false).await
    }

    /// The same as a draft.
    pub async fn open_draft(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(&self.site.repository, branch, state::PROJECT, author, true).await
    }

    /// Marks a draft as ready.
    pub fn mark_ready(&self, number: u64) {
        let mut state = self.site.lock();
        state.merge_mut(number).draft = false;
        let changes = json!({ "draft": { "previous": true, "current": false } });
        state.mail_merge_request_with(number, "update", json!({}), &changes);
    }

    /// Opens a merge request of a branch of a fork into `main`.
    pub async fn open_merge_request_from(&self, fork: &Repository, branch: &str, author: u64) -> Result<u64> {
        self.open(fork, branch, state::FORK, author, false).await
    }

    async fn open(&self, from: &Repository, branch: &str, project: u64, author: u64, draft: bool) -> Result<u64> {
        let number = self.site.lock().merges.len() as u64 + 1;
        let head = self.show_head(number, from, branch).await?;
        let mut state = self.site.lock();
        state
            .merges
            .push(MergeRequest { draft, ..MergeRequest::new(number, (project, branch), "main", &head, author) });
        state.mail_merge_request(number, "open", json!({}));
        Ok(number)
    }

    /// Notices that a merge request's branch moved: GitLab tells of the push, of the merge request's commits, and once
    /// more when it has checked whether it can be merged.
    pub async fn deliver_push_event(&self, number: u64) -> Result<String> {
        let (branch, before, author) = {
            let state = self.site.lock();
            let merge = state.merge(number);
            (merge.branch.clone(), merge.head.clone(), merge.author)
        };
        let head = self.show_head(number, &self.site.repository, &branch).await?;
        let mut state = self.site.lock();
        state.merge_mut(number).head.clone_from(&head);
        state.mail_push(&branch, &before, &head, author);
        state.mail_merge_request(number, "update", json!({ "oldrev": before }));
        state.mail_merge_request(number, "update", json!({}));
        Ok(head)
    }

    /// Closes a merge request without merging it.
    pub fn close(&self, number: u64) {
        let mut state = self.site.lock();
        state.merge_mut(number).state = "closed";
        state.mail_merge_request(number, "close", json!({}));
    }

    /// Writes a note below a merge request, and answers its identifier.
    pub fn write_note(&self, number: u64, account: u64, text: &str) -> u64 {
        self.site.lock().write_note(number, account, text)
    }

    /// Takes out the webhooks that wait, oldest first: what is done with them is the test's business.
    pub fn waiting(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.site.lock().waiting)
    }

    /// The statuses of a commit under a name as GitLab lists them: without those that a newer one took the place of
    /// ("Commits API", "List the statuses of a commit", `all`).
    pub fn statuses(&self, sha: &str, name: &str) -> Vec<Value> {
        let state = self.site.lock();
        let of_name = state.statuses.iter().filter(|one| one["sha"] == sha && one["name"] == name);
        of_name.filter(|one| one["retried"] != true).cloned().collect()
    }

    /// The states that a status went through.
    pub fn history(&self, status: &Value) -> Vec<&'static str> {
        let state = self.site.lock();
        state.history.iter().filter(|(id, _)| status["id"] == *id).map(|(_, state)| *state).collect()
    }

    /// The texts of our notes below a merge request, oldest first.
    pub fn our_notes(&self, number: u64) -> Vec<String> {
        let state = self.site.lock();
        let ours = state.notes.iter().filter(|note| note.merge == number && note.account == state::ROBOT);
        ours.map(|note| note.text.clone()).collect()
    }

    /// The emoji on a note.
    pub fn awards(&self, note: u64) -> Vec<String> {
        let state = self.site.lock();
        state.awards.iter().filter(|(of, _, _)| *of == note).map(|(_, _, name)| name.clone()).collect()
    }

    /// A merge request as the API shows it.
    pub fn merge_request(&self, number: u64) -> Value {
        self.site.lock().merge(number).shown()
    }

    /// Looks after every request until there is something, and answers it.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&Self) -> Option<T>,
    ) -> Result<T> {
        double::wait_for(what, deadline, &self.site.answered, || Ok(condition(self)), || self.requests()).await
    }

    /// Every request so far, in the order in which they came in.
    pub fn requests(&self) -> Vec<Request> {
        self.site.lock().guard.requests.clone()
    }

    /// Refuses the next requests.
    pub fn refuse(&self, count: usize, refusal: Refusal) {
        self.site.lock().guard.refuse(count, refusal);
    }

    /// Takes every request, does it, and answers the next ones of this method with an error, as if the answer were lost.
    pub fn lose_answers(&self, method: &str, count: usize) {
        self.site.lock().guard.losses.lose(method, count);
    }

    /// Brings a merge request's head into the project, under the name that GitLab gives it.
    async fn show_head(&self, number: u64, from: &Repository, branch: &str) -> Result<String> {
        let reference = format!("refs/merge-requests/{number}/head");
        let refspec = format!("+refs/heads/{branch}:{reference}");
        let path = from.path().to_string_lossy();
        self.site.repository.git(&["fetch", "--quiet", &path, &refspec]).await?;
        self.site.repository.rev_parse(&reference).await
    }
}

impl Drop for GitLab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
