//! `slipway forge`: setting up what stands between a server and its forges.

mod accept;
mod check;
mod create_app;
mod identity;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};

/// Set up and check what stands between the server and its forges.
#[derive(Debug, Args)]
pub(super) struct Forge {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Ask each forge whether it takes the login, what the login may do, and where its webhooks lead
    Check(check::Check),
    /// Make another repository the one that a source is, where it was made anew under the same name
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
