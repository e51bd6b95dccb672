//! Reads a policy file with those that it extends, all from one repository.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::files::{Entry, Files};
use super::source;
use super::source::folder_of;
use slipway_domain::Diagnostic;
use slipway_gate::policy::Policy;

/// A policy, and the texts of its files by their paths.
pub(crate) type Found = (Policy, BTreeMap<String, String>);

/// Reads a policy and those that it extends. The inner error contains its mistakes.
pub(crate) fn read<F: Files>(files: &F, path: &str) -> Result<Result<Found, Vec<Diagnostic>>, F::Error> {
    let text = match files.entry(path)? {
        Some(Entry::Other(kind)) => {
            let message = format!("this is {kind}, expected a policy file");
            return Ok(Err(vec![
                Diagnostic::new(path, message).help("commit the file itself: Slipway does not follow links"),
            ]));
        }
        _ => source::read_text(files, path)?,
    };
    let Some(text) = text else {
        let message = format!("the policy does not exist {}, and without a policy nothing is promoted", files.place());
        let help = "push the policy first: a push is judged by the policy of the revision before it";
        return Ok(Err(vec![Diagnostic::new(path, message).help(help)]));
    };
    let text = match text {
        Ok(text) => text,
        Err(diagnostic) => return Ok(Err(vec![diagnostic])),
    };
    let texts = RefCell::new(BTreeMap::from([(path.to_owned(), text.clone())]));
    let broken: RefCell<Option<F::Error>> = RefCell::new(None);
    let find = |from: &str, path: &str| {
        let path = path_from(from, path)?;
        let unreadable = |error: F::Error| {
            let message = error.to_string();
            broken.replace(Some(error));
            message
        };
        if let Some(Entry::Other(kind)) = files.entry(&path).map_err(unreadable)? {
            return Err(format!("`{path}` is {kind}, expected a policy file"));
        }
        match source::read_text(files, &path).map_err(unreadable)? {
            Some(Ok(text)) => {
                texts.borrow_mut().insert(path.clone(), text.clone());
                Ok((path, text))
            }
            Some(Err(diagnostic)) => Err(diagnostic.message),
            None => Err(format!("the file `{}` does not exist {}", files.shown(&path), files.place())),
        }
    };
    let read = Policy::read_with(path, &text, &find);
    // A repository that cannot be read now is not a mistake of its authors.
    match broken.take() {
        Some(error) => Err(error),
        None => Ok(read.map(|policy| (policy, texts.take()))),
    }
}

/// A path in the repository, from a path relative to another file.
fn path_from(from: &str, path: &str) -> Result<String, String> {
    if path.is_empty() || path.starts_with('/') || path.contains('\\') || path.chars().any(char::is_control) {
        return Err("expected a relative path to a policy, or `slipway:` and the name of a built-in policy".to_owned());
    }
    let mut parts: Vec<&str> = folder_of(from).split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("the path leaves the repository")?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_the_file_that_names_it_and_stays_in_the_repository() {
        for (from, path, expected) in [
            ("policy.yaml", "base.yaml", "base.yaml"),
            ("models/digits/policy.yaml", "base.yaml", "models/digits/base.yaml"),
            ("models/digits/policy.yaml", "../../policies/./base.yaml", "policies/base.yaml"),
        ] {
            assert_eq!(path_from(from, path).as_deref(), Ok(expected), "{from} {path}");
        }
        for (from, path) in [
            ("policy.yaml", "../base.yaml"),
            ("models/policy.yaml", "../../base.yaml"),
            ("models/policy.yaml", "/etc/base.yaml"),
            ("policy.yaml", "a\\b.yaml"),
            ("policy.yaml", ""),
        ] {
            assert!(path_from(from, path).is_err(), "{from} {path}");
        }
    }
}
