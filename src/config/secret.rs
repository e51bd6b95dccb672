//! Reads secrets from files or environment variables, never from the settings file itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The place of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecretReference {
    /// A file; white space around the secret is removed.
    File(String),
    /// In a variable of the server's environment.
    Env(String),
}

/// Reads a secret. Errors contain its place, never its text.
pub(super) fn read(reference: &SecretReference, folder: &Path) -> Result<String, String> {
    let text = match reference {
        SecretReference::File(path) => {
            let path = folder.join(path);
            std::fs::read_to_string(&path)
                .map_err(|error| format!("the file `{}` cannot be read: {error}", path.display()))?
        }
        #[expect(clippy::disallowed_methods, reason = "this module reads environment variables for secrets")]
        SecretReference::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable `{name}` is not set, or is not UTF-8"))?
        }
    };
    let text = text.trim();
    if text.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_secret_is_named_by_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("empty"), " \n").expect("written");
        let read = |reference| read(&reference, folder.path()).expect_err("no secret");
        assert_eq!(read(SecretReference::File("empty".to_owned())), "the secret is empty");
        assert!(read(SecretReference::File("nothing".to_owned())).contains("nothing` cannot be read"));
        assert!(
            read(SecretReference::Env("SLIPWAY_TEST_UNSET".to_owned())).contains("`SLIPWAY_TEST_UNSET` is not set")
        );
    }

    #[test]
    fn white_space_around_a_secret_does_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), "\n abc \n").expect("written");
        assert_eq!(read(&SecretReference::File("secret".to_owned()), folder.path()), Ok("abc".to_owned()));
    }
}
