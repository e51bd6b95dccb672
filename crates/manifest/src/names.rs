//! Decides which names of models are misspellings of each other: `chrun` of `churn`, but not `churn-us` of `churn-eu`.

/// The longest name that is compared, in bytes. Names of models have at most 63 characters.
const MAX_LENGTH: usize = 160;
/// The most letters that only one of two names contains. Two edits in each of two long parts change eight.
const MAX_OTHER_LETTERS: u32 = 8;

/// Letters that look like others in many fonts, each with its lookalike.
const ALIKE: [(&str, &str); 4] = [("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l")];

/// Whether a name is probably `known` with a spelling mistake. Names of a family that differ in numbers or in short parts are
/// different names: `churn-1` and `churn-2`, `churn-eu` and `churn-us`. A name is not a misspelling of itself.
pub fn is_slip_of(name: &str, known: &str) -> bool {
    if name == known || name.len() > MAX_LENGTH || known.len() > MAX_LENGTH || are_far(name, known) {
        return false;
    }
    let (name, known) = (spelt(name), spelt(known));
    if name == known || bare(&name) == bare(&known) || alike(&name) == alike(&known) {
        return true;
    }
    if digits(&name) != digits(&known) {
        return false;
    }
    let (parts, known_parts): (Vec<&str>, Vec<&str>) = (name.split('-').collect(), known.split('-').collect());
    if parts.len() != known_parts.len() {
        return is_close(&bare(&name), &bare(&known));
    }
    parts.iter().zip(&known_parts).all(|(part, known)| part == known || is_close(part, known))
}

/// Whether two names differ in so many letters that one cannot be a misspelling of the other. This cheap test decides most pairs.
fn are_far(name: &str, known: &str) -> bool {
    let letters = |text: &str| {
        let letters = text.bytes().filter(u8::is_ascii_alphabetic).map(|byte| byte.to_ascii_lowercase() - b'a');
        letters.fold(0_u32, |set, letter| set | 1 << letter)
    };
    (letters(name) ^ letters(known)).count_ones() > MAX_OTHER_LETTERS
}

/// Lower case, with one separator between parts.
fn spelt(name: &str) -> String {
    name.to_lowercase().replace(['_', '.', ' '], "-")
}

fn bare(name: &str) -> String {
    name.replace('-', "")
}

fn alike(name: &str) -> String {
    ALIKE.iter().fold(name.to_owned(), |name, (pair, letter)| name.replace(pair, letter))
}

fn digits(name: &str) -> String {
    name.chars().filter(char::is_ascii_digit).collect()
}

/// Whether two words differ by one edit, or by two if they are long. Short words are too similar to decide.
fn is_close(word: &str, known: &str) -> bool {
    let allowed = match word.chars().count().min(known.chars().count()) {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    allowed > 0 && strsim::osa_distance(word, known) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_distinguished_from_names_of_a_family() {
        for (slip, known) in [
            ("chrun", "churn"),
            ("chum", "churn"),
            ("churns", "churn"),
            ("Churn", "churn"),
            ("churn_model", "churn-model"),
            ("churnmodel", "churn-model"),
            ("chrun-v2", "churn-v2"),
            ("recomender-eu", "recommender-eu"),
            ("f00d-risk", "food-risk"),
            ("сhurn", "churn"),
        ] {
            assert!(is_slip_of(slip, known), "{slip} {known}");
        }
        for (name, other) in [
            ("churn", "churn"),
            ("churn-1", "churn-2"),
            ("churn", "churn2"),
            ("churn-eu", "churn-us"),
            ("churn", "churn-eu"),
            ("fraud-a", "fraud-b"),
            ("digits", "churn"),
            ("a", "b"),
            ("eta", "beta"),
            ("", "churn"),
        ] {
            assert!(!is_slip_of(name, other), "{name} {other}");
        }
        assert!(!is_slip_of(&"a".repeat(1 << 20), "churn"));
    }
}
