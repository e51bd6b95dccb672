//! Compares the webhooks that a forge lists for a repository with the webhook that a source needs.

use serde_json::Value;

use super::{ApiError, PreflightReport, PreflightSubject, ProbeAnswer, WebhookAddress, shown};

/// A webhook as its forge lists it.
#[derive(Debug)]
pub(in crate::api) struct Hook {
    pub(in crate::api) url: String,
    pub(in crate::api) active: bool,
    /// The events that it sends, by the forge's names.
    pub(in crate::api) events: Vec<String>,
    /// Whether it sends JSON; `None` if the forge can send nothing else.
    pub(in crate::api) sends_json: Option<bool>,
}

impl Hook {
    /// Reads a webhook in GitHub's form, which Gitea and Forgejo also use.
    pub(in crate::api) fn of_github(hook: &Value) -> Self {
        Self {
            url: hook["config"]["url"].as_str().unwrap_or_default().to_owned(),
            active: hook["active"] == true,
            events: strings(&hook["events"]),
            sends_json: hook["config"]["content_type"].as_str().map(|kind| kind == "json"),
        }
    }
}

/// The texts in a list.
pub(in crate::api) fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An event that a webhook has to send.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct NeededEvent {
    /// Its name in a webhook at the forge.
    pub(in crate::api) name: &'static str,
    /// Its name on the page with the settings.
    pub(in crate::api) title: &'static str,
    /// What does not work without it.
    pub(in crate::api) used_for: &'static str,
    /// Whether a source is useless without it.
    pub(in crate::api) is_essential: bool,
}

impl NeededEvent {
    /// An event without which a source is useless.
    pub(in crate::api) const fn essential(name: &'static str, title: &'static str, used_for: &'static str) -> Self {
        Self { name, title, used_for, is_essential: true }
    }

    /// An event without which one function is missing.
    pub(in crate::api) const fn useful(name: &'static str, title: &'static str, used_for: &'static str) -> Self {
        Self { name, title, used_for, is_essential: false }
    }
}

/// The name that stands for all events, at forges with such a name.
const ALL: &str = "*";

impl PreflightReport {
    /// Checks the list of a repository's webhooks at a forge that reports no single deliveries. `read` converts its document to
    /// hooks.
    pub(in crate::api) fn listed_hooks(
        &mut self,
        list: Result<ProbeAnswer, ApiError>,
        read: impl Fn(&Value) -> Vec<Hook>,
        place: &WebhookAddress,
        needed: &[NeededEvent],
        page: &str,
    ) {
        match list.and_then(|probe| probe.document) {
            Err(error) => self.withheld(PreflightSubject::Webhook, &error, "this login cannot read webhooks"),
            Ok(document) => {
                self.hooks(&read(&document), place, needed, page);
                self.unknown(
                    PreflightSubject::Deliveries,
                    "only the webhook's page at the forge shows the results of deliveries",
                );
            }
        }
    }

    /// Checks whether one of the webhooks is the source's and sends the required events. `page` is the page with the settings of
    /// webhooks.
    pub(in crate::api) fn hooks(&mut self, hooks: &[Hook], place: &WebhookAddress, needed: &[NeededEvent], page: &str) {
        let ours = |hook: &&Hook| place.is(&hook.url);
        let near = |hook: &&Hook| place.leads_to_path(&hook.url);
        // Prefer an active webhook.
        let mut found: Vec<&Hook> = hooks.iter().filter(ours).collect();
        if found.is_empty() {
            found = hooks.iter().filter(near).collect();
        }
        let Some(hook) = found.iter().find(|hook| hook.active).or(found.first()) else {
            let elsewhere: Vec<String> = hooks.iter().map(|hook| without_secrets(&hook.url)).collect();
            let text = match &elsewhere[..] {
                [] => "the repository has no webhook".to_owned(),
                _ => format!("no webhook of the repository sends to this server, only to {}", elsewhere.join(", ")),
            };
            self.missing(
                PreflightSubject::Webhook,
                text,
                format!("{page}: add one for {}, with the source's secret, as JSON", place.wanted()),
            );
            return;
        };
        self.hook_address(&hook.url, place, page);
        if !hook.active {
            self.missing(
                PreflightSubject::Webhook,
                "the webhook is not active",
                format!("{page}: activate the webhook"),
            );
        }
        self.hook_content(hook.sends_json, page);
        self.events(&hook.events, needed, page);
    }

    /// Checks whether an address is the address of the source.
    pub(in crate::api) fn hook_address(&mut self, url: &str, place: &WebhookAddress, page: &str) {
        let (there, wanted) = (without_secrets(url), place.wanted());
        if place.is(url) {
            self.ok(PreflightSubject::Webhook, format!("it sends to {there}"));
        } else if place.leads_to_path(url) {
            let text = format!("it sends to {there}, but `web.public_url` is {wanted}");
            self.warn(PreflightSubject::Webhook, text, format!("if these are different servers, {page}: set {wanted}"));
        } else {
            let text = format!("it sends to {there}, expected {wanted}");
            self.missing(PreflightSubject::Webhook, text, format!("{page}: set {wanted}"));
        }
    }

    /// Checks whether a webhook sends JSON.
    pub(in crate::api) fn hook_content(&mut self, sends_json: Option<bool>, page: &str) {
        if sends_json == Some(false) {
            let help = format!("{page}: set the content type to application/json");
            self.missing(PreflightSubject::Webhook, "it sends forms, expected JSON", help);
        }
    }

    /// Checks whether a webhook sends all required events.
    pub(in crate::api) fn events(&mut self, subscribed: &[String], needed: &[NeededEvent], page: &str) {
        let is_subscribed = |event: &&NeededEvent| subscribed.iter().any(|name| name == event.name || name == ALL);
        let (there, lacking): (Vec<&NeededEvent>, Vec<&NeededEvent>) = needed.iter().partition(is_subscribed);
        if !there.is_empty() {
            let names: Vec<&str> = there.iter().map(|event| event.title).collect();
            self.ok(PreflightSubject::Events, names.join(", "));
        }
        for NeededEvent { title, used_for, is_essential, .. } in lacking {
            let (text, help) =
                (format!("the webhook does not send `{title}`: {used_for}"), format!("{page}: select `{title}`"));
            if *is_essential {
                self.missing(PreflightSubject::Events, text, help);
            } else {
                self.warn(PreflightSubject::Events, text, help);
            }
        }
    }
}

/// An address without its query and its user information, because these can contain tokens.
fn without_secrets(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let plain = match plain.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('/').unwrap_or((rest, ""))))
    {
        Some((scheme, (host, path))) if host.contains('@') => {
            format!("{scheme}://{}/{path}", host.rsplit('@').next().unwrap_or_default())
        }
        _ => plain.to_owned(),
    };
    shown(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_systems_put_into_the_addresses_of_their_webhooks_is_not_shown() {
        assert_eq!(without_secrets("https://user:word@ci.example/hook?token=word"), "https://ci.example/hook");
        assert_eq!(without_secrets("https://ci.example/hook"), "https://ci.example/hook");
    }
}
