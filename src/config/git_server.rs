//! Resolves the git server of one machine, and checks that no two parts of the server listen at the same address.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::file::{CredentialsFile, GitServerFile};
use super::{Problems, secret};
use crate::web;

/// Resolves the git server beside a server that listens at `listen`. If other machines could reach it, it would be a forge without
/// accounts.
pub(super) fn resolve_git_server(
    file: GitServerFile,
    listen: SocketAddr,
    folder: &Path,
    problems: &mut Problems,
) -> Option<web::GitServerSettings> {
    let GitServerFile { folder: repositories, listen: own, credentials: CredentialsFile { username, password } } = file;
    if !own.ip().is_loopback() {
        let help = "help: use `127.0.0.1:8421`; for access from other machines, use a forge or a web server";
        problems.add("git_server.listen", format!("`{own}` is not a loopback address\n  {help}"));
    }
    let is_taken = !problems.guesses.touch("listen") && is_same_place(own, listen);
    if is_taken {
        let other = SocketAddr::new(own.ip(), own.port().checked_add(1).unwrap_or(8421));
        let help = format!(
            "help: listen at another port, such as `{other}`, and write it into the addresses of its repositories"
        );
        problems.add(
            "git_server.listen",
            format!(
                "the server listens at `{listen}` already (`listen`), expected another address than `{own}`\n  {help}"
            ),
        );
    }
    let password = problems.take("git_server.credentials.password", secret::read(&password, folder))?;
    (own.ip().is_loopback() && !is_taken).then(|| web::GitServerSettings {
        folder: folder.join(repositories),
        listen: own,
        username,
        password,
    })
}

/// Whether two listeners would be in each other's way. `[::]` takes the addresses of both families, as on Linux by default
/// (ipv6(7), `IPV6_V6ONLY`). Port 0 is a free port.
fn is_same_place(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |one: IpAddr, other: IpAddr| match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V6(one), _) if one.is_unspecified() => true,
        (IpAddr::V4(one), IpAddr::V4(_)) if one.is_unspecified() => true,
        (one, other) => one == other,
    };
    one.port() == other.port() && one.port() != 0 && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_in_each_others_way_where_their_addresses_overlap() {
        let is_same = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse().expect("an address"));
            assert_eq!(is_same_place(one, other), is_same_place(other, one));
            is_same_place(one, other)
        };
        for (one, other) in [
            ("127.0.0.1:8420", "127.0.0.1:8420"),
            ("127.0.0.1:8420", "0.0.0.0:8420"),
            ("127.0.0.1:8420", "[::]:8420"),
            ("[::1]:8420", "[::]:8420"),
            ("127.0.0.1:8420", "[::ffff:127.0.0.1]:8420"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("127.0.0.1:8420", "127.0.0.1:8421"),
            ("127.0.0.1:8420", "127.0.0.2:8420"),
            ("[::1]:8420", "0.0.0.0:8420"),
            ("[::1]:8420", "127.0.0.1:8420"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:8421", "[::]:8420"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
