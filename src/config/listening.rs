//! Finds the address of the server from its settings file, for commands that connect to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::Deserialize;
use slipway_domain::Diagnostic;

use super::file::{address, default_address};

/// The part of the settings that contains the address. Other mistakes are not relevant here.
#[derive(Debug, Deserialize)]
struct Listening {
    #[serde(default = "default_address", deserialize_with = "address")]
    listen: SocketAddr,
}

/// Returns the address at which the server of a settings file is reached from this machine.
///
/// # Errors
///
/// The file cannot be read, is not YAML, or its `listen` is no address.
pub fn address_on_this_machine(path: &Path) -> Result<SocketAddr, Diagnostic> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Diagnostic::new(&name, format!("the file cannot be read: {error}")))?;
    let Listening { listen } = slipway_yaml::read(&name, &text)?;
    Ok(reached_at(listen))
}

/// Replaces an unspecified address, on which a server listens at every address, by the loopback address.
fn reached_at(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_where_their_server_answers_whatever_else_is_wrong_with_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("slipway-server.yaml");
        for (settings, expected) in [
            ("listen: 127.0.0.1:9000\nsources: 7\n", "127.0.0.1:9000"),
            ("listen: localhost:9000\n", "127.0.0.1:9000"),
            ("listen: 0.0.0.0:9000\n", "127.0.0.1:9000"),
            ("listen: '[::]:9000'\n", "[::1]:9000"),
            ("state: here\n", "127.0.0.1:8420"),
        ] {
            std::fs::write(&file, settings).expect("written");
            assert_eq!(address_on_this_machine(&file).expect("an address").to_string(), expected, "{settings}");
        }
        std::fs::write(&file, "listen: example.org:80\n").expect("written");
        let mistake = address_on_this_machine(&file).expect_err("no address").to_string();
        assert!(mistake.contains("slipway-server.yaml:1:9"), "{mistake}");
    }
}
