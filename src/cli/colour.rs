//! Colours of results for people: green for passed, red for refused or failed, yellow for undecided, warned or waiting.
//!
//! Texts are always painted; [`adapted`] removes the colours if they are not wanted. `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`
//! decide; otherwise colours appear only on a terminal (no-color.org, bixense.com/clicolors).

use std::borrow::Cow;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// The meaning of a result for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Open,
}

impl Tone {
    /// Returns the tone of an outcome or a state; `None` for neutral words.
    fn of(word: &str) -> Option<Self> {
        match word {
            "passed" | "pass" | "done" => Some(Self::Good),
            "refused" | "failed" | "fail" => Some(Self::Bad),
            "inconclusive" | "needs approval" | "needs_approval" | "warning" | "warned" | "waiting" => Some(Self::Open),
            // A stalled run waits for a person, in any state.
            stalled if stalled.ends_with("(stalled)") => Some(Self::Open),
            _ => None,
        }
    }

    fn style(self) -> Style {
        let colour = match self {
            Self::Good => AnsiColor::Green,
            Self::Bad => AnsiColor::Red,
            Self::Open => AnsiColor::Yellow,
        };
        colour.on_default()
    }
}

/// Paints a text in the colour of a tone.
pub(super) fn painted(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// Paints an outcome or a state in its colour.
pub(super) fn word(word: &str) -> String {
    Tone::of(word).map_or_else(|| word.to_owned(), |tone| painted(tone, word))
}

/// Paints the outcome at the beginning of a sentence, up to a colon.
pub(super) fn sentence(sentence: &str) -> String {
    match sentence.split_once(": ") {
        Some((outcome, rest)) => format!("{}: {rest}", word(outcome)),
        None => word(sentence),
    }
}

/// Removes colours from a text.
pub(super) fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// Returns a painted text for standard output: unchanged if colours are wanted, otherwise plain.
pub(super) fn adapted(text: &str) -> Cow<'_, str> {
    if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never {
        Cow::Owned(plain(text))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether colours are wanted on standard error.
pub(super) fn on_standard_error() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_states_have_the_colour_of_what_they_mean() {
        for (text, code) in [
            ("passed", "32"),
            ("done", "32"),
            ("refused", "31"),
            ("failed", "31"),
            ("inconclusive", "33"),
            ("needs approval", "33"),
            ("waiting", "33"),
            ("training (stalled)", "33"),
        ] {
            assert_eq!(word(text), format!("\u{1b}[{code}m{text}\u{1b}[0m"), "{text}");
        }
        for text in ["training", "skipped", "superseded", "", "–"] {
            assert_eq!(word(text), text);
        }
    }

    #[test]
    fn only_the_outcome_of_a_sentence_is_painted_and_plain_is_what_it_was() {
        let said = "refused: accuracy is at most 0.9; the policy asks for: 0.95";
        let painted = sentence(said);
        assert!(painted.starts_with("\u{1b}[31mrefused\u{1b}[0m: accuracy"), "{painted:?}");
        assert_eq!(plain(&painted), said);
        assert_eq!(sentence("a sentence"), "a sentence");
        assert_eq!(plain("tabs\tand\nlines, größer ✓"), "tabs\tand\nlines, größer ✓");
    }
}
