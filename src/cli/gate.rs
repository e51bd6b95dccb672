//! `slipway gate`: judges the output of `slipway train`, or any evaluation folder, as a server would.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use slipway_contract::{Baseline, Digest, TrainingReport, counted};

use super::exit::{self, Exit, Failure};
use super::policy::read_policy;
use super::trained::{EvaluationInputs, RECENT_SAMPLE, TEST_SAMPLE, TRAINING_SAMPLE, evaluation_in};
use super::{colour, output};
use crate::repository::read_model;
use slipway_domain::{Feedback, MandatoryPolicy, Outcome, TestSetUse, Verdict};
use slipway_gate::evaluation::{self, Columns, Evaluation, REPORT_FILE, Samples};
use slipway_gate::policy::{Champion, Data, Evidence, Facts, Policy, RequiredEvidence, TestSet, Uses, render};

/// Maximum size of a file of the artifact or of a sample, in bytes.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Maximum size of a training report or a list of times, in bytes. It allows at most about ten million times.
const MAX_JSON_BYTES: u64 = 256 * 1024 * 1024;

/// The file that describes a model.
const MODEL_FILE: &str = "slipway.yaml";

/// Judge a trained model or an evaluation folder against a policy, as a server would.
#[derive(Debug, Args)]
pub(super) struct Gate {
    /// The policy file; the default is the one that `slipway.yaml` in this folder names
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A mandatory policy, which no other policy can loosen; may be repeated
    #[arg(long, alias = "floor", value_name = "FILE")]
    mandatory_policy: Vec<PathBuf>,
    /// The folder that `slipway train` wrote, or an evaluation folder (`report.json` and `predictions.parquet` or
    /// `predictions.csv`)
    #[arg(long, value_name = "DIR", default_value = "out")]
    candidate: PathBuf,
    /// The champion's folder, evaluated on the same rows
    #[arg(long, value_name = "DIR")]
    champion: Option<PathBuf>,
    /// Folder of the same training with another seed; may be repeated
    #[arg(long, value_name = "DIR")]
    seed_run: Vec<PathBuf>,
    /// The training report: size, parameters and seconds of the artifact; the default is `training.json` above the evaluation
    #[arg(long, value_name = "FILE")]
    training_report: Option<PathBuf>,
    /// JSON list of the milliseconds of single predictions; the default is `latencies.json` of the evaluation
    #[arg(long, value_name = "FILE")]
    latencies: Option<PathBuf>,
    /// Rows that the model learned from, as Parquet; the default is the sample of `slipway train`, also for the two options below
    #[arg(long, value_name = "FILE")]
    training_data: Option<PathBuf>,
    /// Rows that the model is judged on, as Parquet
    #[arg(long, value_name = "FILE")]
    test_data: Option<PathBuf>,
    /// Recent rows, as Parquet
    #[arg(long, value_name = "FILE")]
    recent_data: Option<PathBuf>,
    /// The model's name, for exceptions and expressions; the default is the name of the trained model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The environment's name, for expressions
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The number of this use of the test set, for policies that limit uses; only servers count uses
    #[arg(long = "use", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    number: Option<u32>,
    /// Output format of the verdict
    #[arg(long, short = 'o', value_enum, default_value_t = Form::Text)]
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

/// A verdict with the mandatory policies under both names. The stored form has only the deprecated name `floors`.
#[derive(Serialize)]
struct VerdictOutput<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "<[MandatoryPolicy]>::is_empty")]
    mandatory_policies: &'a [MandatoryPolicy],
}

impl<'a> VerdictOutput<'a> {
    fn of(verdict: &'a Verdict) -> Self {
        Self { verdict, mandatory_policies: &verdict.mandatory_policies }
    }
}

impl Gate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let named = self.policy.clone().map_or_else(policy_of_model, Ok)?;
        let policy = read_policy(&named)?;
        let mandatory_policies =
            self.mandatory_policy.iter().map(|path| read_policy(path)).collect::<Result<Vec<Policy>, Failure>>()?;
        let all = || [&policy].into_iter().chain(&mandatory_policies);
        let columns = all().map(Policy::columns).fold(Columns::default(), Columns::and);
        let required_evidence =
            all().map(Policy::required_evidence).fold(RequiredEvidence::default(), RequiredEvidence::and);
        let read = |folder: &Path| {
            let folder = evaluation_in(folder);
            evaluation::read_folder(&folder, &columns)
                .map_err(|error| exit::invalid(format!("{}: {error}", folder.display())))
        };
        let folder = self.evaluation()?;
        let candidate = read(&folder)?;
        if self.policy.is_none() {
            output::note(&format!("{} is judged by {}", folder.display(), named.display()));
        }
        let beside = EvaluationInputs::find(&folder, &candidate.report.artifact);
        let champion = self.champion.as_deref().map(read).transpose()?;
        let seeds = self.seed_run.iter().map(|folder| read(folder)).collect::<Result<Vec<Evaluation>, Failure>>()?;
        let champion = champion.as_ref().map_or(Champion::None, Champion::Evaluated);
        let mut baselines = Vec::new();
        for name in &required_evidence.baselines {
            let folder = folder.join(Baseline::FOLDER).join(name);
            // Without the folder, the check that demands the baseline fails.
            if folder.is_dir() {
                baselines.push((name.clone(), read(&folder)?));
            }
        }
        let evidence = Evidence {
            seeds: &seeds,
            baselines: &baselines,
            facts: self.facts(&required_evidence, &beside)?,
            data: self.data(&required_evidence, &beside)?,
            uses: self.number.map(|number| uses(number, &policy, &mandatory_policies, &candidate)),
            ..Evidence::new(&candidate, champion, Timestamp::now())
        };
        let mut verdict = policy.judge_over(&mandatory_policies, &evidence);
        if let (None, Some(rule)) = (self.number, policy.test_set_over(&mandatory_policies)) {
            verdict.notes.push(format!(
                "the policy allows {} of a test set, and the bounds are wide enough for all of them; this command \
                 does not count uses: set the number of this use with `--use N`",
                counted(rule.uses(), "use")
            ));
        }
        let rendered = self.render(&verdict)?;
        let rendered = rendered.trim_end_matches('\n');
        match self.output {
            Form::Text => output::say_painted(rendered),
            _ => output::say(rendered),
        }
        Ok(match verdict.outcome {
            Outcome::Pass => Exit::Done,
            Outcome::Fail => Exit::Refused,
            Outcome::Inconclusive | Outcome::NeedsApproval => Exit::Inconclusive,
        })
    }

    fn render(&self, verdict: &Verdict) -> Result<String, Failure> {
        Ok(match self.output {
            Form::Text => render::text_with(verdict, &colour::word),
            Form::Markdown => render::markdown(verdict),
            Form::Json => serde_json::to_string_pretty(&VerdictOutput::of(verdict)).map_err(exit::defect)?,
            Form::Yaml => super::form::yaml(&VerdictOutput::of(verdict))?,
            Form::Svg => render::svg(verdict),
            Form::Junit => render::junit(verdict),
        })
    }

    /// Returns the candidate's evaluation folder.
    fn evaluation(&self) -> Result<PathBuf, Failure> {
        let folder = self.candidate.display();
        if self.candidate.is_dir() {
            let found = evaluation_in(&self.candidate);
            if found != self.candidate && !found.join(REPORT_FILE).exists() {
                return Err(exit::invalid(format!(
                    "the folder `{folder}` has no evaluation: its last training failed, or has not ended\n  help: run \
                     `slipway train --out {folder}`"
                )));
            }
            return Ok(found);
        }
        Err(exit::invalid(format!(
            "the folder `{folder}` does not exist\n  help: create it with `slipway train --out {folder}`, or set \
             another with `--candidate DIR`"
        )))
    }

    /// Returns the facts about the artifact: from the options, or else from the files beside the evaluation.
    fn facts(&self, required_evidence: &RequiredEvidence, beside: &EvaluationInputs) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        match &self.training_report {
            Some(path) => facts.add_training(&read_json::<TrainingReport>(path)?),
            None => beside.report.iter().for_each(|report| facts.add_training(report)),
        }
        let found = beside.latencies.as_ref().filter(|_| required_evidence.latencies);
        if let Some(path) = self.latencies.as_ref().or(found) {
            facts.add_latencies(read_json(path)?);
        }
        let model = self.model.as_ref().or(beside.model.as_ref());
        let texts = [("run.model", model), ("environment.name", self.environment.as_ref())];
        facts.texts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text?.clone()))));
        Ok(facts)
    }

    /// Returns rows of the data: from the options, or else from the samples of the training for the policy's checks.
    fn data(&self, required_evidence: &RequiredEvidence, beside: &EvaluationInputs) -> Result<Data, Failure> {
        let is_required = required_evidence.leakage || !required_evidence.drift.is_empty();
        let read = |named: &Option<PathBuf>, sample: &str| {
            let found = || beside.sample(sample).filter(|_| is_required);
            named.clone().or_else(found).as_deref().map(read_samples).transpose()
        };
        Ok(Data {
            training: read(&self.training_data, TRAINING_SAMPLE)?,
            test: read(&self.test_data, TEST_SAMPLE)?,
            recent: read(&self.recent_data, RECENT_SAMPLE)?,
        })
    }
}

/// Returns the policy that the model in this folder names.
fn policy_of_model() -> Result<PathBuf, Failure> {
    let refuse = |why: String| {
        exit::invalid(format!("{why}\n  help: set the policy with `--policy FILE`, or in `{MODEL_FILE}`"))
    };
    let text = std::fs::read_to_string(MODEL_FILE).map_err(|error| refuse(format!("{MODEL_FILE}: {error}")))?;
    let model = read_model(MODEL_FILE, &text).map_err(|problems| refuse(super::check::join(&problems)))?;
    Ok(PathBuf::from(model.spec.policy))
}

/// Returns the given use of a test set. Rows are identified by their names.
fn uses(number: u32, policy: &Policy, mandatory_policies: &[Policy], candidate: &Evaluation) -> Uses {
    let rule = policy.test_set_over(mandatory_policies);
    let mut names: Vec<&str> = candidate.table.rows().iter().map(String::as_str).collect();
    names.sort_unstable();
    let this_use = TestSetUse {
        rows: Digest::of(names.join("\n").as_bytes()),
        number,
        allowed: rule.map(TestSet::uses),
        // A user with the predictions can compute the figures.
        feedback: Feedback::Figures,
        used_up: 0,
    };
    Uses { this_use, is_used_up: rule.is_some_and(|rule| number > rule.uses()) }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_slice(&bytes_of(path, MAX_JSON_BYTES)?)
        .map_err(|error| exit::invalid(format!("{}: {error}", path.display())))
}

fn read_samples(path: &Path) -> Result<Samples, Failure> {
    evaluation::read_samples(&bytes_of(path, MAX_BYTES)?)
        .map_err(|error| exit::invalid(format!("{}: {error}", path.display())))
}

/// Reads a file if it is not larger than allowed.
fn bytes_of(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let refuse = |message: String| exit::invalid(format!("{}: {message}", path.display()));
    let mut bytes = Vec::new();
    // One byte more than allowed proves that the file is too large, whatever size it claims.
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(refuse(error.to_string())),
        Ok(size) if size as u64 > most => {
            Err(refuse(format!("the file has more than {most} bytes, expected fewer; use a sample of the rows")))
        }
        Ok(_) => Ok(bytes),
    }
}
