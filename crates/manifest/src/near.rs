//! Lines that look like a mark and are none: a promotion that passes them by would change half of what belongs together.

use std::collections::HashSet;

use slipway_domain::{Diagnostic, Position};
use slipway_yaml::Tree;

use super::field::Field;
use super::marker::{Mark, mark_of, may_hold_markers};

/// The word, in any case.
const WORD: &str = "slipway";
/// Quotes as people and their programs write them.
const QUOTES: [char; 13] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '‚', '«', '»', '‹', '›'];

/// A line that looks like a mark of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The model that seems to be meant.
    pub model: String,
    /// Where it stands, and the mark that would be followed.
    pub diagnostic: Diagnostic,
}

/// The lines of a file that look like marks and are none. A file that is no text, or no YAML, has none: if it holds a mark,
/// that is told by [`markers`](super::markers).
pub fn near_misses(file: &str, content: &[u8]) -> Vec<NearMiss> {
    let Ok(text) = std::str::from_utf8(content) else { return Vec::new() };
    let mut found = Vec::new();
    let mut real: Option<HashSet<usize>> = None;
    for (index, line) in text.lines().enumerate() {
        let Some((offset, mark)) = looks_like_mark(line) else { continue };
        let real = real.get_or_insert_with(|| lines_of_marks(file, text));
        if !real.contains(&index) {
            let at = Position { line: index + 1, column: line[..offset].chars().count() + 1 };
            found.push(NearMiss { diagnostic: told(file, at, line, &mark), model: mark.model });
        }
    }
    found
}

/// The lines, counted from zero, whose comments are read as marks, whether they can be followed or not.
fn lines_of_marks(file: &str, text: &str) -> HashSet<usize> {
    if !may_hold_markers(text.as_bytes()) {
        return HashSet::new();
    }
    let Ok(tree) = Tree::parse(file, text) else { return HashSet::new() };
    let marks = tree.comments().iter().filter(|comment| mark_of(comment).is_some());
    marks.map(|comment| tree.line_of(comment.span.start)).collect()
}

/// Where a line says `slipway`, then a colon, then `MODEL:FIELD`, in whatever quotes. In a comment the colon may be missing, and
/// the field may be a misspelt one. A line that is commented out together with its mark, and prose on a line of its own, are
/// none.
fn looks_like_mark(line: &str) -> Option<(usize, Mark)> {
    if let Some(comment) = line.trim_start().strip_prefix('#') {
        let begins = comment.trim_start_matches('#').trim_start().trim_start_matches(QUOTES);
        if !begins.starts_with('{') && !begins.to_ascii_lowercase().starts_with(WORD) {
            return None;
        }
    }
    let comment = line.find(" #").or_else(|| line.trim_start().starts_with('#').then_some(0));
    let lower = line.to_ascii_lowercase();
    lower.match_indices(WORD).find_map(|(at, _)| {
        let in_comment = comment.is_some_and(|comment| comment < at);
        Some((at, mark_after(&line[at + WORD.len()..], in_comment)?))
    })
}

/// The mark that seems to follow the word.
fn mark_after(rest: &str, in_comment: bool) -> Option<Mark> {
    let unquoted = rest.trim_start_matches(QUOTES).trim_start();
    let rest = match unquoted.strip_prefix(':') {
        Some(rest) => rest,
        None if in_comment && unquoted.len() < rest.len() => unquoted,
        None => return None,
    };
    let rest = rest.trim_start().trim_start_matches(QUOTES);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (model, rest) = rest.split_at(rest.find(|c| !is_name(c))?);
    let rest = rest.strip_prefix(':')?;
    let word = rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?.to_ascii_lowercase();
    let misspelt = || Field::ALL.into_iter().find(|field| in_comment && is_slip(&word, field.as_str()));
    let field = Field::named(&word).or_else(misspelt)?;
    Some(Mark { model: model.to_ascii_lowercase(), field })
}

/// Whether a word is a known one with two letters wrong at most, and begins like it.
fn is_slip(word: &str, known: &str) -> bool {
    word.get(..1) == known.get(..1) && strsim::osa_distance(word, known) <= 2
}

fn told(file: &str, at: Position, line: &str, mark: &Mark) -> Diagnostic {
    let mended = format!("# {{\"slipway\": \"{mark}\"}}");
    let (message, help) = if line.contains(&mended) {
        (
            "this mark stands within a text, where it is no comment",
            format!("give the value a line of its own in YAML, with `{mended}` behind it"),
        )
    } else {
        (
            "this looks like a mark, and is none that is followed",
            format!("write `{mended}` behind the value, on its line"),
        )
    };
    Diagnostic::new(file, message).at(at).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        near_misses("app.yaml", text.as_bytes()).iter().map(|near| near.diagnostic.to_string()).collect()
    }

    #[test]
    fn what_looks_like_a_mark_is_told_with_the_mended_one() {
        for line in [
            "uri: none # {'slipway': 'churn:uri'}",
            "uri: none # {“slipway”: “churn:uri”}",
            "uri: none # slipway: churn:uri",
            "uri: none # {\"Slipway\": \"churn:uri\"}",
            "uri: none # see {\"slipway\": \"churn:uri\"}",
            "# slipway: churn:uri",
            "# {'slipway': 'churn:uri'}",
            "uri: none # SLIPWAY:churn:uri",
            "uri: none # «slipway»: «churn:uri»",
            "uri: none # {'slipway': 'churn:urii'}",
            "uri: none # {'slipway': 'churn:url'}",
            "uri: none # slipway churn:uri",
            "slipway.dev/uri: none # {'slipway': 'churn:uri'}",
        ] {
            let near = near_misses("app.yaml", format!("a: 1\n{line}\n").as_bytes());
            assert_eq!(near.len(), 1, "{line}");
            let told = near[0].diagnostic.to_string();
            assert_eq!(near[0].model, "churn", "{line}");
            assert!(told.starts_with("app.yaml:2:"), "{told}");
            assert!(told.contains("`# {\"slipway\": \"churn:uri\"}`"), "{told}");
        }
        let block = "data:\n  serving.yaml: |\n    uri: none # {\"slipway\": \"churn:uri\"}\n\
                     real: none # {\"slipway\": \"churn:digest\"}\n";
        let told = found(block);
        assert!(told.len() == 1 && told[0].contains("within a text") && told[0].starts_with("app.yaml:3:"), "{told:?}");
        let quoted = "uri: 'none # {\"slipway\": \"churn:uri\"}'\n";
        assert_eq!(found(quoted).len(), 1);
    }

    #[test]
    fn marks_prose_and_names_are_no_near_misses() {
        for text in [
            "uri: none # {\"slipway\": \"churn:uri\"}\n",
            "uri: MODEL=none # {\"slipway\": \"churn:uri\", \"prefix\": \"MODEL=\"}\n",
            "# uri: none # {\"slipway\": \"churn:uri\"}\nuri: none\n",
            "# Slipway writes these values; see docs.\n",
            "# the mark {\"slipway\": \"churn:uri\"} stands behind a value\n",
            "apiVersion: slipway.dev/v1alpha1\nslipway.dev/run: none\n",
            "image: ghcr.io/team/slipway:version\n",
            "slipway: {url: http://slipway:8420}\n",
            "uri: none # {\"slipway\": \"churn:tag\"}\n",
            "uri: none # slipway writes churn:uri here\n",
            "image: registry/slipway:5000:run1\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
