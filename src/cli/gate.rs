//! `slipway gate`: judges an evaluation folder, as a server would.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::exit::{self, Exit, Failure};
use super::output;
use crate::domain::Outcome;
use crate::evaluation;
use crate::policy::{Champion, Policy, render};

/// Judge an evaluation folder against a policy.
#[derive(Debug, Args)]
pub(super) struct Gate {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The candidate's evaluation folder (`report.json` and `predictions.parquet`)
    #[arg(long, value_name = "DIR")]
    candidate: PathBuf,
    /// The champion's evaluation folder, on the same rows
    #[arg(long, value_name = "DIR")]
    champion: Option<PathBuf>,
    /// The form of the verdict
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
    Markdown,
}

impl Gate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let name = self.policy.display().to_string();
        let text = std::fs::read_to_string(&self.policy).map_err(|error| exit::invalid(format!("{name}: {error}")))?;
        let policy = Policy::read(&name, &text).map_err(|problems| exit::invalid(super::check::join(&problems)))?;
        let read = |folder: &Path| {
            evaluation::read_folder(folder).map_err(|error| exit::invalid(format!("{}: {error}", folder.display())))
        };
        let candidate = read(&self.candidate)?;
        let champion = self.champion.as_deref().map(read).transpose()?;
        let verdict = policy.judge(&candidate, champion.as_ref().map_or(Champion::None, Champion::Evaluated));
        output::say(&match self.output {
            Form::Text => render::text(&verdict),
            Form::Markdown => render::markdown(&verdict),
            Form::Json => serde_json::to_string_pretty(&verdict).map_err(exit::defect)?,
        });
        Ok(match verdict.outcome {
            Outcome::Pass => Exit::Done,
            Outcome::Fail => Exit::Refused,
            Outcome::Inconclusive => Exit::Inconclusive,
        })
    }
}
