//! `slipway gate`: judges an evaluation folder, as a server would.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use slipway_contract::{Digest, TrainingReport};

use super::exit::{self, Exit, Failure};
use super::output;
use super::policy::read_policy;
use slipway_domain::{Feedback, Outcome, TestSetUse, Verdict};
use slipway_gate::evaluation::{self, Columns, Evaluation, Samples};
use slipway_gate::policy::{Champion, Data, Evidence, Facts, Policy, TestSet, Uses, render};

/// Bytes a file of the artifact or a sample may have.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Judge an evaluation folder against a policy.
#[derive(Debug, Args)]
pub(super) struct Gate {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A policy that no other can loosen; may be given several times
    #[arg(long, value_name = "FILE")]
    floor: Vec<PathBuf>,
    /// The candidate's evaluation folder (`report.json` and `predictions.parquet` or `predictions.csv`)
    #[arg(long, value_name = "DIR")]
    candidate: PathBuf,
    /// The champion's evaluation folder, on the same rows
    #[arg(long, value_name = "DIR")]
    champion: Option<PathBuf>,
    /// Evaluation folder of the same training with another seed; may be given several times
    #[arg(long, value_name = "DIR")]
    seed_run: Vec<PathBuf>,
    /// The training report (`training.json`): size, parameters and seconds of the artifact
    #[arg(long, value_name = "FILE")]
    training_report: Option<PathBuf>,
    /// A JSON list of milliseconds that single predictions took
    #[arg(long, value_name = "FILE")]
    latencies: Option<PathBuf>,
    /// Rows the model has learnt from, as parquet
    #[arg(long, value_name = "FILE")]
    training_data: Option<PathBuf>,
    /// Rows it is judged on, as parquet
    #[arg(long, value_name = "FILE")]
    test_data: Option<PathBuf>,
    /// Rows seen lately, as parquet
    #[arg(long, value_name = "FILE")]
    recent_data: Option<PathBuf>,
    /// The model's name, for exceptions and expressions
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The environment's name, for expressions
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Which use of the test set this is, for policies that limit them; uses are counted by servers only
    #[arg(long = "use", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    number: Option<u32>,
    /// The form of the verdict
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
    Yaml,
    Markdown,
    Svg,
    Junit,
}

impl Gate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let policy = read_policy(&self.policy)?;
        let floors = self.floor.iter().map(|path| read_policy(path)).collect::<Result<Vec<Policy>, Failure>>()?;
        let columns = [&policy].into_iter().chain(&floors).map(Policy::columns).fold(Columns::default(), Columns::and);
        let read = |folder: &Path| {
            evaluation::read_folder(folder, &columns)
                .map_err(|error| exit::invalid(format!("{}: {error}", folder.display())))
        };
        let candidate = read(&self.candidate)?;
        let champion = self.champion.as_deref().map(read).transpose()?;
        let seeds = self.seed_run.iter().map(|folder| read(folder)).collect::<Result<Vec<Evaluation>, Failure>>()?;
        let champion = champion.as_ref().map_or(Champion::None, Champion::Evaluated);
        let evidence = Evidence {
            seeds: &seeds,
            facts: self.facts()?,
            data: self.data()?,
            uses: self.number.map(|number| uses(number, &policy, &floors, &candidate)),
            ..Evidence::new(&candidate, champion, Timestamp::now())
        };
        let mut verdict = policy.judge_over(&floors, &evidence);
        if let (None, Some(rule)) = (self.number, policy.test_set_over(&floors)) {
            verdict.notes.push(format!(
                "the policy lets a test set judge {} candidates, and the bounds are wide enough for all of them; uses are not \
                 counted here: `--use N` says which one this is",
                rule.uses()
            ));
        }
        output::say(self.render(&verdict)?.trim_end_matches('\n'));
        Ok(match verdict.outcome {
            Outcome::Pass => Exit::Done,
            Outcome::Fail => Exit::Refused,
            Outcome::Inconclusive | Outcome::NeedsApproval => Exit::Inconclusive,
        })
    }

    fn render(&self, verdict: &Verdict) -> Result<String, Failure> {
        Ok(match self.output {
            Form::Text => render::text(verdict),
            Form::Markdown => render::markdown(verdict),
            Form::Json => serde_json::to_string_pretty(verdict).map_err(exit::defect)?,
            Form::Yaml => super::form::yaml(verdict)?,
            Form::Svg => render::svg(verdict),
            Form::Junit => render::junit(verdict),
        })
    }

    fn facts(&self) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        if let Some(path) = &self.training_report {
            let report: TrainingReport = read_json(path)?;
            facts.add_training(&report);
        }
        if let Some(path) = &self.latencies {
            facts.add_latencies(read_json(path)?);
        }
        let texts = [("run.model", &self.model), ("environment.name", &self.environment)];
        facts.texts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
        Ok(facts)
    }

    fn data(&self) -> Result<Data, Failure> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(read_samples).transpose();
        Ok(Data {
            training: read(&self.training_data)?,
            test: read(&self.test_data)?,
            recent: read(&self.recent_data)?,
        })
    }
}

/// The use of a test set that is said to be this one. Rows are known by their names here.
fn uses(number: u32, policy: &Policy, floors: &[Policy], candidate: &Evaluation) -> Uses {
    let rule = policy.test_set_over(floors);
    let mut names: Vec<&str> = candidate.table.rows().iter().map(String::as_str).collect();
    names.sort_unstable();
    let told = TestSetUse {
        rows: Digest::of(names.join("\n").as_bytes()),
        number,
        allowed: rule.map(TestSet::uses),
        // Whoever has the predictions has the figures.
        feedback: Feedback::Figures,
        used_up: 0,
    };
    Uses { told, is_used_up: rule.is_some_and(|rule| number > rule.uses()) }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| exit::invalid(format!("{}: {error}", path.display())))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&text_of(path)?).map_err(|error| exit::invalid(format!("{}: {error}", path.display())))
}

fn read_samples(path: &Path) -> Result<Samples, Failure> {
    let refuse = |words: String| exit::invalid(format!("{}: {words}", path.display()));
    let size = path.metadata().map_err(|error| refuse(error.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(refuse(format!("{size} bytes, expected at most {MOST_BYTES}; use a sample of the rows")));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    evaluation::read_samples(&bytes).map_err(|error| refuse(error.to_string()))
}
