//! Sanitises texts of other machines for display: no control characters, no colours, no direction changes, limited length.

/// Maximum number of characters of a remote text: enough for a hook's explanation, too few to flood a log.
const MAX_CHARACTERS: usize = 500;

/// The text on one line, cut off after [`MAX_CHARACTERS`] characters.
pub(super) fn single_line(text: &str) -> String {
    let plain = without_colours(text);
    let mut short = String::new();
    for word in plain.split(|c: char| c.is_whitespace() || c.is_control() || is_format_character(c)) {
        if word.is_empty() {
            continue;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
        if let Some((cut, _)) = short.char_indices().nth(MAX_CHARACTERS) {
            short.truncate(cut);
            short.push('…');
            break;
        }
    }
    if short.is_empty() { "(no words)".to_owned() } else { short }
}

/// Whether a character is invisible and changes the display of others, such as their direction or separation.
fn is_format_character(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text without terminal sequences (`ESC [ … letter`).
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest));
    }
    plain
}
