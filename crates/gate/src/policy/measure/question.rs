//! Selects the method that measures a metric, or the difference of two models' metrics.

use slipway_contract::Metric;
use slipway_contract::metrics::{Attribute, Rows, Subject, Unmeasurable};

use super::bootstrap::{self, MIN_UNITS, Resampled, SEED};
use super::delong;
use super::figure::{Compared, Counted};
use super::random::Random;
use super::spread::{Measurement, Spread};
use super::trial;
use super::units::Units;
use super::unseen::{self, Unseen};

/// The largest difference of two log losses of one row. Both are limited to this value at scores of zero.
const WIDEST_LOG_LOSS: f64 = 36.05;

/// The largest number of ranked values that are resampled. A larger ranking uses the grouped jackknife, because 2,000 resamples
/// would take minutes.
const MAX_RESAMPLED: usize = 8_000_000;

/// The most rows times classes that are ranked.
const MAX_RANKED: usize = 40_000_000;

/// The fewest rows or clusters beyond a quantile on either side, so that its resamples show how it varies.
const MIN_BEYOND: f64 = 20.0;

/// Why there is no interval.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::policy) enum NoInterval {
    /// There are no rows.
    NoRows,
    /// There are too few rows or clusters to resample.
    TooFew {
        /// The unit of the counts.
        unit: &'static str,
        /// The actual number.
        came: usize,
        /// The expected number.
        expected: usize,
    },
    /// The metric cannot be computed from these rows.
    Unmeasurable(Unmeasurable),
    /// The metric can be computed for the candidate, but not for the champion.
    OfChampion(Unmeasurable),
    /// It needs more work than a verdict may take.
    TooMuch,
    /// The metric is undefined on these rows or on some resample.
    Undefined,
}

/// The measurement to make: one model, or one model minus another on the same rows in the same order.
pub(in crate::policy) struct Question<'table> {
    /// The metric.
    pub(in crate::policy) metric: &'table Metric,
    /// The candidate's rows.
    pub(in crate::policy) candidate: Rows<'table>,
    /// The champion's rows, if it is compared.
    pub(in crate::policy) champion: Option<Rows<'table>>,
    /// Whether the difference is a share of the champion's value.
    pub(in crate::policy) relative: bool,
    /// Whether the threshold is a difference of zero.
    pub(in crate::policy) against_none: bool,
    /// The rows it is measured on.
    pub(in crate::policy) of: &'table [u32],
    /// The clusters of the rows, if there are any.
    pub(in crate::policy) clusters: Option<&'table Attribute>,
}

impl Question<'_> {
    /// The measure with its uncertainty.
    pub(in crate::policy) fn measure(&self) -> Result<Measurement, NoInterval> {
        if self.of.is_empty() {
            return Err(NoInterval::NoRows);
        }
        self.metric.form(self.candidate, self.of).map(drop).map_err(NoInterval::Unmeasurable)?;
        if let Some(champion) = self.champion {
            self.metric.form(champion, self.of).map(drop).map_err(NoInterval::OfChampion)?;
        }
        for rows in [Some(self.candidate), self.champion].into_iter().flatten() {
            let classes = rows.table.classes().filter(|_| self.ranks());
            let curves = classes.map_or(1, |table| table.classes.len());
            if self.of.len().saturating_mul(curves) > MAX_RANKED {
                return Err(NoInterval::TooMuch);
            }
        }
        let (estimate, spread) = self.spread()?;
        let measurement = Measurement { estimate, rows: self.of.len() as u64, spread, range: self.range() };
        if measurement.is_sound() { Ok(measurement) } else { Err(NoInterval::Undefined) }
    }

    fn ranks(&self) -> bool {
        matches!(self.metric, Metric::RocAuc(_) | Metric::PrAuc(_))
    }

    fn spread(&self) -> Result<(f64, Spread), NoInterval> {
        let Self { metric, candidate, champion, relative, against_none, of, clusters } = self;
        if clusters.is_none()
            && !(*relative && champion.is_some())
            && let Some((estimate, spread)) = trial::measured(metric, *candidate, *champion, of, *against_none)
        {
            return Ok((estimate.ok_or(NoInterval::Undefined)?, spread));
        }
        let (together, unit) = self.independent();
        let units = Units::deal(of, together, SEED);
        let expected = self.fewest_units();
        if units.independent < expected {
            return Err(NoInterval::TooFew { unit, came: units.independent, expected });
        }
        if matches!(metric, Metric::RocAuc(_)) {
            let clustered = together.is_some().then_some(&units);
            let area = delong::measured(metric, *candidate, *champion, *relative, of, clustered);
            let delong::Area { estimate, error, freedom } = area.map_err(|delong::NoCurve| NoInterval::Undefined)?;
            return Ok((estimate, self.of_area(estimate, error, freedom, &units)));
        }
        let figure = Compared::of(metric, *candidate, *champion, *relative, of, &units);
        let figure = figure.map_err(NoInterval::Unmeasurable)?;
        if self.ranks() && figure.cost() > MAX_RESAMPLED {
            return self.left_out(&figure, &units);
        }
        match bootstrap::resample(&figure, units.count, units.independent, SEED) {
            Resampled::Spread(estimate, resamples) => Ok((estimate, Spread::Resampled(resamples))),
            Resampled::Constant(estimate) => Ok((estimate, self.unseen(&units))),
            Resampled::NoFigure => Err(NoInterval::Undefined),
        }
    }

    /// The independent units and their name in messages: the groups that the policy names, else the units of the metric, else
    /// single rows.
    fn independent(&self) -> (Option<&Attribute>, &'static str) {
        let unit = self.metric.unit();
        let units = unit.and_then(|unit| Some((self.candidate.attributes.get(unit.column)?, unit.plural)));
        match (self.clusters, units) {
            (Some(groups), _) => (Some(groups), "groups"),
            (None, Some((units, plural))) => (Some(units), plural),
            (None, None) => (None, "rows"),
        }
    }

    /// The fewest rows or clusters for resampling. A quantile near the end of the range needs more, because few lie beyond it.
    fn fewest_units(&self) -> usize {
        match self.metric {
            Metric::QuantileOf { quantile, .. } => {
                // Subtract the rounding error: 1 − 0.9 is a little less than 0.1.
                let beyond = MIN_BEYOND / quantile.0.min(1.0 - quantile.0) - 1e-9;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "above one, and cut if too large"
                )]
                let rows = beyond.ceil() as usize;
                rows.max(MIN_UNITS)
            }
            _ => MIN_UNITS,
        }
    }

    fn of_area(&self, estimate: f64, error: f64, freedom: f64, units: &Units) -> Spread {
        if error <= 1e-12 {
            self.unseen(units)
        } else if self.champion.is_none() && estimate > 0.0 && estimate < 1.0 {
            Spread::Odds { error, freedom }
        } else {
            Spread::Area { error, freedom }
        }
    }

    fn left_out(&self, figure: &Compared<'_>, units: &Units) -> Result<(f64, Spread), NoInterval> {
        let estimate = figure.of(&vec![1.0; units.count]).ok_or(NoInterval::Undefined)?;
        let spread = bootstrap::leave_out(figure, units.count, &mut Random::new(SEED));
        let bootstrap::Spread { error, freedom, .. } = spread.ok_or(NoInterval::Undefined)?;
        if error <= 1e-12 {
            return Ok((estimate, self.unseen(units)));
        }
        Ok((estimate, Spread::Grouped { error, freedom }))
    }

    /// The uncertainty if all rows are alike: what rows of a kind that the rows do not show could change. Metrics by class weigh a
    /// class as a whole, so there the rarest class counts.
    fn unseen(&self, units: &Units) -> Spread {
        let mut rarest = u32::try_from(units.independent).unwrap_or(u32::MAX);
        if self.weighs_classes()
            && let Some(table) = self.candidate.table.classes()
        {
            let mut by_class = vec![0_u32; table.classes.len()];
            for row in self.of {
                by_class[table.labels[*row as usize] as usize] += 1;
            }
            rarest = rarest.min(by_class.into_iter().filter(|rows| *rows > 0).min().unwrap_or(1));
        }
        let rarest = f64::from(rarest);
        let (least, most) = self.metric.range();
        let width = match self.metric {
            Metric::MeanOf(_) => self.width_of_scores(),
            _ if most - least < f64::INFINITY => most - least,
            _ => {
                let (models, (together, _)) = ((self.candidate, self.champion), self.independent());
                let seen = unseen::by_seen_units(self.metric, models, self.relative, self.of, together);
                if let Some(unseen) = seen {
                    return Spread::Unseen(unseen);
                }
                match self.metric {
                    Metric::LogLoss => WIDEST_LOG_LOSS,
                    Metric::QuantileOf { .. } => self.width_of_scores(),
                    _ => self.width_of_numbers(),
                }
            }
        };
        let width = width / self.size_of_champion();
        Spread::Unseen(match self.metric {
            Metric::RootMeanSquaredError => Unseen::root(rarest, width),
            _ => Unseen::straight(rarest, width),
        })
    }

    /// Whether a row of a rare class counts more than others.
    fn weighs_classes(&self) -> bool {
        let is_mean_of_rows = matches!(
            self.metric,
            Metric::LogLoss | Metric::BrierScore { .. } | Metric::ExpectedCalibrationError { .. }
        );
        self.metric.subject() == Subject::Classes && !is_mean_of_rows && !self.metric.is_proportion()
    }

    /// The size of the champion's value if the difference is a share of it, else one.
    fn size_of_champion(&self) -> f64 {
        let value = self.champion.filter(|_| self.relative).map(|champion| self.metric.over(champion, self.of));
        value.and_then(|value| value.ok().flatten()).map_or(1.0, f64::abs)
    }

    /// The smallest and the largest value of the metric, or of a difference of two.
    fn range(&self) -> (f64, f64) {
        let (least, most) = self.metric.range();
        match self.champion {
            None => (least, most),
            Some(_) if self.relative => (f64::NEG_INFINITY, f64::INFINITY),
            Some(_) => (least - most, most - least),
        }
    }

    /// How far a row can move a metric of own scores: the range of all known scores and zero, or one if all scores are zero.
    fn width_of_scores(&self) -> f64 {
        let rows = [Some(self.candidate), self.champion].into_iter().flatten();
        let columns = rows.filter_map(|rows| rows.row_scores.get(self.metric.score_column()?));
        let scores = columns.flat_map(|scores| self.of.iter().map(|row| scores[*row as usize]));
        let (least, most) = scores.fold((0.0_f64, 0.0_f64), |(least, most), score| (least.min(score), most.max(score)));
        if most > least { most - least } else { 1.0 }
    }

    /// How far a row can move a metric without limits if all rows are alike: one if the metric is a share (of the labels, or of a
    /// naive forecast's error), otherwise the range of the labels. If they have none, it is their size, or one.
    fn width_of_numbers(&self) -> f64 {
        let is_share =
            matches!(self.metric, Metric::R2 | Metric::MeanAbsolutePercentageError | Metric::Wape | Metric::Mase(_));
        let (Some(table), false) = (self.candidate.table.numbers(), is_share) else {
            return 1.0;
        };
        let labels = || self.of.iter().map(|row| table.labels[*row as usize]);
        let (least, most) = (labels().fold(f64::INFINITY, f64::min), labels().fold(f64::NEG_INFINITY, f64::max));
        match (most > least, most.abs() > 0.0) {
            (true, _) => most - least,
            (false, true) => most.abs(),
            (false, false) => 1.0,
        }
    }
}
