//! `slipway forge`: sets up and checks the connections between a server and its forges.

mod accept;
mod check;
mod create_app;
mod identity;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};

/// Set up and check the connections between the server and its forges.
#[derive(Debug, Args)]
pub(super) struct Forge {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the login, its permissions and the webhooks at each forge
    Check(check::Check),
    /// Accept another repository as the repository of a source, for example after it was recreated under the same name
    Accept(accept::Accept),
    /// Register a GitHub App with the permissions and events that Slipway needs
    CreateApp(create_app::CreateApp),
}

impl Forge {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.action {
            Action::Check(check) => check.run(),
            Action::Accept(accept) => accept.run(),
            Action::CreateApp(new) => new.run(),
        }
    }
}
