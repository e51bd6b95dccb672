//! Records refused calls in the audit log. The first one of a caller is written at once. Repetitions within a window are counted
//! and written as one entry, so that a caller cannot fill the disk with refusals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slipway_contract::counted;
use tokio_util::sync::CancellationToken;

use super::Shared;
use slipway_domain::{Actor, spoken};
use slipway_store::{NewAuditEntry, REFUSED};

/// Length of a window. Repetitions within it become one entry.
const WINDOW: Duration = Duration::from_mins(5);
/// Maximum numbers of different refusals that are recorded within a window: of callers without a valid token, of each token, and
/// of all tokens. All others are counted together. Separate limits keep a caller from displacing the refusals of another caller.
const MAX_UNAUTHENTICATED: usize = 16;
const MAX_OF_A_TOKEN: usize = 8;
const MAX_OF_TOKENS: usize = 512;
/// Maximum length of an address in the log, in characters. Longer ones are cut.
const MAX_TARGET_LENGTH: usize = 200;

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Refusal {
    /// Who called.
    pub(super) actor: Actor,
    /// Where the call came from.
    pub(super) peer: String,
    /// Why it was refused.
    pub(super) reason: String,
}

/// Refused calls of the current window.
#[derive(Default)]
pub(super) struct Refusals {
    /// How often each was repeated since it was written.
    repeated: Mutex<HashMap<Refusal, u64>>,
    others: Mutex<u64>,
}

impl Refusals {
    /// Records a refusal, and returns the entry to write now, if there is one.
    fn note(&self, refusal: Refusal, target: &str) -> Option<NewAuditEntry> {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = repeated.get_mut(&refusal) {
            *count += 1;
            return None;
        }
        if !has_room(&repeated, &refusal.actor) {
            *self.others.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            return None;
        }
        let target = target.chars().take(MAX_TARGET_LENGTH).collect();
        let entry = entry(&refusal, target, &format!("{}, from {}", refusal.reason, refusal.peer));
        repeated.insert(refusal, 0);
        Some(entry)
    }

    /// Ends the window, and returns entries for all refusals that were only counted.
    fn flush(&self) -> Vec<NewAuditEntry> {
        let repeated = std::mem::take(&mut *self.repeated.lock().unwrap_or_else(PoisonError::into_inner));
        let others = std::mem::take(&mut *self.others.lock().unwrap_or_else(PoisonError::into_inner));
        let mut entries = Vec::new();
        for (refusal, count) in repeated.iter().filter(|(_, count)| **count > 0) {
            let times = counted(*count, "more time");
            let detail = format!("{times} within {}: {}, from {}", spoken(WINDOW), refusal.reason, refusal.peer);
            entries.push(entry(refusal, String::new(), &detail));
        }
        if others > 0 {
            let detail =
                format!("{} within {}, from too many callers to name", counted(others, "call"), spoken(WINDOW));
            entries.push(NewAuditEntry {
                actor: Actor::anyone(),
                action: REFUSED.to_owned(),
                target: String::new(),
                detail,
            });
        }
        entries
    }
}

/// Whether one more refusal of a caller is recorded separately.
fn has_room(known: &HashMap<Refusal, u64>, caller: &Actor) -> bool {
    let anyone = Actor::anyone();
    let count = |is_meant: &dyn Fn(&Actor) -> bool| known.keys().filter(|refusal| is_meant(&refusal.actor)).count();
    if *caller == anyone {
        return count(&|actor| *actor == anyone) < MAX_UNAUTHENTICATED;
    }
    count(&|actor| actor == caller) < MAX_OF_A_TOKEN && count(&|actor| *actor != anyone) < MAX_OF_TOKENS
}

fn entry(refusal: &Refusal, target: String, detail: &str) -> NewAuditEntry {
    NewAuditEntry { actor: refusal.actor.clone(), action: REFUSED.to_owned(), target, detail: detail.to_owned() }
}

impl Shared {
    /// Records a refused call. The call is refused even if the entry cannot be written.
    pub(super) async fn record_refusal(&self, refusal: Refusal, target: &str) {
        metrics::counter!("slipway_http_refused_total").increment(1);
        if let Some(entry) = self.refusals.note(refusal, target) {
            self.write_refusal(&entry).await;
        }
    }

    async fn write_refusal(&self, entry: &NewAuditEntry) {
        if let Err(error) = self.store.audit(entry).await {
            tracing::error!(%error, "a refused call is not in the audit log: {error}");
        }
    }
}

/// Writes the refusals that were only counted, at the end of each window and when the server stops.
pub async fn write_refusals(shared: Arc<Shared>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(WINDOW) => {}
            () = stop.cancelled() => {}
        }
        for entry in shared.refusals.flush() {
            shared.write_refusal(&entry).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(peer: &str) -> Refusal {
        Refusal { actor: Actor::anyone(), peer: peer.to_owned(), reason: "no token was sent".to_owned() }
    }

    #[test]
    fn repetitions_are_one_entry_at_the_end_of_the_window() {
        let refusals = Refusals::default();
        let first = refusals.note(refusal("192.0.2.1"), "GET /api/v1/runs").expect("written at once");
        assert_eq!((&*first.target, &*first.detail), ("GET /api/v1/runs", "no token was sent, from 192.0.2.1"));
        for _ in 0..1000 {
            assert_eq!(refusals.note(refusal("192.0.2.1"), "GET /api/v1/audit"), None);
        }
        let [entry] = &refusals.flush()[..] else { panic!("one entry") };
        assert_eq!(entry.detail, "1000 more times within 5m: no token was sent, from 192.0.2.1");
        assert!(refusals.note(refusal("192.0.2.1"), "GET /").is_some(), "a new window");
    }

    #[test]
    fn callers_beyond_the_most_that_are_distinguished_are_counted_together() {
        let refusals = Refusals::default();
        let written = (0..1000).filter(|peer| refusals.note(refusal(&peer.to_string()), "").is_some()).count();
        assert_eq!(written, MAX_UNAUTHENTICATED);
        let of_token = |name: &str, reason: &str| {
            let reason = reason.to_owned();
            refusals.note(Refusal { actor: Actor::token(name), reason, ..refusal("192.0.2.1") }, "").is_some()
        };
        let mischief = (0..100).filter(|number| of_token("mischief", &number.to_string())).count();
        assert_eq!(mischief, MAX_OF_A_TOKEN);
        assert!(of_token("another", "not yours"), "it is written whatever others do");
        let [entry] = &refusals.flush()[..] else { panic!("one entry") };
        assert_eq!(entry.detail, "1076 calls within 5m, from too many callers to name");
    }
}
