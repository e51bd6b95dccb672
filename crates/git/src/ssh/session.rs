//! The session with an SSH server: it checks the host key, tries one key once, and starts one program.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, AuthResult, Handle, Handler, Msg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Preferred, SshId};

use super::known_hosts::{KnownHosts, refusal};
use super::stream::unreachable;
use super::{Address, SshLogin};
use crate::GitError;
use crate::remote::Remote;

/// Connects, logs in, and starts a program for the repository.
pub(super) async fn open(
    remote: &Remote,
    login: &SshLogin,
    address: &Address,
    (program, arguments): (&str, &str),
) -> Result<(Handle<Guard>, russh::Channel<Msg>), GitError> {
    let host = address.known_as();
    let mut kinds = login.known_hosts.kinds(&host);
    let default = Preferred::default();
    kinds.extend(default.key.iter().filter(|kind| !kinds.contains(kind)).cloned().collect::<Vec<_>>());
    let config = client::Config {
        client_id: SshId::Standard(concat!("SSH-2.0-slipway_", env!("CARGO_PKG_VERSION")).into()),
        preferred: Preferred { key: kinds.into(), ..default },
        nodelay: true,
        ..client::Config::default()
    };
    let refused = Arc::new(Mutex::new(None));
    let guard = Guard { host: host.clone(), known: login.known_hosts.clone(), refused: Arc::clone(&refused) };
    let connected = client::connect(Arc::new(config), (address.host.as_str(), address.port), guard).await;
    if let Some(shown) = refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let (problem, help) = refusal(&login.known_hosts, &host, &shown);
        return Err(GitError::HostKey { repository: remote.url().to_owned(), problem, help });
    }
    let broken = |error: russh::Error| unreachable(remote, &error);
    let mut session = connected.map_err(broken)?;
    let key = PrivateKeyWithHashAlg::new(Arc::clone(&login.key.0), None);
    match session.authenticate_publickey(&address.user, key).await.map_err(broken)? {
        AuthResult::Success => {}
        AuthResult::Failure { .. } => {
            return Err(GitError::KeyRefused {
                repository: remote.url().to_owned(),
                user: address.user.clone(),
                key: login.key.fingerprint(),
            });
        }
    }
    let channel = session.channel_open_session().await.map_err(broken)?;
    // The path contains no quotes; the address type guarantees that.
    channel.exec(true, format!("{program} '{}'{arguments}", address.path)).await.map_err(broken)?;
    Ok((session, channel))
}

/// Checks the host key before any data is sent that only the correct server may receive.
pub(super) struct Guard {
    host: String,
    known: KnownHosts,
    refused: Arc<Mutex<Option<PublicKey>>>,
}

impl Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // The client requests no certificates, so the server presents none.
        let PublicKeyOrCertificate::PublicKey { key, hash_alg: _ } = shown else { return Ok(false) };
        let known = self.known.holds(&self.host, key);
        if !known {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        }
        Ok(known)
    }
}
