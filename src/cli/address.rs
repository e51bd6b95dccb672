//! Where the server answers that a command talks to: where the user says, or where the settings say by which it was started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;

use super::exit::{self, Failure};
use crate::config;

/// Where the server answers.
#[derive(Debug, Args)]
pub(super) struct Address {
    /// The server's address; when absent, what `listen` says in the server's settings, or `http://127.0.0.1:8420`
    #[arg(long, global = true, env = "SLIPWAY_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The settings of a server on this machine; `./slipway-server.yaml`, if it is there, when absent
    #[arg(long, global = true, env = "SLIPWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address as it was found for the first request: the others go there as well.
    #[arg(skip)]
    found: OnceLock<String>,
}

impl Address {
    /// The address, without a slash at its end.
    pub(super) fn url(&self) -> Result<&str, Failure> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let url = match (&self.server, &self.config) {
            (Some(server), _) => server.trim_end_matches('/').to_owned(),
            (None, Some(config)) => http(config::address_on_this_machine(config).map_err(exit::invalid)?),
            // Nobody named this file, which may come from somebody else's repository: it cannot send a token to another machine.
            (None, None) => {
                let address = config::address_on_this_machine(Path::new(config::FILE)).ok();
                http(address.filter(|address| address.ip().is_loopback()).unwrap_or_else(config::default_address))
            }
        };
        Ok(self.found.get_or_init(|| url))
    }
}

fn http(address: SocketAddr) -> String {
    format!("http://{address}")
}
