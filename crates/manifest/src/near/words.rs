//! Splits a line into words and the signs between them.

use super::mention::WORD;

/// The forms of quotes.
const QUOTES: [char; 18] =
    ['"', '\'', '`', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '‹', '›', '＂', '＇', '′', '″'];
/// Colons and similar signs, equals signs, arrows.
const JOINTS: [char; 12] = [':', '：', '﹕', '꞉', '∶', '=', '＝', '>', '→', '⇒', '⟶', '➔'];
const BRACES: [char; 4] = ['{', '}', '｛', '｝'];
/// Extensions of file names that occur in prose.
const FILES: [&str; 5] = [".yaml", ".yml", ".md", ".html", ".json"];
/// The most characters and words of a text that are read. A comment after a value is shorter.
const MAX_CHARACTERS: usize = 1_000;
const MAX_WORDS: usize = 64;
/// The longest word that is used. A model's name has at most 63 characters.
const MAX_WORD_LENGTH: usize = 80;

/// A word in lower case.
pub(super) struct Word {
    pub(super) text: String,
    /// The indexes of its first character and of the character after its last one in the text.
    from: usize,
    to: usize,
}

/// The words of a text.
pub(super) struct Words {
    characters: Vec<char>,
    words: Vec<Word>,
}

impl Words {
    /// The words at the beginning of a text: letters, digits and `-_` within. Addresses and file names are left out.
    pub(super) fn of(text: &str) -> Self {
        let characters: Vec<char> = without_addresses(text).chars().take(MAX_CHARACTERS).collect();
        let is_letter = |at: usize| characters.get(at).is_some_and(|c| c.is_alphanumeric());
        let is_within = |at: usize| match characters[at] {
            '-' | '_' => true,
            // An apostrophe within a word is not a quote.
            '\'' | '’' => at > 0 && is_letter(at - 1) && is_letter(at + 1),
            c => c.is_alphanumeric(),
        };
        let mut words = Vec::new();
        let mut at = 0;
        while at < characters.len() && words.len() < MAX_WORDS {
            let from = at;
            while at < characters.len() && is_within(at) {
                at += 1;
            }
            words.extend(Word::within(&characters, from, at));
            at += 1;
        }
        let mut words = Self { characters, words };
        words.part_product();
        words
    }

    /// Splits the word that contains the product's name: `slipway-churn` becomes two words.
    fn part_product(&mut self) {
        let Some(index) = self.words.iter().position(|word| word.text.contains(WORD)) else { return };
        let Word { text, from, to } = &self.words[index];
        let (from, to) = (*from, *to);
        let rest = text.replacen(WORD, " ", 1);
        let parts = rest.split([' ', '-', '_']).filter(|part| part.starts_with(char::is_alphanumeric));
        let parts: Vec<Word> = parts.map(|part| Word { text: part.to_owned(), from: to, to }).collect();
        self.words[index] = Word { text: WORD.to_owned(), from, to };
        let behind = self.words.split_off(index + 1);
        self.words.extend(parts.into_iter().chain(behind));
    }

    /// The index of the product's name, and whether it is spelt exactly.
    pub(super) fn product(&self) -> Option<(usize, bool)> {
        let exact = self.words.iter().position(|word| word.text == WORD).map(|index| (index, true));
        let is_slip = |word: &Word| strsim::osa_distance(&word.text, WORD) == 1;
        exact.or_else(|| self.words.iter().position(is_slip).map(|index| (index, false)))
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn get(&self, index: usize) -> &Word {
        &self.words[index]
    }

    pub(super) fn text(&self, index: usize) -> String {
        self.words[index].text.clone()
    }

    /// All words except one.
    pub(super) fn all_but(&self, index: usize) -> Vec<String> {
        let others = self.words.iter().enumerate().filter(|(at, _)| *at != index);
        others.map(|(_, word)| word.text.clone()).collect()
    }

    /// Whether the text begins with a single brace. Two braces begin a template.
    pub(super) fn text_begins_with_brace(&self) -> bool {
        let mut begins = self.characters.iter().skip_while(|c| c.is_whitespace());
        let opens = begins.next().is_some_and(|c| BRACES.contains(c) || *c == '[');
        opens && begins.next() != Some(&'{')
    }

    /// The characters between a word and the next one.
    fn behind(&self, index: usize) -> &[char] {
        let to = self.words.get(index + 1).map_or(self.characters.len(), |next| next.from);
        self.characters.get(self.words[index].to..to).unwrap_or_default()
    }

    fn before(&self, index: usize) -> &[char] {
        let from = index.checked_sub(1).map_or(0, |before| self.words[before].to);
        self.characters.get(from..self.words[index].from).unwrap_or_default()
    }

    /// Whether a sign of marks stands between any words.
    pub(super) fn has_signs(&self) -> bool {
        !self.words.is_empty()
            && (self.before(0).iter().any(|c| is_sign(*c)) || (0..self.len()).any(|at| self.is_attached(at)))
    }

    /// Whether a sign of marks stands directly beside a word.
    pub(super) fn is_attached(&self, index: usize) -> bool {
        let opens = |c: &char| QUOTES.contains(c) || BRACES.contains(c);
        self.behind(index).iter().any(|c| is_sign(*c)) || self.before(index).iter().any(opens)
    }

    /// Whether a colon or a similar sign stands after a word.
    pub(super) fn is_joined(&self, index: usize) -> bool {
        self.behind(index).iter().any(|c| JOINTS.contains(c))
    }

    /// Whether a colon or a similar sign, and no space, separates two consecutive words.
    pub(super) fn are_joined(&self, one: usize, other: usize) -> bool {
        self.touch(one, other) && self.is_joined(one)
    }

    /// Whether only spaces separate two consecutive words.
    pub(super) fn are_spaced(&self, one: usize, other: usize) -> bool {
        other == one + 1 && self.behind(one).iter().all(|c| c.is_whitespace())
    }

    /// Whether no space separates two consecutive words.
    pub(super) fn touch(&self, one: usize, other: usize) -> bool {
        other == one + 1 && !self.behind(one).iter().any(|c| c.is_whitespace())
    }

    /// Whether only a dot stands before a word.
    pub(super) fn follows_dot(&self, index: usize) -> bool {
        self.before(index) == ['.']
    }

    /// Whether a word is the name of an image with a tag that begins with a digit: `slipway:1.2`.
    pub(super) fn is_image_tag(&self, index: usize) -> bool {
        let next = self.words.get(index + 1);
        self.behind(index) == [':'] && next.is_some_and(|next| next.text.starts_with(|c: char| c.is_ascii_digit()))
    }
}

fn is_sign(c: char) -> bool {
    QUOTES.contains(&c) || JOINTS.contains(&c) || BRACES.contains(&c)
}

impl Word {
    /// The word between two characters, without `-` and `_` at its ends.
    fn within(characters: &[char], from: usize, to: usize) -> Option<Self> {
        let is_joint = |at: &usize| matches!(characters[*at], '-' | '_');
        let from = (from..to).find(|at| !is_joint(at))?;
        let to = (from..to).rev().find(|at| !is_joint(at))? + 1;
        let text: String = characters[from..to].iter().flat_map(|c| c.to_lowercase()).collect();
        (to - from <= MAX_WORD_LENGTH).then_some(Self { text, from, to })
    }
}

/// A text without addresses (`https://slipway.dev/docs`) and file names.
fn without_addresses(text: &str) -> String {
    let end = text.char_indices().nth(MAX_CHARACTERS).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    let is_left_out = |word: &str| {
        let lower = word.to_lowercase();
        let scheme = lower.split_once("://").map(|(scheme, _)| scheme);
        let name = lower.trim_matches(|c: char| !c.is_alphanumeric());
        let is_file = name.contains(WORD) && !name.contains(JOINTS) && FILES.iter().any(|end| name.ends_with(end));
        scheme.is_some_and(|scheme| !scheme.contains(WORD)) || is_file
    };
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|word| if is_left_out(word.trim()) { " " } else { word }).collect()
}
