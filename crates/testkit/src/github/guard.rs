//! Who may call, how often, and how it goes wrong.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::limits::{HOUR, Limits};
use super::{APP_ID, APP_KEY, ROBOT_TOKEN, SECOND_APP_KEY};
use crate::double::{Losses, Request};

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The limit of the hour is used up.
    Primary,
    /// Too much at a time; asks to wait a second.
    Secondary,
    /// GitHub is broken.
    Broken,
}

/// What a forge that is out answers, in turns: it knows nobody, lets nobody, knows nothing, serves nobody.
const WHILE_OUT: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];

/// Who somebody is that calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The App itself.
    App,
    /// An installation of the App.
    Installation,
    /// The robot.
    Robot,
}

/// Who may call, how often, and how it goes wrong.
#[derive(Debug)]
pub(super) struct Guard {
    /// What an installation may ask; `None`: as much as it wants.
    pub(super) limits: Option<Limits>,
    pub(super) requests: Vec<Request>,
    pub(super) delay: Option<Duration>,
    pub(super) tokens: BTreeMap<String, Timestamp>,
    tokens_made: usize,
    pub(super) losses: Losses,
    refusals: VecDeque<Refusal>,
    /// How many requests were refused since it went out; `None` while it is not.
    pub(super) out: Option<usize>,
    /// The private key whose claims are taken.
    key: &'static str,
    /// Calls of a method, to paths with an ending, that are refused and not done.
    closed: Vec<(String, String)>,
}

impl Guard {
    pub(super) fn new() -> Self {
        Self {
            limits: Some(Limits::of(5_000, HOUR)),
            requests: Vec::new(),
            delay: None,
            tokens: BTreeMap::new(),
            tokens_made: 0,
            losses: Losses::default(),
            refusals: VecDeque::new(),
            out: None,
            key: APP_KEY,
            closed: Vec::new(),
        }
    }

    pub(super) fn close(&mut self, method: &str, ending: &str, count: usize) {
        self.closed.extend(std::iter::repeat_n((method.to_owned(), ending.to_owned()), count));
    }

    /// Whether a call is one of those that are refused, which counts as one.
    pub(super) fn is_closed(&mut self, method: &str, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let found = self.closed.iter().position(|(of, ending)| of == method && path.ends_with(ending.as_str()));
        found.map(|index| self.closed.remove(index)).is_some()
    }

    pub(super) fn refuse(&mut self, count: usize, refusal: Refusal) {
        self.refusals.extend(std::iter::repeat_n(refusal, count));
    }

    /// Takes only claims of the second key from now on, and ends all tokens.
    pub(super) fn rotate_key(&mut self) {
        self.key = SECOND_APP_KEY;
        self.tokens.clear();
    }

    /// The refusal that is due, if one is.
    pub(super) fn refusal(&mut self) -> Option<Response> {
        if let Some(refused) = &mut self.out {
            let status = WHILE_OUT[*refused % WHILE_OUT.len()];
            *refused += 1;
            return Some((status, axum::Json(json!({ "message": "It is out" }))).into_response());
        }
        let reset = (Timestamp::now() + SignedDuration::from_secs(1)).as_second().to_string();
        let message = |text: &str| axum::Json(json!({ "message": text }));
        Some(match self.refusals.pop_front()? {
            Refusal::Primary => {
                let headers = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
                (StatusCode::FORBIDDEN, headers, message("API rate limit exceeded")).into_response()
            }
            Refusal::Secondary => {
                let headers = [("retry-after", "1")];
                (StatusCode::FORBIDDEN, headers, message("You have exceeded a secondary rate limit")).into_response()
            }
            Refusal::Broken => (StatusCode::BAD_GATEWAY, "Unicorn!").into_response(),
        })
    }

    /// A new token of the installation, which holds for an hour.
    pub(super) fn new_token(&mut self) -> (String, Timestamp) {
        self.tokens_made += 1;
        let (token, until) = (format!("ghs_{}", self.tokens_made), Timestamp::now() + SignedDuration::from_hours(1));
        self.tokens.insert(token.clone(), until);
        (token, until)
    }

    /// Who calls; `None` if nobody known does.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let bearer = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        if bearer == ROBOT_TOKEN {
            return Some(Caller::Robot);
        }
        if let Some(until) = self.tokens.get(bearer) {
            return (*until > Timestamp::now()).then_some(Caller::Installation);
        }
        is_claim_of_the_app(bearer, self.key).then_some(Caller::App)
    }
}

/// Whether a token is one that the App signed, with times that GitHub takes.
fn is_claim_of_the_app(token: &str, key: &str) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let (Some((header, claims)), Ok(signature)) = (signed.split_once('.'), URL_SAFE_NO_PAD.decode(signature)) else {
        return false;
    };
    let part = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        serde_json::from_slice::<Value>(&bytes).unwrap_or_default()
    };
    let (header, claims, now) = (part(header), part(claims), Timestamp::now().as_second());
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    let pem: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(pem).expect("the key is base64");
    let key = ring::rsa::KeyPair::from_der(&der).expect("the key is one");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    header["alg"] == "RS256"
        && claims["iss"].as_str().and_then(|id| id.parse().ok()) == Some(APP_ID)
        && time("iat") <= now
        && time("exp") > now
        && time("exp") - now <= 600
        && public.verify(signed.as_bytes(), &signature).is_ok()
}
