//! The stored facts that decide whether a run may be promoted, read by one query.

use std::collections::BTreeMap;

use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::runs::read_document;
use super::written::text;
use super::{Store, StoreError, contributors, decisions, deployment_records, owners, quarantine};
use slipway_domain::{Approval, Contributor, DeploymentRecord, Hold, Rejection, Run, SourceName};

/// The stored facts about a run's promotion. All of them were true at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionFacts {
    /// The rejection of the artifact, if there is one.
    pub rejection: Option<Rejection>,
    /// The source that first promoted the model to the environment, if there is one.
    pub owner: Option<SourceName>,
    /// For a rollback: the newest rollback of the model that was requested later. Otherwise: the newest candidate of the same
    /// model that passed its gate after this run was opened. Only runs that have landed or still can.
    pub newer: Option<Run>,
    /// The newest deployment record of the model in each of the requested environments that has one.
    pub upstream: BTreeMap<SourceName, DeploymentRecord>,
    /// The approvals of the artifact in the environment, by person.
    pub approvals: Vec<Approval>,
    /// The holds on the model and on the whole environment.
    pub holds: Vec<Hold>,
    /// The reported contributors of the run's revision, oldest report first.
    pub contributors: Vec<Contributor>,
}

/// One statement, because the facts are read while other promotions wait for the branch. `upstream` is the number of environments,
/// whose names are bound from `$7` on.
fn statement(is_rollback: bool, upstream: usize) -> String {
    let lane = if is_rollback { "LIKE" } else { "NOT LIKE" };
    let mut select = format!(
        "SELECT 'rejection' AS kind, '' AS key, '' AS environment, model, artifact, '' AS part, '' AS name, document,
                CAST(0 AS BIGINT) AS seen_at
         FROM rejections WHERE model = $2 AND artifact = $4
         UNION ALL SELECT 'rejection', '', '', model, artifact, '', '', document, 0
         FROM source_rejections WHERE source = $3 AND model = $2 AND artifact = $4
         UNION ALL SELECT 'owner', '', environment, model, '', '', '', source, 0
         FROM owners WHERE environment = $1 AND model = $2
         UNION ALL SELECT 'newer', '', '', '', '', '', '', document, 0
         FROM (SELECT document FROM runs
               WHERE environment = $1 AND model = $2 AND source = $3 AND state IN ('waiting', 'promoting', 'done')
                 AND change_id IS NULL AND lane {lane} '% rollback:%'
                 AND opened > (SELECT opened FROM runs WHERE id = $6)
               ORDER BY opened DESC LIMIT 1) AS newer
         UNION ALL SELECT 'approval', environment || ' ' || model || ' ' || person, '', '', '', '', '', document, 0
         FROM approvals WHERE environment = $1 AND model = $2 AND artifact = $4
         UNION ALL SELECT 'hold', '', environment, model, '', '', '', document, 0
         FROM holds WHERE environment = $1 AND model IN ('', $2)
         UNION ALL SELECT 'contributor', account, '', '', '', part, name, '', at
         FROM contributors WHERE source = $3 AND revision = $5"
    );
    // One subquery for each environment reads one row by the index of the model's records.
    select.extend((7..).take(upstream).map(|place| {
        format!(
            " UNION ALL SELECT 'upstream', environment || ' ' || model || ' ' || sequence, environment, model, '', '', '',
                               document, seen_at
              FROM (SELECT environment, model, sequence, document, seen_at FROM placements
                    WHERE environment = ${place} AND model = $2 ORDER BY sequence DESC LIMIT 1) AS newest_{place}"
        )
    }));
    select + " ORDER BY kind, seen_at, key, model"
}

impl Store {
    /// Reads the facts about the promotion of a run's artifact. `upstream` are the environments that must name the artifact first.
    pub async fn promotion_facts(
        &self,
        run: &Run,
        artifact: &Digest,
        upstream: &[SourceName],
    ) -> Result<PromotionFacts, StoreError> {
        let statement = statement(run.is_rollback(), upstream.len());
        let mut select = sqlx::query(AssertSqlSafe(statement))
            .bind(run.cause.environment.as_str().to_owned())
            .bind(text(&*run.cause.model))
            .bind(run.cause.source.as_str().to_owned())
            .bind(artifact.to_string())
            .bind(run.cause.head.to_string())
            .bind(run.id.to_string());
        for environment in upstream {
            select = select.bind(environment.as_str().to_owned());
        }
        let mut rows: BTreeMap<String, Vec<AnyRow>> = BTreeMap::new();
        for row in select.fetch_all(&self.database.pool).await? {
            rows.entry(row.try_get("kind")?).or_default().push(row);
        }
        let mut of = |kind: &str| rows.remove(kind).unwrap_or_default();
        let records = of("upstream");
        let records =
            self.readable_of(quarantine::DEPLOYMENT_RECORD, &records, deployment_records::read).await?.into_iter();
        Ok(PromotionFacts {
            rejection: of("rejection").first().map(decisions::read_rejection).transpose()?,
            owner: of("owner").first().map(|row| owners::source_of(row.try_get("document")?)).transpose()?,
            // If the newer run is unreadable, the caller waits and does not overtake it.
            newer: of("newer").first().map(read_document).transpose()?,
            upstream: records.map(|record| (record.environment.clone(), record)).collect(),
            approvals: self.readable_of(quarantine::APPROVAL, &of("approval"), decisions::read).await?,
            holds: of("hold").iter().map(decisions::read_hold).collect::<Result<_, _>>()?,
            contributors: of("contributor")
                .iter()
                .map(|row| contributors::read(row, run.cause.head.clone(), "key"))
                .collect::<Result<_, _>>()?,
        })
    }
}
