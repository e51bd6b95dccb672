//! `slipway audit`: reads the audit log, and verifies that it is unchanged.

use clap::{Args, Subcommand};
use slipway_contract::counted;

use super::beside::{SettingsArgs, failed, work};
use super::exit::{Exit, Failure};
use super::form::{Format, Width};
use super::output;
use slipway_store::{AuditEntry, Store};

/// Number of entries that are read at a time.
const PAGE: u32 = 1000;

/// Read and verify the audit log, directly in the server's store.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    beside: SettingsArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the entries of the log, oldest first
    List {
        /// Only entries after this number
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        after: u64,
        /// Maximum number of entries
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Verify that no entry was changed, removed or moved; exit 1 and name the entry if one was
    Verify {
        /// A digest that an earlier `verify` printed; its entry must still exist
        #[arg(long, value_name = "DIGEST")]
        expect: Option<String>,
    },
}

impl Audit {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        work(&settings, async |store| match &self.action {
            Action::List { after, limit } => list(store, *after, *limit, &self.format).await,
            Action::Verify { expect } => verify(store, expect.as_deref(), &self.format).await,
        })
    }
}

async fn list(store: &Store, after: u64, limit: u32, format: &Format) -> Result<Exit, Failure> {
    let entries = store.audit_entries(after, limit).await.map_err(failed)?;
    let row = |entry: &AuditEntry, width: Width| {
        let AuditEntry { number, at, actor, action, target, detail, .. } = entry;
        vec![
            number.to_string(),
            at.to_string(),
            actor.to_string(),
            action.clone(),
            width.cell(target),
            width.cell(detail),
        ]
    };
    format.show(&serde_json::json!({ "entries": entries }), |_, width| {
        let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, width)).collect();
        output::table(&["ENTRY", "AT", "WHO", "WHAT", "ON", "DETAIL"], &rows)
    })?;
    Ok(Exit::Done)
}

async fn verify(store: &Store, expect: Option<&str>, format: &Format) -> Result<Exit, Failure> {
    let last = match store.verify_audit().await.map_err(failed)? {
        Ok(last) => last,
        Err(fault) => {
            output::complain(&fault.to_string());
            return Ok(Exit::Refused);
        }
    };
    let anchor = store.audit_anchor().await.map_err(failed)?;
    if let Some(expected) = expect
        && anchor.as_ref().is_none_or(|anchor| anchor.digest != expected)
        && !holds(store, expected).await?
    {
        let removed = anchor.map_or_else(String::new, |anchor| {
            let (number, at) = (anchor.number, anchor.at);
            format!("\n  help: use the digest of a later entry; retention removed the entries up to {number} at {at}")
        });
        output::complain(&format!(
            "no entry has the digest {expected}: the end of the log was removed, or the whole log was replaced{removed}"
        ));
        return Ok(Exit::Refused);
    }
    let (entries, digest) = last.map_or((0, None), |entry| (entry.number, Some(entry.digest)));
    format.show(&serde_json::json!({ "entries": entries, "digest": digest }), |_, _| match &digest {
        Some(digest) => {
            let entries = counted(entries, "entry");
            format!("{entries}, unchanged and in order; the digest of the last entry is\n{digest}")
        }
        None => "the log is empty".to_owned(),
    })?;
    Ok(Exit::Done)
}

/// Whether an entry with this digest exists.
async fn holds(store: &Store, digest: &str) -> Result<bool, Failure> {
    let mut after = 0;
    loop {
        let entries = store.audit_entries(after, PAGE).await.map_err(failed)?;
        let Some(last) = entries.last() else { return Ok(false) };
        after = last.number;
        if entries.iter().any(|entry| entry.digest == digest) {
            return Ok(true);
        }
    }
}
