//! Colours of results for people: green for what passed, red for what was refused or failed, yellow for what is undecided, warned
//! of or waits.
//!
//! Texts are always painted; [`adapted`] takes the colours out again where they are not wanted. `NO_COLOR`, `CLICOLOR` and
//! `CLICOLOR_FORCE` decide, else whether somebody reads on a terminal (no-color.org, bixense.com/clicolors).

use std::borrow::Cow;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// What a result means to whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Open,
}

impl Tone {
    /// The tone of an outcome or of a state; `None` for words that are neither good nor bad.
    fn of(word: &str) -> Option<Self> {
        match word {
            "passed" | "pass" | "done" => Some(Self::Good),
            "refused" | "failed" | "fail" => Some(Self::Bad),
            "inconclusive" | "needs approval" | "needs_approval" | "warning" | "warned" | "waiting" => Some(Self::Open),
            // A run that is stalled waits for a person, wherever it stands.
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

/// A text in the colour of a tone.
pub(super) fn painted(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// An outcome or a state in its colour.
pub(super) fn word(word: &str) -> String {
    Tone::of(word).map_or_else(|| word.to_owned(), |tone| painted(tone, word))
}

/// A sentence whose first words, up to a colon, are an outcome.
pub(super) fn sentence(sentence: &str) -> String {
    match sentence.split_once(": ") {
        Some((outcome, rest)) => format!("{}: {rest}", word(outcome)),
        None => word(sentence),
    }
}

/// A text without colours.
pub(super) fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// A painted text for standard output: as it is where colours are wanted, else plain.
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
