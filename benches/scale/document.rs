//! The document of a finished run, as the server would have written it: with a policy's verdict and all digests.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::json;
use slipway_contract::Digest;
use slipway_domain::{Run, RunCause, RunState, SourceName};

/// What each row puts its own values in place of.
pub(crate) const ID: &str = "01990000-0000-7000-8000-00000000feed";
pub(crate) const SOURCE: &str = "a-source-of-models";
pub(crate) const MODEL: &str = "a-model";
pub(crate) const HEAD: &str = "feedfeedfeedfeedfeedfeedfeedfeedfeedfeed";

/// Checks of the verdict.
const CHECKS: usize = 6;

pub(crate) fn name(text: &str) -> Result<SourceName> {
    SourceName::try_from(text.to_owned()).map_err(anyhow::Error::msg)
}

/// The document; with the placeholders above.
pub(crate) fn finished() -> Result<String> {
    let at = Timestamp::now();
    let cause = RunCause {
        source: name(SOURCE)?,
        model: MODEL.to_owned(),
        file: format!("{MODEL}/slipway.yaml"),
        branch: "main".to_owned(),
        pull_request: None,
        base: Some("0".repeat(40).parse()?),
        head: HEAD.parse()?,
        environment: name("staging")?,
        delivered_at: at,
    };
    let digest = |word: &str| Digest::of(word.as_bytes());
    let checks: Vec<_> = (0..CHECKS)
        .map(|number| {
            json!({
                "metric": "accuracy", "requirement": { "at_least": 0.9 }, "outcome": "pass",
                "sentence": format!("accuracy 0.9722 of 360 rows, with 95 % confidence at least 0.9530, is not below 0.9{number}"),
                "file": "policy.yaml", "line": 4 + number, "rows": 360,
            })
        })
        .collect();
    let verdict = json!({
        "outcome": "pass", "policy": "digits", "policy_digest": digest("policy"), "confidence": 0.95,
        "candidate": digest("candidate"), "champion": digest("champion"), "rows": 360, "checks": checks,
    });
    let parts = ["specification", "data", "trainer", "device", "threads", "seed"];
    let mut run = Run { id: ID.parse()?, ..Run::queued(cause, at) };
    run.status.state = RunState::Done;
    run.status.reason = Some("promoted by commit 0123456789ab".to_owned());
    run.promotion.author = Some("ada@example.com".to_owned());
    run.training.cache_key = Some(digest("key"));
    run.training.cache_key_parts =
        parts.iter().map(|part| ((*part).to_owned(), digest(part).to_string())).collect::<BTreeMap<_, _>>();
    run.training.artifact = Some(digest("artifact"));
    run.judgement.champion = Some(digest("champion"));
    run.judgement.evidence = Some(digest("evidence"));
    run.judgement.verdict =
        Some(serde_json::from_value(verdict).context("the verdict is not what the product writes any more")?);
    Ok(serde_json::to_string(&run)?.replace('\'', "''"))
}
