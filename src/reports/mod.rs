//! Reports: sends the state of runs to forges, and closes the difference to the reported state.

mod annotations;
pub(crate) mod comment;
mod deployment;
mod note;
mod outage;
mod report;
mod reported;

use std::sync::Arc;

use crate::context::Context;
use slipway_domain::SourceName;
use slipway_store::{ReportHead, StoreError};

pub(crate) use comment::SUMMARY;
pub use comment::describe_cost;
pub(crate) use reported::Reporter;

/// Reports the state of runs to forges.
pub struct Reports {
    context: Arc<Context>,
}

impl Reports {
    /// Creates it from the shared context.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// Makes a report due that is behind or was refused.
    pub async fn retry_report(&self, id: &str) -> Result<ReportHead, StoreError> {
        let report = self.context.store.retry_report(id).await?;
        self.context.retry_now();
        Ok(report)
    }

    /// Makes all reports of a source due that are behind or were refused. Returns their number.
    pub async fn retry_reports(&self, source: &SourceName) -> Result<u64, StoreError> {
        let due = self.context.store.retry_reports(source).await?;
        self.context.retry_now();
        Ok(due)
    }
}
