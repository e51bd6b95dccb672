//! The forge's handle of a report, comment or deployment. Only the caller that reports stores it.

/// The forge's handle of a report, comment or deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportHandle {
    /// Its identifier there. Empty if it is unknown, or if it does not exist there.
    pub id: String,
    /// The number of annotations that it has. Annotations that are sent again would appear twice.
    pub annotations: u64,
}

/// A report that exists at the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReport {
    /// Its name, as in [`Report::context`](crate::Report::context).
    pub context: String,
    /// Slipway's identifier of it, as in [`Report::id`](crate::Report::id).
    pub id: String,
    /// Its handle at the forge.
    pub at: ReportHandle,
}
