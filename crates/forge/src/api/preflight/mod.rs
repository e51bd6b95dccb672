//! The preflight checks of a connection to a forge: whether the forge is reachable and accepts the login, the permissions of the
//! login, the address of the webhook, the clocks and the limits. A check that the forge cannot answer is reported as unknown,
//! never as passed.

pub(super) mod bitbucket;
pub(super) mod gitea;
pub(super) mod gitlab;
pub(super) mod hooks;
#[cfg(test)]
mod tests;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use slipway_domain::counted_are;
use ureq::http::header::DATE;
use ureq::http::{HeaderMap, StatusCode};

use super::{ApiError, answer};

/// The difference of the clocks that is accepted without a warning. GitHub accepts claims that are one minute off.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);
/// How long before the expiry of a login a warning begins.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The longest text of the forge that is shown, in characters.
const MAX_TEXT_LENGTH: usize = 200;

/// The result of a preflight check. Later values are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PreflightStatus {
    /// As it should be.
    Ok,
    /// The forge does not report it, or does not report it to this login.
    Unknown,
    /// It works, but a person should check it.
    Warning,
    /// The forge did not respond.
    Unreachable,
    /// Something required is missing.
    Missing,
}

/// The subject of a preflight check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PreflightSubject {
    /// The address of the API.
    Address,
    /// The difference between the forge's clock and the clock of this machine.
    Clock,
    /// Whether the login is valid, and until when.
    Login,
    /// The repository, and whether the login can read it.
    Repository,
    /// Whether the repository is the one that the source is pinned to.
    Identity,
    /// The permissions of the login in the repository.
    Permissions,
    /// The events that the forge sends.
    Events,
    /// The address that the forge sends them to.
    Webhook,
    /// The results of deliveries.
    Deliveries,
    /// The remaining calls.
    Limits,
}

/// One preflight check with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreflightCheck {
    /// The subject.
    pub subject: PreflightSubject,
    /// The result.
    pub status: PreflightStatus,
    /// The result as text, on one line.
    pub message: String,
    /// What the user should change, on one line, if anything.
    pub help: Option<String>,
}

/// The address for the deliveries of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAddress {
    /// The address of the server as the forge reaches it, if the settings contain it.
    pub server: Option<String>,
    /// The path of the source's webhook there, such as `/webhooks/digits`.
    pub path: String,
}

impl WebhookAddress {
    /// The address that the user should set at the forge.
    pub(super) fn wanted(&self) -> String {
        let server = self.server.as_deref().map_or("https://HOST", |server| server.trim_end_matches('/'));
        format!("{server}{}", self.path)
    }

    /// Whether an address is the wanted one. Without a known server, the path decides.
    pub(super) fn is(&self, url: &str) -> bool {
        match &self.server {
            Some(_) => url == self.wanted(),
            None => self.leads_to_path(url),
        }
    }

    /// Whether an address has the path of the source, at any server.
    pub(super) fn leads_to_path(&self, url: &str) -> bool {
        url.split(['?', '#']).next().is_some_and(|address| address.ends_with(&self.path))
    }
}

/// A response with the facts about the connection.
#[derive(Debug)]
pub(super) struct ProbeAnswer {
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its document, or the error.
    pub(super) document: Result<Value, ApiError>,
    /// How far the forge's clock is ahead of the clock of this machine, if the response has a date.
    skew: Option<SignedDuration>,
}

impl ProbeAnswer {
    /// A response to a request that was sent at `asked_at` and answered now.
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: &[u8], asked_at: Timestamp) -> Self {
        let document = answer::read(status, &headers, body);
        let skew = skew_of(&headers, asked_at, Timestamp::now());
        Self { headers, document, skew }
    }

    /// A header, shortened to one line.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(shown)
    }
}

/// How far a date (in whole seconds) lies outside the time between the request and the response.
fn skew_of(headers: &HeaderMap, asked_at: Timestamp, answered_at: Timestamp) -> Option<SignedDuration> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = DateTimeParser::new().parse_timestamp(date).ok()?;
    let (early, late) = (asked_at.duration_until(date), answered_at.duration_until(date));
    Some(if late.is_positive() {
        late
    } else if (early + SignedDuration::from_secs(1)).is_negative() {
        early
    } else {
        SignedDuration::ZERO
    })
}

/// A text of the forge, shortened to one line.
pub(super) fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT_LENGTH).collect();
    line.trim().to_owned()
}

/// The results, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct PreflightReport(Vec<PreflightCheck>);

impl PreflightReport {
    pub(super) fn ok(&mut self, subject: PreflightSubject, text: impl Into<String>) {
        self.add(subject, PreflightStatus::Ok, text, None);
    }

    pub(super) fn unknown(&mut self, subject: PreflightSubject, text: impl Into<String>) {
        self.add(subject, PreflightStatus::Unknown, text, None);
    }

    pub(super) fn warn(&mut self, subject: PreflightSubject, text: impl Into<String>, help: impl Into<String>) {
        self.add(subject, PreflightStatus::Warning, text, Some(help.into()));
    }

    pub(super) fn missing(&mut self, subject: PreflightSubject, text: impl Into<String>, help: impl Into<String>) {
        self.add(subject, PreflightStatus::Missing, text, Some(help.into()));
    }

    /// Records an error in something required: the forge did not respond, refused, or does not have it.
    pub(super) fn refused(&mut self, subject: PreflightSubject, error: &ApiError, help: impl Into<String>) {
        match error {
            ApiError::Unreachable { .. } | ApiError::Throttled { .. } => {
                self.add(subject, PreflightStatus::Unreachable, first_line(error), None);
            }
            _ => self.missing(subject, first_line(error), help),
        }
    }

    /// Records an error in something that this login may not read. A refusal is then no fault.
    pub(super) fn withheld(&mut self, subject: PreflightSubject, error: &ApiError, what: &str) {
        match error {
            ApiError::Unreachable { .. } | ApiError::Throttled { .. } => {
                self.add(subject, PreflightStatus::Unreachable, first_line(error), None);
            }
            _ => self.unknown(subject, format!("{what}: {}", first_line(error))),
        }
    }

    /// Records the address and the clock by the first response, and returns it. `None` if the forge was not reached.
    pub(super) fn reached(&mut self, url: &str, probe: Result<ProbeAnswer, ApiError>) -> Option<ProbeAnswer> {
        let probe = match probe {
            Ok(ProbeAnswer { document: Err(error @ ApiError::Unreachable { .. }), .. }) | Err(error) => {
                let help = format!("check `api.url`, and whether this machine can reach {url}");
                self.add(PreflightSubject::Address, PreflightStatus::Unreachable, first_line(&error), Some(help));
                return None;
            }
            Ok(probe) => probe,
        };
        self.ok(PreflightSubject::Address, format!("{url} answers"));
        match probe.skew {
            None => self.unknown(PreflightSubject::Clock, "the responses have no date"),
            Some(skew) if skew.abs() > CLOCK_TOLERANCE => {
                let (seconds, side) =
                    (skew.unsigned_abs().as_secs(), if skew.is_positive() { "behind" } else { "ahead of" });
                let help = "synchronise this machine's clock (NTP): tokens and signatures contain times";
                self.warn(
                    PreflightSubject::Clock,
                    format!("this machine's clock is {seconds} s {side} the forge's"),
                    help,
                );
            }
            Some(_) => self.ok(PreflightSubject::Clock, "the clocks of this machine and of the forge agree"),
        }
        Some(probe)
    }

    /// Records that the repository exists, and whether it is archived and therefore read-only.
    pub(super) fn there(&mut self, name: &str, repository: &Value) {
        self.ok(PreflightSubject::Repository, format!("the repository `{name}` exists"));
        if repository["archived"] == true {
            let help = "unarchive the repository, or remove it from the settings";
            self.missing(
                PreflightSubject::Repository,
                format!("`{name}` is archived: nothing can be written to it"),
                help,
            );
        }
    }

    /// Records the expiry of a login: a day (`2026-12-01`), or a text that begins with one.
    pub(super) fn login_until(&mut self, who: &str, until: &str, now: Timestamp) {
        let day = until.get(..10).and_then(|day| format!("{day}T00:00:00Z").parse::<Timestamp>().ok());
        let text = format!("{who}, valid until {until}");
        match day {
            Some(day) if now.duration_until(day) < SOON => {
                self.warn(PreflightSubject::Login, text, "create a new token and store it where `api.token` reads it");
            }
            _ => self.ok(PreflightSubject::Login, text),
        }
    }

    /// Records the limits that a response's headers report.
    pub(super) fn limits(&mut self, headers: &HeaderMap) {
        match answer::calls_left(headers) {
            None => self.unknown(PreflightSubject::Limits, "the responses contain no rate limit"),
            Some(left) => {
                let anew = answer::limit_begins_anew_in(headers);
                let anew =
                    anew.map_or_else(String::new, |anew| format!(", and the limit resets in {} s", anew.as_secs()));
                self.calls_left(u64::from(left), &anew);
            }
        }
    }

    /// Records the number of remaining calls, and when the limit resets.
    pub(super) fn calls_left(&mut self, left: u64, anew: &str) {
        let text = format!("{} left{anew}", counted_are(left, "call"));
        if left == 0 {
            self.warn(
                PreflightSubject::Limits,
                text,
                "check whether other programs use this login: reports wait until the limit resets",
            );
        } else {
            self.ok(PreflightSubject::Limits, text);
        }
    }

    pub(super) fn into_list(self) -> Vec<PreflightCheck> {
        self.0
    }

    fn add(
        &mut self,
        subject: PreflightSubject,
        status: PreflightStatus,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.0.push(PreflightCheck { subject, status, message: message.into(), help });
    }
}

/// The first line of an error, without its help text.
fn first_line(error: &ApiError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
