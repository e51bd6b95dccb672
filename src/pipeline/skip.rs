//! Whether a commit's message asks for nothing to be built. A message that only mentions the mark asks for nothing.

/// What such a message says.
pub(super) const MARK: &str = "[skip slipway]";
/// The same in other words.
const MARKS: [&str; 2] = [MARK, "[slipway skip]"];
/// A trailer that says it.
const TRAILER: (&str, &str) = ("slipway", "skip");
/// More spaces than these before a line make it one of code, as in Markdown.
const MOST_INDENTED: usize = 3;

/// Whether a message asks for nothing to be built: the mark begins or ends its first line, or stands alone on a line that is
/// not quoted, or the trailer `Slipway: skip` is there. In `Revert "… [skip slipway]"` it is a quotation.
pub(super) fn asks_to_skip(message: &str) -> bool {
    let message = message.to_lowercase();
    let mut lines = message.lines().skip_while(|line| line.trim().is_empty());
    let subject = lines.next().unwrap_or_default().trim();
    if MARKS.iter().any(|mark| subject.starts_with(mark) || subject.ends_with(mark)) {
        return true;
    }
    let mut fence = None;
    for line in lines {
        let text = line.trim_start();
        let indented = line.len() - text.len();
        let text = text.trim_end();
        let is_fence = ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence));
        match (fence, is_fence) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(opened), Some(closed)) if opened == closed => fence = None,
            (None, None) if indented <= MOST_INDENTED && (MARKS.contains(&text) || is_trailer(text)) => return true,
            _ => {}
        }
    }
    false
}

fn is_trailer(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, value)| (key.trim(), value.trim()) == TRAILER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_is_meant_skips() {
        for message in [
            "Six epochs [skip slipway]",
            "[slipway skip] Six epochs\n",
            "Six epochs [Skip Slipway]\n\nBecause.\n",
            "Six epochs\n\nBecause.\n\n[skip slipway]\n",
            "Six epochs\n\nBecause.\n\nSigned-off-by: A <a@b>\nSlipway: skip\n",
        ] {
            assert!(asks_to_skip(message), "{message:?}");
        }
    }

    #[test]
    fn a_mark_that_is_mentioned_or_quoted_does_not() {
        for message in [
            "Better data (#12)\n\nThe import now writes its own commit with `[skip slipway]`, so that it does not train.\n",
            "Revert \"Six epochs [skip slipway]\"\n\nThis reverts commit 1234.\n",
            "Reapply \"Six epochs [skip slipway]\"\n",
            "Squashed (#13)\n\n* Six epochs [skip slipway]\n* Seven epochs\n",
            "Answer\n\n> [skip slipway]\n\nNo.\n",
            "Explain\n\n```\n[skip slipway]\n```\n",
            "Explain\n\n    [skip slipway]\n",
            "Explain `[skip slipway]`",
            "",
        ] {
            assert!(!asks_to_skip(message), "{message:?}");
        }
    }
}
