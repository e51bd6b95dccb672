//! The rules of one promotion as values. The writer of an environment's branch applies them by itself: one query reads the stored
//! facts, and everything else is known before the branch is locked.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use slipway_contract::Digest;

use super::contributors::with_reported;
use super::owners::belongs_to;
use crate::context::{StepError, messages};
use slipway_domain::{BlockingRule, Candidate, DeploymentRecord, People, Rules, Run, SourceName, Upstream};
use slipway_store::{PromotionFacts, Store, StoreError};

/// Result of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// No rule blocks the promotion.
    Free,
    /// These rules block it.
    Held(Vec<BlockingRule>),
    /// The artifact is rejected.
    Rejected(String),
    /// A newer candidate or a later rollback replaces this run.
    Overtaken(String),
}

/// The rules for the promotion of one run, with the settings that they need.
pub(super) struct PromotionRules {
    pub(super) store: Arc<Store>,
    pub(super) run: Run,
    pub(super) artifact: Digest,
    /// The rules of the environment.
    pub(super) rules: Rules,
    pub(super) people: People,
    /// The owner of the model according to the settings; it has precedence over the stored one.
    pub(super) declared_owner: Option<SourceName>,
}

impl PromotionRules {
    /// Applies the rules to the current facts.
    pub(super) async fn ruling(&self) -> Result<Ruling, StepError> {
        self.decide(self.facts().await?)
    }

    /// Applies the rules to the current facts, and makes the run's source the owner of the model if nothing blocks the promotion
    /// and the model has no owner. Called directly before the model is written.
    pub(super) async fn claim(&self) -> Result<Ruling, StepError> {
        let facts = self.facts().await?;
        let has_owner = self.declared_owner.is_some() || facts.owner.is_some();
        let ruling = self.decide(facts)?;
        if ruling == Ruling::Free && !has_owner {
            let cause = &self.run.cause;
            self.check_owner(&self.store.claim_model(&cause.environment, &cause.model, &cause.source).await?)?;
        }
        Ok(ruling)
    }

    async fn facts(&self) -> Result<PromotionFacts, StoreError> {
        let upstream: Vec<SourceName> = self.upstream().cloned().collect();
        self.store.promotion_facts(&self.run, &self.artifact, &upstream).await
    }

    /// The environments that must name the artifact first.
    fn upstream(&self) -> impl Iterator<Item = &SourceName> {
        self.rules.after.iter().flat_map(|after| &after.environments)
    }

    /// Applies the rules. People roll back when something is wrong, so blocking rules do not apply to a rollback: only a
    /// rejection, another owner of the model or a later rollback stops it. Windows and freezes are compared with the current time.
    fn decide(&self, facts: PromotionFacts) -> Result<Ruling, StepError> {
        let PromotionFacts { rejection, owner, newer, upstream, approvals, holds, contributors } = facts;
        if let Some(rejection) = rejection {
            return Ok(Ruling::Rejected(messages::rejected(&rejection)));
        }
        if let Some(owner) = self.declared_owner.as_ref().or(owner.as_ref()) {
            self.check_owner(owner)?;
        }
        if let Some(newer) = newer {
            let is_rollback = self.run.is_rollback();
            let cause = if is_rollback { messages::rolled_back_elsewhere(&newer) } else { messages::overtaken(&newer) };
            return Ok(Ruling::Overtaken(cause));
        }
        if self.run.is_rollback() {
            return Ok(Ruling::Free);
        }
        let held = self.rules.blocked_by(&Candidate {
            now: Timestamp::now(),
            upstream: &self.deployed_upstream(&upstream),
            approvals: &approvals,
            policy_requires_approval: self.run.policy_requires_approval(),
            contributors: with_reported(&self.run, contributors).as_deref(),
            people: &self.people,
            holds: &holds,
        });
        Ok(if held.is_empty() { Ruling::Free } else { Ruling::Held(held) })
    }

    fn check_owner(&self, owner: &SourceName) -> Result<(), StepError> {
        let cause = &self.run.cause;
        if *owner == cause.source {
            return Ok(());
        }
        Err(StepError::Environment { reason: belongs_to(&cause.environment, &cause.model, owner) })
    }

    /// Since when each upstream environment has named the artifact.
    fn deployed_upstream(&self, newest: &BTreeMap<SourceName, DeploymentRecord>) -> Vec<Upstream> {
        let upstream = self.upstream().map(|environment| {
            let newest = newest.get(environment).filter(|record| record.deployed.artifact() == Some(&self.artifact));
            Upstream { environment: environment.clone(), since: newest.map(DeploymentRecord::since) }
        });
        upstream.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use slipway_domain::{Actor, Approval, Approvals, Hold, Rejection, Rule, RunState};
    use slipway_store::Settings;

    use super::*;
    use crate::context::sample;

    fn at() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// The rules for a run in an environment that requires one approval, over an empty store in a folder.
    async fn rules(folder: &tempfile::TempDir) -> PromotionRules {
        let settings = Settings::Sqlite { file: folder.path().join("slipway.db") };
        let store = Arc::new(Store::open(&settings).await.expect("a store"));
        let mut run = sample::run("digits", RunState::Promoting);
        run.promotion.contributors = Some(Vec::new());
        let approvals = Some(Approvals { number: 1, by: BTreeSet::new() });
        let (artifact, rules) = (Digest::of(b"weights"), Rules { approvals, ..Rules::default() });
        PromotionRules { store, run, artifact, rules, people: People::default(), declared_owner: None }
    }

    impl PromotionRules {
        async fn approve(&self) {
            let (environment, model) = (self.run.cause.environment.clone(), self.run.cause.model.clone());
            let (artifact, actor) = (self.artifact.clone(), Actor::token("kim"));
            let approval = Approval { environment, model, artifact, person: "kim".to_owned(), actor, at: at() };
            self.store.approve(&approval).await.expect("approved");
        }

        async fn owner(&self) -> Option<SourceName> {
            self.store.owner(&self.run.cause.environment, &self.run.cause.model).await.expect("read")
        }
    }

    #[tokio::test]
    async fn a_promotion_that_no_rule_blocks_makes_its_source_the_owner_when_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = rules(&folder).await;
        let Ruling::Held(held) = rules.claim().await.expect("a ruling") else { panic!("no approval is required") };
        assert_eq!(held.iter().map(|held| held.rule).collect::<Vec<_>>(), [Rule::Approval]);
        assert_eq!(rules.owner().await, None);
        rules.approve().await;
        assert_eq!(rules.ruling().await.expect("a ruling"), Ruling::Free);
        assert_eq!(rules.owner().await, None, "only a write makes an owner");
        assert_eq!(rules.claim().await.expect("a ruling"), Ruling::Free);
        assert_eq!(rules.owner().await, Some(rules.run.cause.source.clone()));
    }

    #[tokio::test]
    async fn a_decision_between_the_check_and_the_write_blocks_the_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = rules(&folder).await;
        rules.approve().await;
        assert_eq!(rules.ruling().await.expect("a ruling"), Ruling::Free);
        let (environment, model) = (rules.run.cause.environment.clone(), rules.run.cause.model.clone());
        let (actor, reason) = (Actor::token("lee"), "a fault in the field".to_owned());
        let hold =
            Hold { environment, model: None, actor: actor.clone(), reason: reason.clone(), at: at(), until: None };
        rules.store.hold(&hold).await.expect("held");
        let Ruling::Held(blocking) = rules.claim().await.expect("a ruling") else { panic!("the hold has no effect") };
        assert_eq!(blocking.iter().map(|rule| rule.rule).collect::<Vec<_>>(), [Rule::Hold]);
        let artifact = rules.artifact.clone();
        let rejection = Rejection { source: None, model, artifact, actor, reason, at: at() };
        rules.store.reject(&rules.run.cause.source, &rejection).await.expect("rejected");
        assert!(matches!(rules.claim().await.expect("a ruling"), Ruling::Rejected(_)));
        assert_eq!(rules.owner().await, None);
    }

    #[tokio::test]
    async fn a_model_that_another_source_took_since_the_check_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = rules(&folder).await;
        rules.approve().await;
        assert_eq!(rules.ruling().await.expect("a ruling"), Ruling::Free);
        let (environment, model) = (&rules.run.cause.environment, &rules.run.cause.model);
        let other = SourceName::try_from("others".to_owned()).expect("a name");
        rules.store.claim_model(environment, model, &other).await.expect("claimed");
        assert!(matches!(rules.claim().await, Err(StepError::Environment { .. })));
        assert_eq!(rules.owner().await, Some(other));
    }
}
