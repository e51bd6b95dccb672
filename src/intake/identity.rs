//! Identifies the repository of a source. Names can be given up and reused, but the identifier from the forge is permanent.
//! Slipway learns it at the first contact, and ignores deliveries of other repositories.

use super::Intake;
use crate::context::Source;
use slipway_domain::{DeliveryState, ForgeId, Repository, SourceName};
use slipway_store::{Learned, PinnedRepository, StoreError};

/// The repository of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// A delivery that Slipway created itself, for a push that it found.
    Ourselves,
    /// The repository that the forge names, if it names one.
    Repository(Option<Repository>),
}

/// Reason why a delivery has no effect here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotOurs {
    /// New state of the delivery. It is dead where a person may accept the repository and replay it.
    pub(crate) state: DeliveryState,
    /// The reason as a text.
    pub(crate) note: String,
}

/// The filter's knowledge of the source's repository.
enum Known {
    /// Not read from the store yet.
    NotRead,
    /// The entry in the store.
    Read(Option<PinnedRepository>),
}

/// Admits the deliveries of one source's own repository.
pub(super) struct RepositoryFilter<'a> {
    intake: &'a Intake,
    name: &'a SourceName,
    source: &'a Source,
    /// The entry of the repository; it is read on first use.
    known: Known,
}

impl<'a> RepositoryFilter<'a> {
    pub(crate) fn new(intake: &'a Intake, name: &'a SourceName, source: &'a Source) -> Self {
        Self { intake, name, source, known: Known::NotRead }
    }

    /// Checks whether a delivery belongs to the source's repository. Returns the reason if not. The first delivery with the
    /// source's own repository name determines the repository.
    pub(super) async fn admit(&mut self, about: &About) -> Result<Result<(), NotOurs>, StoreError> {
        if self.source.kind == slipway_forge::Settings::Plain {
            return Ok(Ok(()));
        }
        let known = match std::mem::replace(&mut self.known, Known::NotRead) {
            Known::Read(known) => known,
            Known::NotRead => self.intake.known_repository(self.name, self.source).await?,
        };
        let (admitted, known) = self.check_repository(about, known).await?;
        self.known = Known::Read(known);
        Ok(admitted)
    }

    async fn check_repository(
        &self,
        about: &About,
        known: Option<PinnedRepository>,
    ) -> Result<(Result<(), NotOurs>, Option<PinnedRepository>), StoreError> {
        let Self { intake, name, source, .. } = self;
        let claimed = match (about, &known) {
            (About::Ourselves, Some(PinnedRepository { refused: Some(other), repository, .. })) => {
                return Ok((Err(source.made_anew(name, &repository.id, other)), known));
            }
            (About::Ourselves, _) => return Ok((Ok(()), known)),
            (About::Repository(None), _) => {
                let note = "the delivery names no repository".to_owned();
                return Ok((Err(ignored("unnamed", note)), known));
            }
            (About::Repository(Some(claimed)), _) => claimed,
        };
        let Some(pinned) = known else {
            if !source.is_called(&claimed.full_name) {
                return Ok((Err(source.not_pinned(name, claimed)), None));
            }
            let pinned = intake.context.store.pin_repository(name, claimed, Learned::Delivery).await?;
            tracing::info!(source = %name, "`{name}` is the repository `{}` ({})", claimed.full_name, claimed.id);
            // Another server may have learned a different repository first.
            return Ok(if pinned.repository.id == claimed.id {
                (Ok(()), Some(pinned))
            } else {
                (Err(foreign(&pinned.repository, claimed)), Some(pinned))
            });
        };
        if let Some(other) = &pinned.refused
            && [&pinned.repository.id, other].contains(&&claimed.id)
        {
            let refused = source.made_anew(name, &pinned.repository.id, other);
            return Ok((Err(refused), Some(pinned)));
        }
        if pinned.repository.id == claimed.id {
            let pinned = intake.record_name(name, source, pinned, claimed).await?;
            return Ok((Ok(()), Some(pinned)));
        }
        if source.is_called(&claimed.full_name) && pinned.former.as_ref() != Some(&claimed.id) {
            let pinned = intake.refuse(name, pinned, &claimed.id).await?;
            let refused = source.made_anew(name, &pinned.repository.id, &claimed.id);
            return Ok((Err(refused), Some(pinned)));
        }
        Ok((Err(foreign(&pinned.repository, claimed)), Some(pinned)))
    }
}

impl Source {
    /// Whether the settings give the repository this name. Forges ignore case there.
    pub(crate) fn is_called(&self, full_name: &str) -> bool {
        self.repository_name.eq_ignore_ascii_case(full_name)
    }

    /// The result for a delivery from a repository with another name while the source's repository is still unknown.
    fn not_pinned(&self, name: &SourceName, claimed: &Repository) -> NotOurs {
        let Repository { id, full_name } = claimed;
        let note = format!(
            "the delivery is from the repository `{full_name}` ({id}), but `{name}` is `{}`; if these are the same \
             repository, set `repository_id: \"{id}\"`",
            self.repository_name
        );
        ignored("unpinned", note)
    }

    /// The result for a delivery when another repository has the source's name.
    fn made_anew(&self, name: &SourceName, pinned: &ForgeId, other: &ForgeId) -> NotOurs {
        count("recreated");
        NotOurs { state: DeliveryState::Dead, note: self.anew(name, pinned, other) }
    }

    /// Reports that another repository has the source's name, and the remedy if that is intended.
    fn anew(&self, name: &SourceName, pinned: &ForgeId, other: &ForgeId) -> String {
        let accept = if self.repository_id.is_some() {
            format!("set `repository_id: \"{other}\"`")
        } else {
            format!("run `slipway forge accept {name} '{other}'`")
        };
        format!(
            "`{}` is now another repository: its identifier is {other}, but `{name}` is pinned to {pinned}; if this is \
             correct, {accept}",
            self.repository_name
        )
    }
}

impl Intake {
    /// The sources behind a shared webhook to which a repository belongs, by its identifier or by its name.
    pub async fn sources_behind(
        &self,
        webhook: &SourceName,
        repository: &Repository,
    ) -> Result<Vec<SourceName>, StoreError> {
        let pinned = self.context.store.sources_of_repository(&repository.id).await?;
        let is_it = |(name, source): &(&SourceName, &Source)| {
            source.webhook.as_ref() == Some(webhook)
                && (pinned.contains(name)
                    || source.repository_id.as_ref() == Some(&repository.id)
                    || source.is_called(&repository.full_name))
        };
        Ok(self.context.sources().filter(is_it).map(|(name, _)| name.clone()).collect())
    }

    /// The repository of a source, if it is known. The settings take precedence over learned values.
    pub async fn known_repository(
        &self,
        name: &SourceName,
        source: &Source,
    ) -> Result<Option<PinnedRepository>, StoreError> {
        let known = self.context.store.repository_of(name).await?;
        match &source.repository_id {
            Some(id) if known.as_ref().is_none_or(|known| known.repository.id != *id) => {
                let repository = Repository { id: id.clone(), full_name: source.repository_name.clone() };
                self.context.store.accept_repository(name, &repository, Learned::Settings).await?;
                self.context.store.repository_of(name).await
            }
            _ => Ok(known),
        }
    }

    /// Queries the forge, if it has an API, for the repository with the source's name. Learns the repository at first, and
    /// detects a new name or another repository later. Returns whether the source's address may be read. On the first sync after
    /// a start, an unknown repository is not queried, because the first delivery may identify it without a call.
    pub(crate) async fn sync_repository(
        &self,
        name: &SourceName,
        source: &Source,
        is_first: bool,
    ) -> Result<bool, StoreError> {
        if source.kind == slipway_forge::Settings::Plain {
            return Ok(true);
        }
        let known = self.known_repository(name, source).await?;
        if is_first && known.is_none() {
            return Ok(true);
        }
        let found = match &source.api {
            Some(api) => api.repository().await,
            None => return Ok(known.is_none_or(|known| known.refused.is_none())),
        };
        match (found, known) {
            (Err(error), known) => {
                tracing::debug!(source = %name, %error, "the repository of `{name}` cannot be queried: {error}");
                Ok(known.is_none_or(|known| known.refused.is_none()))
            }
            (Ok(found), None) => {
                let pinned = self.context.store.pin_repository(name, &found, Learned::Api).await?;
                tracing::info!(source = %name, "`{name}` is the repository `{}` ({})", found.full_name, found.id);
                Ok(pinned.repository.id == found.id)
            }
            (Ok(found), Some(known)) if known.repository.id == found.id => {
                if known.refused.is_some() {
                    self.context.store.refuse_repository(name, &known.repository.id, None).await?;
                }
                self.record_name(name, source, known, &found).await?;
                Ok(true)
            }
            (Ok(found), Some(known)) => {
                self.refuse(name, known, &found.id).await?;
                Ok(false)
            }
        }
    }

    /// Records the current name of a source's repository.
    async fn record_name(
        &self,
        name: &SourceName,
        source: &Source,
        mut pinned: PinnedRepository,
        claimed: &Repository,
    ) -> Result<PinnedRepository, StoreError> {
        if pinned.repository.full_name != claimed.full_name {
            self.context.store.rename_repository(name, claimed).await?;
            if !source.is_called(&claimed.full_name) {
                tracing::warn!(
                    source = %name,
                    "the repository of `{name}` now has the name `{}`: change `url` and `api.repository` of the source",
                    claimed.full_name
                );
            }
            pinned.repository.full_name.clone_from(&claimed.full_name);
        }
        Ok(pinned)
    }

    /// Records that another repository has a source's name. Slipway accepts nothing of it until a person accepts it.
    async fn refuse(
        &self,
        name: &SourceName,
        mut pinned: PinnedRepository,
        other: &ForgeId,
    ) -> Result<PinnedRepository, StoreError> {
        if pinned.refused.as_ref() != Some(other) {
            self.context.store.refuse_repository(name, &pinned.repository.id, Some(other)).await?;
            if let Some(source) = self.context.settings.sources.get(name) {
                tracing::error!(source = %name, "{}", source.anew(name, &pinned.repository.id, other));
            }
            pinned.refused = Some(other.clone());
        }
        Ok(pinned)
    }
}

fn foreign(pinned: &Repository, claimed: &Repository) -> NotOurs {
    let note = format!(
        "the delivery is from the repository `{}` ({}), not from `{}` ({})",
        claimed.full_name, claimed.id, pinned.full_name, pinned.id
    );
    ignored("foreign", note)
}

fn ignored(reason: &'static str, note: String) -> NotOurs {
    count(reason);
    NotOurs { state: DeliveryState::Ignored, note }
}

/// Counts a delivery that does not belong to the source's repository.
fn count(reason: &'static str) {
    metrics::counter!("slipway_deliveries_other_repository_total", "reason" => reason).increment(1);
}
