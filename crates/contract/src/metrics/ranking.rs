//! Metrics of rankings: how well a score orders the rows of each query by their relevance.
//!
//! Rows with equal scores have no order. Each metric is then its mean over all orders of these rows, in closed form (`McSherry`
//! and `Najork`, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores", ECIR 2008),
//! as in scikit-learn's `ndcg_score`. A model therefore does not profit from equal scores for all rows.

use serde::{Deserialize, Serialize};

use super::unit::{attribute, mean_of_units, numbers, shown};
use super::{Metric, Rows, Sums, Unmeasurable};

/// The default column of relevances.
pub(super) const DEFAULT_RELEVANCE: &str = "relevance";

/// The default column of scores.
pub(super) const DEFAULT_SCORE: &str = "score";

/// The rows that are ranked, their score, and the number of ranks that count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ranking {
    /// The number of the first ranks that count; all if absent.
    pub k: Option<u32>,
    /// The column that identifies the query of a row. Rows of one query are ranked together.
    pub query: String,
    /// The column of the true relevance of each row: numbers from zero, where zero is irrelevant.
    pub relevance: String,
    /// The column of the model's scores. The highest score ranks first.
    pub score: String,
    /// The value of a query without a relevant row.
    pub without_relevant: WithoutRelevant,
}

/// The value of a query without a relevant row. All orders of its rows are equally good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutRelevant {
    /// It is left out, as in `trec_eval`.
    #[default]
    Skip,
    /// Zero, as in scikit-learn's `ndcg_score` and in ranx.
    Zero,
}

/// Rows with equal scores: their number, the number of relevant ones, and the sum of their relevance.
#[derive(Debug, Clone, Copy)]
struct Tied {
    rows: f64,
    relevant: f64,
    relevance: f64,
}

/// The mean over the queries of some rows, which contain all rows of each query.
pub(super) fn sums<'table>(
    metric: &Metric,
    ranking: &Ranking,
    rows: Rows<'table>,
    of: &[u32],
) -> Result<Sums<'table>, Unmeasurable> {
    let queries = attribute(rows, &ranking.query)?;
    let (relevances, scores) = (numbers(rows, &ranking.relevance)?, numbers(rows, &ranking.score)?);
    let last = f64::from(ranking.k.unwrap_or(u32::MAX));
    let (mut items, mut answered) = (Vec::new(), 0_u32);
    let value = |query: &str, rows: &[u32]| {
        items.clear();
        // Floats have two zeros. Adding 0.0 makes them equal.
        items.extend(rows.iter().map(|row| (scores[*row as usize] + 0.0, relevances[*row as usize])));
        if let Some((_, came)) = items.iter().find(|(_, relevance)| *relevance < 0.0) {
            let column = ranking.relevance.clone();
            return Err(Unmeasurable::Relevance { column, query: shown(query), came: *came });
        }
        if items.iter().all(|(_, relevance)| *relevance <= 0.0) {
            return Ok((ranking.without_relevant == WithoutRelevant::Zero).then_some(0.0));
        }
        answered += 1;
        items.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let tied = items.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()).map(Tied::of);
        Ok(Some(match metric {
            Metric::HitRate(_) => hit(tied, last),
            Metric::MeanReciprocalRank(_) => reciprocal_rank(tied, last),
            Metric::MeanAveragePrecision(_) => average_precision(tied, last),
            _ => {
                let gained = gain(tied, last);
                items.sort_unstable_by(|one, other| other.1.total_cmp(&one.1));
                gained / gain(items.iter().map(std::slice::from_ref).map(Tied::of), last)
            }
        }))
    };
    let sums = mean_of_units(queries, of, value)?;
    if answered == 0 && !of.is_empty() {
        return Err(Unmeasurable::NoRelevant { column: ranking.relevance.clone() });
    }
    Ok(sums)
}

impl Tied {
    fn of(items: &[(f64, f64)]) -> Self {
        let none = Self { rows: 0.0, relevant: 0.0, relevance: 0.0 };
        items.iter().fold(none, |sum, (_, relevance)| Self {
            rows: sum.rows + 1.0,
            relevant: sum.relevant + f64::from(u8::from(*relevance > 0.0)),
            relevance: sum.relevance + relevance,
        })
    }
}

/// The discounted cumulative gain, Σ relevance / log₂(rank + 1) over the first ranks (Järvelin and Kekäläinen, "Cumulated
/// gain-based evaluation of IR techniques", TOIS 20, 2002; `dcg_score`).
fn gain(ranks: impl Iterator<Item = Tied>, last: f64) -> f64 {
    let (mut before, mut gain) = (0.0, 0.0);
    for tied in ranks {
        if before >= last {
            break;
        }
        let mean = tied.relevance / tied.rows;
        for place in places(tied.rows.min(last - before)) {
            gain += mean / (before + place + 1.0).log2();
        }
        before += tied.rows;
    }
    gain
}

/// The probability of a relevant row among the first ranks. It is one or zero, unless the last of these ranks is within a tie.
fn hit(ranks: impl Iterator<Item = Tied>, last: f64) -> f64 {
    let (mut before, mut missed) = (0.0, 1.0);
    for tied in ranks {
        let left = last - before;
        if left <= 0.0 || missed <= 0.0 {
            break;
        }
        for place in places(tied.rows.min(left)) {
            missed *= missing(tied, place);
        }
        before += tied.rows;
    }
    1.0 - missed
}

/// One divided by the rank of the first relevant row; zero if that is not among the first ranks.
fn reciprocal_rank(ranks: impl Iterator<Item = Tied>, last: f64) -> f64 {
    let mut before = 0.0;
    for tied in ranks {
        if before >= last {
            return 0.0;
        }
        if tied.relevant > 0.0 {
            let (mut expected, mut missed) = (0.0, 1.0);
            for place in places(tied.rows.min(last - before)) {
                let next = missed * missing(tied, place);
                expected += (missed - next) / (before + place);
                missed = next;
            }
            return expected;
        }
        before += tied.rows;
    }
    0.0
}

/// Σ precision at the ranks of relevant rows among the first ranks, divided by the number of all relevant rows (`trec_eval`'s
/// `map_cut`, ranx's `map@k`).
fn average_precision(ranks: impl Iterator<Item = Tied>, last: f64) -> f64 {
    let (mut before, mut found, mut sum) = (0.0, 0.0, 0.0);
    for tied in ranks {
        // The probability that the row at a rank is relevant, and that another row of the tie is, given that.
        let share = tied.relevant / tied.rows;
        let others = if tied.rows > 1.0 { (tied.relevant - 1.0) / (tied.rows - 1.0) } else { 0.0 };
        for place in places(tied.rows.min(last - before)) {
            sum += share * (found + 1.0 + (place - 1.0) * others) / (before + place);
        }
        before += tied.rows;
        found += tied.relevant;
    }
    sum / found
}

/// The probability that the row at a place of a tie is irrelevant, given that all rows before it are.
fn missing(tied: Tied, place: f64) -> f64 {
    let left = tied.rows - place + 1.0;
    ((left - tied.relevant) / left).max(0.0)
}

/// The whole numbers from one to `most`. Empty if `most` is below one.
fn places(most: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(1.0), |place| Some(place + 1.0)).take_while(move |place| *place <= most)
}
