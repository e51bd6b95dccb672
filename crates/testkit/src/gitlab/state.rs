//! What the double holds, and how its API shows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::guard::Guard;
use super::mail::Delivery;

/// Slipway's account.
pub(super) const ROBOT: u64 = 900;
/// The project.
pub(super) const PROJECT: u64 = 15;
/// A fork of it.
pub(super) const FORK: u64 = 23;

/// A note below a merge request.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) merge: u64,
    pub(super) account: u64,
    pub(super) text: String,
}

/// A merge request.
#[derive(Debug)]
pub(super) struct MergeRequest {
    pub(super) number: u64,
    pub(super) project: u64,
    pub(super) branch: String,
    pub(super) target: String,
    pub(super) head: String,
    pub(super) author: u64,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) state: &'static str,
    pub(super) conflicts: bool,
    pub(super) draft: bool,
    pub(super) removes_branch: bool,
}

impl MergeRequest {
    pub(super) fn new(number: u64, (project, branch): (u64, &str), target: &str, head: &str, author: u64) -> Self {
        Self {
            number,
            project,
            branch: branch.to_owned(),
            target: target.to_owned(),
            head: head.to_owned(),
            author,
            title: format!("Change {number}"),
            description: String::new(),
            state: "opened",
            conflicts: false,
            draft: false,
            removes_branch: false,
        }
    }

    /// "Merge requests API", "Get single MR".
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": 100 + self.number, "iid": self.number, "project_id": PROJECT, "title": self.title,
            "description": self.description, "state": self.state, "source_branch": self.branch,
            "target_branch": self.target, "source_project_id": self.project, "target_project_id": PROJECT,
            "sha": self.head, "has_conflicts": self.conflicts, "draft": self.draft,
        })
    }
}

/// Everything the double holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) guard: Guard,
    /// Accounts with their names and access levels.
    pub(super) people: BTreeMap<u64, (String, u64)>,
    pub(super) merges: Vec<MergeRequest>,
    pub(super) notes: Vec<Note>,
    /// Emoji: of which note, by whom, and which.
    pub(super) awards: Vec<(u64, u64, String)>,
    pub(super) statuses: Vec<Value>,
    pub(super) history: Vec<(u64, &'static str)>,
    pub(super) waiting: Vec<Delivery>,
    last_id: u64,
}

impl State {
    pub(super) fn new() -> Self {
        let people = BTreeMap::from([(1, ("ada".to_owned(), 50)), (ROBOT, ("robot".to_owned(), 40))]);
        Self {
            guard: Guard::default(),
            people,
            merges: Vec::new(),
            notes: Vec::new(),
            awards: Vec::new(),
            statuses: Vec::new(),
            history: Vec::new(),
            waiting: Vec::new(),
            last_id: 1_000,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A merge request that there is.
    pub(super) fn merge(&self, number: u64) -> &MergeRequest {
        self.merges.iter().find(|merge| merge.number == number).expect("there is this merge request")
    }

    /// The same, to be changed.
    pub(super) fn merge_mut(&mut self, number: u64) -> &mut MergeRequest {
        self.merges.iter_mut().find(|merge| merge.number == number).expect("there is this merge request")
    }

    pub(super) fn user(&self, id: u64) -> Value {
        json!({ "id": id, "username": self.people.get(&id).map_or("ghost", |(name, _)| name) })
    }

    pub(super) fn write_note(&mut self, number: u64, account: u64, text: &str) -> u64 {
        let id = self.new_id();
        self.notes.push(Note { id, merge: number, account, text: text.to_owned() });
        self.mail_note(number, id, account, text);
        id
    }

    /// "Notes API", "Get single merge request note".
    pub(super) fn shown_note(&self, note: &Note) -> Value {
        json!({
            "id": note.id, "body": note.text, "author": self.user(note.account), "system": false,
            "noteable_type": "MergeRequest", "noteable_iid": note.merge,
        })
    }
}
