//! Resolves webhooks that several sources share, and the repositories of sources.

use std::collections::BTreeMap;
use std::path::Path;

use super::resolve::shared_secrets;
use super::source_file::WebhookFile;
use super::{Problems, Source, Webhook};
use slipway_domain::{ForgeId, SourceName};

/// Resolves the shared webhooks, or reports mistakes at their keys.
pub(super) fn resolve_webhooks(
    files: Vec<WebhookFile>,
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<SourceName, Webhook> {
    let mut webhooks = BTreeMap::new();
    for (index, WebhookFile { name, forge, secret, previous_secret }) in files.into_iter().enumerate() {
        let key = format!("webhooks[{index}]");
        if forge == slipway_forge::Settings::Plain {
            let help = "help: set a `secret` for each source";
            let problem = "a plain git server cannot share a webhook: its deliveries do not name the repository";
            problems.add(&format!("{key}.forge"), format!("{problem}\n  {help}"));
        }
        let named = name.map_or_else(|| SourceName::try_from(forge.as_str().to_owned()), Ok);
        let Some(name) = problems.take(&format!("{key}.name"), named) else { continue };
        let secrets = shared_secrets(&key, Some(secret), previous_secret, folder, problems);
        if webhooks.insert(name.clone(), Webhook { forge, secrets }).is_some() {
            problems.add(&format!("{key}.name"), format!("the name `{name}` occurs twice"));
        }
    }
    webhooks
}

/// Checks that sources share existing webhooks of their own forge, and that no source has the name of a shared webhook.
pub(super) fn check_webhooks(
    sources: &BTreeMap<SourceName, Source>,
    webhooks: &BTreeMap<SourceName, Webhook>,
    keys: &BTreeMap<SourceName, String>,
    problems: &mut Problems,
) {
    for (name, source) in sources {
        let key = &keys[name];
        if webhooks.contains_key(name) {
            problems.add(&format!("{key}.name"), format!("one of `webhooks` has the same name `{name}`"));
        }
        let Some(shared) = &source.webhook else { continue };
        match webhooks.get(shared) {
            None => problems.add(&format!("{key}.webhook"), format!("`{shared}` is not among `webhooks`")),
            Some(webhook) if webhook.forge != source.forge => {
                let (there, here) = (webhook.forge.as_str(), source.forge.as_str());
                let problem = format!("`{shared}` is a webhook of `{there}`, but this source is on `{here}`");
                problems.add(&format!("{key}.webhook"), problem);
            }
            Some(_) => {}
        }
    }
}

/// Returns the name of a repository from its clone address: the path without `.git`.
pub(super) fn name_in(url: &str) -> String {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        // `git@host:path`
        None => url.split_once(':').map_or(url, |(_, path)| path),
    };
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

/// Parses the identifier of a repository, if the forge has identifiers.
pub(super) fn resolve_id(text: &str, forge: slipway_forge::Settings) -> Result<ForgeId, String> {
    if forge == slipway_forge::Settings::Plain {
        return Err("a plain git server has no identifiers of repositories: remove this key".to_owned());
    }
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_repository_is_the_path_of_its_address() {
        for (url, name) in [
            ("https://github.com/team/models.git", "team/models"),
            ("https://gitlab.example/group/sub/models", "group/sub/models"),
            ("http://127.0.0.1:3000/models.git/", "models"),
            ("git@github.com:team/models.git", "team/models"),
            ("ssh://git@forge.example:2222/team/models.git", "team/models"),
            ("https://forge.example", ""),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }
}
