//! What is wrong with the marks of one folder taken together: models of which no digest is marked, and names that are slips of
//! others. And which models the manifests at hand do not mark at all.

use std::collections::{BTreeMap, BTreeSet};

use slipway_contract::{Fault, FaultKind};

use super::collect::{Collected, File, Manifest, Subject};
use super::form::Severity;
use slipway_domain::Diagnostic;
use slipway_manifest::{Field, Marker, is_slip_of};

/// Models whose names are compared with one another. More are named by programs.
const MAX_COMPARED: usize = 500;

/// The places of models, by their names.
type Places<'a> = BTreeMap<&'a str, Vec<(&'a File, &'a Marker)>>;

/// The models that manifests mark, each with whether its digest is among what is marked.
pub(super) struct Marks(BTreeMap<String, bool>);

impl Marks {
    /// The marks of all manifests that are checked.
    pub(super) fn of(collected: &[Collected]) -> Self {
        let mut models: BTreeMap<String, bool> = BTreeMap::new();
        for (_, manifest) in collected.iter().flat_map(Collected::manifests) {
            for marker in &manifest.inspection.markers {
                *models.entry(marker.model.clone()).or_default() |= marker.field == Field::Digest;
            }
        }
        Self(models)
    }

    /// What a model lacks in these manifests; nothing where there are none.
    pub(super) fn lacking(&self, model: &str) -> Option<Fault> {
        let Self(models) = self;
        let close = models.keys().find(|name| is_slip_of(name, model));
        let message = match (models.get(model), close) {
            (Some(true), _) => return None,
            (None, _) if models.is_empty() => return None,
            (None, Some(close)) => format!(
                "no manifest that was checked has a mark for `{model}`, and one has for `{close}`, which is close to it"
            ),
            (None, None) => format!(
                "no manifest that was checked has a mark for `{model}`: nothing would name what it is promoted to"
            ),
            (Some(false), _) => format!(
                "the manifests that were checked mark `{model}`, but no `digest`: its champion would be unknown"
            ),
        };
        Some(Fault::new(FaultKind::Specification, message).key("metadata.name").help(put_digest(model)))
    }
}

fn put_digest(model: &str) -> String {
    format!(
        r#"put `# {{"slipway": "{model}:digest"}}` behind the value that is to hold the digest; it may be `none` at first"#
    )
}

/// What is wrong with the marks of a folder, or of single files, where the rest of the folder is not known.
pub(super) fn check_together(part: &Collected) -> Vec<(Severity, Diagnostic)> {
    let mut places = Places::new();
    for (file, manifest) in part.manifests() {
        for marker in &manifest.inspection.markers {
            places.entry(&marker.model).or_default().push((file, marker));
        }
    }
    let has_digest = |model: &str| places[model].iter().any(|(_, marker)| marker.field == Field::Digest);
    let (whole, parts): (BTreeSet<&str>, BTreeSet<&str>) = places.keys().partition(|model| has_digest(model));
    let severity = if part.is_searched { Severity::Error } else { Severity::Warning };
    let mut found = Vec::new();
    for model in &parts {
        let others = whole.iter().chain(&parts);
        match others.into_iter().find(|other| is_slip_of(model, other)) {
            Some(close) => {
                let slips = places[model].iter().map(|(file, marker)| slip(file, marker, close));
                found.extend(slips.map(|diagnostic| (severity, diagnostic)));
            }
            // What is wrong with a mark of its digest is told already.
            None if part.manifests().any(|(_, manifest)| may_mark_digest(manifest, model)) => {}
            None => found.extend(places[model].first().map(|(file, marker)| (severity, no_digest(file, marker)))),
        }
    }
    if whole.len() <= MAX_COMPARED {
        found.extend(alike(&places, &whole).into_iter().map(|diagnostic| (Severity::Warning, diagnostic)));
    }
    found
}

fn may_mark_digest(manifest: &Manifest, model: &str) -> bool {
    manifest.inspection.faults.iter().any(|fault| fault.hides_a_digest() && fault.mentions(model))
}

fn slip(file: &File, marker: &Marker, close: &str) -> Diagnostic {
    let model = &marker.model;
    let message =
        format!("`{model}` is marked without a `digest`, and its name is close to `{close}`, which is marked too");
    let help = format!("write `{}` if that is meant, or mark a `digest` of `{model}` too", marker.of_model(close));
    Diagnostic::new(&file.path, message).at(marker.position).help(help)
}

fn no_digest(file: &File, marker: &Marker) -> Diagnostic {
    let message = format!("`{}` is marked, but no `digest` of it: its champion would be unknown", marker.model);
    Diagnostic::new(&file.path, message).at(marker.position).help(put_digest(&marker.model))
}

/// Of two models that are marked in full, and whose names are close, the one with fewer places may be a slip, or else the later.
fn alike(places: &Places<'_>, whole: &BTreeSet<&str>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, one) in whole.iter().enumerate() {
        for other in whole.iter().skip(index + 1).filter(|other| is_slip_of(one, other)) {
            let first = |model: &str| places[model].first().map(|(file, marker)| (&file.path, marker.position));
            let rank = |model: &&str| (std::cmp::Reverse(places[*model].len()), first(model));
            let (rare, default) = if rank(one) > rank(other) { (one, other) } else { (other, one) };
            found.extend(places[rare].first().map(|(file, marker)| {
                let message = format!("the name `{rare}` is close to `{default}`, which is marked too");
                let help = format!("write `{}` if that is meant", marker.of_model(default));
                Diagnostic::new(&file.path, message).at(marker.position).help(help)
            }));
        }
    }
    found
}

/// What a manifest says that cannot be followed, or could not take what is promoted, where these models are known.
pub(super) fn check_manifest(path: &str, manifest: &Manifest, known: &BTreeSet<String>) -> Vec<Diagnostic> {
    let faults = manifest.inspection.faults.iter().filter_map(|fault| fault.among(known));
    let unfit = slipway_manifest::unfit(path, &manifest.content, &super::some_values());
    faults.chain(unfit.iter().map(|refusal| refusal.diagnostic().clone())).collect()
}

/// The models that manifests of one folder mark.
pub(super) fn models_of(part: &Collected) -> BTreeSet<String> {
    part.manifests().flat_map(|(_, manifest)| &manifest.inspection.markers).map(|marker| marker.model.clone()).collect()
}

impl Collected {
    /// Its files with marks, or with what looks like them.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&File, &Manifest)> {
        self.files.iter().filter_map(|file| match &file.subject {
            Subject::Manifest(manifest) => Some((file, &**manifest)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_lacks_something_only_beside_manifests_that_mark_others_or_no_digest() {
        let marks = |models: &[(&str, bool)]| {
            Marks(models.iter().map(|(model, digest)| ((*model).to_owned(), *digest)).collect())
        };
        let lacking = |marks: &Marks| marks.lacking("churn").map(|fault| fault.message);
        assert_eq!(lacking(&marks(&[])), None);
        assert_eq!(lacking(&marks(&[("churn", true)])), None);
        assert!(lacking(&marks(&[("digits", true)])).expect("lacking").contains("has a mark for `churn`"));
        assert!(lacking(&marks(&[("chrun", true)])).expect("lacking").contains("one has for `chrun`"));
        assert!(lacking(&marks(&[("churn", false)])).expect("lacking").contains("but no `digest`"));
    }
}
