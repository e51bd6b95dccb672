//! Checks a source's repository for `slipway forge check`: the pinned repository, and the one that the forge has now.

use std::collections::BTreeMap;

use crate::cli::beside::{failed, work};
use crate::cli::exit::Failure;
use crate::config::{Settings, Source};
use slipway_domain::{Repository, SourceName};
use slipway_forge::{ApiError, PreflightCheck, PreflightStatus, PreflightSubject};
use slipway_store::PinnedRepository;

/// Returns the pinned repositories of the sources, if a store exists.
pub(super) fn pinned(settings: &Settings) -> Result<BTreeMap<SourceName, PinnedRepository>, Failure> {
    if matches!(&settings.store, slipway_store::Settings::Sqlite { file } if !file.exists()) {
        return Ok(BTreeMap::new());
    }
    work(settings, async |store| {
        let mut pinned = BTreeMap::new();
        for name in settings.sources.keys() {
            pinned.extend(store.repository_of(name).await.map_err(failed)?.map(|one| (name.clone(), one)));
        }
        Ok(pinned)
    })
}

/// Compares the pinned repository with the one that the forge has now, if the forge could be queried.
pub(super) fn preflight_check(
    name: &SourceName,
    source: &Source,
    pinned: Option<&PinnedRepository>,
    found: Option<Result<Repository, ApiError>>,
) -> PreflightCheck {
    let found = found.and_then(Result::ok);
    let check = |status, message, help| PreflightCheck { subject: PreflightSubject::Identity, status, message, help };
    let set = source.repository_id.as_ref();
    let id = set.or_else(|| pinned.map(|pinned| &pinned.repository.id));
    let Some(id) = id else {
        return if let Some(Repository { id, full_name }) = found {
            let text = format!("`{full_name}` has the identifier {id}; the server pins it at its first query");
            check(PreflightStatus::Ok, text, None)
        } else {
            let text = format!(
                "not known yet: the first delivery of a repository with the name `{}` contains it",
                source.repository_name
            );
            check(PreflightStatus::Unknown, text, None)
        };
    };
    let how = match (set, pinned) {
        (Some(_), _) => "settings",
        (None, Some(pinned)) => pinned.learned.as_str(),
        (None, None) => "nothing",
    };
    let refused = pinned.and_then(|pinned| pinned.refused.as_ref()).filter(|_| found.is_none());
    let other = found.as_ref().map(|found| &found.id).filter(|found| *found != id).or(refused);
    if let Some(other) = other {
        let text = format!(
            "`{}` is now another repository: its identifier is {other}, but the source is pinned to {id}; Slipway \
             ignores its deliveries",
            source.repository_name
        );
        let help = if set.is_some() {
            format!("if this is correct, set `repository_id: \"{other}\"`")
        } else {
            format!("if this is correct, run `slipway forge accept {name} '{other}'`")
        };
        return check(PreflightStatus::Missing, text, Some(help));
    }
    let full_name = found.map(|found| found.full_name).or_else(|| pinned.map(|one| one.repository.full_name.clone()));
    let full_name = full_name.unwrap_or_else(|| source.repository_name.clone());
    let text = format!("the source is `{full_name}`, identifier {id} (by: {how})");
    if full_name.eq_ignore_ascii_case(&source.repository_name) {
        check(PreflightStatus::Ok, text, None)
    } else {
        let help = "change `url` and `api.repository` of the source: the repository was renamed or moved";
        check(PreflightStatus::Warning, text, Some(help.to_owned()))
    }
}
