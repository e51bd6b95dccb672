//! Keeps responses for conditional requests (docs.github.com, "Best practices for using the REST API", "Use conditional requests
//! if appropriate"). An unchanged response does not count against the hourly limit. Every request still goes to GitHub. The kept
//! copy only replaces the body that GitHub then leaves out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ureq::http::header::{ETAG, HeaderValue};
use ureq::http::{HeaderMap, StatusCode};

/// The most responses that are kept.
const MAX: usize = 1_000;
/// The most bytes that their bodies take in memory.
const MAX_BYTES: usize = 8 << 20;
/// The longest body that is kept. A page of comments can be longer, and GitHub then sends it in full every time.
const MAX_BODY_BYTES: usize = 256 << 10;

/// A response body and the entity tag that identifies it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) tag: HeaderValue,
    pub(super) body: Bytes,
    /// Its last use, as a number of uses of the whole collection.
    used: u64,
}

/// The kept responses of one login, by their paths.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    known: HashMap<String, Known>,
    bytes: usize,
    uses: u64,
}

impl Answers {
    /// The kept response of a path.
    pub(super) fn known(&self, path: &str) -> Option<Known> {
        let mut kept = self.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let known = kept.known.get_mut(path)?;
        known.used = uses;
        Some(known.clone())
    }

    /// Keeps a response. Without a tag it is not kept, and GitHub sends it in full every time.
    pub(super) fn note(&self, path: &str, status: StatusCode, headers: &HeaderMap, body: &Bytes) {
        let mut kept = self.lock();
        kept.forget(path);
        let Some(tag) = headers.get(ETAG) else { return };
        if status != StatusCode::OK || body.len() > MAX_BODY_BYTES {
            return;
        }
        while kept.known.len() >= MAX || kept.bytes + body.len() > MAX_BYTES {
            let Some(oldest) = kept.known.iter().min_by_key(|(_, known)| known.used).map(|(path, _)| path.clone())
            else {
                break;
            };
            kept.forget(&oldest);
        }
        kept.uses += 1;
        kept.bytes += body.len();
        let known = Known { tag: tag.clone(), body: body.clone(), used: kept.uses };
        kept.known.insert(path.to_owned(), known);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, path: &str) {
        if let Some(known) = self.known.remove(path) {
            self.bytes -= known.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(answers: &Answers, path: &str, length: usize) {
        let headers = [(ETAG, HeaderValue::from_static("\"tag\""))].into_iter().collect();
        answers.note(path, StatusCode::OK, &headers, &Bytes::from(vec![b'x'; length]));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_memory_and_what_is_used_stays_longest() {
        let answers = Answers::default();
        note(&answers, "used", 10);
        for number in 0..3 * MAX {
            note(&answers, &format!("{number}"), 10);
            assert!(answers.known("used").is_some(), "{number}");
        }
        assert_eq!(answers.lock().known.len(), MAX);
        assert!(answers.known("0").is_none() && answers.known(&format!("{}", 3 * MAX - 1)).is_some());
        for number in 0..100 {
            note(&answers, &format!("long {number}"), MAX_BODY_BYTES);
        }
        let kept = answers.lock();
        let bytes: usize = kept.known.values().map(|known| known.body.len()).sum();
        assert_eq!(kept.bytes, bytes);
        assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES / 2, "{bytes}");
    }

    #[test]
    fn an_answer_without_a_tag_one_that_is_too_long_and_a_refusal_are_not_kept() {
        let answers = Answers::default();
        note(&answers, "path", 10);
        answers.note("path", StatusCode::OK, &HeaderMap::new(), &Bytes::from_static(b"{}"));
        assert!(answers.known("path").is_none(), "the older answer is not the newest");
        note(&answers, "path", MAX_BODY_BYTES + 1);
        assert!(answers.known("path").is_none());
        let headers = [(ETAG, HeaderValue::from_static("\"tag\""))].into_iter().collect();
        answers.note("path", StatusCode::NOT_FOUND, &headers, &Bytes::from_static(b"{}"));
        assert!(answers.known("path").is_none());
    }
}
