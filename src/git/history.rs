//! Trailers in commit messages: how a promotion is recognised in a branch's history, and how its trailer is written.

use git2::{Oid, Repository, Sort};

/// The newest of the `limit` newest commits up to `tip` whose last paragraph has the line `key: value`.
pub(super) fn find_trailer(
    repository: &Repository,
    tip: Oid,
    key: &str,
    value: &str,
    limit: usize,
) -> Result<Option<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    // By time, not by topology: the latter reads the whole history before it yields the first commit.
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

/// Whether the last paragraph of a message (which is not its only one) has the line `key: value`.
pub(super) fn has_trailer(message: &str, key: &str, value: &str) -> bool {
    last_paragraph(message).is_some_and(|paragraph| {
        paragraph.lines().filter_map(trailer).any(|(found, its)| found.eq_ignore_ascii_case(key) && its == value)
    })
}

/// The message with the trailer in its last paragraph: beside the trailers there, or in a paragraph of its own.
pub(super) fn with_trailer(message: &str, key: &str, value: &str) -> String {
    let message = message.trim_end();
    let joins = last_paragraph(message).is_some_and(|paragraph| paragraph.lines().all(|line| trailer(line).is_some()));
    let gap = if joins { "\n" } else { "\n\n" };
    format!("{message}{gap}{key}: {value}\n")
}

/// Whether any line of the message, wherever it stands, could be taken for a trailer of this key.
pub(super) fn mentions_key(message: &str, key: &str) -> bool {
    message.lines().filter_map(|line| line.split_once(':')).any(|(found, _)| found.trim().eq_ignore_ascii_case(key))
}

fn last_paragraph(message: &str) -> Option<&str> {
    let message = message.trim_end();
    let start = message.rfind("\n\n").or_else(|| message.rfind("\n\r\n"))?;
    Some(message[start..].trim_start())
}

/// `Key: value`, the key made of letters, digits and dashes.
fn trailer(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| (key, value.trim()))
}
