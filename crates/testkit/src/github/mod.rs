//! A stateful GitHub: what of its API Slipway uses, over a real bare repository, with its limits and its refusals. What
//! happens in it leaves webhooks, which wait until a test sends them: in order, twice, late, the wrong way round or never.
//!
//! It knows one repository, `team/models`, and one App that is installed there.

mod app;
mod contract;
mod deployments;
mod edge;
mod faults;
mod guard;
mod limits;
mod mail;
mod people;
mod pulls;
mod register;
mod server;
mod shapes;
mod state;
mod tags;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
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
use state::State;

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

    /// Takes out the webhooks that wait, oldest first: what is done with them is the test's business.
    pub fn waiting(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.site.lock().waiting)
    }

    /// Notes on the App's page what was answered to a webhook; 502 if nobody was reached.
    pub fn record_attempt(&self, delivery: &Delivery, status: u16) {
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
        found.map(|made| (made.shown.clone(), made.states())).collect()
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
    pub async fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&Self) -> Option<T>,
    ) -> Result<T> {
        let condition = || {
            if let Some(violation) = self.site.lock().violations.first() {
                anyhow::bail!("{violation}");
            }
            Ok(condition(self))
        };
        double::wait_for(what, deadline, &self.site.answered, condition, || self.requests()).await
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
