//! Retention of data: its form in the server's settings file, and its limits.

use bytesize::ByteSize;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problems;
use super::resolve::positive;
use crate::reconcile::{ArtifactRetention, GarbageCollection};
use slipway_store::{AuditRetention, LogRetention, Retention, RunRetention};

const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

/// Retention of data. Unfinished work, and data that environments name, is always kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetentionFile {
    /// Maximum age of processed deliveries, and of reports that are not behind; at least an hour.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) age: SignedDuration,
    /// Maximum total size of the bodies of deliveries.
    #[schemars(with = "String")]
    pub(super) size: ByteSize,
    /// Interval of garbage collection, at least `1s`.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) every: SignedDuration,
    /// Logs of runs that have ended.
    pub(super) logs: LogsFile,
    /// Runs that have ended, with their transitions.
    pub(super) runs: RunsFile,
    /// The audit log.
    pub(super) audit: AuditFile,
    /// Artifacts that no environment names and no active run uses.
    pub(super) artifacts: ArtifactsKeptFile,
}

/// Retention of the logs of runs that have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LogsFile {
    /// Maximum age of their runs, at least an hour.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) age: SignedDuration,
    /// Maximum total size of all lines, at least 1 MiB.
    #[schemars(with = "String")]
    pub(super) size: ByteSize,
}

/// Retention of runs that have ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunsFile {
    /// Maximum age since the last transition, at least an hour.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) age: SignedDuration,
    /// Maximum number of runs, at least 100.
    #[schemars(range(min = 100))]
    pub(super) count: u64,
    /// Number of runs of each model in each environment that are kept regardless of age: the newest, and as many of those that
    /// were promoted; at least 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(alias = "of_a_model")]
    pub(super) per_model: u32,
}

/// Retention of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditFile {
    /// Maximum age of an entry, at least a day.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) age: SignedDuration,
    /// Maximum number of entries, at least 1000.
    #[schemars(range(min = 1000))]
    pub(super) count: u64,
}

/// Retention of artifacts that no environment names and no active run uses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ArtifactsKeptFile {
    /// How long they are kept after they were last trained, evaluated or reused; at least an hour.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) age: SignedDuration,
    /// Maximum total size of all artifacts, beyond which the oldest are removed earlier; by default there is no limit.
    #[schemars(with = "Option<String>")]
    pub(super) size: Option<ByteSize>,
    /// Number of artifacts of each model in each environment that are kept regardless of age; at least 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(alias = "of_a_model")]
    pub(super) per_model: u32,
    /// How long removed artifacts are set aside before they are deleted, at least an hour.
    #[schemars(with = "String")]
    #[serde(alias = "kept_back")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) grace_period: SignedDuration,
}

impl Default for RetentionFile {
    fn default() -> Self {
        Self {
            age: days(30),
            size: ByteSize::gib(2),
            every: SignedDuration::from_mins(15),
            logs: LogsFile::default(),
            runs: RunsFile::default(),
            audit: AuditFile::default(),
            artifacts: ArtifactsKeptFile::default(),
        }
    }
}

impl Default for LogsFile {
    fn default() -> Self {
        Self { age: days(90), size: ByteSize::gib(2) }
    }
}

impl Default for RunsFile {
    fn default() -> Self {
        Self { age: days(365), count: 200_000, per_model: 20 }
    }
}

impl Default for AuditFile {
    fn default() -> Self {
        Self { age: days(730), count: 1_000_000 }
    }
}

impl Default for ArtifactsKeptFile {
    fn default() -> Self {
        Self { age: days(30), size: None, per_model: 10, grace_period: days(1) }
    }
}

/// Resolves the retention, or adds mistakes to `problems`.
pub(super) fn resolve_retention(file: &RetentionFile, problems: &mut Problems) -> Option<GarbageCollection> {
    let RetentionFile { age, size, every, logs, runs, audit, artifacts } = file;
    let hour = SignedDuration::from_hours(1);
    for (key, age, least, word) in [
        ("retention.age", age, hour, "1h"),
        ("retention.every", every, SignedDuration::from_secs(1), "1s"),
        ("retention.logs.age", &logs.age, hour, "1h"),
        ("retention.runs.age", &runs.age, hour, "1h"),
        ("retention.audit.age", &audit.age, days(1), "24h"),
        ("retention.artifacts.age", &artifacts.age, hour, "1h"),
        ("retention.artifacts.grace_period", &artifacts.grace_period, hour, "1h"),
    ] {
        if *age < least {
            problems.add(key, format!("{age:#} is too short, expected at least `{word}`"));
        }
    }
    let sizes = [
        ("retention.size", Some(*size)),
        ("retention.logs.size", Some(logs.size)),
        ("retention.artifacts.size", artifacts.size),
    ];
    for (key, size) in sizes {
        if size.is_some_and(|size| size < ByteSize::mib(1)) {
            problems.add(key, "the value is too small, expected at least 1 MiB");
        }
    }
    for (key, count, least) in [
        ("retention.runs.count", runs.count, 100),
        ("retention.audit.count", audit.count, 1_000),
        ("retention.runs.per_model", runs.per_model.into(), 1),
        ("retention.artifacts.per_model", artifacts.per_model.into(), 1),
    ] {
        if count < least {
            problems.add(key, format!("{count} is too few, expected at least {least}"));
        }
    }
    Some(GarbageCollection {
        every: problems.take("retention.every", positive(*every))?,
        store: Retention {
            age: *age,
            bytes: size.as_u64(),
            logs: LogRetention { age: logs.age, bytes: logs.size.as_u64() },
            runs: RunRetention { age: runs.age, count: runs.count, per_model: runs.per_model },
            audit: AuditRetention { age: audit.age, count: audit.count },
        },
        artifacts: ArtifactRetention {
            age: artifacts.age,
            bytes: artifacts.size.map(|size| size.as_u64()),
            per_model: artifacts.per_model,
            grace_period: artifacts.grace_period,
        },
    })
}
