//! What the double holds, and how its API shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::APP_ID;
use super::guard::Guard;
use super::mail::Delivery;

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
}

impl Comment {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.account, ROBOT | BOT)
    }
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
    pub(super) title: String,
    pub(super) text: String,
    pub(super) open: bool,
    pub(super) merged: bool,
}

impl Pull {
    pub(super) fn new(number: u64, branch: &str, base_branch: &str, head: &str, base: &str, author: u64) -> Self {
        let owned = str::to_owned;
        let (branch, base_branch, head, base) = (owned(branch), owned(base_branch), owned(head), owned(base));
        let (title, text) = (String::new(), String::new());
        Self { number, branch, base_branch, head, base, author, title, text, open: true, merged: false }
    }
}

/// Everything the double holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) guard: Guard,
    /// Accounts with their names and permissions.
    pub(super) people: BTreeMap<u64, (String, String)>,
    pub(super) pulls: Vec<Pull>,
    pub(super) comments: Vec<Comment>,
    pub(super) reactions: Vec<(u64, String)>,
    pub(super) checks: Vec<Value>,
    pub(super) history: Vec<(u64, String)>,
    pub(super) statuses: Vec<Value>,
    pub(super) waiting: Vec<Delivery>,
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
            guard: Guard::default(),
            people,
            pulls: Vec::new(),
            comments: Vec::new(),
            reactions: Vec::new(),
            checks: Vec::new(),
            history: Vec::new(),
            statuses: Vec::new(),
            waiting: Vec::new(),
            last_id: 1_000,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Leaves a webhook to be sent.
    pub(super) fn mail(&mut self, event: &str, mut body: Value, sender: u64) {
        body["repository"] = repository();
        body["sender"] = self.account(sender);
        body["installation"] = json!({ "id": 1 });
        let guid = format!("00000000-0000-4000-8000-{:012}", self.new_id());
        self.waiting.push(Delivery { guid, event: event.to_owned(), body });
    }

    pub(super) fn write_comment(&mut self, pull: u64, account: u64, app: Option<u64>, text: &str) -> u64 {
        let id = self.new_id();
        self.comments.push(Comment { id, pull, account, app, text: text.to_owned() });
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
        let login = self.people.get(&id).map_or("ghost", |(login, _)| login);
        let kind = if id == BOT { "Bot" } else { "User" };
        json!({ "id": id, "login": login, "type": kind })
    }

    pub(super) fn comment(&self, id: u64) -> Value {
        let Some(comment) = self.comments.iter().find(|comment| comment.id == id) else { return Value::Null };
        json!({
            "id": id,
            "body": comment.text,
            "user": self.account(comment.account),
            "performed_via_github_app": comment.app.map(|app| json!({ "id": app, "slug": "slipway" })),
            "created_at": Timestamp::UNIX_EPOCH,
        })
    }

    pub(super) fn pull(&self, number: u64) -> Value {
        let Some(pull) = self.pulls.iter().find(|pull| pull.number == number) else { return Value::Null };
        json!({
            "number": number,
            "state": if pull.open { "open" } else { "closed" },
            "merged": pull.merged,
            "title": pull.title,
            "body": pull.text,
            "user": self.account(pull.author),
            "head": { "ref": pull.branch, "sha": pull.head, "repo": repository() },
            "base": { "ref": pull.base_branch, "sha": pull.base, "repo": repository() },
        })
    }
}

pub(super) fn repository() -> Value {
    json!({ "id": 41, "name": "models", "full_name": "team/models", "owner": { "id": 40, "login": "team" } })
}
