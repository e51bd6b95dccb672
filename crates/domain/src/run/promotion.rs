//! The promotion of a run: who contributed to it, what blocks it, and the commit that made it.

use crate::{BlockingRule, CommitSha, Contributor, PromotionRequest};

/// The data of a run's promotion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunPromotion {
    /// The address of the revision's author; known once the run is planned.
    pub author: Option<String>,
    /// The contributors of the revision to promote; known once an approval is required.
    pub contributors: Option<Vec<Contributor>>,
    /// The rules that block the promotion.
    pub blocking_rules: Vec<BlockingRule>,
    /// The promotion request, if the environment takes promotions as pull requests.
    pub request: Option<PromotionRequest>,
    /// The commit in the environment repository.
    pub commit: Option<CommitSha>,
}
