//! The difference between two versions of a text file, as a unified diff.

use std::path::Path;

use git2::Patch;

/// The difference between two versions of the file at `path`, with three lines of context; empty if there is none. `None` means
/// that the file does not exist in this version.
pub fn difference(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    unified(path, old, new)
        .unwrap_or_else(|error| format!("`{path}` differs; the differences cannot be shown: {}\n", error.message()))
}

fn unified(path: &str, old: Option<&str>, new: Option<&str>) -> Result<String, git2::Error> {
    let bytes = |version: Option<&'_ str>| version.unwrap_or_default().as_bytes().to_vec();
    let (before, after) = (bytes(old), bytes(new));
    let side = |version: Option<&str>| version.map(|_| Path::new(path));
    let mut unified = Patch::from_buffers(&before, side(old), &after, side(new), None)?;
    Ok(String::from_utf8_lossy(&unified.to_buf()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        let old = (1..=20).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
        let new = old.replace("line 10\n", "line ten\n");
        let shown = difference("policy.yaml", Some(&old), Some(&new));
        assert!(shown.contains("-line 10\n+line ten\n"), "{shown}");
        assert!(shown.contains(" line 7\n") && !shown.contains("\n line 6\n"), "{shown}");
        assert_eq!(difference("policy.yaml", Some(&old), Some(&old)), "");
    }

    #[test]
    fn a_file_that_comes_or_goes_is_shown_whole() {
        let shown = difference("policy.yaml", None, Some("a\nb\n"));
        assert!(shown.contains("+a\n+b\n"), "{shown}");
        let shown = difference("policy.yaml", Some("a\nb"), None);
        assert!(shown.contains("-a\n-b\n"), "{shown}");
    }
}
