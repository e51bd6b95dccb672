//! TLS for the test server, and tests of the client's certificate checks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{Authorities, GitError};

use super::world::{World, append};

/// The authority that signed the server's certificate. The certificate is for 127.0.0.1 and valid for a hundred years.
const AUTHORITY: &[u8] = include_bytes!("tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

pub(super) fn configuration() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

/// A connection, encrypted or not.
pub(super) trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

pub(super) type Stream = Box<dyn Wire>;

pub(super) fn accept(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Stream {
    match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream)),
    }
}

#[test]
fn a_server_that_ones_own_authority_vouches_for_is_trusted() {
    let world = World::with_tls();
    let remote = world.remote().with_authorities(Authorities::from_pem(AUTHORITY).unwrap());
    append(&world.mirror_at("own", remote), "p-1", "apps/model.yaml").unwrap();
    assert_eq!(world.file("apps/model.yaml"), "tag: v0\np-1\n");
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_spoken_to() {
    let world = World::with_tls();
    let error = world.mirror().fetch().unwrap_err();
    assert!(matches!(&error, GitError::Unreachable { problem, .. } if problem.contains("UnknownIssuer")), "{error}");
    assert_eq!(world.server.received(), []);
}

#[test]
fn authorities_are_read_strictly() {
    let refused = |pem: &[u8]| Authorities::from_pem(pem).unwrap_err().to_string();
    assert!(refused(b"").ends_with("the file contains no certificate"));
    assert!(refused(KEY).ends_with("the file contains a private key"));
    assert_eq!(Authorities::from_pem(AUTHORITY), Authorities::from_pem(AUTHORITY));
    assert_ne!(Authorities::from_pem(AUTHORITY), Authorities::from_pem(CERTIFICATE));
}
