//! Adaptive authors: candidates that are truly no better than the champion, made with an eye on earlier verdicts, against fifty
//! gates. How often one of them is promoted all the same.
//!
//! Labels are coin flips that nothing foretells, so no candidate is truly better than the champion, and each promotion is wrong
//! (as in Blum and Hardt, "The Ladder: A Reliable Leaderboard for Machine Learning Competitions", ICML 2015, section 6).

use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_contract::Digest;
use slipway_contract::metrics::Table;
use slipway_domain::{Adaptivity, Feedback, Outcome, PartUsage, TestSetUse, Verdict};
use slipway_gate::evaluation::Evaluation;
use slipway_gate::policy::{Champion, Evidence, Policy, Uses};

use super::draw::Draw;
use super::world::{classes, classes_of, evaluation};

/// Test rows: so many that more than a thousand of them differ between two who guess, where `McNemar`'s test is quick.
const ROWS: u32 = 2_400;

/// Candidates that an author has judged.
const GATES: u32 = 50;

/// Uses that a test set has where candidates follow from verdicts: what comes after is answered with "fresh rows".
const USES: u32 = 20;

/// How an author makes candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// Each at random.
    RandomSearch,
    /// Each at random but the last, which is the majority of the others as far as figures said that they did better than
    /// chance: Blum and Hardt's boosting attack.
    Boosting,
}

/// What stands between the author and the environment.
struct Gate {
    name: &'static str,
    policy: Policy,
    /// Whether the estimate alone decides.
    by_estimate: bool,
}

impl Gate {
    fn new(name: &'static str, test_set: &str) -> Self {
        let text = format!(
            "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: bench}}\nspec:\n{test_set}  checks:\n    \
             - {{metric: accuracy, better_than_champion: {{}}}}\n"
        );
        let policy = Policy::read("bench.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        Self { name, policy, by_estimate: false }
    }
}

/// What an author hears of a candidate.
struct Heard {
    passed: bool,
    /// The candidate's own accuracy, if figures are shown: each sentence has it.
    accuracy: Option<f64>,
}

/// A test set as a server would count it.
struct Counted {
    usage: PartUsage,
}

impl Counted {
    fn new() -> Self {
        Self { usage: PartUsage { part: 1, uses: 0, figures: false, passed: false, retired: false } }
    }

    /// Has a candidate judged, and counts that.
    fn judge(&mut self, gate: &Gate, candidate: &Evaluation, champion: &Evaluation) -> Heard {
        let rule = gate.policy.test_set();
        let is_used_up = rule.is_some_and(|rule| self.usage.is_used_up(rule.uses(), rule.adaptivity()));
        let this_use = TestSetUse {
            rows: Digest::of(b"rows"),
            number: self.usage.uses + 1,
            allowed: rule.map(slipway_gate::policy::TestSet::uses),
            feedback: rule.map_or(Feedback::Figures, slipway_gate::policy::TestSet::feedback),
            used_up: 0,
        };
        let shows_figures = this_use.feedback == Feedback::Figures;
        let evidence = Evidence {
            uses: Some(Uses { this_use, is_used_up }),
            ..Evidence::new(candidate, Champion::Evaluated(champion), Timestamp::UNIX_EPOCH)
        };
        let verdict = gate.policy.judge(&evidence);
        let figure = estimate(&verdict);
        let passed =
            if gate.by_estimate { figure.is_some_and(|figure| figure > 0.0) } else { verdict.outcome == Outcome::Pass };
        self.usage.uses += 1;
        self.usage.figures |= shows_figures;
        self.usage.passed |= passed;
        // What is shown to authors, as they are shown it.
        let shown = verdict.for_authors();
        Heard { passed, accuracy: estimate(&shown).map(|_| accuracy(candidate)) }
    }
}

fn estimate(verdict: &Verdict) -> Option<f64> {
    verdict.checks[0].interval.map(|interval| interval.estimate)
}

#[expect(clippy::cast_precision_loss, reason = "rows are few")]
fn accuracy(evaluation: &Evaluation) -> f64 {
    let Some(table) = evaluation.table.view().classes() else { return 0.0 };
    let right = table.labels.iter().zip(&table.predictions).filter(|(label, prediction)| label == prediction);
    right.count() as f64 / table.labels.len() as f64
}

/// The predictions of a candidate that guesses.
fn guesses(draw: &mut Draw) -> Vec<u32> {
    (0..ROWS).map(|_| draw.below(2)).collect()
}

/// Whether a candidate is promoted in fifty gates.
fn campaign(
    gate: &Gate,
    author: Author,
    candidate: &mut Evaluation,
    champion: &mut Evaluation,
    draw: &mut Draw,
) -> bool {
    for evaluation in [&mut *candidate, &mut *champion] {
        let mut labels = Draw::new(0);
        classes_of(evaluation).labels.fill_with(|| labels.below(2));
    }
    // The champion guesses anew each time; which labels there are does not matter to one who guesses.
    classes_of(champion).predictions = guesses(draw);
    let mut test_set = Counted::new();
    let mut votes = vec![0_i32; ROWS as usize];
    for gate_number in 1..=GATES {
        let last = gate_number == GATES;
        classes_of(candidate).predictions = if last && author == Author::Boosting {
            votes.iter().map(|votes| if *votes == 0 { draw.below(2) } else { u32::from(*votes > 0) }).collect()
        } else {
            guesses(draw)
        };
        let Heard { passed, accuracy } = test_set.judge(gate, candidate, champion);
        if passed {
            return true;
        }
        // Better or worse than chance: a vote for what it says, or against it.
        let weight = accuracy.map_or(0, |accuracy| if accuracy > 0.5 { 1 } else { -1 });
        for (votes, prediction) in votes.iter_mut().zip(&classes_of(candidate).predictions) {
            *votes += weight * if *prediction == 1 { 1 } else { -1 };
        }
    }
    false
}

/// Plays so many campaigns against each gate.
pub(crate) fn run(rounds: u32) -> Value {
    let verdict_only = |adaptivity: Adaptivity| {
        let word = if adaptivity == Adaptivity::Full { "full" } else { "first_change" };
        format!("  test_set: {{uses: {USES}, adaptivity: {word}, feedback: verdict}}\n")
    };
    let gates = [
        Gate { by_estimate: true, ..Gate::new("point estimate", "") },
        Gate::new("without test_set", ""),
        Gate::new("test_set: 50 uses, adaptivity none", &format!("  test_set: {{uses: {GATES}}}\n")),
        Gate::new("test_set: 20 uses, adaptivity first_change", &verdict_only(Adaptivity::FirstChange)),
        Gate::new("test_set: 20 uses, adaptivity full", &verdict_only(Adaptivity::Full)),
    ];
    let noise = 3.0 * (0.05_f64 * 0.95 / f64::from(rounds)).sqrt();
    let mut results = Vec::new();
    let table = |name| evaluation(name, Table::Classes(classes(ROWS, 2, false)), &["accuracy"]);
    let (mut candidate, mut champion) = (table("candidate"), table("champion"));
    for gate in &gates {
        for author in [Author::RandomSearch, Author::Boosting] {
            let mut draw = Draw::new(7);
            let promoted =
                (0..rounds).filter(|_| campaign(gate, author, &mut candidate, &mut champion, &mut draw)).count();
            let rate = f64::from(u32::try_from(promoted).unwrap_or(u32::MAX)) / f64::from(rounds);
            let author = if author == Author::RandomSearch { "random search" } else { "boosting" };
            // What the rule says of its candidates is not true of an author who follows figures.
            let is_promised = gate.policy.test_set().is_some()
                && (author == "random search"
                    || gate.policy.test_set().is_some_and(|rule| rule.adaptivity() != Adaptivity::None));
            eprintln!("{}, {author}: {rate:.4}", gate.name);
            results.push(json!({
                "gate": gate.name, "author": author, "wrong_promotions": rate, "promised": is_promised,
                "limit": 0.05 + noise,
            }));
        }
    }
    json!({"rounds": rounds, "rows": ROWS, "gates": GATES, "campaigns": results})
}
