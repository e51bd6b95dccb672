//! Registers a GitHub App by a manifest (docs.github.com, "Registering a GitHub App from a manifest"). A person sends GitHub a
//! form with the manifest, GitHub redirects the person back with a code, and the code is exchanged once for the App's key and
//! secret.

use serde_json::{Value, json};
use ureq::http::{Method, Request};

use super::app::AppLogin;
use super::needs;
use crate::Secret;
use crate::api::address::{checked_url, encoded, is_plain};
use crate::api::http::{AGENT, agent};
use crate::api::preflight::shown;
use crate::api::{ApiError, Purpose, RefusalOf, answer};

/// The most bytes of the response to the exchange that are read. A key is smaller than four kilobytes.
const MAX_APP_BYTES: u64 = 64 << 10;
/// The longest code that is sent to GitHub, in characters. GitHub's codes have forty.
const MAX_CODE_LENGTH: usize = 100;

/// An App to register.
#[derive(Debug, Clone)]
pub struct NewApp {
    api: String,
    /// The address of GitHub's pages for people.
    pages: String,
    organization: Option<String>,
    manifest: Value,
}

/// The form that a person sends to GitHub to register an App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppForm {
    /// The address that it is sent to, by POST.
    pub action: String,
    /// The value of its field `manifest`.
    pub manifest: String,
    /// The origin of `action`: its scheme and host.
    pub origin: String,
}

/// A registered App. Its `Debug` output leaves out the key and the secret.
pub struct RegisteredApp {
    /// Its identifier.
    pub id: u64,
    /// The page for people where the App is installed for repositories.
    pub page: String,
    /// Its private key. [`AppLogin::new`] accepts it.
    pub key: String,
    /// The secret of its webhook. [`Secret::new`] accepts it.
    pub secret: String,
}

impl std::fmt::Debug for RegisteredApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredApp").field("id", &self.id).field("page", &self.page).finish_non_exhaustive()
    }
}

impl NewApp {
    /// An App at the API at `api` (GitHub's, or `https://HOST/api/v3`), with the webhook address `webhook`. Its owner is
    /// `organization`, or the person who registers it. It requests the permissions that `purposes` need.
    pub fn new(
        api: &str,
        organization: Option<&str>,
        name: &str,
        webhook: &str,
        purposes: &[Purpose],
    ) -> Result<Self, String> {
        let api = checked_url(api)?;
        let has_scheme = webhook.starts_with("https://") || webhook.starts_with("http://");
        if !has_scheme || !webhook.contains("/webhooks/") || !is_plain(webhook) {
            return Err(format!(
                "`{webhook}` is not the address of a source's webhook, expected `https://HOST/webhooks/NAME`"
            ));
        }
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if organization.is_some_and(|name| name.is_empty() || !plain(name)) {
            return Err("expected the organisation's name as in its address, such as `my-team`".to_owned());
        }
        let needed =
            purposes.iter().flat_map(|purpose| needs::of_tokens(*purpose).iter().chain(needs::beside_tokens(*purpose)));
        let events: Vec<&str> = needs::EVENTS.iter().map(|event| event.name).collect();
        let manifest = json!({
            "name": name, "url": origin_of(webhook), "public": false, "hook_attributes": { "url": webhook, "active": true },
            "default_permissions": needs::document(needed), "default_events": events,
        });
        Ok(Self { pages: pages_of(&api), api, organization: organization.map(str::to_owned), manifest })
    }

    /// The form that registers the App. GitHub then redirects the person to `back` with a code and this `state`.
    pub fn form(&self, back: &str, state: &str) -> AppForm {
        let owner = self.organization.as_ref().map_or_else(String::new, |name| format!("/organizations/{name}"));
        let mut manifest = self.manifest.clone();
        manifest["redirect_url"] = json!(back);
        AppForm {
            action: format!("{}{owner}/settings/apps/new?state={}", self.pages, encoded(state)),
            manifest: manifest.to_string(),
            origin: origin_of(&self.pages).to_owned(),
        }
    }

    /// Exchanges a code for the App that it stands for. A code works once. Blocks for half a minute at most.
    pub fn register(&self, code: &str) -> Result<RegisteredApp, ApiError> {
        let unreachable = |reason: String| ApiError::Unreachable { reason };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if code.is_empty() || code.len() > MAX_CODE_LENGTH || !code.bytes().all(plain) {
            let help = "start again: the browser returned with another value";
            return Err(ApiError::Refused {
                of: RefusalOf::Content,
                reason: "the returned value is not a code of GitHub".to_owned(),
                help,
            });
        }
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/app-manifests/{code}/conversions", self.api))
            .header("accept", "application/vnd.github+json")
            .header("user-agent", AGENT)
            .body(())
            .map_err(|error| unreachable(error.to_string()))?;
        let (parts, body) = agent().run(request).map_err(|error| unreachable(error.to_string()))?.into_parts();
        let body = body.into_with_config().limit(MAX_APP_BYTES).read_to_vec();
        let body = body.map_err(|error| unreachable(format!("the response cannot be read: {error}")))?;
        let app = answer::read(parts.status, &parts.headers, &body)?;
        read_app(&app)
    }
}

/// Reads an App with all its fields. An error does not show the key or the secret.
fn read_app(app: &Value) -> Result<RegisteredApp, ApiError> {
    let unusable = |reason: String| ApiError::Unreachable { reason };
    let id = answer::number(app, "/id")?;
    let (key, secret) = (answer::text(app, "/pem")?, answer::text(app, "/webhook_secret")?);
    AppLogin::new(id, key).map_err(unusable)?;
    Secret::new(secret).map_err(|_| unusable("the webhook's secret is too short".to_owned()))?;
    Ok(RegisteredApp {
        id,
        page: shown(answer::text(app, "/html_url")?),
        key: key.to_owned(),
        secret: secret.to_owned(),
    })
}

/// The address of the pages of the GitHub that serves the API at `api`.
fn pages_of(api: &str) -> String {
    if let Some(host) = api.strip_prefix("https://api.").filter(|host| !host.contains('/')) {
        return format!("https://{host}");
    }
    api.strip_suffix("/api/v3").unwrap_or(api).to_owned()
}

/// The scheme and host of an address, without its path.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Purpose = Purpose::Source { deployments: false };

    fn new(api: &str, organization: Option<&str>, purposes: &[Purpose]) -> NewApp {
        let hook = "https://slipway.example/ci/webhooks/digits";
        NewApp::new(api, organization, "slipway", hook, purposes).expect("an App")
    }

    #[test]
    fn the_form_goes_to_the_pages_of_the_github_whose_api_it_is_and_to_whom_the_app_is_to_belong() {
        for (api, organization, action) in [
            ("https://api.github.com", None, "https://github.com/settings/apps/new?state=s%2Ft"),
            (
                "https://api.github.com/",
                Some("team"),
                "https://github.com/organizations/team/settings/apps/new?state=s%2Ft",
            ),
            ("https://api.team.ghe.com", None, "https://team.ghe.com/settings/apps/new?state=s%2Ft"),
            (
                "https://git.example/api/v3",
                Some("a-b"),
                "https://git.example/organizations/a-b/settings/apps/new?state=s%2Ft",
            ),
        ] {
            assert_eq!(new(api, organization, &[SOURCE]).form("http://127.0.0.1:1/back", "s/t").action, action);
        }
        for (api, organization) in [("http://git.example/api/v3", None), ("https://git.example", Some("a/b"))] {
            let hook = "https://slipway.example/webhooks/digits";
            assert!(NewApp::new(api, organization, "slipway", hook, &[SOURCE]).is_err(), "{api} {organization:?}");
        }
    }

    #[test]
    fn an_app_asks_for_what_its_tokens_and_events_need_and_for_no_more() {
        let manifest = |purposes: &[Purpose]| -> Value {
            let form = new("https://api.github.com", None, purposes).form("http://127.0.0.1:1/back", "s");
            serde_json::from_str(&form.manifest).expect("JSON")
        };
        let sources = manifest(&[SOURCE]);
        let expected = json!({
            "checks": "write", "contents": "read", "issues": "read", "merge_queues": "read", "metadata": "read",
            "pull_requests": "write",
        });
        assert_eq!(sources["default_permissions"], expected);
        assert_eq!(sources["url"], "https://slipway.example");
        assert_eq!(sources["hook_attributes"]["url"], "https://slipway.example/ci/webhooks/digits");
        assert_eq!(sources["redirect_url"], "http://127.0.0.1:1/back");
        assert_eq!(sources["public"], false);
        let both = manifest(&[Purpose::Source { deployments: true }, Purpose::Environment]);
        assert_eq!(
            (&both["default_permissions"]["contents"], &both["default_permissions"]["deployments"]),
            (&json!("write"), &json!("write"))
        );
    }

    #[test]
    fn what_comes_back_and_is_no_code_goes_no_further() {
        let app = new("https://git.invalid/api/v3", None, &[SOURCE]);
        for code in ["", "a/../b", "a?b", &"x".repeat(101)] {
            assert!(matches!(app.register(code), Err(ApiError::Refused { .. })), "{code}");
        }
    }

    #[test]
    fn an_answer_that_lacks_a_usable_key_or_secret_is_none_and_shows_neither() {
        let key = slipway_testkit::github::APP_KEY;
        let whole = json!({ "id": 7, "pem": key, "webhook_secret": "a secret of some length", "html_url": "https://github.com/apps/s\n" });
        let app = read_app(&whole).expect("an App");
        assert_eq!((app.id, &*app.page), (7, "https://github.com/apps/s"));
        assert!(!format!("{app:?}").contains("secret of") && !format!("{app:?}").contains("BEGIN"), "{app:?}");
        for (name, value) in [
            ("pem", json!("no key: hidden")),
            ("webhook_secret", json!("hidden")),
            ("webhook_secret", Value::Null),
            ("id", json!("7")),
        ] {
            let mut lacking = whole.clone();
            lacking[name] = value;
            let refused = read_app(&lacking).expect_err("nothing to use").to_string();
            assert!(!refused.contains("hidden"), "{refused}");
        }
    }
}
