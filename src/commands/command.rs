//! Parses the commands of people at a forge: `/slipway …` in a comment, or a button of a check. The parser is strict: an invalid
//! command gets an answer and is never interpreted.

use std::fmt::Write as _;

use slipway_domain::{CommitSha, SourceName};

/// Prefix of a command, in any case.
const PREFIX: &str = "/slipway";
/// Maximum number of spaces before a command. More spaces make the line a code block, as in Markdown.
const MAX_INDENTED: usize = 3;

/// A command of a person at a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Train and judge the models of the pull request again.
    Retrain,
    /// Cancel the runs of the pull request.
    Cancel,
    /// Explain why the models of the pull request trained, or why they did not need to.
    Explain,
    /// List the commands.
    Help,
    /// Train and judge this revision of a fork.
    Judge(CommitSha),
    /// A command for an environment.
    Environment(EnvironmentCommand, SourceName),
}

impl Command {
    /// Name of the action in the audit log; `None` if the command changes nothing.
    pub(crate) fn action(&self) -> Option<&'static str> {
        match self {
            Self::Retrain => Some("run.retrain"),
            Self::Cancel => Some("run.cancel"),
            Self::Explain | Self::Help => None,
            Self::Judge(_) => Some("pull_request.approve"),
            Self::Environment(EnvironmentCommand::Approve, _) => Some("promotion.approve"),
            Self::Environment(EnvironmentCommand::Hold, _) => Some("promotion.hold"),
            Self::Environment(EnvironmentCommand::Rollback, _) => Some("promotion.rollback"),
        }
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retrain => f.write_str("retrain"),
            Self::Cancel => f.write_str("cancel"),
            Self::Explain => f.write_str("explain"),
            Self::Help => f.write_str("help"),
            Self::Judge(commit) => write!(f, "judge {commit}"),
            Self::Environment(command, environment) => write!(f, "{} {environment}", command.as_str()),
        }
    }
}

/// A command for an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvironmentCommand {
    /// Approve the candidate.
    Approve,
    /// Hold the promotions of the model for now.
    Hold,
    /// Restore the previous champion.
    Rollback,
}

impl EnvironmentCommand {
    fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Hold => "hold",
            Self::Rollback => "rollback",
        }
    }
}

/// Answer to `/slipway help`.
pub(crate) const HELP: &str = "\
`/slipway retrain` trains and judges the models of this pull request again  
`/slipway cancel` cancels their runs  
`/slipway explain` shows why they trained, or why no training was necessary  
`/slipway judge COMMIT` trains and judges exactly this revision of a fork  
`/slipway approve ENVIRONMENT` approves the judged artifacts for an environment  
`/slipway hold ENVIRONMENT` holds promotions of the models to an environment  
`/slipway rollback ENVIRONMENT` restores the earlier artifacts in an environment  
`/slipway help` shows this list

Write one command per comment, on its first line.";

/// Parses the command of a comment. Returns `None` if there is no command, and the reason if it is invalid. A command is the
/// comment's first line that is not blank. Quoted text and later lines have no effect, but a second command on a later line is an
/// error.
pub(crate) fn parse(comment: &str) -> Option<Result<Command, String>> {
    let mut lines = comment.lines().skip_while(|line| line.chars().all(is_blank));
    let rest = after_prefix(lines.next()?)?;
    if lines.any(|line| after_prefix(line).is_some()) {
        return Some(Err("expected one command per comment".to_owned()));
    }
    let words: Vec<&str> = rest.split(is_blank).filter(|word| !word.is_empty()).collect();
    Some(command_of(&words))
}

/// Returns the text behind the prefix if the line begins with it, ignoring invisible characters. Four spaces before the prefix
/// make the line a code block, as in Markdown.
fn after_prefix(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(is_blank);
    let spaces = line[..line.len() - text.len()].chars().filter(|blank| *blank == ' ').count();
    let (prefix, rest) = text.split_at_checked(PREFIX.len())?;
    let is_one = rest.is_empty() || rest.starts_with(is_blank);
    (is_one && spaces <= MAX_INDENTED && prefix.eq_ignore_ascii_case(PREFIX)).then_some(rest)
}

/// Whether a character is blank. Editors and phones insert no-break spaces, tabs, zero-width characters and direction marks where
/// the user typed a space.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{2800}' | '\u{3164}' | '\u{feff}'
        )
}

fn command_of(words: &[&str]) -> Result<Command, String> {
    let environment = |command: EnvironmentCommand, name: &str| {
        let name = SourceName::try_from(name.to_owned());
        let name = name.map_err(|_| "expected the name of an environment after the command".to_owned())?;
        Ok(Command::Environment(command, name))
    };
    match words {
        ["retrain"] => Ok(Command::Retrain),
        ["cancel"] => Ok(Command::Cancel),
        ["explain"] => Ok(Command::Explain),
        ["help"] => Ok(Command::Help),
        ["judge", commit] => match commit.parse() {
            Ok(commit) => Ok(Command::Judge(commit)),
            Err(_) => Err("expected all digits of a commit after the command".to_owned()),
        },
        ["judge", ..] => Err("expected all digits of one commit after the command".to_owned()),
        ["approve", name] => environment(EnvironmentCommand::Approve, name),
        ["hold", name] => environment(EnvironmentCommand::Hold, name),
        ["rollback", name] => environment(EnvironmentCommand::Rollback, name),
        ["approve" | "hold" | "rollback", ..] => {
            Err("expected the name of one environment after the command".to_owned())
        }
        ["retrain" | "cancel" | "explain" | "help", ..] => Err("expected nothing after the command".to_owned()),
        [] => Err("expected a command after `/slipway`".to_owned()),
        _ => Err("unknown command".to_owned()),
    }
}

/// Answer to an invalid command. It repeats no part of the command.
pub(super) fn misunderstood(reason: &str) -> String {
    let mut text = format!("Not understood: {reason}.\n\n");
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{HELP}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(comment: &str) -> Command {
        parse(comment).expect("a command").expect(comment)
    }

    #[test]
    fn a_command_is_the_first_line_and_nothing_else() {
        assert_eq!(read("/slipway retrain"), Command::Retrain);
        assert_eq!(read("/slipway   cancel \r\nplease"), Command::Cancel);
        assert_eq!(read("/slipway\texplain"), Command::Explain);
        assert_eq!(read("\n \u{a0}\r\n/slipway\u{a0}retrain\u{a0}\n"), Command::Retrain);
        assert_eq!(read("\u{feff}\n/slipway\u{202f}cancel\u{200b}"), Command::Cancel);
        let production = SourceName::try_from("production".to_owned()).expect("a name");
        assert_eq!(read("/slipway approve production"), Command::Environment(EnvironmentCommand::Approve, production));
        for comment in
            ["", "hello", "please\n/slipway retrain", "/slipways", "/slipway-retrain", "/slip", "/šlipway cancel"]
        {
            assert_eq!(parse(comment), None, "{comment:?}");
        }
    }

    /// An earlier version did not recognise a command behind a space. People and phones insert invisible blanks there, and got no
    /// answer. Markdown ignores up to three spaces.
    #[test]
    fn what_nobody_sees_before_a_command_is_no_part_of_it() {
        for blank in [
            " ",
            "   ",
            "\t",
            "\u{a0}",
            "\u{a0}\u{a0}\u{a0}\u{a0}",
            "\u{feff}",
            "\u{feff}  ",
            "\u{200b}",
            "\u{200e}",
            "\u{2060}",
            "\u{202f}",
            "\u{3000}",
            "\n \n\u{2060}\n",
            "\r\n\u{200e}\r\n ",
        ] {
            assert_eq!(read(&format!("{blank}/slipway retrain")), Command::Retrain, "{blank:?}");
            let between = blank.replace(['\n', '\r'], "");
            assert_eq!(read(&format!("/slipway{between}retrain{between}\n")), Command::Retrain, "{blank:?}");
        }
        for comment in ["/Slipway cancel", "/SLIPWAY cancel", " /SlipWay cancel"] {
            assert_eq!(read(comment), Command::Cancel, "{comment:?}");
        }
    }

    #[test]
    fn a_quoted_command_asks_for_nothing() {
        for comment in [
            "> /slipway retrain",
            " > /Slipway retrain",
            "    /slipway retrain",
            " \u{a0}   /slipway retrain",
            "```\n/slipway retrain\n```",
            "~~~\n/slipway retrain\n~~~",
            "`/slipway retrain`",
        ] {
            assert_eq!(parse(comment), None, "{comment:?}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_command_is_refused() {
        for comment in [
            "/slipway",
            "/slipway Retrain",
            "/slipway retrain --force",
            "/slipway approve",
            "/slipway approve a b",
            "/slipway approve ../x",
            "/slipway approve $(id)",
            "/slipway help me",
            "/slipway cancel\n/slipway retrain",
            "/slipway cancel\n\u{a0}/Slipway retrain",
            "/slipway retrain; cancel",
        ] {
            assert!(parse(comment).expect(comment).is_err(), "{comment:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_repeated() {
        let reason = parse("/slipway @everyone <img>").expect("a command").expect_err("not one");
        assert!(!misunderstood(&reason).contains("everyone"), "{reason}");
    }
}
