//! Where the server answers that a command talks to: where the user says, or where the settings say by which it was started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{self, Failure};
use crate::config;

/// The address of a server on this machine whose settings do not say another.
const LOCAL: &str = "http://127.0.0.1:8420";
/// The settings of the server in whose folder a command is run.
const SETTINGS: &str = "slipway-server.yaml";

/// Where the server answers.
#[derive(Debug, Args)]
pub(super) struct Address {
    /// The server's address; when absent, what `listen` says in the server's settings, or `http://127.0.0.1:8420`
    #[arg(long, global = true, env = "SLIPWAY_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The settings of a server on this machine; `./slipway-server.yaml`, if it is there, when absent
    #[arg(long, global = true, env = "SLIPWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Address {
    /// The address, without a slash at its end.
    pub(super) fn url(&self) -> Result<String, Failure> {
        let url = match (&self.server, &self.config) {
            (Some(server), _) => server.clone(),
            (None, Some(config)) => http(config::address_on_this_machine(config).map_err(exit::invalid)?),
            // Nobody named this file, which may come from somebody else's repository: it cannot send a token to another machine.
            (None, None) => config::address_on_this_machine(Path::new(SETTINGS))
                .ok()
                .filter(|address| address.ip().is_loopback())
                .map_or_else(|| LOCAL.to_owned(), http),
        };
        Ok(url.trim_end_matches('/').to_owned())
    }
}

fn http(address: SocketAddr) -> String {
    format!("http://{address}")
}
