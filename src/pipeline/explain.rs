//! Why a run trained, or why it did not have to: its run key, part by part, beside that of an earlier run.

use std::collections::BTreeMap;

use serde::Serialize;
use slipway_contract::Digest;

use super::Pipeline;
use crate::domain::{Run, RunId};
use crate::store::StoreError;

/// Why a run trained, or did not have to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The run.
    pub run: RunId,
    /// One sentence for people.
    pub sentence: String,
    /// Digest of everything that decides the result of training; `None` before the run came to training.
    pub run_key: Option<Digest>,
    /// The run whose artifact was used again.
    pub reused_from: Option<RunId>,
    /// The run it is compared with: that one, or the newest earlier one of the model.
    pub compared_with: Option<RunId>,
    /// The parts of the run key.
    pub parts: Vec<KeyPart>,
}

/// One part of a run key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPart {
    /// What it is.
    pub name: String,
    /// Its value: a digest where the thing itself is long.
    pub value: String,
    /// Its value in the run it is compared with.
    pub before: Option<String>,
    /// Whether both are the same.
    pub same: bool,
}

impl Pipeline {
    /// Why a run trained, or did not have to.
    pub async fn explain(&self, run: RunId) -> Result<Explanation, StoreError> {
        let run = self.store.run(run).await?;
        let earlier = match run.reused_from {
            Some(earlier) => Some(self.store.run(earlier).await?),
            None => self.store.earlier_with_key(&run).await?,
        };
        let nothing = BTreeMap::new();
        let before = earlier.as_ref().map_or(&nothing, |run| &run.run_key_parts);
        let parts = run.run_key_parts.iter().map(|(name, value)| KeyPart {
            name: name.clone(),
            value: value.clone(),
            before: before.get(name).cloned(),
            same: before.get(name) == Some(value),
        });
        let parts = parts.collect();
        let sentence = run
            .reuse
            .clone()
            .unwrap_or_else(|| format!("run {} is {} and has not come to training yet", run.id, run.state.as_str()));
        Ok(Explanation {
            run: run.id,
            sentence,
            run_key: run.run_key,
            reused_from: run.reused_from,
            compared_with: earlier.map(|run| run.id),
            parts,
        })
    }
}

/// The parts in which a run's key differs from an earlier one's, for a sentence.
pub(super) fn differing(run: &Run, earlier: &Run) -> Vec<String> {
    let short = |value: &String| value.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    let differs = |(name, value): (&String, &String)| {
        let before = earlier.run_key_parts.get(name)?;
        (before != value).then(|| format!("{name} ({} before, {} now)", short(before), short(value)))
    };
    run.run_key_parts.iter().filter_map(differs).collect()
}
