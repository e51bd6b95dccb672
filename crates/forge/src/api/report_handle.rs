//! What a forge calls something of ours. It is kept by whoever reports, and only by them.

/// What a forge calls something of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportHandle {
    /// Its identifier there; empty if it is not known, or not there.
    pub id: String,
    /// How many annotations it has. Sent again, they would be there twice.
    pub annotations: u64,
}

/// A report that was found at a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReport {
    /// Its name, as in [`Report::context`](crate::Report::context).
    pub context: String,
    /// What we call it, as in [`Report::id`](crate::Report::id).
    pub id: String,
    /// What the forge calls it.
    pub at: ReportHandle,
}
