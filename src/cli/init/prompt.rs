//! Prompts on a terminal. Elsewhere nothing is prompted: options contain the answers, or the command refuses.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::cli::exit::{self, Failure};

/// Maximum length of an answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 4 << 10;

/// Whether a user can be prompted.
pub(super) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Prompts until the answer is valid. An empty answer selects the default, if there is one.
pub(super) fn prompt<T>(
    question: &str,
    default: Option<&str>,
    good: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    loop {
        let hint = default.map_or_else(String::new, |default| format!(" [{default}]"));
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "{question}{hint}: ").and_then(|()| out.flush());
        drop(out);
        let mut line = String::new();
        let read = std::io::Read::take(std::io::stdin().lock(), MAX_ANSWER_BYTES).read_line(&mut line);
        if read.map_err(|error| exit::invalid(format!("standard input: {error}")))? == 0 {
            return Err(exit::invalid("the input ended without an answer; nothing was written"));
        }
        let answer = match (line.trim(), default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match good(answer) {
            Ok(answer) => return Ok(answer),
            Err(reason) => {
                let _ = writeln!(std::io::stderr().lock(), "{reason}");
            }
        }
    }
}

/// Prompts for a confirmation.
pub(super) fn agrees(question: &str) -> Result<bool, Failure> {
    prompt(question, Some("yes"), |answer| match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("expected `yes` or `no`".to_owned()),
    })
}
