//! Commit statuses: how a forge is told where a model stands at a revision.
//!
//! GitHub: docs.github.com, "REST API endpoints for commit statuses". Gitea and Forgejo: `POST
//! /repos/{owner}/{repo}/statuses/{sha}` of their API description. GitLab: docs.gitlab.com, "Commits API", "Set commit
//! pipeline status".

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request, StatusCode};

use super::api::{Address, ApiError, ForgeApi};
use super::{Report, ReportState, Settings};

/// How long a forge may take for an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much of an answer is read: it is only shown.
const LARGEST_ANSWER: u64 = 16 << 10;
/// The longest description that GitHub takes, in characters; the others take more.
const LONGEST_DESCRIPTION: usize = 140;
/// The longest pause that a forge may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(2);

/// A forge's API for commit statuses of one repository.
#[derive(Clone)]
pub(super) struct StatusApi {
    forge: Settings,
    url: String,
    repository: String,
    token: Arc<str>,
    agent: ureq::Agent,
}

impl StatusApi {
    /// Refuses forges that have no such API.
    pub(super) fn new(forge: Settings, address: Address, token: &str) -> Result<Self, String> {
        if matches!(forge, Settings::Plain | Settings::Bitbucket) {
            return Err("this forge takes no reports: leave `api` out".to_owned());
        }
        let Address { url, repository } = address;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        Ok(Self { forge, url, repository, token: token.into(), agent: agent.into() })
    }

    fn send(&self, report: &Report) -> Result<(), ApiError> {
        let unreachable = |error: &dyn std::fmt::Display| ApiError::Unreachable { reason: error.to_string() };
        let request = Request::post(self.address(report))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("user-agent", concat!("slipway/", env!("CARGO_PKG_VERSION")));
        let request = match self.forge {
            Settings::GitLab => request.header("private-token", &*self.token),
            Settings::Gitea | Settings::Forgejo => request.header("authorization", format!("token {}", self.token)),
            _ => request
                .header("authorization", format!("Bearer {}", self.token))
                .header("x-github-api-version", "2022-11-28"),
        };
        let request = request.body(self.body(report).to_string()).map_err(|error| unreachable(&error))?;
        let answer = self.agent.run(request).map_err(|error| unreachable(&error))?;
        let (parts, body) = answer.into_parts();
        if parts.status.is_success() {
            return Ok(());
        }
        let text = body.into_with_config().limit(LARGEST_ANSWER).read_to_string().unwrap_or_default();
        self.refusal(parts.status, &parts.headers, &text)
    }

    fn address(&self, Report { revision, .. }: &Report) -> String {
        let Self { url, repository, .. } = self;
        match self.forge {
            Settings::GitLab => {
                format!("{url}/api/v4/projects/{}/statuses/{revision}", repository.replace('/', "%2F"))
            }
            Settings::Gitea | Settings::Forgejo => format!("{url}/api/v1/repos/{repository}/statuses/{revision}"),
            _ => format!("{url}/repos/{repository}/statuses/{revision}"),
        }
    }

    fn body(&self, report: &Report) -> Value {
        let description: String = report.description.chars().take(LONGEST_DESCRIPTION).collect();
        let gitlab = self.forge == Settings::GitLab;
        let state = match report.state {
            ReportState::Pending => "pending",
            ReportState::Success => "success",
            ReportState::Failure if gitlab => "failed",
            ReportState::Error if gitlab => "canceled",
            ReportState::Failure => "failure",
            ReportState::Error => "error",
        };
        let context = if gitlab { "name" } else { "context" };
        json!({ "state": state, context: report.context, "description": description })
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, text: &str) -> Result<(), ApiError> {
        let said: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        let reason = format!("{status}: {said}");
        // GitLab refuses to set a status to what it is: told again, it is told.
        if self.forge == Settings::GitLab && status == StatusCode::BAD_REQUEST && text.contains("Cannot transition") {
            return Ok(());
        }
        if let Some(pause) = pause_asked_for(status, headers) {
            return Err(ApiError::Throttled { pause: pause.min(LONGEST_PAUSE) });
        }
        let help = match status {
            StatusCode::UNAUTHORIZED => "`api.token` of the source is wrong or has expired",
            StatusCode::FORBIDDEN => "the token of the source may not write commit statuses",
            StatusCode::NOT_FOUND => {
                "`api.url` or `api.repository` of the source is wrong, or its token may not see it"
            }
            status if status.is_client_error() => "see the forge's answer",
            _ => return Err(ApiError::Unreachable { reason }),
        };
        Err(ApiError::Refused { reason, help })
    }
}

#[async_trait]
impl ForgeApi for StatusApi {
    async fn report(&self, report: &Report) -> Result<(), ApiError> {
        let (api, report) = (self.clone(), report.clone());
        let told = tokio::task::spawn_blocking(move || api.send(&report)).await;
        told.unwrap_or_else(|panic| Err(ApiError::Unreachable { reason: format!("telling it panicked: {panic}") }))
    }
}

impl std::fmt::Debug for StatusApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusApi")
            .field("url", &self.url)
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}

/// The pause that an answer asks for: `Retry-After` in seconds (RFC 9110, 10.2.3), or GitHub's time at which its rate
/// limit begins anew.
fn pause_asked_for(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let limited =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE);
    if !limited {
        return None;
    }
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining") == Some(0)
        && let Some(reset) = number("x-ratelimit-reset")
    {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        return Some(Duration::from_secs(reset.saturating_sub(now).max(1)));
    }
    (status == StatusCode::TOO_MANY_REQUESTS).then_some(Duration::from_mins(1))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::domain::Retry;

    /// A forge that gives one answer; what it was asked comes back.
    async fn asked(forge: Settings, answer: &'static str) -> (Result<(), ApiError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&asked).contains("\"state\"") {
                let read = stream.read(&mut buffer).expect("a request");
                asked.extend_from_slice(&buffer[..read]);
            }
            write!(stream, "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}")
                .expect("answered");
            String::from_utf8_lossy(&asked).to_lowercase()
        });
        let api =
            StatusApi::new(forge, Address::new(&url, "team/models").expect("an address"), "the-token").expect("an API");
        let report = Report {
            revision: "1111111111111111111111111111111111111111".parse().expect("a commit"),
            context: "slipway/digits".to_owned(),
            state: ReportState::Failure,
            description: "x".repeat(500),
        };
        let told = api.report(&report).await;
        (told, answering.join().expect("a forge"))
    }

    #[tokio::test]
    async fn each_forge_is_asked_in_its_own_words() {
        let sha = "1".repeat(40);
        for (forge, address, login, words) in [
            (Settings::GitHub, format!("post /repos/team/models/statuses/{sha} "), "bearer the-token", "\"failure\""),
            (
                Settings::Gitea,
                format!("post /api/v1/repos/team/models/statuses/{sha} "),
                "token the-token",
                "\"failure\"",
            ),
            (
                Settings::GitLab,
                format!("post /api/v4/projects/team%2fmodels/statuses/{sha} "),
                "private-token: the-token",
                "\"failed\"",
            ),
        ] {
            let (told, asked) = asked(forge, "201 Created").await;
            assert_eq!(told, Ok(()), "{forge:?}");
            for expected in [&*address, login, words, "slipway/digits", &"x".repeat(140)] {
                assert!(asked.contains(expected), "{forge:?}: expected `{expected}` in {asked}");
            }
            assert!(!asked.contains(&"x".repeat(141)));
        }
    }

    #[tokio::test]
    async fn a_forge_that_asks_to_wait_is_waited_for_and_one_that_fails_is_asked_again() {
        let (told, _) = asked(Settings::GitHub, "429 Too Many Requests\r\nretry-after: 7").await;
        assert_eq!(told.expect_err("throttled").retry(), Retry::After(Duration::from_secs(7)));
        let limited = "403 Forbidden\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4102444800";
        let (told, _) = asked(Settings::GitHub, limited).await;
        assert_eq!(told.expect_err("throttled").retry(), Retry::After(LONGEST_PAUSE));
        let (told, _) = asked(Settings::Gitea, "502 Bad Gateway").await;
        assert_eq!(told.expect_err("failed").retry(), Retry::Backoff);
        let (told, _) = asked(Settings::GitHub, "404 Not Found").await;
        let refused = told.expect_err("refused");
        assert_eq!(refused.retry(), Retry::Never);
        assert!(refused.to_string().contains("`api.repository`"), "{refused}");
    }

    #[test]
    fn a_token_is_not_shown_and_not_taken_where_there_is_nothing_to_tell() {
        let address = || Address::new("https://api.github.com/", "team/models").expect("an address");
        let api = StatusApi::new(Settings::GitHub, address(), "the-token").expect("an API");
        assert!(!format!("{api:?}").contains("the-token"));
        assert!(StatusApi::new(Settings::Plain, address(), "t").is_err());
    }
}
