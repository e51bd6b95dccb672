//! Finds the server to which a command connects: the one that the user names, or the one of the server's settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;

use super::exit::{self, Failure};
use super::output;
use crate::config;

/// Address of the server.
#[derive(Debug, Args)]
pub(super) struct Address {
    /// URL of the server; the default is `listen` in the server's settings, or `http://127.0.0.1:8420`
    #[arg(long, global = true, env = "SLIPWAY_SERVER", value_name = "URL")]
    server: Option<String>,
    /// Settings file of a server on this machine; the default is `./slipway-server.yaml` if it exists and listens at a loopback
    /// address. A note on standard error says when that file leads to another address than the default one
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
            (None, None) => http(address_here()),
        };
        Ok(self.found.get_or_init(|| url))
    }
}

/// Returns the address of the settings in this folder, or else the default one. The user did not name these settings, and they may
/// come from a foreign repository: they must not send a token to another machine, and they are not followed silently.
fn address_here() -> SocketAddr {
    let (file, default) = (Path::new(config::FILE), config::default_address());
    if !file.exists() {
        return default;
    }
    let name = config::FILE;
    match config::address_on_this_machine(file) {
        Ok(address) if address == default => default,
        Ok(address) if address.ip().is_loopback() => {
            output::note(&format!(
                "note: asking {}, the `listen` of `./{name}` in this folder; `--server` or `--config` names another",
                http(address)
            ));
            address
        }
        Ok(_) => {
            output::note(&format!(
                "note: `./{name}` in this folder leads to another machine and is not followed; asking {}; `--config ./{name}` \
                 follows it",
                http(default)
            ));
            default
        }
        Err(_) => {
            output::note(&format!(
                "note: `./{name}` in this folder cannot be read; asking {}; `slipway check ./{name}` says why",
                http(default)
            ));
            default
        }
    }
}

fn http(address: SocketAddr) -> String {
    format!("http://{address}")
}
