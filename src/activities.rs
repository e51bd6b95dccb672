//! The activities of the controller over one context. Each uses those before it, and none that come after it.

use std::sync::Arc;

use slipway_artifacts::ArtifactStore;
use slipway_executor::Executor;
use slipway_store::Store;

use crate::commands::Commands;
use crate::context::{Context, Settings};
use crate::intake::Intake;
use crate::promotions::Promotions;
use crate::reconcile::Reconciler;
use crate::reports::Reports;
use crate::revisions::Revisions;
use crate::runs::Runs;

/// All activities.
#[derive(Clone)]
pub struct Activities {
    /// What they share.
    pub context: Arc<Context>,
    /// Promotions, and what people decide about them.
    pub promotions: Arc<Promotions>,
    /// The steps of runs.
    pub runs: Arc<Runs>,
    /// From revisions to runs.
    pub revisions: Arc<Revisions>,
    /// Reports to forges.
    pub reports: Arc<Reports>,
    /// Deliveries.
    pub intake: Arc<Intake>,
    /// What no event tells of.
    pub reconciler: Arc<Reconciler>,
}

impl Activities {
    /// The activities over their parts.
    pub fn new(
        store: Arc<Store>,
        executor: Arc<dyn Executor>,
        artifacts: Arc<dyn ArtifactStore>,
        settings: Settings,
    ) -> Self {
        let context = Arc::new(Context::new(store, artifacts, settings));
        let promotions = Arc::new(Promotions::new(context.clone()));
        let runs = Arc::new(Runs::new(context.clone(), executor, promotions.clone()));
        let revisions = Arc::new(Revisions::new(context.clone()));
        let reports = Arc::new(Reports::new(context.clone()));
        let commands = Commands::new(context.clone(), promotions.clone(), runs.clone(), revisions.clone());
        let intake = Arc::new(Intake::new(context.clone(), revisions.clone(), Arc::new(commands)));
        let reconciler = Reconciler::new(context.clone(), promotions.clone(), runs.clone(), intake.clone());
        Self { context, promotions, runs, revisions, reports, intake, reconciler: Arc::new(reconciler) }
    }
}
