//! Creates and checks the links to the pages of runs that forges show. A reader of a pull request may see the verdict but has no
//! token of Slipway. The link itself grants access to its one page and to nothing else.

use std::sync::Arc;

use super::Secret;
use slipway_domain::RunId;

/// The purpose that the key of links is derived with, so that a link signs no delivery and a signature grants access to no page.
const PURPOSE: &[u8] = b"slipway: the key of links to the pages of runs";

/// Creates the links of one source.
#[derive(Debug, Clone)]
pub struct Pages {
    address: Arc<str>,
    key: Secret,
}

impl Pages {
    /// Creates links to pages below `address`, such as `https://slipway.example`, for the source that has this webhook secret.
    pub fn new(address: &str, secret: &Secret) -> Self {
        Self { address: address.trim_end_matches('/').into(), key: key_of(secret) }
    }

    /// The page of a run.
    pub fn of(&self, run: RunId) -> String {
        let key = self.key.sign(run.to_string().as_bytes());
        format!("{}/runs/{run}?key={}", self.address, key.trim_start_matches("sha256="))
    }

    /// The address of the image of its verdict.
    pub fn picture_of(&self, run: RunId) -> String {
        self.of(run).replacen('?', "/verdict.svg?", 1)
    }
}

/// Whether a key grants access to the page of a run whose source has these secrets. Compares in constant time.
pub fn opens(secrets: &[Secret], run: RunId, key: &str) -> bool {
    // A secret that is being rotated still opens its earlier links.
    secrets.iter().map(key_of).any(|secret| secret.verifies(run.to_string().as_bytes(), key))
}

fn key_of(secret: &Secret) -> Secret {
    secret.derived(PURPOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).expect("a secret")
    }

    #[test]
    fn a_link_opens_the_page_of_its_run_and_no_other() {
        let (current, newer) = (secret("the current secret of it"), secret("another, newer secret"));
        let (run, other) = (RunId::new(), RunId::new());
        let link = Pages::new("https://slipway.example/", &current).of(run);
        let (address, key) = link.split_once("?key=").expect("a key");
        assert_eq!(address, format!("https://slipway.example/runs/{run}"));
        assert!(opens(&[newer.clone(), current.clone()], run, key));
        assert!(!opens(std::slice::from_ref(&current), other, key));
        assert!(!opens(&[newer], run, key));
        for wrong in ["", "00", "not hexadecimal", &key[2..]] {
            assert!(!opens(std::slice::from_ref(&current), run, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_no_signature_of_a_delivery() {
        let (current, run) = (secret("the current secret of it"), RunId::new());
        let link = Pages::new("https://slipway.example", &current).of(run);
        assert!(!link.contains(current.sign(run.to_string().as_bytes()).trim_start_matches("sha256=")));
    }
}
