//! Exceptions: a check that a model may fail until a date, with a named approver.

use jiff::ToSpan as _;
use jiff::civil::Date;

use slipway_domain::ExceptionNote;

use super::checks::Check;
use super::file::ExceptionEntry;
use super::read::Reader;

/// The most days between the verdict and the end of an exception.
const MAX_DAYS: i32 = 30;

/// The most characters of a reason and of an approver.
const MAX_REASON_LENGTH: usize = 500;
const MAX_APPROVER_LENGTH: usize = 100;

/// An exception as the policy states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    model: String,
    check: String,
    reason: String,
    approver: String,
    expires: Date,
    place: String,
}

/// Whether an exception covers a check.
pub(super) enum Covers {
    /// It covers the check, with this note.
    Yes(ExceptionNote),
    /// It names the check, but its date is not valid today, for this reason.
    No(String),
}

impl Exception {
    /// Whether it covers a check of a model on a day; `None` if it is about another check or model.
    pub(super) fn covers(&self, check: &Check, model: Option<&str>, today: Date) -> Option<Covers> {
        if check.name.as_deref() != Some(&self.check) || model != Some(&self.model) {
            return None;
        }
        let Self { reason, approver, expires, place, .. } = self;
        if let Some(why) = self.not_valid_on(today) {
            return Some(Covers::No(why));
        }
        Some(Covers::Yes(ExceptionNote {
            reason: reason.clone(),
            approver: approver.clone(),
            expires: expires.to_string(),
            place: place.clone(),
        }))
    }
}

impl Exception {
    /// Why it does not apply on a day; `None` if it applies.
    pub(super) fn not_valid_on(&self, today: Date) -> Option<String> {
        let Self { expires, place, .. } = self;
        if *expires < today {
            return Some(format!("the exception at {place} ended on {expires}"));
        }
        let latest = today.saturating_add(MAX_DAYS.days());
        (*expires > latest).then(|| {
            format!(
                "the exception at {place} would hold until {expires}, expected at most {MAX_DAYS} days ahead ({latest})"
            )
        })
    }
}

impl Reader<'_> {
    /// The exception at this index of the list. It must name a check of this file, because inherited checks cannot be loosened
    /// here.
    pub(super) fn exception(&mut self, index: usize, entry: ExceptionEntry, checks: &[Check]) -> Option<Exception> {
        let path = format!("spec.exceptions[{index}]");
        let ExceptionEntry { model, check, reason, approver, expires } = entry;
        self.has_length(&format!("{path}.reason"), "a reason", &reason, MAX_REASON_LENGTH);
        self.has_length(&format!("{path}.approver"), "an approver", &approver, MAX_APPROVER_LENGTH);
        let named = checks.iter().find(|known| known.name.as_deref() == Some(check.as_str()));
        match named {
            None => {
                let message = format!("no check is called `{}`", check.as_str());
                self.refuse(&format!("{path}.check"), message, "give the check that is meant a `name`");
            }
            Some(named) if named.file != self.file => {
                let message =
                    format!("`{}` stands in {}, and is not this file's to except", check.as_str(), named.file);
                self.refuse(&format!("{path}.check"), message, "ask its owner for the exception");
            }
            Some(_) => {}
        }
        let expires = self.date(&format!("{path}.expires"), &expires)?;
        Some(Exception {
            model: model.as_str().to_owned(),
            check: check.as_str().to_owned(),
            reason: reason.trim().to_owned(),
            approver: approver.trim().to_owned(),
            expires,
            place: format!("{}:{}", self.file, self.line_of(&path)),
        })
    }
}
