//! The shell commands from the created files to a promotion.

use std::path::Path;

use super::local::{DEFAULT_PORT, ENVIRONMENT, Local, REMOTE, SETTINGS, TOKEN};

/// The file of the server's log, below the folder of the setup.
const LOG: &str = "server.log";

impl Local {
    /// Returns the commands, for a shell in the folder where this command runs.
    pub(super) fn next(&self) -> Vec<String> {
        let here = std::env::current_dir().unwrap_or_default();
        let in_source =
            if self.source == here { String::new() } else { format!(" -C {}", word(&self.source.to_string_lossy())) };
        let file = |name: &str| word(&self.given.join(name).to_string_lossy());
        // The exported path is absolute, so that commands can be run later in another folder as well.
        let anchor = if self.given.is_absolute() { "" } else { "\"$PWD\"/" };
        let mut next = vec![format!("export SLIPWAY_TOKEN_FILE={anchor}{}", file(TOKEN))];
        if self.port != DEFAULT_PORT {
            next.push(format!("export SLIPWAY_SERVER=http://127.0.0.1:{}", self.port));
        }
        next.extend([
            format!("slipway serve --config {} 2>{} &", file(SETTINGS), file(LOG)),
            format!("git{in_source} commit -m \"A first model\""),
            format!("git{in_source} push {REMOTE} HEAD:main"),
            format!("slipway environments show {ENVIRONMENT} --output text"),
        ]);
        next
    }
}

/// Formats a text as one word of a POSIX shell. A path never looks like an option.
fn word(text: &str) -> String {
    let text = if text.starts_with('-') { &format!("./{text}") } else { text };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// Puts a text in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Puts a path in single quotes.
pub(super) fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_every_path_for_one_word() {
        for (text, expected) in [
            ("../slipway-local/server.log", "../slipway-local/server.log"),
            ("my models/x", "'my models/x'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~", "'~'"),
            ("-C", "./-C"),
            ("", "''"),
            ("größe", "'größe'"),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
        let all = "a b\t\"$(x)\" `y` \\ 'z' *?[!]\n#;&|<>";
        let echoed = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", word(all))]).output();
        assert_eq!(String::from_utf8_lossy(&echoed.expect("a shell").stdout), all);
    }
}
