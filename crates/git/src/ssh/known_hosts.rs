//! Accepted host keys, as lines in the format of `ssh-keyscan` and `known_hosts` files.

use std::fmt::Write as _;

use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns};
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// Host keys by host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHosts(Vec<(String, PublicKey)>);

/// Error: the text contains no host keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected lines like `forge.example ssh-ed25519 AAAA…`, found {0}\n  help: get the lines from `ssh-keyscan HOST`, and compare the fingerprints with those that the server's operators publish"
)]
pub struct NotKnownHosts(String);

impl KnownHosts {
    /// Parses a text. Hashed names, patterns and markers are refused, so that the key of each host is visible.
    pub fn parse(text: &str) -> Result<Self, NotKnownHosts> {
        let mut known = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |problem: &str| NotKnownHosts(format!("{problem} on line {}", number + 1));
            let entry: Entry = line.parse().map_err(|_| refuse("something else"))?;
            if entry.marker().is_some() {
                return Err(refuse("a marker"));
            }
            let HostPatterns::Patterns(names) = entry.host_patterns() else { return Err(refuse("a hashed name")) };
            for name in names {
                if name.contains(['*', '?', '!']) {
                    return Err(refuse("a pattern"));
                }
                known.push((name.to_lowercase(), entry.public_key().clone()));
            }
        }
        if known.is_empty() { Err(NotKnownHosts("none".to_owned())) } else { Ok(Self(known)) }
    }

    /// Whether this is a key of the host.
    pub(super) fn holds(&self, host: &str, key: &PublicKey) -> bool {
        self.keys_of(host).any(|known| known.key_data() == key.key_data())
    }

    /// The algorithms of the host's known keys: a server with several keys presents the one that the client requests first.
    pub(super) fn kinds(&self, host: &str) -> Vec<Algorithm> {
        self.keys_of(host).map(PublicKey::algorithm).collect()
    }

    fn keys_of(&self, host: &str) -> impl Iterator<Item = &PublicKey> {
        let host = host.to_lowercase();
        self.0.iter().filter(move |(name, _)| *name == host).map(|(_, key)| key)
    }
}

/// The problem with a host key, and the line that would accept it.
pub(super) fn refusal(known: &KnownHosts, host: &str, shown: &PublicKey) -> (String, String) {
    let mut line = host.to_owned();
    let encoded = shown.to_openssh().unwrap_or_default();
    for word in encoded.split_whitespace().take(2) {
        // Writing to a string does not fail.
        let _ = write!(line, " {word}");
    }
    let print = shown.fingerprint(HashAlg::Sha256);
    if known.kinds(host).is_empty() {
        (
            format!("the host key of `{host}` is not known; its fingerprint is {print}"),
            format!(
                "compare the fingerprint with the one that its operators publish, then add this line to `known_hosts`: \
                 {line}"
            ),
        )
    } else {
        (
            format!("the host key of `{host}` differs from the known one; its fingerprint is {print}"),
            format!(
                "the connection may be intercepted; only if the operators confirm the new key, replace the known line \
                 by this one: {line}"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn keys_are_known_by_name_and_port() {
        let known =
            KnownHosts::parse(&format!("# mine\n\nForge.example,[forge.example]:2222 {ONE} comment\n")).unwrap();
        let key: PublicKey = ONE.parse().unwrap();
        assert!(known.holds("forge.example", &key) && known.holds("[forge.example]:2222", &key));
        assert!(!known.holds("[forge.example]:22", &key) && !known.holds("other.example", &key));
        assert_eq!(known.kinds("forge.example"), [Algorithm::Ed25519]);
        let (problem, help) = refusal(&known, "other.example", &key);
        assert!(
            problem.contains("is not known") && help.ends_with(&format!("other.example {ONE}")),
            "{problem} {help}"
        );
        let (problem, _) = refusal(&known, "forge.example", &key);
        assert!(problem.contains("differs from the known one"), "{problem}");
    }

    #[test]
    fn what_hides_which_key_a_host_has_is_refused() {
        for (text, message) in [
            ("", "found none"),
            ("forge.example", "something else on line 1"),
            (&format!("\n*.example {ONE}"), "a pattern on line 2"),
            (&format!("@cert-authority forge.example {ONE}"), "a marker on line 1"),
            (&format!("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {ONE}"), "a hashed name"),
        ] {
            let error = KnownHosts::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
