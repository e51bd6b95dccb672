//! What can be said of a source's connection to its forge before anything depends on it: whether the forge is reached and
//! takes the login, what the login may do, where the webhook leads, and how the clocks and limits stand. What a forge
//! cannot be asked is said so, and never taken for well.

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
use ureq::http::header::DATE;
use ureq::http::{HeaderMap, StatusCode};

use super::{ApiError, answer};

/// How far the clocks may be apart before it is worth a word. GitHub takes claims that are a minute off.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);
/// How long before its end a login is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How much is shown of a text of the forge, in characters.
const MAX_TEXT_LENGTH: usize = 200;

/// How something stands. The later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PreflightStatus {
    /// As it should be.
    Ok,
    /// The forge, or this login, cannot be asked.
    Unknown,
    /// It works, and somebody should look at it.
    Warning,
    /// The forge did not answer.
    Unreachable,
    /// Something that is needed is not there.
    Missing,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PreflightSubject {
    /// The address of the API.
    Address,
    /// How far its clock is from ours.
    Clock,
    /// Whether the login holds, and until when.
    Login,
    /// The repository, and whether the login reaches it.
    Repository,
    /// Whether the repository is the one that the source is pinned to.
    Identity,
    /// What the login may do there.
    Permissions,
    /// What the forge tells of.
    Events,
    /// Where it tells it to.
    Webhook,
    /// What became of what it told.
    Deliveries,
    /// How much may be asked.
    Limits,
}

/// One thing that was looked at, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreflightCheck {
    /// What was looked at.
    pub subject: PreflightSubject,
    /// How it stands.
    #[serde(rename = "standing")]
    pub status: PreflightStatus,
    /// What was found, on one line.
    pub text: String,
    /// What to change, on one line, where there is something to change.
    pub help: Option<String>,
}

/// Where the deliveries of a source have to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAddress {
    /// The address of the server as the forge reaches it, where the settings say.
    pub server: Option<String>,
    /// The path of the source's webhook there, such as `/webhooks/digits`.
    pub path: String,
}

impl WebhookAddress {
    /// The address to set at the forge.
    pub(super) fn wanted(&self) -> String {
        let server = self.server.as_deref().map_or("https://HOST", |server| server.trim_end_matches('/'));
        format!("{server}{}", self.path)
    }

    /// Whether an address is the one to set, or may be it.
    pub(super) fn is(&self, url: &str) -> bool {
        match &self.server {
            Some(_) => url == self.wanted(),
            None => self.leads_to_path(url),
        }
    }

    /// Whether an address leads to the path of the source, at whichever server.
    pub(super) fn leads_to_path(&self, url: &str) -> bool {
        url.split(['?', '#']).next().is_some_and(|address| address.ends_with(&self.path))
    }
}

/// An answer together with what it says of the connection.
#[derive(Debug)]
pub(super) struct ProbeAnswer {
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its document, or why there is none.
    pub(super) document: Result<Value, ApiError>,
    /// How far the forge's clock is ahead of ours, where its answer is dated.
    skew: Option<SignedDuration>,
}

impl ProbeAnswer {
    /// An answer to a question that was asked at a moment of our clock and answered now.
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: &[u8], asked_at: Timestamp) -> Self {
        let document = answer::read(status, &headers, body);
        let skew = skew_of(&headers, asked_at, Timestamp::now());
        Self { headers, document, skew }
    }

    /// A header as a text that can be shown.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(shown)
    }
}

/// How far a date (in whole seconds) is outside of the time in which it was written.
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

/// A text of a forge as it can be shown: on one line and short.
pub(super) fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT_LENGTH).collect();
    line.trim().to_owned()
}

/// What is found, in the order in which it was looked at.
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

    /// Something that could not be had: the forge did not answer, refused, or has no such thing.
    pub(super) fn refused(&mut self, subject: PreflightSubject, error: &ApiError, help: impl Into<String>) {
        match error {
            ApiError::Unreachable { .. } | ApiError::Throttled { .. } => {
                self.add(subject, PreflightStatus::Unreachable, first_line(error), None);
            }
            _ => self.missing(subject, first_line(error), help),
        }
    }

    /// Something that this login cannot be told: a refusal is no fault.
    pub(super) fn withheld(&mut self, subject: PreflightSubject, error: &ApiError, what: &str) {
        match error {
            ApiError::Unreachable { .. } | ApiError::Throttled { .. } => {
                self.add(subject, PreflightStatus::Unreachable, first_line(error), None);
            }
            _ => self.unknown(subject, format!("{what}: {}", first_line(error))),
        }
    }

    /// The answer to the first question, with what it says of address and clock; nothing if the forge was not reached.
    pub(super) fn reached(&mut self, url: &str, probe: Result<ProbeAnswer, ApiError>) -> Option<ProbeAnswer> {
        let probe = match probe {
            Ok(ProbeAnswer { document: Err(error @ ApiError::Unreachable { .. }), .. }) | Err(error) => {
                let help = format!("is `api.url` right, and is {url} reached from here?");
                self.add(PreflightSubject::Address, PreflightStatus::Unreachable, first_line(&error), Some(help));
                return None;
            }
            Ok(probe) => probe,
        };
        self.ok(PreflightSubject::Address, format!("{url} answers"));
        match probe.skew {
            None => self.unknown(PreflightSubject::Clock, "its answers are not dated"),
            Some(skew) if skew.abs() > CLOCK_TOLERANCE => {
                let (seconds, side) =
                    (skew.unsigned_abs().as_secs(), if skew.is_positive() { "behind" } else { "ahead of" });
                let help = "set this machine's clock (NTP): claims and signatures are dated";
                self.warn(
                    PreflightSubject::Clock,
                    format!("this machine's clock is {seconds} s {side} the forge's"),
                    help,
                );
            }
            Some(_) => self.ok(PreflightSubject::Clock, "this machine's clock and the forge's agree"),
        }
        Some(probe)
    }

    /// That a repository is there, and whether anything can be written there.
    pub(super) fn there(&mut self, name: &str, repository: &Value) {
        self.ok(PreflightSubject::Repository, format!("`{name}` is there"));
        if repository["archived"] == true {
            let help = "bring it back, or leave it out";
            self.missing(
                PreflightSubject::Repository,
                format!("`{name}` is archived: nothing can be written there"),
                help,
            );
        }
    }

    /// Until when a login holds: a day (`2026-12-01`), or a text that begins with one.
    pub(super) fn login_until(&mut self, who: &str, until: &str, now: Timestamp) {
        let day = until.get(..10).and_then(|day| format!("{day}T00:00:00Z").parse::<Timestamp>().ok());
        let text = format!("{who}, holds until {until}");
        match day {
            Some(day) if now.duration_until(day) < SOON => {
                self.warn(PreflightSubject::Login, text, "make a new token and put it where `api.token` reads it");
            }
            _ => self.ok(PreflightSubject::Login, text),
        }
    }

    /// What an answer's headers say of the limits.
    pub(super) fn limits(&mut self, headers: &HeaderMap) {
        match answer::calls_left(headers) {
            None => self.unknown(PreflightSubject::Limits, "its answers tell of no limits"),
            Some(left) => {
                let anew = answer::limit_begins_anew_in(headers);
                let anew =
                    anew.map_or_else(String::new, |anew| format!(", the limit begins anew in {} s", anew.as_secs()));
                self.calls_left(u64::from(left), &anew);
            }
        }
    }

    /// How many calls are left, and when there will be more.
    pub(super) fn calls_left(&mut self, left: u64, anew: &str) {
        let text = format!("{left} calls are left{anew}");
        if left == 0 {
            self.warn(PreflightSubject::Limits, text, "what is to be told waits until then; who else uses this login?");
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
        text: impl Into<String>,
        help: Option<String>,
    ) {
        self.0.push(PreflightCheck { subject, status, text: text.into(), help });
    }
}

/// What an error says, without its help.
fn first_line(error: &ApiError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
