//! Builds the activities and the shared state of the HTTP server from the settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::WORK;
use crate::activities::Activities;
use crate::config::{self, Settings};
use crate::context;
use crate::context::BranchWriter;
use crate::telemetry::RenderMetrics;
use crate::web::{Hook, Shared};
use slipway_data::Cache;
use slipway_domain::SourceName;
use slipway_forge::{Pages, Secret};
use slipway_git::{Mirror, Notes};
use slipway_store::Store;

/// Name of the cache of data outside of git, in the folder of the state.
const DATA: &str = "data";

/// Builds the environments. Those on the same branch share one writer, so that their promotions share pushes.
fn assemble_environments(
    settings: BTreeMap<SourceName, config::Environment>,
    mirrors: &Path,
    store: &Arc<Store>,
) -> anyhow::Result<BTreeMap<SourceName, context::Environment>> {
    let mut writers: Vec<BranchWriter> = Vec::new();
    let mut environments = BTreeMap::new();
    for (name, config::Environment { remote, folder, rules, requests, owners, operators, commit }) in settings {
        let writer = match writers.iter().find(|writer| *writer.mirror().remote() == remote) {
            Some(writer) => writer.clone(),
            None => BranchWriter::new(Mirror::open(mirrors, remote)?, store.clone()),
        };
        writers.push(writer.clone());
        let environment = context::Environment::new(writer, folder, rules, requests)
            .owned(owners, operators)
            .with_commit_templates(commit);
        environments.insert(name, environment);
    }
    Ok(environments)
}

/// The links to the pages of a source's runs, which its first secret signs.
fn pages_of(public_url: Option<&str>, secrets: &[Secret]) -> Option<Pages> {
    public_url.zip(secrets.first()).map(|(address, secret)| Pages::new(address, secret))
}

/// Builds the activities and the shared state of the HTTP server.
pub(super) fn assemble(
    settings: Settings,
    store: Arc<Store>,
    render_metrics: RenderMetrics,
    stop: CancellationToken,
) -> anyhow::Result<(Activities, Arc<Shared>)> {
    let Settings {
        state,
        web,
        store: _,
        artifacts,
        executor,
        workers: _,
        threads,
        device,
        data_cache,
        committer,
        sources,
        webhooks,
        environments,
        mandatory_policies,
        people,
        garbage_collection: _,
        git_server: _,
        limits,
        telemetry: _,
    } = settings;
    let mirrors = state.join("mirrors");
    let mut hooks = BTreeMap::new();
    let (mut page_secrets, mut served) = (BTreeMap::new(), BTreeMap::new());
    for (
        name,
        config::Source {
            forge,
            api,
            notes,
            remote,
            secrets,
            webhook,
            repository_name,
            repository_id,
            environment,
            pull_requests,
            judge_drafts,
            label,
            priority,
            commands,
            data,
        },
    ) in sources
    {
        let (kind, forge) = (forge, slipway_forge::connect(forge));
        let mirror = Mirror::open(&mirrors, remote)?;
        // A source without its own webhook uses the secrets of the shared webhook.
        let of_pages = match webhook.as_ref().and_then(|shared| webhooks.get(shared)) {
            Some(shared) if secrets.is_empty() => shared.secrets.clone(),
            _ => secrets.clone(),
        };
        let pages = pages_of(web.public_url.as_deref(), &of_pages);
        page_secrets.insert(name.clone(), of_pages);
        if !secrets.is_empty() {
            hooks.insert(name.clone(), Hook { forge: forge.clone(), secrets, is_shared: false });
        }
        let notes = notes.then(|| Arc::new(Notes::new(mirror.clone(), committer.clone())));
        let source = context::Source {
            kind,
            forge,
            api,
            repository_name,
            repository_id,
            webhook,
            notes,
            pages,
            mirror,
            environment,
            pull_requests,
            judge_drafts,
            label,
            priority,
            commands,
            data,
            arrived: Notify::new(),
            moved: Notify::new(),
        };
        served.insert(name, source);
    }
    for (name, config::Webhook { forge, secrets }) in webhooks {
        hooks.insert(name, Hook { forge: slipway_forge::connect(forge), secrets, is_shared: true });
    }
    let environments = assemble_environments(environments, &mirrors, &store)?;
    let settings = context::Settings {
        sources: served,
        environments,
        work: state.join(WORK),
        mandatory_policies: mandatory_policies.into(),
        committer,
        people,
        threads,
        device,
        data_cache: Arc::new(Cache::open(&state.join(DATA), data_cache)?),
        max_runs_per_source: limits.max_runs_per_source,
        lease: limits.lease,
    };
    let artifacts = slipway_artifacts::connect(&artifacts)?;
    let activities = Activities::new(store.clone(), slipway_executor::connect(&executor), artifacts, settings);
    let shared = Arc::new(Shared::new(activities.clone(), store, hooks, page_secrets, web, render_metrics, stop));
    Ok((activities, shared))
}
