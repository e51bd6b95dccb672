//! What the double holds, and how its API shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::app::Setup;
use super::deployments::Deployment;
use super::guard::Guard;
use super::mail::{Attempt, Delivery};
use super::register::Registered;
use super::{APP_ID, shapes};

/// The account of the robot.
pub(super) const ROBOT: u64 = 900;
/// The App's own account.
const BOT: u64 = 901;

/// A comment below a pull request.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) pull: u64,
    pub(super) account: u64,
    pub(super) app: Option<u64>,
    pub(super) text: String,
    pub(super) written_at: Timestamp,
    pub(super) changed_at: Timestamp,
}

impl Comment {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.account, ROBOT | BOT)
    }
}

/// A state that a check was in.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) check: u64,
    /// `status` or `status:conclusion`.
    pub(super) state: String,
    pub(super) at: std::time::Instant,
}

/// A pull request.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) branch: String,
    pub(super) base_branch: String,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) author: u64,
    /// Whether its branch is in a fork.
    pub(super) of_fork: bool,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) open: bool,
    pub(super) draft: bool,
    pub(super) labels: Vec<String>,
    pub(super) merge_commit: Option<String>,
    pub(super) opened_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
}

impl Pull {
    pub(super) fn new(number: u64, branch: &str, base_branch: &str, head: &str, base: &str, author: u64) -> Self {
        let owned = str::to_owned;
        let (branch, base_branch, head, base) = (owned(branch), owned(base_branch), owned(head), owned(base));
        Self {
            number,
            branch,
            base_branch,
            head,
            base,
            author,
            of_fork: false,
            title: format!("Change {number}"),
            text: String::new(),
            open: true,
            draft: false,
            labels: Vec::new(),
            merge_commit: None,
            opened_at: shapes::now(),
            closed_at: None,
        }
    }

    pub(super) fn is_merged(&self) -> bool {
        self.merge_commit.is_some()
    }

    /// Closes it, with its merge commit if it was merged.
    pub(super) fn close(&mut self, merge_commit: Option<String>) {
        self.open = false;
        self.merge_commit = merge_commit;
        self.closed_at = Some(shapes::now());
    }
}

/// Everything the double holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) guard: Guard,
    pub(super) setup: Setup,
    /// Accounts with their names and permissions.
    pub(super) people: BTreeMap<u64, (String, String)>,
    /// Addresses in commits with the accounts they belong to, in lower case.
    pub(super) emails: BTreeMap<String, u64>,
    pub(super) pulls: Vec<Pull>,
    /// Methods of merging that the repository takes.
    pub(super) merge_methods: Vec<String>,
    pub(super) comments: Vec<Comment>,
    pub(super) reactions: Vec<(u64, String)>,
    pub(super) checks: Vec<Value>,
    pub(super) history: Vec<Past>,
    pub(super) statuses: Vec<Value>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) waiting: Vec<Delivery>,
    /// What became of the webhooks that the App's page tells of, oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// Apps that were registered and wait to be fetched.
    pub(super) registered: Vec<Registered>,
    /// What was not as GitHub describes it.
    pub(super) violations: Vec<String>,
    last_id: u64,
}

impl State {
    pub(super) fn new() -> Self {
        let person = |login: &str, permission: &str| (login.to_owned(), permission.to_owned());
        let people = BTreeMap::from([
            (1, person("ada", "admin")),
            (ROBOT, person("robot", "write")),
            (BOT, person("slipway[bot]", "write")),
        ]);
        Self {
            guard: Guard::new(),
            setup: Setup::new(),
            people,
            emails: BTreeMap::from([("ada@example.com".to_owned(), 1)]),
            pulls: Vec::new(),
            merge_methods: ["merge", "squash", "rebase"].map(str::to_owned).into(),
            comments: Vec::new(),
            reactions: Vec::new(),
            checks: Vec::new(),
            history: Vec::new(),
            statuses: Vec::new(),
            deployments: Vec::new(),
            waiting: Vec::new(),
            attempts: Vec::new(),
            registered: Vec::new(),
            violations: Vec::new(),
            last_id: 1_000,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Notes the state that a check is in from now on.
    pub(super) fn remember(&mut self, check: u64, state: String) {
        self.history.push(Past { check, state, at: std::time::Instant::now() });
    }

    /// Leaves a webhook to be sent.
    pub(super) fn mail(&mut self, event: &str, mut body: Value, sender: u64) {
        body["repository"] = shapes::repository();
        body["sender"] = self.account(sender);
        body["installation"] = json!({ "id": 1 });
        let guid = format!("00000000-0000-4000-8000-{:012}", self.new_id());
        self.waiting.push(Delivery { guid, event: event.to_owned(), body });
    }

    pub(super) fn write_comment(&mut self, pull: u64, account: u64, app: Option<u64>, text: &str) -> u64 {
        let id = self.new_id();
        let (text, now) = (text.to_owned(), shapes::now());
        self.comments.push(Comment { id, pull, account, app, text, written_at: now, changed_at: now });
        let body = json!({
            "action": "created",
            "issue": { "number": pull, "pull_request": {} },
            "comment": self.comment(id),
        });
        self.mail("issue_comment", body, account);
        id
    }

    /// The account that writes for a caller.
    pub(super) fn writer(app: bool) -> (u64, Option<u64>) {
        if app { (BOT, Some(APP_ID)) } else { (ROBOT, None) }
    }

    pub(super) fn account(&self, id: u64) -> Value {
        shapes::account(id, self.people.get(&id).map_or("ghost", |(login, _)| login))
    }

    pub(super) fn comment(&self, id: u64) -> Value {
        let found = self.comments.iter().find(|comment| comment.id == id);
        found.map_or(Value::Null, |comment| shapes::comment(comment, &self.account(comment.account)))
    }

    pub(super) fn pull(&self, number: u64) -> Value {
        let Some(pull) = self.pulls.iter().find(|pull| pull.number == number) else { return Value::Null };
        let comments = self.comments.iter().filter(|comment| comment.pull == number).count();
        shapes::pull(pull, &self.account(pull.author), comments)
    }

    pub(super) fn pull_in_list(&self, pull: &Pull) -> Value {
        shapes::pull_in_list(pull, &self.account(pull.author))
    }
}
