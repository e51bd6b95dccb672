//! Notes on commits (git-notes(1)), under a reference of Slipway beside the branches. Notes that arrive during a push share the
//! next push; notes of other authors stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Tree};
use jiff::Timestamp;

use super::GitError;
use super::Mirror;
use super::batch;
use super::batch::{MAX_ATTEMPTS, MAX_DOUBTS, pause_after};
use super::edit;
use super::fault::Fault;
use super::message::single_line;
use super::mirror::name_of;
use super::push;
use super::push::{Advertisement, New, PushEnd, Update};
use super::request::Identity;
use super::tree;
use super::tree::Kind;
use slipway_domain::CommitSha;

/// The reference of the notes: `git notes --ref slipway show COMMIT`.
const NOTES: &str = "refs/notes/slipway";

/// The message of the commits of notes.
const MESSAGE: &str = "Notes added by Slipway\n";

/// Maximum size of a note to which lines are added: a larger note belongs to another tool and stays unchanged.
const MAX_NOTE_BYTES: u64 = 256 * 1024;

/// Number of notes in one folder from which on new notes go into subfolders by the first two digits of their commit, as in git.
const MAX_IN_A_FOLDER: usize = 256;

/// Lines of a note, by the name at their beginning: a later line with the same name replaces it.
pub type NoteLines = BTreeMap<String, String>;

/// Writes the notes of one repository.
#[derive(Debug)]
pub struct Notes {
    mirror: Mirror,
    author: Identity,
    waiting: Mutex<Vec<Waiting>>,
    write_lock: Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    commit: CommitSha,
    lines: NoteLines,
    answer: mpsc::Sender<Result<(), GitError>>,
}

impl Notes {
    /// Creates a writer of notes for the mirrored repository, with this author.
    pub fn new(mirror: Mirror, author: Identity) -> Self {
        Self { mirror, author, waiting: Mutex::default(), write_lock: Mutex::new(()) }
    }

    /// Writes lines into the note of a commit. They are on the server when this returns; nothing is pushed if they already exist.
    pub fn put(&self, commit: &CommitSha, lines: NoteLines) -> Result<(), GitError> {
        let (answer, answered) = mpsc::channel();
        lock(&self.waiting).push(Waiting { commit: commit.clone(), lines, answer });
        let write_lock = lock(&self.write_lock);
        // Another thread with the lock may already have written this note.
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if !waiting.is_empty() {
            let ended = Placing::new(&self.mirror, &self.author, &waiting).place();
            for Waiting { answer, .. } in &waiting {
                // The receiver reads its answer after it gets the lock; an answer to a panicked thread is dropped.
                let _ = answer.send(ended.clone());
            }
        }
        drop(write_lock);
        answered.try_recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> GitError {
        let (repository, branch) = (self.mirror.remote().url().to_owned(), NOTES.to_owned());
        GitError::WriterStopped { repository, branch }
    }
}

/// The state of one push across its rounds.
struct Placing<'a> {
    mirror: &'a Mirror,
    author: &'a Identity,
    notes: &'a [Waiting],
    attempts: u32,
    healed: bool,
    doubts: u32,
    /// The target of the notes (zeros: none) when the server last refused to move them.
    lost: Option<Oid>,
}

impl<'a> Placing<'a> {
    fn new(mirror: &'a Mirror, author: &'a Identity, notes: &'a [Waiting]) -> Self {
        Self { mirror, author, notes, attempts: 0, healed: false, doubts: 0, lost: None }
    }

    fn place(mut self) -> Result<(), GitError> {
        while self.attempts < MAX_ATTEMPTS {
            self.attempts += 1;
            if self.round()? {
                self.mirror.tidy_after_push();
                return Ok(());
            }
        }
        let (repository, branch) = (self.mirror.remote().url().to_owned(), NOTES.to_owned());
        Err(GitError::LostRace { repository, branch, attempts: self.attempts })
    }

    /// Reads the notes, adds the missing lines, and pushes them; `false`: another round is necessary. This also resolves a push
    /// that ended without an answer: if it landed, nothing is missing any more.
    fn round(&mut self) -> Result<bool, GitError> {
        let server = Advertisement::read(self.mirror.connection(), &[NOTES])?;
        let held = server.tip_of(NOTES);
        if let Some(held) = held
            && !self.has(held)?
        {
            return Ok(false);
        }
        match self.mirror.attempt(|repository| self.step(repository, &server, held)) {
            Ok(None) => Ok(true),
            Ok(Some(end)) => self.judge(held, end),
            Err(Fault::Damaged(damage)) if !self.healed => {
                self.healed = true;
                self.mirror.heal(&damage).map(|()| false)
            }
            Err(fault) => Err(self.mirror.beyond_repair(fault)),
        }
    }

    /// Whether the mirror has the notes of the server; otherwise they are fetched.
    fn has(&self, held: Oid) -> Result<bool, GitError> {
        if self.mirror.contains(&name_of(held))? {
            return Ok(true);
        }
        match self.mirror.fetch_reference(NOTES) {
            Ok(fetched) => Ok(fetched == name_of(held)),
            Err(GitError::BranchMissing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `None`: nothing is missing.
    fn step(
        &self,
        repository: &Repository,
        server: &Advertisement,
        held: Option<Oid>,
    ) -> Result<Option<PushEnd>, Fault> {
        let parent = held.map(|held| repository.find_commit(held)).transpose()?;
        let before = match &parent {
            Some(parent) => parent.tree()?,
            None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
        };
        let after = self.noted(repository, &before)?;
        if after == before.id() {
            return Ok(None);
        }
        let by = edit::signature(self.mirror.remote().url(), self.author, Timestamp::now())?;
        let parents: Vec<_> = parent.iter().collect();
        let tree = repository.find_tree(after)?;
        let commit = repository.commit(None, &by, &by, MESSAGE, &tree, &parents)?;
        let new = New { base: held.unwrap_or(Oid::ZERO_SHA1), commit };
        let update = Update { reference: NOTES, old: held, new: Some(new) };
        push::send(repository, self.mirror, server, &update).map(Some)
    }

    /// The tree of the notes with the new lines.
    fn noted(&self, repository: &Repository, before: &Tree<'_>) -> Result<Oid, Fault> {
        let mut update = TreeUpdateBuilder::new();
        // Two callers can write to the same commit together: the lines of the first are not in the tree yet.
        let mut together: BTreeMap<&CommitSha, NoteLines> = BTreeMap::new();
        for Waiting { commit, lines, .. } in self.notes {
            together.entry(commit).or_default().extend(lines.clone());
        }
        for (commit, lines) in together {
            let (path, kind) = place_of(repository, before, commit)?;
            let there = match kind {
                None => Vec::new(),
                Some((Kind::File { .. }, id)) if tree::blob_size(repository, id)? <= MAX_NOTE_BYTES => {
                    repository.find_blob(id)?.content().to_vec()
                }
                Some(_) => {
                    tracing::warn!(
                        %commit,
                        "the note on {commit} is too large or not a file, so no lines are added to it"
                    );
                    continue;
                }
            };
            update.upsert(path, repository.blob(&with_lines(&there, &lines))?, FileMode::Blob);
        }
        Ok(update.create_updated(repository, before)?)
    }

    fn judge(&mut self, held: Option<Oid>, end: PushEnd) -> Result<bool, GitError> {
        match end {
            PushEnd::Landed { .. } => return Ok(true),
            // The position of the notes shows whether they moved: servers have many messages for that, and use the same messages
            // for other causes.
            PushEnd::Rejected { message } | PushEnd::BaseMoved { message } => {
                let held = held.unwrap_or(Oid::ZERO_SHA1);
                if message.contains("hook declined") || self.lost == Some(held) {
                    return Err(batch::refusal_of(self.mirror, NOTES, message));
                }
                self.lost = Some(held);
                thread::sleep(pause_after(self.attempts));
            }
            PushEnd::Unknown { cause } if self.doubts == MAX_DOUBTS => return Err(cause),
            PushEnd::Unknown { .. } => self.doubts += 1,
        }
        Ok(false)
    }
}

/// The existing or new path of a commit's note: below existing folders of two digits each.
fn place_of(
    repository: &Repository,
    root: &Tree<'_>,
    commit: &CommitSha,
) -> Result<(String, Option<(Kind, Oid)>), git2::Error> {
    let (mut folder, mut tree, mut rest) = (String::new(), root.clone(), commit.as_str());
    loop {
        if let Some(found) = tree::entry_at(&tree, rest)? {
            return Ok((format!("{folder}{rest}"), Some(found)));
        }
        let (digits, after) = rest.split_at(2);
        let below = match tree::entry_at(&tree, digits)? {
            Some((Kind::Folder, id)) if !after.is_empty() => Some(repository.find_tree(id)?),
            _ => None,
        };
        if below.is_none() && (tree.len() < MAX_IN_A_FOLDER || !folder.is_empty()) {
            return Ok((format!("{folder}{rest}"), None));
        }
        folder = format!("{folder}{digits}/");
        rest = after;
        let Some(below) = below else { return Ok((format!("{folder}{rest}"), None)) };
        tree = below;
    }
}

/// A note with these lines, each replacing lines with the same name; all other lines stay unchanged.
fn with_lines(there: &[u8], lines: &NoteLines) -> Vec<u8> {
    let begins =
        |line: &[u8], name: &str| line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b": "));
    let mut written = BTreeSet::new();
    let mut note = Vec::new();
    let mut write = |note: &mut Vec<u8>, name: &'_ String, text: &str| {
        if written.insert(name.clone()) {
            note.extend_from_slice(format!("{name}: {}\n", single_line(text)).as_bytes());
        }
    };
    let there = there.strip_suffix(b"\n").unwrap_or(there);
    for line in there.split(|byte| *byte == b'\n').filter(|_| !there.is_empty()) {
        match lines.iter().find(|(name, _)| begins(line, name)) {
            Some((name, text)) => write(&mut note, name, text),
            None => note.extend_from_slice(&[line, b"\n"].concat()),
        }
    }
    for (name, text) in lines {
        write(&mut note, name, text);
    }
    note
}

/// Ignores poisoning: a panicked thread leaves no inconsistent state, and its pending callers receive
/// [`GitError::WriterStopped`].
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
