//! A stateful Bitbucket Cloud, after its documentation (developer.atlassian.com/cloud/bitbucket/rest): what of its REST
//! API Slipway uses, over a real bare repository. What happens in it leaves webhooks, which wait until a test sends them.
//!
//! It knows one repository, `team/models`. Nothing can be merged here: Bitbucket cannot be told which commit to merge
//! ("Merge a pull request" takes a message, a strategy and whether the branch is to be closed), so Slipway never asks.

mod mail;
mod server;
mod state;

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

pub use mail::Delivery;
use state::{Pull, State};

/// The token of Slipway's account there.
pub const ROBOT_TOKEN: &str = "robot-token";

/// A running double.
#[derive(Debug)]
pub struct Bitbucket {
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

impl Bitbucket {
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

    /// Gives an account (a UUID in braces) a permission in the repository, from the next question on.
    pub fn permit(&self, uuid: &str, permission: &str) {
        self.site.lock().people.insert(uuid.to_owned(), permission.to_owned());
    }

    /// Opens a pull request of a branch of the repository into `main`.
    pub async fn open_pull(&self, branch: &str, author: &str) -> Result<u64> {
        let head = self.site.repository.rev_parse(&format!("refs/heads/{branch}")).await?;
        let mut state = self.site.lock();
        let number = state.pulls.len() as u64 + 1;
        state.pulls.push(Pull::new(number, branch, "main", &head, author));
        state.mail_pull("pullrequest:created", number, author, json!({}));
        Ok(number)
    }

    /// Opens a pull request of a branch of a fork into `main`: the commit is not in this repository.
    pub fn open_pull_from_fork(&self, branch: &str, head: &str, author: &str) -> u64 {
        let mut state = self.site.lock();
        let number = state.pulls.len() as u64 + 1;
        state.pulls.push(Pull { forked: true, ..Pull::new(number, branch, "main", head, author) });
        state.mail_pull("pullrequest:created", number, author, json!({}));
        number
    }

    /// Tells once more of a pull request, as when its text was edited.
    pub fn deliver_edit_event(&self, number: u64, author: &str) {
        self.site.lock().mail_pull("pullrequest:updated", number, author, json!({}));
    }

    /// Notices that a pull request's branch moved: Bitbucket tells of the push and of the pull request.
    pub async fn deliver_push_event(&self, number: u64, author: &str) -> Result<String> {
        let (branch, before) = {
            let state = self.site.lock();
            let pull = state.pull(number);
            (pull.branch.clone(), pull.head.clone())
        };
        let head = self.site.repository.rev_parse(&format!("refs/heads/{branch}")).await?;
        let mut state = self.site.lock();
        state.pull_mut(number).head.clone_from(&head);
        state.mail_push(&branch, &before, &head, author);
        state.mail_pull("pullrequest:updated", number, author, json!({}));
        Ok(head)
    }

    /// Declines a pull request.
    pub fn decline(&self, number: u64, account: &str) {
        let mut state = self.site.lock();
        state.pull_mut(number).state = "DECLINED";
        state.mail_pull("pullrequest:rejected", number, account, json!({}));
    }

    /// Writes a comment below a pull request, and answers its identifier.
    pub fn write_comment(&self, number: u64, account: &str, text: &str) -> u64 {
        self.site.lock().write_comment(number, account, text)
    }

    /// Takes out the webhooks that wait, oldest first: what is done with them is the test's business.
    pub fn waiting(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.site.lock().waiting)
    }

    /// The build statuses of a commit under a key: one at most, as a key has one place a commit.
    pub fn statuses(&self, sha: &str, key: &str) -> Vec<Value> {
        let state = self.site.lock();
        state.statuses.iter().filter(|(of, one)| of == sha && one["key"] == key).map(|(_, one)| one.clone()).collect()
    }

    /// The texts of our comments below a pull request, oldest first.
    pub fn our_comments(&self, number: u64) -> Vec<String> {
        let state = self.site.lock();
        let ours = state.comments.iter().filter(|one| one.pull == number && one.account == state::ROBOT);
        ours.map(|comment| comment.text.clone()).collect()
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
        self.site.lock().requests.clone()
    }

    /// Refuses the next requests, because there were too many ("API request limits": 429).
    pub fn limit(&self, count: usize) {
        self.site.lock().limited += count;
    }

    /// Takes every request, does it, and answers the next ones of this method with an error, as if the answer were lost.
    pub fn lose_answers(&self, method: &str, count: usize) {
        self.site.lock().losses.lose(method, count);
    }
}

impl Drop for Bitbucket {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
