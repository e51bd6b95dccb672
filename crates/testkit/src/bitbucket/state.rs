//! What the double holds, and how its API shows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mail::Delivery;
use crate::double::{Losses, Request};

/// Slipway's account.
pub(super) const ROBOT: &str = "{00000000-0000-4000-8000-000000000900}";
/// Digits by which commits of pull requests are named.
const SHORT: usize = 12;

/// A comment below a pull request.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) pull: u64,
    pub(super) account: String,
    pub(super) text: String,
}

impl Comment {
    /// "Pullrequests", "Get a comment on a pull request".
    pub(super) fn shown(&self) -> Value {
        json!({
            "type": "pullrequest_comment", "id": self.id, "deleted": false, "user": account(&self.account),
            "content": { "raw": self.text, "markup": "markdown" },
        })
    }
}

/// A pull request.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) branch: String,
    pub(super) target: String,
    pub(super) head: String,
    pub(super) author: String,
    pub(super) title: String,
    pub(super) state: &'static str,
    /// Whether its branch is in a fork.
    pub(super) forked: bool,
}

impl Pull {
    pub(super) fn new(number: u64, branch: &str, target: &str, head: &str, author: &str) -> Self {
        let [branch, target, head, author] = [branch, target, head, author].map(str::to_owned);
        Self { number, branch, target, head, author, title: format!("Change {number}"), state: "OPEN", forked: false }
    }

    /// "Pullrequests", "Get a pull request". Commits are named by their first digits.
    pub(super) fn shown(&self) -> Value {
        let commit = json!({ "type": "commit", "hash": self.head[..SHORT] });
        let source = if self.forked { fork() } else { repository() };
        json!({
            "type": "pullrequest", "id": self.number, "title": self.title, "state": self.state,
            "author": account(&self.author),
            "source": { "branch": { "name": self.branch }, "commit": commit, "repository": source },
            "destination": { "branch": { "name": self.target }, "commit": null, "repository": repository() },
        })
    }
}

/// Everything the double holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) requests: Vec<Request>,
    pub(super) limited: usize,
    pub(super) losses: Losses,
    /// Accounts with their permissions.
    pub(super) people: BTreeMap<String, String>,
    pub(super) pulls: Vec<Pull>,
    pub(super) comments: Vec<Comment>,
    pub(super) statuses: Vec<(String, Value)>,
    pub(super) waiting: Vec<Delivery>,
    last_id: u64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            requests: Vec::new(),
            limited: 0,
            losses: Losses::default(),
            people: BTreeMap::from([(ROBOT.to_owned(), "write".to_owned())]),
            pulls: Vec::new(),
            comments: Vec::new(),
            statuses: Vec::new(),
            waiting: Vec::new(),
            last_id: 1_000,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A pull request that there is.
    pub(super) fn pull(&self, number: u64) -> &Pull {
        self.pulls.iter().find(|pull| pull.number == number).expect("there is this pull request")
    }

    /// The same, to be changed.
    pub(super) fn pull_mut(&mut self, number: u64) -> &mut Pull {
        self.pulls.iter_mut().find(|pull| pull.number == number).expect("there is this pull request")
    }

    pub(super) fn write_comment(&mut self, number: u64, account: &str, text: &str) -> u64 {
        let id = self.new_id();
        let comment = Comment { id, pull: number, account: account.to_owned(), text: text.to_owned() };
        let more = json!({ "comment": comment.shown() });
        self.comments.push(comment);
        self.mail_pull("pullrequest:comment_created", number, account, more);
        id
    }
}

pub(super) fn account(uuid: &str) -> Value {
    json!({ "type": "user", "uuid": uuid, "nickname": "somebody" })
}

/// A fork of it.
fn fork() -> Value {
    json!({
        "type": "repository", "uuid": "{0c3a1f2e-7d5b-4c58-8a4e-52a8f5b1c9d7}", "name": "models",
        "full_name": "eve/models", "is_private": true,
    })
}

pub(super) fn repository() -> Value {
    json!({
        "type": "repository", "uuid": "{673a6070-3421-46c9-9d48-90745f7bfe8e}", "name": "models",
        "full_name": "team/models", "is_private": true,
    })
}
