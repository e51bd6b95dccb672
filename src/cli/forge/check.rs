//! `slipway forge check`: checks the login, permissions, webhook, clock and limits at each forge of the settings.

use clap::Args;
use serde::Serialize;

use super::identity;
use crate::cli::beside::SettingsArgs;
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::form::Form;
use crate::config::{Settings, Source};
use crate::deprecated::complete_output;
use slipway_domain::SourceName;
use slipway_forge::{ForgeApi, PreflightCheck, PreflightStatus, PreflightSubject, WebhookAddress};

/// Check the login, its permissions and the webhooks at each forge.
///
/// Nothing is changed at the forges. Exit 1 if something required is missing, otherwise 4 if a forge did not respond.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    beside: SettingsArgs,
    /// Only this source; may be repeated. The default is all sources and environments
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

/// What an API belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Source,
    Environment,
}

/// The preflight checks of one API.
#[derive(Debug, Serialize)]
struct CheckedApi<'a> {
    kind: Kind,
    name: &'a str,
    /// `None` if there is no API.
    checks: Option<Vec<PreflightCheck>>,
    /// The check of the source's repository; `None` for environments, and for forges without identifiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<PreflightCheck>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        let named =
            |name: &SourceName| self.sources.is_empty() || self.sources.iter().any(|wish| wish == name.as_str());
        if let Some(unknown) =
            self.sources.iter().find(|wish| settings.sources.keys().all(|name| name.as_str() != **wish))
        {
            let all: Vec<&str> = settings.sources.keys().map(SourceName::as_str).collect();
            return Err(exit::invalid(format!(
                "the server's settings contain no source `{unknown}`, only {}",
                all.join(", ")
            )));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| exit::defect(format!("the runtime could not be started: {error}")))?;
        let pinned = identity::pinned(&settings)?;
        let mut all = Vec::new();
        for (name, source) in settings.sources.iter().filter(|(name, _)| named(name)) {
            let place = place_of(&settings, name, source);
            let checks = source.api.as_deref().map(|api| runtime.block_on(api.preflight_checks(Some(&place))));
            let identity = (source.forge != slipway_forge::Settings::Plain).then(|| {
                let api = source.api.as_deref().filter(|_| checks.iter().flatten().all(is_no_obstacle));
                let found = api.map(|api| runtime.block_on(api.repository()));
                identity::preflight_check(name, source, pinned.get(name), found)
            });
            all.push(CheckedApi { kind: Kind::Source, name: name.as_str(), checks, identity });
        }
        for (name, api) in environments(&settings).filter(|_| self.sources.is_empty()) {
            let checks = Some(runtime.block_on(api.preflight_checks(None)));
            all.push(CheckedApi { kind: Kind::Environment, name: name.as_str(), checks, identity: None });
        }
        let mut document = serde_json::json!({ "checked": all });
        complete_output("slipway forge check", &mut document);
        self.output.show(&document, |_, _| all.iter().map(as_text).collect::<Vec<_>>().join("\n"))?;
        let checks =
            all.iter().flat_map(|checked_api| checked_api.checks.iter().flatten().chain(&checked_api.identity));
        Ok(match checks.map(|preflight_check| preflight_check.status).max() {
            Some(PreflightStatus::Missing) => Exit::Refused,
            Some(PreflightStatus::Unreachable) => Exit::Unreachable,
            _ => Exit::Done,
        })
    }
}

/// Whether the repository can be queried despite a check. It is not queried if the forge is unreachable or refuses the login.
fn is_no_obstacle(preflight_check: &PreflightCheck) -> bool {
    let is_needed = matches!(
        preflight_check.subject,
        PreflightSubject::Address | PreflightSubject::Login | PreflightSubject::Repository
    );
    !(is_needed && matches!(preflight_check.status, PreflightStatus::Missing | PreflightStatus::Unreachable))
}

/// Returns the address to which a source's deliveries must be sent.
fn place_of(settings: &Settings, name: &SourceName, source: &Source) -> WebhookAddress {
    let webhook = source.webhook.as_ref().filter(|_| source.secrets.is_empty()).unwrap_or(name);
    WebhookAddress { server: settings.web.public_url.clone(), path: format!("/webhooks/{webhook}") }
}

/// Returns the environments with promotion requests at a forge.
fn environments(settings: &Settings) -> impl Iterator<Item = (&SourceName, &dyn ForgeApi)> {
    settings
        .environments
        .iter()
        .filter_map(|(name, environment)| environment.requests.as_ref().map(|requests| (name, requests.api.as_ref())))
}

/// Formats one line for each check, and one for its help.
fn as_text(checked_api: &CheckedApi<'_>) -> String {
    let CheckedApi { kind, name, checks, identity } = checked_api;
    let kind = match kind {
        Kind::Source => "source",
        Kind::Environment => "environment",
    };
    let mut lines = match checks {
        None => vec![format!("{kind} {name}: `api` is not set, so there is nothing to check")],
        Some(_) => vec![format!("{kind} {name}")],
    };
    for PreflightCheck { subject, status, message, help } in checks.iter().flatten().chain(identity) {
        lines.push(format!("  {:<11}  {:<11}  {message}", word(status), word(subject)));
        lines.extend(help.iter().map(|help| format!("  {:<11}  {:<11}  help: {help}", "", "")));
    }
    lines.join("\n")
}

/// Returns the word of a value in JSON.
fn word(thing: &impl Serialize) -> String {
    serde_json::to_value(thing).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
