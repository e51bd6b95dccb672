//! Which models the manifests at hand mark. A model that none of them marks could not be promoted there.

use std::collections::BTreeMap;

use slipway_contract::{Fault, FaultKind};

use super::collect::{Collected, Subject};
use slipway_manifest::Field;

/// The models that manifests mark, each with whether its digest is among what is marked.
pub(super) struct Marks(BTreeMap<String, bool>);

impl Marks {
    /// The marks of all manifests that are checked.
    pub(super) fn of(collected: &[Collected]) -> Self {
        let mut models: BTreeMap<String, bool> = BTreeMap::new();
        for file in collected.iter().flat_map(|part| &part.files) {
            let Subject::Manifest(content) = &file.subject else { continue };
            for marker in slipway_manifest::markers(&file.path, content).unwrap_or_default() {
                *models.entry(marker.model).or_default() |= marker.field == Field::Digest;
            }
        }
        Self(models)
    }

    /// What a model lacks in these manifests; nothing where there are none.
    pub(super) fn lacking(&self, model: &str) -> Option<Fault> {
        let Self(models) = self;
        let message = match models.get(model) {
            Some(true) => return None,
            None if models.is_empty() => return None,
            None => format!(
                "no manifest that was checked has a mark for `{model}`: nothing would name what it is promoted to"
            ),
            Some(false) => format!(
                "the manifests that were checked mark `{model}`, but no `digest`: its champion would be unknown"
            ),
        };
        let help = format!(
            r#"put `# {{"slipway": "{model}:digest"}}` behind the value that is to hold the digest; it may be `none` at first"#
        );
        Some(Fault::new(FaultKind::Specification, message).key("metadata.name").help(help))
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
        assert!(lacking(&marks(&[("churn", false)])).expect("lacking").contains("but no `digest`"));
    }
}
