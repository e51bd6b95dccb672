//! Decides whether a commit's message requests that nothing is built. A message that only mentions, quotes or reverts the mark
//! does not. If this is unclear, the push is built.

use slipway_domain::CommitSha;

/// The mark in such a message.
pub(super) const MARK: &str = "[skip slipway]";
/// The mark and its alternative form.
const MARKS: [&str; 2] = [MARK, "[slipway skip]"];
/// The trailer with the same meaning, in lower case and as it is written.
const TRAILER: (&str, &str) = ("slipway", "skip");
const TRAILER_WRITTEN: &str = "Slipway: skip";
/// Trailers that git itself writes. A paragraph with one of them may contain other lines (`git-interpret-trailers(1)`).
const OF_GIT: [&str; 2] = ["signed-off-by: ", "(cherry picked from commit "];
/// Maximum number of spaces before a line. More spaces make the line a code block, as in Markdown.
const MAX_INDENTED: usize = 3;

/// The text about a revision whose message requests that nothing is built.
pub fn skipped(revision: &CommitSha, mark: &str) -> String {
    format!("skipped: nothing is trained, because the message of {} contains {mark}", revision.short())
}

/// The part of a message that requests that nothing is built: a mark at the beginning or the end of the first line, or on a line
/// of its own, or the trailer `Slipway: skip`. A revert repeats the subject of another commit, and a squash repeats other
/// messages below `* SUBJECT`. Repeated marks do not count.
pub(crate) fn skip_marker(message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    let lines: Vec<&str> = message.lines().skip_while(|line| line.trim().is_empty()).collect();
    let (subject, body) = lines.split_first()?;
    if is_revert(subject, body) {
        return None;
    }
    of_subject(subject).or_else(|| of_body(body)).or_else(|| is_in_trailers(body).then_some(TRAILER_WRITTEN))
}

fn of_subject(subject: &str) -> Option<&'static str> {
    let subject = without_number(subject.trim());
    // Such a subject repeats that of the commit that it will be squashed into.
    if ["fixup! ", "squash! ", "amend! "].iter().any(|word| subject.starts_with(word)) {
        return None;
    }
    MARKS.into_iter().find(|mark| subject.starts_with(mark) || subject.ends_with(mark))
}

/// A subject without the number that forges append to the title of a squashed pull request: `Six epochs (#12)`.
fn without_number(subject: &str) -> &str {
    let number = || {
        let (title, number) = subject.strip_suffix(')')?.rsplit_once(" (")?;
        let digits = number.strip_prefix("pull request ").unwrap_or(number).strip_prefix(['#', '!'])?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| title.trim_end())
    };
    number().unwrap_or(subject)
}

/// Whether a message reverts another commit, or reapplies a reverted one.
fn is_revert(subject: &str, body: &[&str]) -> bool {
    let subject = subject.trim();
    let is_word = |word: &str| {
        let rest = subject.strip_prefix(word);
        rest.is_some_and(|rest| rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '-'))
    };
    let says_revert = |line: &&str| {
        let line = line.trim();
        // GitHub writes `Reverts owner/name#12`.
        let number = line.strip_prefix("reverts ").and_then(|rest| rest.split_once(['#', '!']));
        line.starts_with("this reverts ") || number.is_some_and(|(name, _)| !name.contains(char::is_whitespace))
    };
    ["revert", "reverts", "reapply"].into_iter().any(is_word) || body.iter().any(says_revert)
}

/// A mark on a line of its own that is not quoted.
fn of_body(body: &[&str]) -> Option<&'static str> {
    own_lines(body).find_map(|line| MARKS.into_iter().find(|mark| line == *mark))
}

/// The lines of the message itself: not code, not hidden in an HTML comment, and not of a squashed commit.
fn own_lines<'a>(body: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let (mut fence, mut is_hidden) = (None, false);
    let own = body.iter().take_while(|line| !line.starts_with("* "));
    own.filter_map(move |line| {
        let text = line.trim_start_matches(' ');
        let indented = line.len() - text.len();
        let text = text.trim();
        if is_hidden || text.starts_with("<!--") {
            is_hidden = !text.contains("-->");
            return None;
        }
        is_hidden = text.rfind("<!--") > text.rfind("-->");
        let is_fence = ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence));
        match (fence, is_fence) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(opened), Some(closed)) if opened == closed => fence = None,
            (None, None) if indented <= MAX_INDENTED => return Some(text),
            _ => {}
        }
        None
    })
}

/// Whether the last paragraph, which must not be the only one, consists of trailers and contains Slipway's trailer. For git, all
/// lines of such a paragraph are trailers, or a quarter of them if one is git's own.
fn is_in_trailers(body: &[&str]) -> bool {
    let end = body.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let start = body[..end].iter().rposition(|line| line.trim().is_empty());
    let Some(start) = start else { return false };
    let (mut trailers, mut others, mut of_git, mut ours) = (0, 0, false, false);
    for line in &body[start + 1..end] {
        of_git |= OF_GIT.iter().any(|prefix| line.starts_with(prefix));
        match trailer(line) {
            Some(found) => {
                trailers += 1;
                ours |= found == TRAILER;
            }
            None if line.starts_with(OF_GIT[1]) => trailers += 1,
            // The line continues the value of the trailer before it.
            None if line.starts_with(char::is_whitespace) && trailers > 0 => {}
            None => others += 1,
        }
    }
    let is_own = own_lines(body).any(|line| trailer(line) == Some(TRAILER));
    ours && is_own && (others == 0 || of_git && trailers * 3 >= others)
}

/// Parses `Key: value`, where the key consists of letters, digits and dashes.
fn trailer(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let key = key.trim_end();
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_plain.then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_is_meant_skips() {
        for (message, mark) in [
            ("Six epochs [skip slipway]", MARK),
            ("[slipway skip] Six epochs\n", "[slipway skip]"),
            ("[skip slipway]", MARK),
            ("\n\n[skip slipway]\r\n", MARK),
            ("Six epochs [Skip Slipway]\n\nBecause.\n", MARK),
            ("Six epochs [skip slipway] (#12)\n\nBecause.\n", MARK),
            ("Six epochs [skip slipway] (!12)", MARK),
            ("Six epochs\n[skip slipway]", MARK),
            ("Six epochs\n\nBecause.\n\n[skip slipway]\n", MARK),
            ("Six epochs\n\n- data\n- seed\n\n  [skip slipway] \n", MARK),
            ("Six epochs\n\n[skip slipway]\n\n* data\n* seed\n", MARK),
            ("Reverse the columns [skip slipway]", MARK),
            ("Revert-safe importer [skip slipway]", MARK),
            ("Six epochs\n\nBecause.\n\nSigned-off-by: A <a@b>\nSlipway: skip\n", "Slipway: skip"),
            ("Six epochs\n\nslipway : SKIP\n\n\n", "Slipway: skip"),
            ("Six epochs\n\nSlipway: skip\nSigned-off-by: A <a@b>\nby the importer\n", "Slipway: skip"),
            ("Six epochs\n\nNote: a long\n one\nSlipway: skip\n", "Slipway: skip"),
            // Undecidable by the text: a mark at the end of the subject counts as intended.
            ("docs: explain how to write [skip slipway]", MARK),
        ] {
            assert_eq!(skip_marker(message), Some(mark), "{message:?}");
        }
    }

    #[test]
    fn a_mark_that_is_mentioned_quoted_or_taken_back_does_not() {
        for message in [
            "Better data (#12)\n\nThe import now writes its own commit with `[skip slipway]`, so that it does not train.\n",
            "Revert \"Six epochs [skip slipway]\"\n\nThis reverts commit 1234.\n",
            "Revert \"Six epochs [skip slipway]\" (#14)",
            "Revert Six epochs [skip slipway]",
            "Revert of Six epochs [skip slipway]",
            "Reverts Six epochs [skip slipway]",
            "revert: Six epochs [skip slipway]",
            "revert(data)!: Six epochs [skip slipway]",
            "Take the epochs back [skip slipway]\n\nThis reverts commit 1234, reversing\nchanges made to 5678.\n",
            "Take the epochs back\n\n[skip slipway]\n\nThis reverts commit 1234.\n",
            "Take the epochs back [skip slipway]\n\nReverts risk/models#12\n",
            "Reapply \"Six epochs [skip slipway]\"\n",
            "Reapply Six epochs [skip slipway]\n",
            "fixup! Six epochs [skip slipway]",
            "Squashed (#13)\n\n* Six epochs [skip slipway]\n* Seven epochs\n",
            "Squashed (#13)\n\n* a\n\n[skip slipway]\n\n* b\n",
            "Squashed (#13)\n\n* a\n\n* b\n\n[skip slipway]\n",
            "Squashed (#13)\n\n* a\n\n* b\n\nSlipway: skip\n",
            "Squashed\n\ncommit 1234\nAuthor: A <a@b>\n\n    [skip slipway]\n",
            "x\n\nSlipway: skip\n\nmore text\n",
            "x\n\nMore text about it.\nSlipway: skip\n",
            "x\n\n- one\n- two\n- three\n- four\n- five\n- six\nSigned-off-by: A <a@b>\nSlipway: skip\n- seven",
            "Slipway: skip",
            "Answer\n\n> [skip slipway]\n\nNo.\n",
            "Explain\n\n```\n[skip slipway]\n```\n",
            "Explain\n\n~~~\n```\n[skip slipway]\n```\n~~~\n",
            "Explain\n\n```\n\nSlipway: skip\n",
            "Explain\n\n    [skip slipway]\n",
            "Better data\n\nThe list:\n* rows\n\nSlipway: skip\n",
            "Data\n\nText <!-- write\n[skip slipway]\n-->\n",
            "Data\n\n<!-- write\n[skip slipway]\nto train nothing -->\n",
            "Explain `[skip slipway]`",
            "Explain [skip slipway].",
            "",
            " \n\n",
        ] {
            assert_eq!(skip_marker(message), None, "{message:?}");
        }
    }

    #[test]
    fn what_was_skipped_is_said_with_the_commit_and_its_marker() {
        let revision = "2c6d02801b24".repeat(4)[..40].parse().expect("a commit");
        let said = "skipped: nothing is trained, because the message of 2c6d02801b24 contains [skip slipway]";
        assert_eq!(skipped(&revision, MARK), said);
    }
}
