//! A stateful GitHub: what of its API Slipway uses, over a real bare repository, with its limits and its refusals. What
//! happens in it leaves webhooks, which wait until a test sends them: in order, twice, late, the wrong way round or never.
//!
//! It knows one repository, `team/models`, and one App that is installed there.

mod app;
mod contract;
mod deployments;
mod edge;
mod guard;
mod limits;
mod mail;
mod pulls;
mod register;
mod server;
mod shapes;
mod state;
mod tags;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Json;
use axum::extract::{Path, State as Shared};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::double;
use crate::repository::Repository;

pub use crate::double::Request;
pub use app::{Setup, webhook};
pub use contract::is_checked;
pub use guard::Refusal;
pub use mail::Delivery;
use state::{Pull, State};

/// The private key of the App that the double knows; made for tests, and used nowhere else.
pub const APP_KEY: &str = include_str!("app-key.pem");
/// The key that the App has once its key was rotated.
pub const SECOND_APP_KEY: &str = include_str!("second-app-key.pem");
/// The App's identifier.
pub const APP_ID: u64 = 4_711;
/// A token of a robot, which is no App.
pub const ROBOT_TOKEN: &str = "robot-token";

/// A running double.
#[derive(Debug)]
pub struct GitHub {
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

impl GitHub {
    /// Starts a double over a bare repository.
    pub async fn start(repository: Repository) -> Result<Self> {
        let site = Arc::new(Site { state: Mutex::new(State::new()), repository, answered: Notify::new() });
        let stop = CancellationToken::new();
        let edge::Serving { address, parts } = edge::serve(&site, &stop).await?;
        Ok(Self { address, site, stop, _serving: parts })
    }

    /// The address of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives an account a permission in the repository, such as `write`, from the next question on.
    pub fn permit(&self, id: u64, login: &str, permission: &str) {
        self.site.lock().people.insert(id, (login.to_owned(), permission.to_owned()));
    }

    /// Says whose commits those with an address are: an account's, or nobody's.
    pub fn link_email(&self, email: &str, account: Option<u64>) {
        let mut state = self.site.lock();
        match account {
            Some(account) => state.emails.insert(email.to_owned(), account),
            None => state.emails.remove(email),
        };
    }

    /// Opens a pull request of a branch of the repository into `main`.
    pub async fn open_pull(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(branch, |pull| pull, author).await
    }

    /// Opens a pull request of a fork, whose branch the repository has under GitHub's own name alone: the double finds it
    /// under `branch` and takes it away there.
    pub async fn open_pull_of_fork(&self, branch: &str, author: u64) -> Result<u64> {
        let number = self.open(branch, |pull| Pull { of_fork: true, ..pull }, author).await?;
        self.site.repository.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]).await?;
        Ok(number)
    }

    /// Opens one as a draft.
    pub async fn open_draft(&self, branch: &str, author: u64) -> Result<u64> {
        self.open(branch, |pull| Pull { draft: true, ..pull }, author).await
    }

    /// Marks a draft as ready.
    pub fn mark_ready(&self, number: u64) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.draft = false;
        let author = pull.author;
        let body = json!({ "action": "ready_for_review", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
    }

    /// Gives a pull request a label.
    pub fn label(&self, number: u64, name: &str) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.labels.push(name.to_owned());
        let author = pull.author;
        let pull = state.pull(number);
        let label = pull["labels"].as_array().and_then(|labels| labels.last()).cloned();
        state.mail(
            "pull_request",
            json!({ "action": "labeled", "number": number, "pull_request": pull, "label": label }),
            author,
        );
    }

    async fn open(&self, branch: &str, as_what: impl FnOnce(Pull) -> Pull, author: u64) -> Result<u64> {
        let number = self.site.lock().pulls.len() as u64 + 1;
        let head = self.show_head(number, branch).await?;
        let base = self.site.repository.rev_parse("refs/heads/main").await?;
        let mut state = self.site.lock();
        state.pulls.push(as_what(Pull::new(number, branch, "main", &head, &base, author)));
        let body = json!({ "action": "opened", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
        Ok(number)
    }

    /// Notices that a pull request's branch moved.
    pub async fn notice_push(&self, number: u64) -> Result<String> {
        let branch = self.site.lock().pulls[index_of(number)].branch.clone();
        let head = self.show_head(number, &branch).await?;
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.head.clone_from(&head);
        let author = pull.author;
        let body = json!({ "action": "synchronize", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
        Ok(head)
    }

    /// Tells of a push to a branch of the repository by an account.
    pub fn tell_push(&self, branch: &str, before: &str, after: &str, account: u64) {
        let push = json!({
            "ref": format!("refs/heads/{branch}"), "before": before, "after": after,
            "created": false, "deleted": false, "forced": false, "commits": [],
        });
        self.site.lock().mail("push", push, account);
    }

    /// How many pull requests there have been.
    pub fn pulls(&self) -> usize {
        self.site.lock().pulls.len()
    }

    /// Takes these methods of merging alone: `merge`, `squash`, `rebase`.
    pub fn take_merges_by(&self, methods: &[&str]) {
        self.site.lock().merge_methods = methods.iter().map(|method| (*method).to_owned()).collect();
    }

    /// Merges a pull request as its page does, whatever its head is, by the first method that is taken. A squash has the title
    /// of the request as its message, and nothing else.
    pub async fn merge_pull(&self, number: u64) -> Result<()> {
        let method = self.site.lock().merge_methods.first().cloned();
        let body = json!({ "merge_method": method });
        let merged = pulls::merge(Shared(Arc::clone(&self.site)), Path(number), Json(body)).await;
        anyhow::ensure!(merged.is_ok(), "pull request {number} cannot be merged");
        Ok(())
    }

    /// Closes a pull request without merging it.
    pub fn close_pull(&self, number: u64) {
        let mut state = self.site.lock();
        let pull = &mut state.pulls[index_of(number)];
        pull.close(None);
        let author = pull.author;
        let body = json!({ "action": "closed", "number": number, "pull_request": state.pull(number) });
        state.mail("pull_request", body, author);
    }

    /// Writes a comment below a pull request, and answers its identifier.
    pub fn write_comment(&self, number: u64, account: u64, text: &str) -> u64 {
        self.site.lock().write_comment(number, account, None, text)
    }

    /// Presses a button of the newest check of that name, or GitHub's own if `button` is none.
    pub fn press(&self, name: &str, button: Option<&str>, account: u64) -> Result<()> {
        let mut state = self.site.lock();
        let check = state.checks.iter().rev().find(|check| check["name"] == name);
        let check = check.with_context(|| format!("there is no check `{name}`"))?.clone();
        let body = match button {
            Some(button) => {
                let actions = check["actions"].as_array().cloned().unwrap_or_default();
                anyhow::ensure!(actions.iter().any(|action| action["identifier"] == button), "no such button");
                json!({ "action": "requested_action", "check_run": check, "requested_action": { "identifier": button } })
            }
            None => json!({ "action": "rerequested", "check_run": check }),
        };
        state.mail("check_run", body, account);
        Ok(())
    }

    /// Forms a merge group of one pull request, on the commit that is its head.
    pub async fn form_merge_group(&self, number: u64) -> Result<String> {
        let (head, base) = {
            let state = self.site.lock();
            let pull = &state.pulls[index_of(number)];
            (pull.head.clone(), pull.base.clone())
        };
        let branch = format!("refs/heads/gh-readonly-queue/main/pr-{number}-{base}");
        self.site.repository.git(&["update-ref", &branch, &head]).await?;
        let body = json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": head, "head_ref": branch, "base_sha": base, "base_ref": "refs/heads/main",
                "head_commit": { "id": head },
            },
        });
        self.site.lock().mail("merge_group", body, 1);
        Ok(branch)
    }

    /// Takes out the webhooks that wait, oldest first: what is done with them is the test's business.
    pub fn waiting(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.site.lock().waiting)
    }

    /// Notes on the App's page what was answered to a webhook; 502 if nobody was reached.
    pub fn note_attempt(&self, delivery: &Delivery, status: u16) {
        let mut state = self.site.lock();
        let (id, delivery) = (state.new_id(), delivery.clone());
        state.attempts.push(mail::Attempt { id, delivery, status, at: shapes::now() });
    }

    /// The checks of a name at a commit, oldest first.
    pub fn checks(&self, head: &str, name: &str) -> Vec<Value> {
        let state = self.site.lock();
        let checks = state.checks.iter().filter(|check| check["head_sha"] == head && check["name"] == name);
        checks.cloned().collect()
    }

    /// The statuses of a commit, oldest first.
    pub fn statuses(&self, sha: &str) -> Vec<Value> {
        self.site.lock().statuses.iter().filter(|status| status["sha"] == sha).cloned().collect()
    }

    /// The deployments to an environment, oldest first, each with the words of its statuses.
    pub fn deployments(&self, environment: &str) -> Vec<(Value, Vec<String>)> {
        let state = self.site.lock();
        let found = state.deployments.iter().filter(|made| made.shown["environment"] == environment);
        found.map(|made| (made.shown.clone(), made.words())).collect()
    }

    /// How many checks are as is asked.
    pub fn count_checks(&self, is_it: impl Fn(&Value) -> bool) -> usize {
        self.site.lock().checks.iter().filter(|check| is_it(check)).count()
    }

    /// When the first check of a name at a commit was first in progress, or had ended already.
    pub fn begun(&self, head: &str, name: &str) -> Option<std::time::Instant> {
        let state = self.site.lock();
        let check = state.checks.iter().find(|check| check["head_sha"] == head && check["name"] == name)?;
        let id = check["id"].as_u64()?;
        state.history.iter().find(|past| past.check == id && past.state != "queued").map(|past| past.at)
    }

    /// All states a check went through, as `status` or `status:conclusion`.
    pub fn history(&self, check: &Value) -> Vec<String> {
        let id = check["id"].as_u64().unwrap_or_default();
        self.site.lock().history.iter().filter(|past| past.check == id).map(|past| past.state.clone()).collect()
    }

    /// The texts of the comments below a pull request that the App or the robot wrote, oldest first.
    pub fn our_comments(&self, number: u64) -> Vec<String> {
        let state = self.site.lock();
        let ours = state.comments.iter().filter(|comment| comment.pull == number && comment.is_ours());
        ours.map(|comment| comment.text.clone()).collect()
    }

    /// The signs on a comment.
    pub fn reactions(&self, comment: u64) -> Vec<String> {
        let state = self.site.lock();
        state.reactions.iter().filter(|(of, _)| *of == comment).map(|(_, content)| content.clone()).collect()
    }

    /// A pull request as the API shows it.
    pub fn pull(&self, number: u64) -> Value {
        self.site.lock().pull(number)
    }

    /// Looks after every request until there is something, and answers it.
    pub async fn wait_for<T>(&self, what: &str, deadline: Duration, look: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let look = || {
            if let Some(violation) = self.site.lock().violations.first() {
                anyhow::bail!("{violation}");
            }
            Ok(look(self))
        };
        double::wait_for(what, deadline, &self.site.answered, look, || self.requests()).await
    }

    /// Every request so far, in the order in which they came in.
    pub fn requests(&self) -> Vec<Request> {
        self.site.lock().guard.requests.clone()
    }

    /// Takes out what was not as GitHub describes it; what is left at the end fails the test.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.site.lock().violations)
    }

    /// Refuses the next requests.
    pub fn refuse(&self, count: usize, refusal: Refusal) {
        self.site.lock().guard.refuse(count, refusal);
    }

    /// Takes every request, does it, and answers the next ones of this method with an error, as if the answer were lost.
    pub fn lose_answers(&self, method: &str, count: usize) {
        self.site.lock().guard.losses.lose(method, count);
    }

    /// Refuses the next calls of this method to paths with this ending, and does nothing of what they ask.
    pub fn refuse_calls(&self, method: &str, ending: &str, count: usize) {
        self.site.lock().guard.close(method, ending, count);
    }

    /// Answers only after a while from now on.
    pub fn delay(&self, delay: Duration) {
        self.site.lock().guard.delay = Some(delay);
    }

    /// How many calls were refused for GitHub's limits, and how many were under way at a time at most.
    pub fn limited(&self) -> (usize, u32) {
        let state = self.site.lock();
        let limits = &state.guard.limits;
        limits.as_ref().map_or((0, 0), |limits| (limits.refused, limits.most_at_once))
    }

    /// How many calls of the hour were used, and how many were told that nothing has changed, which costs none.
    pub fn used(&self) -> (u32, u32) {
        let state = self.site.lock();
        state.guard.limits.as_ref().map_or((0, 0), |limits| (limits.used, limits.unchanged))
    }

    /// Is a server of one's own from now on, without limits.
    pub fn lift_limits(&self) {
        self.site.lock().guard.limits = None;
    }

    /// Lets an installation make so many calls in an hour from now on, which may be a short one.
    pub fn limit_the_hour(&self, calls: u32, hour: Duration) {
        self.site.lock().guard.limits = Some(limits::Limits::of(calls, hour));
    }

    /// Changes what the owner of the App and of the repository has set.
    pub fn set_up(&self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.site.lock().setup);
    }

    /// Refuses every request from now on, with 401, 403, 404 and 503 in turns.
    pub fn go_out(&self) {
        self.site.lock().guard.out = Some(0);
    }

    /// Takes requests again, and answers how many were refused meanwhile.
    pub fn come_back(&self) -> usize {
        self.site.lock().guard.out.take().unwrap_or_default()
    }

    /// Gives the App its second key: the first is worth nothing any more, nor is any token that it was given.
    pub fn rotate_key(&self) {
        self.site.lock().guard.rotate_key();
    }

    /// Ends all tokens of installations at once.
    pub fn expire_tokens(&self) {
        self.site.lock().guard.tokens.clear();
    }

    /// Brings a pull request's branch under the name that GitHub gives it.
    async fn show_head(&self, number: u64, branch: &str) -> Result<String> {
        let head = self.site.repository.rev_parse(&format!("refs/heads/{branch}")).await?;
        self.site.repository.git(&["update-ref", &format!("refs/pull/{number}/head"), &head]).await?;
        Ok(head)
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.stop.cancel();
        if !std::thread::panicking() {
            let violations = self.violations();
            assert!(violations.is_empty(), "{}", violations.join("\n\n"));
        }
    }
}

/// Pull requests are numbered from one.
fn index_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX) - 1
}
