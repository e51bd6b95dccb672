//! Remembers token secrets that were looked up recently, by their digests. Secrets that were valid are exempt from the limit on
//! lookups. Secrets that were refused are refused again without a query of the store. The validity of a good secret is checked at
//! every request.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slipway_contract::Digest;

/// How long a refused secret is refused again without a lookup. During this time repetitions cost the store nothing. A new token
/// never has a secret that was tried before.
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// Maximum number of remembered secrets of each kind.
const MAX: usize = 4_096;

/// What is remembered about a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// Nothing. Its lookup counts against the caller's limit.
    Unknown,
    /// It was valid at its last lookup.
    Good,
    /// It was refused recently, for this reason.
    Refused(&'static str),
}

/// Secrets that were looked up recently.
#[derive(Default)]
pub(super) struct KnownSecrets(Mutex<Known>);

#[derive(Default)]
struct Known {
    good: HashSet<Digest>,
    refused: HashMap<Digest, (Instant, &'static str)>,
}

impl KnownSecrets {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is remembered about a secret.
    pub(super) fn recall(&self, secret: &Digest, now: Instant) -> Memory {
        let known = self.lock();
        match known.refused.get(secret) {
            Some((until, reason)) if now < *until => Memory::Refused(reason),
            _ if known.good.contains(secret) => Memory::Good,
            _ => Memory::Unknown,
        }
    }

    /// Records that a secret was valid.
    pub(super) fn record_good(&self, secret: Digest) {
        let mut known = self.lock();
        if known.good.len() >= MAX {
            known.good.clear();
        }
        known.good.insert(secret);
    }

    /// Records that a secret was refused.
    pub(super) fn record_refused(&self, secret: Digest, reason: &'static str, now: Instant) {
        let mut known = self.lock();
        known.good.remove(&secret);
        if known.refused.len() >= MAX {
            known.refused.retain(|_, (until, _)| now < *until);
        }
        if known.refused.len() < MAX {
            known.refused.insert(secret, (now + REFUSED_FOR, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_secret_is_remembered_for_a_while_and_a_good_one_until_it_is_refused() {
        let (known, now) = (KnownSecrets::default(), Instant::now());
        let [good, bad] = [b"good", b"bad!"].map(|secret| Digest::of(secret));
        assert_eq!(known.recall(&good, now), Memory::Unknown);
        known.record_good(good.clone());
        known.record_refused(bad.clone(), "unknown", now);
        assert_eq!(known.recall(&good, now), Memory::Good);
        assert_eq!(known.recall(&bad, now), Memory::Refused("unknown"));
        assert_eq!(known.recall(&bad, now + REFUSED_FOR), Memory::Unknown);
        known.record_refused(good.clone(), "revoked", now);
        assert_eq!(known.recall(&good, now), Memory::Refused("revoked"));
        assert_eq!(known.recall(&good, now + REFUSED_FOR), Memory::Unknown);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (known, now) = (KnownSecrets::default(), Instant::now());
        for number in 0..2 * MAX {
            let secret = Digest::of(&number.to_le_bytes());
            known.record_refused(secret.clone(), "unknown", now);
            known.record_good(secret);
        }
        let sizes = {
            let known = known.lock();
            (known.good.len(), known.refused.len())
        };
        assert!(sizes.0 <= MAX && sizes.1 == MAX, "{sizes:?}");
        let later = now + REFUSED_FOR;
        known.record_refused(Digest::of(b"new"), "unknown", later);
        assert_eq!(known.recall(&Digest::of(b"new"), later), Memory::Refused("unknown"), "old ones make room");
    }
}
