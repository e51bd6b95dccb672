//! Trailers in commit messages: recognition of a promotion in a branch's history, and writing of its trailer.

use std::collections::HashMap;

use git2::{Oid, Repository, Sort};

/// Number of commits that are searched for a promotion: more than can land between a crash and the next start.
pub(super) const SEARCHED_COMMITS: usize = 1_000;

/// Maximum number of remembered trailers; beyond it, the memory is cleared.
const MAX_REMEMBERED: usize = 20_000;

/// The trailers with one key in the newest commits of a branch: each commit is read once, not once per promotion.
#[derive(Debug, Default)]
pub(super) struct Memory {
    key: String,
    tip: Option<Oid>,
    commits: HashMap<String, Oid>,
}

impl Memory {
    /// Reads the commits since the last call, or all of the newest commits if the history was rewritten.
    pub(super) fn catch_up(&mut self, repository: &Repository, tip: Oid, key: &str) -> Result<(), git2::Error> {
        if self.tip == Some(tip) && self.key == key {
            return Ok(());
        }
        let known = self.tip.take().filter(|_| self.key == key && self.commits.len() < MAX_REMEMBERED);
        let known = known.filter(|known| repository.graph_descendant_of(tip, *known).unwrap_or(false));
        let mut walk = repository.revwalk()?;
        // Sorted by time: a topological order would read the whole history before the first commit.
        walk.set_sorting(Sort::TIME)?;
        walk.push(tip)?;
        match known {
            Some(known) => walk.hide(known)?,
            None => self.commits.clear(),
        }
        let mut added = HashMap::new();
        for id in walk.take(SEARCHED_COMMITS) {
            let id = id?;
            let commit = repository.find_commit(id)?;
            let message = String::from_utf8_lossy(commit.message_raw_bytes());
            for value in values_of(&message, key) {
                added.entry(value.to_owned()).or_insert(id);
            }
        }
        self.commits.extend(added);
        key.clone_into(&mut self.key);
        self.tip = Some(tip);
        Ok(())
    }

    /// The newest commit with this value.
    pub(super) fn commit_with(&self, value: &str) -> Option<Oid> {
        self.commits.get(value).copied()
    }
}

/// The newest of the `limit` newest commits up to `tip` whose last paragraph contains the line `key: value`.
pub(super) fn find_trailer(
    repository: &Repository,
    tip: Oid,
    key: &str,
    value: &str,
    limit: usize,
) -> Result<Option<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    // Sorted by time: a topological order would read the whole history before the first commit.
    walk.set_sorting(Sort::TIME)?;
    walk.push(tip)?;
    for id in walk.take(limit) {
        let id = id?;
        let commit = repository.find_commit(id)?;
        if has_trailer(&String::from_utf8_lossy(commit.message_raw_bytes()), key, value) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether the last paragraph of a message (which is not its only one) contains the line `key: value`.
pub(super) fn has_trailer(message: &str, key: &str, value: &str) -> bool {
    values_of(message, key).any(|its| its == value)
}

/// The values of a key in the last paragraph of a message, which is not its only one.
fn values_of<'message>(message: &'message str, key: &str) -> impl Iterator<Item = &'message str> {
    trailers(message).filter(move |(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The keys and values in the last paragraph of a message, which is not its only one.
pub(super) fn trailers(message: &str) -> impl Iterator<Item = (&str, &str)> {
    last_paragraph(message).into_iter().flat_map(str::lines).filter_map(trailer)
}

/// The message with the trailer in its last paragraph: beside existing trailers, or in a new paragraph.
pub(super) fn with_trailer(message: &str, key: &str, value: &str) -> String {
    let message = message.trim_end();
    let joins = last_paragraph(message).is_some_and(|paragraph| paragraph.lines().all(|line| trailer(line).is_some()));
    let gap = if joins { "\n" } else { "\n\n" };
    format!("{message}{gap}{key}: {value}\n")
}

/// Whether any line of the message could be taken for a trailer with this key.
pub(super) fn mentions_key(message: &str, key: &str) -> bool {
    message.lines().filter_map(|line| line.split_once(':')).any(|(found, _)| found.trim().eq_ignore_ascii_case(key))
}

fn last_paragraph(message: &str) -> Option<&str> {
    let message = message.trim_end();
    let start = message.rfind("\n\n").or_else(|| message.rfind("\n\r\n"))?;
    Some(message[start..].trim_start())
}

/// `Key: value`; the key consists of letters, digits and dashes.
fn trailer(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| (key, value.trim()))
}
