//! Writes texts as YAML scalars that every reader reads as the same text.

use std::fmt::Write as _;

use super::plain::is_plain_text;

/// A text as a scalar: plain if every reader reads it as the same text, otherwise in double quotes.
pub fn scalar_of(text: &str) -> String {
    if is_plain_text(text) { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes. Characters that YAML does not print, that reverse the text direction or that break the line are
/// escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a `String` cannot fail.
        let _ = match character {
            '"' | '\\' => write!(written, "\\{character}"),
            '\n' => write!(written, "\\n"),
            '\t' => write!(written, "\\t"),
            _ if is_printed(character) => write!(written, "{character}"),
            _ if code <= 0xff => write!(written, "\\x{code:02x}"),
            _ if code <= 0xffff => write!(written, "\\u{code:04x}"),
            _ => write!(written, "\\U{code:08x}"),
        };
    }
    written.push('"');
    written
}

/// Whether a character may stand in double quotes unescaped and does not change how other characters are shown.
fn is_printed(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        && !matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    #[test]
    fn what_is_written_is_read_as_the_same_text_by_two_readers() {
        for text in [
            "age",
            "yes",
            "1e3",
            "null",
            "~",
            "",
            " ",
            "#x",
            "a: b",
            "a #b",
            "- x",
            "<<",
            "=",
            "0x1F",
            "2026-01-31",
            "12:30",
            "größe",
            "日本",
            "🙂",
            "say \"hi\"",
            "it's",
            "C:\\tmp",
            "a\nb",
            "a\tb",
            "a\0b",
            "\u{85}",
            "\u{7f}",
            "\u{2028}",
            "\u{feff}x",
            "\u{202e}x",
            "{x",
            "x,y",
            "x]",
            "*x",
            "&x",
            "!x",
            "%x",
            "@x",
            "`x",
            "|",
            ">",
            "?",
            "-",
        ] {
            for line in [format!("k: {}\n", scalar_of(text)), format!("k: [{}]\n", scalar_of(text))] {
                let tree = Tree::parse("x", &line).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(tree.texts(&"k".parse().expect("a path")), Some(vec![text.to_owned()]), "{line}");
                let read: serde_yaml::Value = serde_yaml::from_str(&line).expect(&line);
                let read = read["k"].as_str().or(read["k"][0].as_str());
                assert_eq!(read, Some(text), "{line}");
            }
        }
    }
}
