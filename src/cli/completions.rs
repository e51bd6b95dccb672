//! `slipway completions`: shell completion scripts.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::exit::{self, Exit, Failure};
use super::output;

/// Write a shell completion script.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: ShellName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub(super) fn run(self, mut command: clap::Command) -> Result<Exit, Failure> {
        let shell = match self.shell {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
        };
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, name, &mut script);
        let script = String::from_utf8(script).map_err(exit::defect)?;
        output::say(script.trim_end());
        Ok(Exit::Done)
    }
}
