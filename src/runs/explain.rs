//! Explains why a run trained, or why it did not need to: compares its cache key with that of an earlier run, part by part.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use slipway_contract::Digest;

use super::Runs;
use crate::repository::{ModelFiles, Revision, source};
use slipway_domain::{Run, RunId};
use slipway_store::StoreError;

/// Why a run trained, or why it did not need to.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The run.
    pub run: RunId,
    /// One sentence for people.
    pub sentence: String,
    /// Digest of everything that decides the result of training; `None` before the step of training.
    pub cache_key: Option<Digest>,
    /// The run whose artifact was reused.
    pub reused_from: Option<RunId>,
    /// The run it is compared with: the reused run, or the newest earlier run of the model.
    pub compared_with: Option<RunId>,
    /// The parts of the cache key.
    pub parts: Vec<CacheKeyPart>,
    /// Files and keys of the specification that differ from the compared run, as far as git still has both revisions.
    pub differences: Vec<String>,
}

/// One part of a cache key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKeyPart {
    /// Its name.
    pub name: String,
    /// Its value, or a digest if the value is long.
    pub value: String,
    /// Its value in the compared run.
    pub before: Option<String>,
    /// Whether both values are equal.
    pub same: bool,
}

impl Runs {
    /// Explains why a run trained, or why it did not need to.
    pub async fn explain(&self, run: RunId) -> Result<Explanation, StoreError> {
        let run = self.context.store.run(run).await?;
        let earlier = match run.training.reused_from {
            Some(earlier) => Some(self.context.store.run(earlier).await?),
            None => self.context.store.earlier_with_key(&run).await?,
        };
        let nothing = BTreeMap::new();
        let before = earlier.as_ref().map_or(&nothing, |run| &run.training.cache_key_parts);
        let parts = run.training.cache_key_parts.iter().map(|(name, value)| CacheKeyPart {
            name: name.clone(),
            value: value.clone(),
            before: before.get(name).cloned(),
            same: before.get(name) == Some(value),
        });
        let parts = parts.collect();
        let sentence = run.training.reuse.clone().unwrap_or_else(|| {
            format!("run {} is {} and has not reached training yet", run.id, run.status.state.as_str())
        });
        let differences = match &earlier {
            Some(earlier) => self.differences(&run, earlier).await,
            None => Vec::new(),
        };
        Ok(Explanation {
            run: run.id,
            sentence,
            cache_key: run.training.cache_key,
            reused_from: run.training.reused_from,
            compared_with: earlier.map(|run| run.id),
            parts,
            differences,
        })
    }
}

/// Maximum number of differences that are named.
const MAX_DIFFERENCES: usize = 50;
/// Maximum length of a value that is shown, in characters.
const MAX_VALUE_LENGTH: usize = 60;

impl Runs {
    /// The files of a model and the keys of its specification that differ between the revisions of two runs. Unreadable data is
    /// left out, because the result only helps people.
    async fn differences(&self, run: &Run, earlier: &Run) -> Vec<String> {
        let Ok(source) = self.context.source(run) else { return Vec::new() };
        let (mirror, run, earlier) = (source.mirror.clone(), run.clone(), earlier.clone());
        let found = crate::context::blocking(move || {
            let model_at = |run: &Run| {
                let text = source::read_text(&Revision { mirror: &mirror, commit: &run.cause.head }, &run.cause.file)
                    .ok()??
                    .ok()?;
                source::valid_model(&run.cause.file, &text)
            };
            let (now, before) = (model_at(&run)?, model_at(&earlier)?);
            let files = ModelFiles::of(&run.cause.file, &now);
            let changed = mirror.changed_paths(Some(&earlier.cause.head), &run.cause.head).ok()?;
            let mut differences: Vec<String> =
                changed.into_iter().filter(|path| *path != run.cause.file && files.contain(path)).collect();
            let values = [now, before].map(|model| serde_json::to_value(model).unwrap_or_default());
            compare("", &values[0], &values[1], &mut differences);
            Some(differences)
        });
        let mut differences = found.await.ok().flatten().unwrap_or_default();
        if differences.len() > MAX_DIFFERENCES {
            let more = differences.len() - MAX_DIFFERENCES;
            differences.truncate(MAX_DIFFERENCES);
            differences.push(format!("and {more} more"));
        }
        differences
    }
}

/// Adds the keys below `key` at which two specifications differ, with both values.
fn compare(key: &str, now: &Value, before: &Value, differences: &mut Vec<String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (now, before) {
        _ if now == before => {}
        (Value::Object(now), Value::Object(before)) => {
            let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
            for name in names {
                let value = |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or_default();
                compare(&below(name), &value(now), &value(before), differences);
            }
        }
        (Value::Array(now), Value::Array(before)) if now.len() == before.len() => {
            for (index, (now, before)) in now.iter().zip(before).enumerate() {
                compare(&format!("{key}[{index}]"), now, before, differences);
            }
        }
        _ => differences.push(format!("{key}: {} before, {} now", shown(before), shown(now))),
    }
}

fn shown(value: &Value) -> String {
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    if text.chars().count() > MAX_VALUE_LENGTH {
        return text.chars().take(MAX_VALUE_LENGTH).chain(['…']).collect();
    }
    text
}

/// The parts in which the cache keys of two runs differ, for a sentence.
pub(super) fn differing(run: &Run, earlier: &Run) -> Vec<String> {
    let short = |value: &String| value.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    let differs = |(name, value): (&String, &String)| {
        let before = earlier.training.cache_key_parts.get(name)?;
        (before != value).then(|| format!("{name} ({} before, {} now)", short(before), short(value)))
    };
    run.training.cache_key_parts.iter().filter_map(differs).collect()
}

/// The sentence for a run that trained, with the reason why no earlier weights fit.
pub(super) fn trained_anew(run: &Run, earlier: Option<&Run>) -> String {
    let Some(earlier) = earlier else {
        return "trained: no earlier run of this model has weights".to_owned();
    };
    let differing = differing(run, earlier);
    if differing.is_empty() {
        return format!("trained: the weights of run {} are not in the artifact store any more", earlier.id);
    }
    format!("trained: compared with run {}, {} changed", earlier.id, differing.join(" and "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_differ_are_named_with_both_values() {
        let before = json!({"spec": {"training": {"epochs": 4, "seed": 1}, "model": [{"linear": 8}, "relu"]}});
        let now = json!({"spec": {"training": {"epochs": 5}, "model": [{"linear": 9}, "relu"]}});
        let mut differences = Vec::new();
        compare("", &now, &before, &mut differences);
        let expected = [
            "spec.model[0].linear: 8 before, 9 now",
            "spec.training.epochs: 4 before, 5 now",
            "spec.training.seed: 1 before, nothing now",
        ];
        assert_eq!(differences, expected);
    }
}
