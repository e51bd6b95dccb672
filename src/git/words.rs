//! Text that another machine wrote, made fit to be shown: no control characters, no flood.

/// Most characters kept of a text from the other side: enough for a hook's explanation, too few to flood a log.
const MOST_CHARACTERS: usize = 500;

/// The text on one line, cut to a few hundred characters.
pub(super) fn short_words(text: &str) -> String {
    let one_line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut short = String::new();
    for word in one_line {
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
        if let Some((cut, _)) = short.char_indices().nth(MOST_CHARACTERS) {
            short.truncate(cut);
            short.push('…');
            break;
        }
    }
    if short.is_empty() {
        "(no words)".to_owned()
    } else {
        short
    }
}
