//! Hostile input: evaluation folders and policies broken in a thousand ways. Each has to end in an error that names its cause or
//! in a verdict that does not pass; one that is read as if nothing had happened has to be as good as untouched.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slipway_contract::metrics::Predictions;
use slipway_domain::Outcome;
use slipway_gate::evaluation::{self, Columns, Evaluation, PredictionsFile};
use slipway_gate::policy::Policy;

use super::draw::Draw;
use super::folder::{POLICY, parquet, report, table};
use super::speed::peak_bytes;
use super::world::judge;

/// What a judge is given.
struct Case {
    what: &'static str,
    report: Vec<u8>,
    predictions: Vec<u8>,
    policy: String,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Refused,
    NotPassed,
    Harmless,
    WronglyPassed,
}

/// The champion, and the untouched candidate to compare with.
struct Bench {
    candidate: Predictions,
    sound: Evaluation,
    champion: Evaluation,
}

const ROWS: u32 = 300;

fn read(report: &[u8], predictions: &[u8]) -> Result<Evaluation, String> {
    let columns = Columns { attributes: ["region".to_owned()].into(), ..Columns::default() };
    evaluation::read(report, PredictionsFile::Parquet(predictions), &columns).map_err(|error| error.to_string())
}

fn bytes_of(table: &Predictions, name: &str) -> (Vec<u8>, Vec<u8>) {
    (report(table, name).to_string().into_bytes(), parquet(table))
}

impl Bench {
    fn new() -> Self {
        let (candidate, champion) = (table(ROWS, 1), table(ROWS, 2));
        let read = |table: &Predictions, name| {
            let (report, predictions) = bytes_of(table, name);
            read(&report, &predictions).expect("a sound folder")
        };
        Self { sound: read(&candidate, "candidate"), champion: read(&champion, "champion"), candidate }
    }

    fn end(&self, case: &Case) -> End {
        let policy = match Policy::read("policy.yaml", &case.policy) {
            Ok(policy) => policy,
            Err(mistakes) => {
                assert!(mistakes.iter().all(|mistake| !mistake.message.is_empty()), "{}: nameless", case.what);
                return End::Refused;
            }
        };
        let candidate = match read(&case.report, &case.predictions) {
            Ok(candidate) => candidate,
            Err(message) => {
                assert!(message.contains(':'), "{}: an error names its file: {message}", case.what);
                return End::Refused;
            }
        };
        let verdict = judge(&policy, &candidate, Some(&self.champion));
        if verdict.outcome != Outcome::Pass {
            return End::NotPassed;
        }
        let same = candidate.table == self.sound.table && case.policy == POLICY;
        if same { End::Harmless } else { End::WronglyPassed }
    }

    /// The folder with a change to its table, written as if it were true.
    fn changed(&self, what: &'static str, change: impl FnOnce(&mut Predictions)) -> Case {
        let mut table = self.candidate.clone();
        change(&mut table);
        let (_, predictions) = bytes_of(&table, "candidate");
        let (report, _) = bytes_of(&self.candidate, "candidate");
        Case { what, report, predictions, policy: POLICY.to_owned() }
    }

    fn untouched(&self) -> Case {
        let (report, predictions) = bytes_of(&self.candidate, "candidate");
        Case { what: "untouched", report, predictions, policy: POLICY.to_owned() }
    }

    fn case(&self, number: u32, draw: &mut Draw) -> Case {
        match number % 20 {
            0..=4 | 14 => self.broken_bytes(number, draw),
            5..=10 => self.other_tables(number, draw),
            15..=17 => self.other_policies(number, draw),
            _ => self.other_reports(number, draw),
        }
    }

    /// Files cut short, with changed bits, or no files of their kind at all.
    fn broken_bytes(&self, number: u32, draw: &mut Draw) -> Case {
        let (report, predictions) = bytes_of(&self.candidate, "candidate");
        let sound = || self.untouched();
        let within = |draw: &mut Draw, bytes: &[u8]| draw.below(u32::try_from(bytes.len()).unwrap_or(1)) as usize;
        match number % 20 {
            0 => Case {
                what: "truncated parquet",
                predictions: predictions[..within(draw, &predictions)].to_vec(),
                ..sound()
            },
            1 => Case { what: "truncated report", report: report[..within(draw, &report)].to_vec(), ..sound() },
            2 | 3 => {
                let mut case = Case { what: "changed bytes of parquet", ..sound() };
                for _ in 0..=draw.below(8) {
                    let at = within(draw, &case.predictions);
                    case.predictions[at] ^= 1 << draw.below(8);
                }
                case
            }
            4 => {
                let mut case = Case { what: "changed bytes of the report", ..sound() };
                let at = within(draw, &case.report);
                case.report[at] ^= 1 << draw.below(8);
                case
            }
            _ => Case {
                what: "no parquet at all",
                predictions: vec![u8::try_from(draw.below(256)).unwrap_or(0); 1 << draw.below(20)],
                ..sound()
            },
        }
    }

    /// Sound parquet that is not what the report was made of.
    fn other_tables(&self, number: u32, draw: &mut Draw) -> Case {
        let row = |draw: &mut Draw| draw.below(ROWS) as usize;
        match number % 20 {
            5 => self.changed("a row twice", |table| {
                let (one, other) = (row(draw), row(draw));
                table.rows[one] = table.rows[(other + usize::from(one == other)) % ROWS as usize].clone();
            }),
            6 => self.changed("a row missing", |table| {
                let at = row(draw);
                table.rows.remove(at);
                table.labels.remove(at);
                table.predictions.remove(at);
                table.scores.as_mut().expect("scores").drain(3 * at..3 * at + 3);
            }),
            7 => {
                let mut table = self.candidate.clone();
                let at = row(draw);
                table.rows[at] = format!("other-{number}");
                let (report, predictions) = bytes_of(&table, "candidate");
                Case { what: "other rows than the champion's", report, predictions, policy: POLICY.to_owned() }
            }
            8 => self.changed("a score that is no number", |table| {
                let at = 3 * row(draw);
                table.scores.as_mut().expect("scores")[at] =
                    [f32::NAN, f32::INFINITY, -1.0, 2.0][draw.below(4) as usize];
            }),
            9 => self.changed("predictions made right", |table| {
                let wrong = (0..ROWS as usize).find(|at| table.labels[*at] != table.predictions[*at]).unwrap_or(0);
                table.predictions[wrong] = table.labels[wrong];
            }),
            _ => self.changed("labels changed to fit", |table| table.labels.clone_from(&table.predictions)),
        }
    }

    /// Policies that are broken or that try to take time and memory.
    fn other_policies(&self, number: u32, draw: &mut Draw) -> Case {
        let sound = || self.untouched();
        let within = |draw: &mut Draw, bytes: &[u8]| draw.below(u32::try_from(bytes.len()).unwrap_or(1)) as usize;
        match number % 20 {
            15 => {
                let mut text = POLICY.to_owned().into_bytes();
                let at = within(draw, &text);
                text[at] = b"{}[]:,-&*!|>'\"%@`#\n\t 09az"[draw.below(25) as usize];
                let policy = String::from_utf8_lossy(&text).into_owned();
                // A changed policy may well be another sound one: what passes by it is no wrong pass.
                let what = "a changed policy";
                if Policy::read("policy.yaml", &policy).is_ok() {
                    Case { what, ..sound() }
                } else {
                    Case { what, policy, ..sound() }
                }
            }
            16 => Case { what: "an expression that is a bomb", policy: with_expression(&bomb(draw)), ..sound() },
            _ => Case { what: "YAML that is a bomb", policy: yaml_bomb(draw), ..sound() },
        }
    }

    /// Reports that say something else.
    fn other_reports(&self, number: u32, draw: &mut Draw) -> Case {
        let (report, _) = bytes_of(&self.candidate, "candidate");
        let sound = || self.untouched();
        match number % 20 {
            11 => {
                let mut stated: Value = serde_json::from_slice(&report).expect("JSON");
                let better = [json!(0.999), json!(1e308), json!("high"), json!(null), json!([]), json!({})];
                stated["metrics"]["accuracy"] = better[draw.below(6) as usize].clone();
                Case { what: "another figure in the report", report: stated.to_string().into_bytes(), ..sound() }
            }
            12 => {
                let mut stated: Value = serde_json::from_slice(&report).expect("JSON");
                let keys = ["kind", "apiVersion", "artifact", "data", "rows", "classes", "metrics", "evaluator"];
                let key = keys[draw.below(8) as usize];
                stated[key] =
                    [json!(7), json!("x"), json!(null), json!([1]), json!(-1)][draw.below(5) as usize].clone();
                Case { what: "another type in the report", report: stated.to_string().into_bytes(), ..sound() }
            }
            13 => {
                let mut stated: Value = serde_json::from_slice(&report).expect("JSON");
                stated["data"] = json!(slipway_contract::Digest::of(&number.to_le_bytes()));
                Case { what: "other data than the champion's", report: stated.to_string().into_bytes(), ..sound() }
            }
            18 => {
                let mut stated: Value = serde_json::from_slice(&report).expect("JSON");
                stated["classes"] = json!(["0", "1", "2", format!("class-{number}")]);
                Case { what: "more classes than scores", report: stated.to_string().into_bytes(), ..sound() }
            }
            _ => {
                let many: Vec<String> = (0..1_000_000).map(|class| format!("c{class}")).collect();
                let mut stated: Value = serde_json::from_slice(&report).expect("JSON");
                stated["classes"] = json!(if number % 200 == 19 { many } else { vec!["a".to_owned(); 3] });
                Case {
                    what: "a million classes, or one name thrice",
                    report: stated.to_string().into_bytes(),
                    ..sound()
                }
            }
        }
    }
}

fn with_expression(source: &str) -> String {
    format!("{POLICY}    - {{expression: {}}}\n", serde_json::to_string(source).expect("JSON"))
}

fn bomb(draw: &mut Draw) -> String {
    let many = 1 + draw.below(3_000) as usize;
    match draw.below(7) {
        0 => format!("{}artifact.bytes < 1{}", "(".repeat(many), ")".repeat(many)),
        1 => format!("{}true", "!".repeat(many)),
        2 => format!("artifact.bytes < {}1", "-".repeat(many)),
        3 => "[1,2,3].map(a, [1,2,3].map(b, [1,2,3].map(c, a * b * c)))".repeat(1 + many % 8),
        4 => format!("artifact.bytes < {}1", "1 + ".repeat(many)),
        5 => format!("{}true{}", "true ? (".repeat(many), ") : false".repeat(many)),
        _ => format!("run.model == '{}'.matches('(a+)+$')", "a".repeat(many)),
    }
}

fn yaml_bomb(draw: &mut Draw) -> String {
    match draw.below(3) {
        0 => {
            let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
            for level in 1..12 {
                let list = vec![format!("*a{}", level - 1); 9].join(", ");
                text = format!("{text}a{level}: &a{level} [{list}]\n");
            }
            text + POLICY
        }
        1 => format!("{POLICY}    - {}{}\n", "[".repeat(5_000), "]".repeat(5_000)),
        _ => format!("{POLICY}    - {{metric: accuracy, at_least: 0.5, why: \"{}\"}}\n", "x".repeat(2_000_000)),
    }
}

/// Breaks folders and policies in so many ways.
pub(crate) fn run(count: u32) -> Value {
    let bench = Bench::new();
    let mut draw = Draw::new(99);
    let (mut refused, mut not_passed, mut harmless, mut wrong) = (0, 0, 0, Vec::new());
    let mut longest = (Duration::ZERO, "none");
    for number in 0..count {
        let case = bench.case(number, &mut draw);
        let begun = Instant::now();
        match bench.end(&case) {
            End::Refused => refused += 1,
            End::NotPassed => not_passed += 1,
            End::Harmless => harmless += 1,
            End::WronglyPassed => wrong.push(format!("{number}: {}", case.what)),
        }
        longest = longest.max((begun.elapsed(), case.what));
    }
    json!({
        "cases": count, "refused": refused, "not_passed": not_passed, "harmless": harmless, "wrongly_passed": wrong,
        "longest_seconds": longest.0.as_secs_f64(), "longest": longest.1, "peak_bytes": peak_bytes(),
    })
}
