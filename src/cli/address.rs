//! Finds the server to which a command connects: the one that the user names, or the one of the server's settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;

use super::exit::{self, Failure};
use crate::config;

/// Address of the server.
#[derive(Debug, Args)]
pub(super) struct Address {
    /// URL of the server; the default is `listen` in the server's settings, or `http://127.0.0.1:8420`
    #[arg(long, global = true, env = "SLIPWAY_SERVER", value_name = "URL")]
    server: Option<String>,
    /// Settings file of a server on this machine; the default is `./slipway-server.yaml` if it exists
    #[arg(long, global = true, env = "SLIPWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address that was found for the first request. Further requests use it as well.
    #[arg(skip)]
    found: OnceLock<String>,
}

impl Address {
    /// Returns the URL without a slash at its end.
    pub(super) fn url(&self) -> Result<&str, Failure> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let url = match (&self.server, &self.config) {
            (Some(server), _) if !server.contains("://") => {
                let message =
                    format!("`{server}` is not the address of a server, expected `http://HOST` or `https://HOST`");
                return Err(exit::invalid(message));
            }
            (Some(server), _) => server.trim_end_matches('/').to_owned(),
            (None, Some(config)) => http(config::address_on_this_machine(config).map_err(exit::invalid)?),
            // The user did not name this file, and it may come from a foreign repository. It must not send a token to another
            // machine.
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
