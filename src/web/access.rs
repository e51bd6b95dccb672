//! Authenticates and authorises callers: bearer tokens (RFC 6750), their roles and the sources they cover.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use slipway_contract::Digest;

use super::known::Memory;
use super::peer::peer_of;
use super::problem::Problem;
use super::rate::whole_seconds;
use super::refusals::Refusal;
use super::{SETTINGS_TOKEN, Shared};
use slipway_domain::{Actor, SourceName};
use slipway_store::{Role, StoreError, Token};

/// Maximum length of a token, in bytes. Longer values are refused without a lookup.
const MAX_TOKEN_LENGTH: usize = 512;

/// A caller with a valid token.
#[derive(Clone)]
pub(super) struct Caller {
    name: String,
    role: Role,
    /// The sources the token covers; all if `None`.
    scope: Option<Vec<SourceName>>,
    secret: Arc<str>,
    /// Method and path of the request, such as `GET /api/v1/runs`.
    target: String,
    peer: String,
}

/// A caller who has at least the role `operator`.
pub(super) struct Operator(pub(super) Caller);

/// Proof that the caller has the role `admin` and a token that covers all sources.
pub(super) struct Admin;

impl Caller {
    /// Whether the token covers a source.
    pub(super) fn covers(&self, source: &SourceName) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(source))
    }

    /// Whether the caller may see figures that authors may not see. The role is the same as for the audit log.
    pub(super) fn is_auditor(&self) -> bool {
        self.role >= Role::Admin
    }

    /// The sources the token covers; all if `None`.
    pub(super) fn scope(&self) -> Option<Vec<SourceName>> {
        self.scope.clone()
    }

    /// The caller, as logs name it.
    pub(super) fn actor(&self) -> Actor {
        Actor::token(&self.name)
    }

    /// Where the request comes from.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Method and path of the request, such as `GET /api/v1/runs`.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn refusal(&self, reason: impl Into<String>) -> Refusal {
        Refusal { actor: self.actor(), peer: self.peer.clone(), reason: reason.into() }
    }
}

/// Returns the token's text if the header is present exactly once and has the right form. The scheme's name is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, text) = values.next()?.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    let good = scheme.eq_ignore_ascii_case("bearer") && !text.is_empty() && text.len() <= MAX_TOKEN_LENGTH;
    (good && values.next().is_none()).then_some(text)
}

/// Why a caller is not authenticated.
enum Unauthenticated {
    Refused(&'static str),
    TooOften(&'static str, Duration),
    Store(StoreError),
}

impl Shared {
    /// Returns the token of the settings if this is its secret.
    fn settings_token(&self, secret: &str) -> Option<Token> {
        let is_it = self.settings.api_token.as_ref().is_some_and(|token| token.equals(secret));
        is_it.then(|| Token {
            name: SETTINGS_TOKEN.to_owned(),
            role: Role::Admin,
            sources: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        })
    }

    /// Returns the token behind a secret if it is valid.
    async fn token_behind(&self, secret: &str) -> Result<Token, Unauthenticated> {
        if let Some(token) = self.settings_token(secret) {
            return Ok(token);
        }
        let token = self.store.token_of(secret).await.map_err(Unauthenticated::Store)?;
        let token = token.ok_or(Unauthenticated::Refused("the token is not known"))?;
        if token.revoked_at.is_some() {
            return Err(Unauthenticated::Refused("the token is revoked"));
        }
        if !token.is_valid(Timestamp::now()) {
            return Err(Unauthenticated::Refused("the token has expired"));
        }
        Ok(token)
    }

    /// Returns the token behind a request's secret if it is valid. The store lookups of a peer are rate-limited, except for
    /// secrets that were valid before.
    async fn authenticate_token(&self, secret: &str, peer: &str) -> Result<Token, Unauthenticated> {
        if let Some(token) = self.settings_token(secret) {
            return Ok(token);
        }
        let (digest, now) = (Digest::of(secret.as_bytes()), Instant::now());
        let memory = self.known.recall(&digest, now);
        match memory {
            Memory::Refused(reason) => return Err(self.unauthenticated(peer, reason)),
            Memory::Unknown => {
                let reason = "too many tokens that are not known";
                self.token_lookups.take(peer, now).map_err(|pause| Unauthenticated::TooOften(reason, pause))?;
            }
            Memory::Good => {}
        }
        match self.token_behind(secret).await {
            Ok(token) => {
                self.known.record_good(digest);
                Ok(token)
            }
            Err(Unauthenticated::Refused(reason)) => {
                self.known.record_refused(digest, reason, now);
                Err(if memory == Memory::Good {
                    self.unauthenticated(peer, reason)
                } else {
                    Unauthenticated::Refused(reason)
                })
            }
            Err(other) => Err(other),
        }
    }

    /// Refuses a caller without a valid token. The rate of such requests is limited for each peer.
    fn unauthenticated(&self, peer: &str, reason: &'static str) -> Unauthenticated {
        match self.unauthenticated_callers.take(peer, Instant::now()) {
            Ok(()) => Unauthenticated::Refused(reason),
            Err(pause) => Unauthenticated::TooOften(reason, pause),
        }
    }

    /// Authenticates a request. Refuses it without a valid token or if the caller exceeds its rate limit.
    pub(super) async fn authenticate_request(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Problem> {
        let peer = peer_of(extensions);
        let target = format!("{method} {}", uri.path());
        let known = match bearer(headers) {
            Some(secret) => self.authenticate_token(secret, &peer).await.map(|token| (token, secret)),
            None => Err(self.unauthenticated(&peer, "no bearer token was sent")),
        };
        let (Token { name, role, sources, .. }, secret) = match known {
            Ok(known) => known,
            Err(Unauthenticated::Store(error)) => return Err(error.into()),
            Err(Unauthenticated::Refused(reason)) => {
                self.record_refusal(Refusal { actor: Actor::anyone(), peer, reason: reason.to_owned() }, &target).await;
                let detail = format!("{reason}; this needs the header `Authorization: Bearer TOKEN`");
                return Err(Problem::new(StatusCode::UNAUTHORIZED, detail).with_bearer_challenge());
            }
            Err(Unauthenticated::TooOften(reason, pause)) => {
                self.record_refusal(Refusal { actor: Actor::anyone(), peer, reason: reason.to_owned() }, &target).await;
                return Err(too_often(pause));
            }
        };
        let scope = (!sources.is_empty()).then_some(sources);
        let caller = Caller { name, role, scope, secret: secret.into(), target, peer };
        if let Err(pause) = self.callers.take(&caller.name, Instant::now()) {
            self.record_refusal(caller.refusal("too many requests"), &caller.target).await;
            return Err(too_often(pause));
        }
        Ok(caller)
    }

    /// Whether a caller's token is still valid. Responses that take long check it repeatedly.
    pub(super) async fn is_still_valid(&self, caller: &Caller) -> bool {
        // A temporary failure of the store does not invalidate the token.
        !matches!(self.token_behind(&caller.secret).await, Err(Unauthenticated::Refused(_)))
    }

    async fn require_role(&self, caller: Caller, role: Role) -> Result<Caller, Problem> {
        if caller.role >= role {
            return Ok(caller);
        }
        let reason = format!("this needs the role `{}`, the token has `{}`", role.as_str(), caller.role.as_str());
        self.record_refusal(caller.refusal(&*reason), &caller.target).await;
        Err(Problem::new(StatusCode::FORBIDDEN, reason))
    }

    /// The problem of a source that does not exist or that the caller's token does not cover.
    pub(super) fn no_such_source(&self, caller: &Caller, name: &SourceName) -> Problem {
        let covered = self.activities.context.sources().map(|(name, _)| name).filter(|name| caller.covers(name));
        Problem::unknown("source", name.as_str(), &covered.map(SourceName::as_str).collect::<Vec<_>>())
    }

    /// Refuses access to a source that the token does not cover. The response is the same as for an item that does not exist.
    pub(super) async fn require_source(
        &self,
        caller: &Caller,
        source: &SourceName,
        missing: impl Into<Problem>,
    ) -> Result<(), Problem> {
        if caller.covers(source) {
            return Ok(());
        }
        let refusal = caller.refusal(format!("the token does not cover the source `{source}`"));
        self.record_refusal(refusal, &caller.target).await;
        Err(missing.into())
    }
}

/// Refuses a caller that exceeds its rate limit.
pub(super) fn too_often(pause: Duration) -> Problem {
    let seconds = whole_seconds(pause);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, format!("too many requests; ask again in {seconds} s"))
        .retry_after(seconds)
}

/// Refuses requests without a valid token to any address of the API.
pub(super) async fn authenticate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let parts = (request.method(), request.uri(), request.headers(), request.extensions());
    match shared.authenticate_request(parts.0, parts.1, parts.2, parts.3).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Self>().cloned();
        Ok(caller.expect("every address of the API is behind `authenticate`"))
    }
}

impl FromRequestParts<Arc<Shared>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Ok(caller) = Caller::from_request_parts(parts, shared).await;
        shared.require_role(caller, Role::Operator).await.map(Self)
    }
}

impl FromRequestParts<Arc<Shared>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Ok(caller) = Caller::from_request_parts(parts, shared).await;
        let caller = shared.require_role(caller, Role::Admin).await?;
        if caller.scope.is_none() {
            return Ok(Self);
        }
        let reason = "this needs a token that covers all sources";
        shared.record_refusal(caller.refusal(reason), &caller.target).await;
        Err(Problem::new(StatusCode::FORBIDDEN, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_one_header_of_the_right_form_only() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().expect("a header"));
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc "]).as_deref(), Some("abc"));
        let long = format!("Bearer {}", "x".repeat(MAX_TOKEN_LENGTH + 1));
        for values in [&[][..], &["abc"], &["Basic abc"], &["Bearer "], &["Bearer a", "Bearer b"], &[&*long]] {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
