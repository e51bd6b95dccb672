//! Preflight checks of a GitHub App: as itself for its permissions and its webhook, and as its installation for the limits.

use serde_json::Value;

use super::{limits, text};
use crate::api::ApiError;
use crate::api::github::client::Client;
use crate::api::github::needs::{self, NeededPermission};
use crate::api::preflight::hooks::strings;
use crate::api::preflight::{PreflightReport, PreflightSubject, ProbeAnswer, WebhookAddress};

/// The newest delivery attempts that are read.
const ATTEMPTS: usize = 30;

pub(super) async fn preflight_checks(
    client: &Client,
    id: u64,
    hook: Option<&WebhookAddress>,
    found: &mut PreflightReport,
) {
    let Some(ProbeAnswer { document, .. }) = found.reached(client.url(), client.probe("/app").await) else { return };
    let app = match document {
        Ok(app) => app,
        Err(error) => {
            let help = "set `app.id` and `app.key` to the values of one App (App settings → General: App ID, Private \
             keys), and check this machine's clock";
            return found.refused(PreflightSubject::Login, &error, help);
        }
    };
    let settings = Settings { page: page_of(&app) };
    found.ok(
        PreflightSubject::Login,
        format!("the App `{}` ({id}); its tokens expire after an hour and are renewed", text(&app, "/slug")),
    );
    installation(client, &app, &settings, found, hook.is_some()).await;
    if let Some(place) = hook {
        webhook(client, place, &settings, found).await;
        deliveries(client, &settings, found).await;
    }
    limits(client.probe_as_installation("/rate_limit").await, found);
}

/// The App's settings pages for people.
struct Settings {
    page: String,
}

impl Settings {
    /// One of its pages: `permissions`, `advanced`, or the first page for an empty name.
    fn page(&self, name: &str, title: &str) -> String {
        format!("{title} at {}", [&*self.page, name].join("/").trim_end_matches('/'))
    }
}

/// The address of an App's settings, derived from its public page `https://github.com/apps/NAME` and its owner.
fn page_of(app: &Value) -> String {
    let (public, owner) = (text(app, "/html_url"), text(app, "/owner/login"));
    let Some((base, name)) = public.split_once("/apps/") else { return "the App's settings".to_owned() };
    match app.pointer("/owner/type").and_then(Value::as_str) {
        Some("Organization") => format!("{base}/organizations/{owner}/settings/apps/{name}"),
        _ => format!("{base}/settings/apps/{name}"),
    }
}

async fn installation(client: &Client, app: &Value, settings: &Settings, found: &mut PreflightReport, is_source: bool) {
    let repository = client.repository();
    let probe = client.probe(&format!("/repos/{repository}/installation")).await;
    let installed = match probe.and_then(|probe| probe.document) {
        Ok(installed) => installed,
        Err(error) => {
            let install = format!("{}/installations/new", text(app, "/html_url"));
            let help = format!("install the App for `{repository}` at {install}, and check `api.repository`");
            return found.refused(PreflightSubject::Repository, &error, help);
        }
    };
    if installed["suspended_at"].is_string() {
        let help = format!("unsuspend the installation at {}", text(&installed, "/html_url"));
        found.missing(PreflightSubject::Repository, "the installation is suspended", help);
    } else {
        found.ok(PreflightSubject::Repository, format!("the App is installed for `{repository}`"));
    }
    permissions(app, &installed, settings, found, client);
    if is_source {
        let subscribed = strings(&installed["events"]);
        let page = settings.page("permissions", "App settings → Permissions & events → Subscribe to events");
        found.events(&subscribed, needs::EVENTS, &page);
    }
}

fn permissions(app: &Value, installed: &Value, settings: &Settings, found: &mut PreflightReport, client: &Client) {
    let purpose = client.purpose();
    let (granted, requested) = (&installed["permissions"], &app["permissions"]);
    let asked = needs::of_tokens(purpose);
    let mut there = Vec::new();
    for (needed, of_tokens) in asked
        .iter()
        .map(|needed| (needed, true))
        .chain(needs::beside_tokens(purpose).iter().map(|needed| (needed, false)))
    {
        let NeededPermission { title, level, used_for, .. } = needed;
        let name = format!("{title}: {}", level.title());
        if needed.is_in(granted) {
            there.push(name);
            continue;
        }
        let help = if needed.is_in(requested) {
            format!(
                "the App requests it; the owner of the installation must accept it at {}",
                text(installed, "/html_url")
            )
        } else {
            let page = settings.page("permissions", "App settings → Permissions & events → Repository permissions");
            format!("{page}: set {name}; then the installation's owner must accept it")
        };
        if of_tokens {
            let text = format!("`{name}` is not granted: {used_for}, and GitHub issues no token");
            found.missing(PreflightSubject::Permissions, text, help);
        } else {
            found.warn(PreflightSubject::Permissions, format!("`{name}` is not granted: {used_for}"), help);
        }
    }
    if !there.is_empty() {
        found.ok(PreflightSubject::Permissions, there.join(", "));
    }
}

async fn webhook(client: &Client, place: &WebhookAddress, settings: &Settings, found: &mut PreflightReport) {
    let page = settings.page("", "App settings → General → Webhook");
    let config = match client.probe("/app/hook/config").await.and_then(|probe| probe.document) {
        Ok(config) => config,
        Err(ApiError::Missing { .. }) => {
            let help = format!("{page}: set {} and the source's secret, and activate the webhook", place.wanted());
            return found.missing(PreflightSubject::Webhook, "the App has no webhook", help);
        }
        Err(error) => return found.withheld(PreflightSubject::Webhook, &error, "the App's webhook is not known"),
    };
    found.hook_address(config["url"].as_str().unwrap_or_default(), place, &page);
    found.hook_content(config["content_type"].as_str().map(|kind| kind == "json"), &page);
    if config["secret"].as_str().is_none_or(str::is_empty) {
        let help = format!("{page}: set the secret to the value of the source's `secret`");
        found.missing(
            PreflightSubject::Webhook,
            "the webhook has no secret: its deliveries are not signed, so Slipway refuses them",
            help,
        );
    }
    // GitHub writes the value as a text or as a number.
    if matches!(config["insecure_ssl"].to_string().trim_matches('"'), "1") {
        let help = format!("{page}: enable SSL verification");
        found.warn(PreflightSubject::Webhook, "GitHub does not verify the server's certificate", help);
    }
}

/// Checks the results of the newest delivery attempts.
async fn deliveries(client: &Client, settings: &Settings, found: &mut PreflightReport) {
    let probe = client.probe(&format!("/app/hook/deliveries?per_page={ATTEMPTS}")).await;
    let attempts = match probe.and_then(|probe| probe.document) {
        Ok(Value::Array(attempts)) => attempts,
        Ok(_) => Vec::new(),
        Err(error) => return found.withheld(PreflightSubject::Deliveries, &error, "the deliveries are not known"),
    };
    let status = |attempt: &Value| attempt["status_code"].as_u64().unwrap_or_default();
    let was_taken = |attempt: &&Value| (200..300).contains(&status(attempt));
    let taken = attempts.iter().filter(was_taken).count();
    let summary = format!("{taken} of the last {} deliveries were accepted", attempts.len());
    let Some(newest) = attempts.first() else {
        return found.unknown(PreflightSubject::Deliveries, "there was no delivery in the last three days");
    };
    if was_taken(&newest) {
        return found.ok(PreflightSubject::Deliveries, summary);
    }
    let (status, word, at) = (status(newest), text(newest, "/status"), text(newest, "/delivered_at"));
    let why = match status {
        401 => "the webhook's secret differs from the source's secret",
        404 => "the server has no source with this name",
        415 => "the webhook does not send JSON",
        429 => "the server received too many requests at a time",
        _ => "GitHub could not reach the server: check that it runs and accepts connections from GitHub",
    };
    let page = settings.page("advanced", "App settings → Advanced → Recent deliveries");
    let text = format!("{summary}; the response to the newest, at {at}, was {status} ({word})");
    found.warn(PreflightSubject::Deliveries, text, format!("{why}; see {page}"));
}
