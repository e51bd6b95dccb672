//! Warnings about the dates of a policy: a check or an exception that does not apply today.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slipway_domain::Diagnostic;

use super::Policy;

impl Policy {
    /// Warnings about checks that have ended, and about exceptions that do not apply now. A verdict would refuse the check, or ignore
    /// the exception.
    pub fn date_warnings(&self, now: Timestamp) -> Vec<Diagnostic> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let ended = self.checks.iter().filter_map(|check| {
            let expires = check.expires.filter(|expires| *expires < today)?;
            let message = format!("the check ended on {expires}: it fails from then on");
            let at = check.places.get("expires").copied();
            Some(Diagnostic::new(&check.file, message).at(at).help("review it, and set a later date or remove it"))
        });
        let exceptions = self.exceptions.iter().filter_map(|exception| {
            let reason = exception.not_valid_on(today)?;
            Some(Diagnostic::new(&self.file, reason).help("an exception may end at most 30 days ahead"))
        });
        ended.chain(exceptions).collect()
    }
}
