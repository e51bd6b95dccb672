//! Finds the value of a field in a text by the form of such values.

/// The indexes of the first byte of a part and of the byte after its last one.
pub(super) type Part = (usize, usize);

/// The number of hexadecimal digits of a SHA-256.
const DIGEST_LETTERS: usize = 64;
/// The prefix of digests.
const DIGEST: &str = "sha256:";
/// The lengths of the parts of Slipway's versions: a day, a hyphen and digits of a digest, as in `20261124-3f9a1c2b7d10`.
const DAY: usize = 8;
const SHORT_DIGEST: usize = 12;
/// The lengths of the groups of a run's identifier (RFC 9562, section 4).
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Pre-release parts of a version (semver.org, item 9, and common words).
const STAGES: [&str; 12] = ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "post", "a", "b", "m", "final"];
/// Tags that stand for a version.
const MOVING: [&str; 8] = ["latest", "stable", "main", "master", "edge", "nightly", "current", "head"];
/// The shortest abbreviation of a commit that counts as part of a version.
const MIN_HASH_LENGTH: usize = 7;

/// The place of a digest: with its algorithm, or its digits alone.
pub(super) fn digest_in(text: &str) -> Option<Part> {
    if let Some(from) = text.find(DIGEST) {
        let letters = hex_letters(&text[from + DIGEST.len()..]).min(DIGEST_LETTERS);
        return Some((from, from + DIGEST.len() + letters));
    }
    words(text, |c| c.is_ascii_hexdigit()).find(|(from, to)| to - from == DIGEST_LETTERS)
}

/// The place of an address with a scheme. It ends at a space, a quote or a comma. If the text begins with it, the address may
/// contain every character of an address (RFC 3986, section 2), up to the next address. A `file` address is a path, which may
/// contain any character.
pub(super) fn uri_in(text: &str) -> Option<Part> {
    let colon = text.find("://")?;
    let from = colon - scheme_before(text, colon);
    let ends = |c: char| match c {
        _ if text.starts_with("file://") => false,
        '\'' | ',' | ';' | ')' => from > 0,
        '"' | '`' | '}' | ']' => true,
        c => c.is_whitespace(),
    };
    let to = text[colon..].find(ends).map_or(text.len(), |length| colon + length);
    // The text contains several addresses.
    let next = text[colon + 1..to].match_indices("://").find_map(|(at, _)| {
        let colon = colon + 1 + at;
        let begin = colon - scheme_before(text, colon);
        text[..begin].ends_with([',', ';', '|']).then(|| begin - 1)
    });
    Some((from, next.unwrap_or(to)))
}

/// The number of characters of a scheme before its colon.
fn scheme_before(text: &str, colon: usize) -> usize {
    let is_of_scheme = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.as_bytes()[..colon].iter().rev().take_while(is_of_scheme).count()
}

/// The place of a version: one of Slipway's, or a number, a dotted number or a word such as `latest` among other words.
pub(super) fn version_in(text: &str) -> Option<Part> {
    own_version_in(text).or_else(|| numbered_in(text))
}

fn own_version_in(text: &str) -> Option<Part> {
    text.match_indices('-').find_map(|(dash, _)| {
        let day = text.as_bytes()[..dash].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = hex_letters(&text[dash + 1..]);
        (day == DAY && letters == SHORT_DIGEST).then(|| (dash - DAY, dash + 1 + SHORT_DIGEST))
    })
}

/// The only number in the last part of a text, unless the text around it is part of the version.
fn numbered_in(text: &str) -> Option<Part> {
    let begin = text.rfind([':', '@', '/']).map_or(0, |at| at + 1);
    let tag = &text[begin..];
    let mut numbers = words(tag, |c| c.is_ascii_alphanumeric() || c == '.').filter(|(from, to)| {
        let word = &tag[*from..*to];
        let number = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        number.split('.').all(is_number) || MOVING.contains(&word)
    });
    let (from, to) = numbers.next().filter(|_| numbers.next().is_none())?;
    // A suffix after a plus sign or with a pre-release part belongs to the version (semver.org, items 9 and 10).
    let is_more = tag[to..].starts_with('+')
        || words(&tag[to..], char::is_alphanumeric).any(|(from, next)| {
            let word = tag[to + from..to + next].to_ascii_lowercase();
            let stage = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let is_hash = word.len() >= MIN_HASH_LENGTH && hex_letters(&word) == word.len();
            STAGES.contains(&stage) || is_hash
        });
    (!is_more).then_some((begin + from, begin + to))
}

/// The place of a run's identifier.
pub(super) fn run_in(text: &str) -> Option<Part> {
    let length = GROUPS.iter().sum::<usize>() + GROUPS.len() - 1;
    let is_run = |part: &str| {
        let groups: Vec<&str> = part.split('-').collect();
        groups.len() == GROUPS.len()
            && groups.iter().zip(GROUPS).all(|(group, letters)| group.len() == letters && hex_letters(group) == letters)
    };
    let begins = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut parts = begins.filter_map(|from| Some((from, text.get(from..from + length)?)));
    parts.find(|(_, part)| is_run(part)).map(|(from, _)| (from, from + length))
}

fn hex_letters(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_hexdigit).count()
}

/// The longest parts of a text that contain only characters of a set.
fn words(text: &str, is_within: impl Fn(char) -> bool) -> impl Iterator<Item = Part> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let from = rest + text[rest..].find(&is_within)?;
        let to = text[from..].find(|c| !is_within(c)).map_or(text.len(), |length| from + length);
        rest = to;
        Some((from, to))
    })
}
