//! Sends reports to a forge only if they differ from the reported state. The reported state is in the store, and only one of
//! several servers makes a call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use slipway_contract::Digest;

use crate::context::StepError;
use slipway_domain::{Retry, SourceName};
use slipway_forge::{ApiError, Deployment, ForgeApi, Marker, Report, ReportHandle};
use slipway_store::{Claimed, Item, ItemKind, ReportedState, Store, StoreError};

/// Duration of a claim: longer than any forge may take for the calls of one item.
const CLAIM_LEASE: Duration = Duration::from_mins(2);
/// Delay until an item that another server is reporting is checked again.
const SHORTLY: Duration = Duration::from_secs(1);

/// Reason why something was not reported.
pub(crate) enum NotReported {
    /// The forge did not accept it.
    Forge(ApiError),
    /// Another server is reporting it.
    Busy,
    /// A note could not be written.
    Note { retry: Retry, reason: String },
    /// The store failed.
    Store(StoreError),
}

impl From<ApiError> for NotReported {
    fn from(error: ApiError) -> Self {
        Self::Forge(error)
    }
}

impl From<StoreError> for NotReported {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotReported> for StepError {
    fn from(error: NotReported) -> Self {
        match error {
            NotReported::Forge(error) => error.into(),
            NotReported::Busy => {
                Self::Transient { retry: Retry::After(SHORTLY), reason: "another server is reporting it".to_owned() }
            }
            NotReported::Note { retry, reason } => Self::Transient { retry, reason },
            NotReported::Store(error) => Self::Store(error),
        }
    }
}

/// Reports to the forge of one source.
pub(crate) struct Reporter<'a> {
    store: &'a Store,
    source: &'a SourceName,
    api: &'a dyn ForgeApi,
    /// Start of this server. Items that were read earlier are read again, because the store may be an older copy.
    since: Timestamp,
    called_forge: AtomicBool,
    /// Identifies the claims of this reporter.
    token: String,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(store: &'a Store, source: &'a SourceName, api: &'a dyn ForgeApi, since: Timestamp) -> Self {
        let token = uuid::Uuid::now_v7().to_string();
        Self { store, source, api, since, called_forge: AtomicBool::new(false), token }
    }

    /// The source of the reports.
    pub(crate) fn source(&self) -> &SourceName {
        self.source
    }

    /// Whether the forge was called.
    pub(super) fn has_called_forge(&self) -> bool {
        self.called_forge.load(Ordering::Relaxed)
    }

    /// Releases the claims of interrupted calls.
    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        self.store.release_items(&self.token).await
    }

    /// Reports the state of one model, or of all models, at a revision.
    pub(crate) async fn report(&self, report: &Report) -> Result<(), NotReported> {
        let each = self.api.keeps_each_report();
        let name = |context: &str, id: &str| if each { format!("{context} {id}") } else { context.to_owned() };
        let item = self.item(ItemKind::Check, report.revision.to_string(), name(&report.context, &report.id));
        let digest = digest_of(report);
        let known = self.store.items_about(self.source, item.kind, &item.subject).await?;
        if known.iter().any(|(name, current)| *name == item.name && says(current, &digest)) {
            return Ok(());
        }
        let Some(claimed) = self.claim(&item, &digest).await? else { return Ok(()) };
        let mut at = report_handle(&claimed.before);
        // The report of another item at this revision searched the forge first. This item was never begun, so it is not there.
        let is_certain = |(_, current): &(String, ReportedState)| current.is_sure && !current.forge_id.is_empty();
        let is_new = claimed.before.is_sure && claimed.before.forge_id.is_empty();
        let was_read_before = known.iter().any(|item| is_certain(item) && item.1.at >= self.since);
        let calls = async {
            if each && at.id.is_empty() && !(is_new && was_read_before) {
                let found = self.api.find_reports(&report.revision).await?;
                let is_it = |found: &&slipway_forge::FoundReport| name(&found.context, &found.id) == item.name;
                at = found.iter().find(is_it).map(|found| found.at.clone()).unwrap_or_default();
            }
            self.api.report(report, &mut at).await
        };
        let reported = calls.await;
        self.note(&claimed, at, digest, reported).await
    }

    /// Whether a comment with this marker was written to a pull request, or may have been.
    pub(super) async fn has_comment(&self, pull_request: u64, marker: &Marker) -> Result<bool, StoreError> {
        let known = self.store.items_about(self.source, ItemKind::Comment, &pull_request.to_string()).await?;
        let may_be_there = |current: &ReportedState| !current.is_sure || !current.digest.is_empty();
        Ok(known.iter().any(|(name, current)| name == marker.as_str() && may_be_there(current)))
    }

    /// Writes Slipway's one comment with a marker to a pull request.
    pub(crate) async fn comment(&self, pull_request: u64, marker: &Marker, text: &str) -> Result<(), NotReported> {
        let item = self.item(ItemKind::Comment, pull_request.to_string(), marker.as_str().to_owned());
        let digest = digest_of(&text);
        if self.current(&item, &digest).await? {
            return Ok(());
        }
        let Some(claimed) = self.claim(&item, &digest).await? else { return Ok(()) };
        let mut at = report_handle(&claimed.before);
        let reported = self.api.comment(pull_request, marker, text, &mut at).await;
        self.note(&claimed, at, digest, reported).await
    }

    /// Reports the state of a promotion.
    pub(super) async fn deployment(&self, deployment: &Deployment) -> Result<(), NotReported> {
        if !self.api.keeps_deployments() {
            return Ok(());
        }
        let item = self.item(ItemKind::Deployment, deployment.run.to_string(), String::new());
        let digest = digest_of(deployment);
        if self.current(&item, &digest).await? {
            return Ok(());
        }
        let Some(claimed) = self.claim(&item, &digest).await? else { return Ok(()) };
        let mut at = report_handle(&claimed.before);
        let reported = self.api.deploy(deployment, &mut at).await;
        self.note(&claimed, at, digest, reported).await
    }

    fn item(&self, kind: ItemKind, subject: String, name: String) -> Item {
        Item { source: self.source.clone(), kind, subject, name }
    }

    async fn current(&self, item: &Item, digest: &str) -> Result<bool, StoreError> {
        let known = self.store.items_about(self.source, item.kind, &item.subject).await?;
        Ok(known.iter().any(|(name, current)| *name == item.name && says(current, digest)))
    }

    /// Claims an item for a report. Returns `None` if another server reported the same meanwhile.
    async fn claim(&self, item: &Item, digest: &str) -> Result<Option<Claimed>, NotReported> {
        let claimed =
            self.store.claim_item(item, &self.token, Timestamp::now(), CLAIM_LEASE).await?.ok_or(NotReported::Busy)?;
        if says(&claimed.before, digest) {
            self.store.record_item(&claimed, &claimed.before).await?;
            return Ok(None);
        }
        self.called_forge.store(true, Ordering::Relaxed);
        Ok(Some(claimed))
    }

    /// Records the reported state after the calls. A call that was not made leaves the state unchanged. After a failed call, the
    /// state is unknown.
    async fn note(
        &self,
        claimed: &Claimed,
        at: ReportHandle,
        digest: String,
        reported: Result<(), ApiError>,
    ) -> Result<(), NotReported> {
        let ReportHandle { id: forge_id, annotations } = at;
        let before = &claimed.before;
        let unchanged = forge_id == before.forge_id && annotations == before.annotations;
        let current = match &reported {
            Ok(()) => ReportedState { forge_id, annotations, digest, is_sure: true, at: before.at },
            Err(ApiError::Throttled { .. }) if unchanged => before.clone(),
            Err(_) => ReportedState { forge_id, annotations, digest: String::new(), is_sure: false, at: before.at },
        };
        self.store.record_item(claimed, &current).await?;
        Ok(reported?)
    }
}

/// The forge's identifier of an item. If the result of the last call is unknown, the item must be searched at the forge.
fn report_handle(before: &ReportedState) -> ReportHandle {
    if before.is_sure {
        ReportHandle { id: before.forge_id.clone(), annotations: before.annotations }
    } else {
        ReportHandle::default()
    }
}

fn says(current: &ReportedState, digest: &str) -> bool {
    current.is_sure && current.digest == digest
}

fn digest_of(what: &impl serde::Serialize) -> String {
    Digest::of(&serde_json::to_vec(what).expect("it holds only texts and numbers")).to_string()
}
