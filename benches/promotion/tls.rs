//! TLS in front of the git server, as every forge has it. The certificate is that of the tests: it names 127.0.0.1.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// File of the authority that vouches for the certificate.
pub(crate) fn authority() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/git/src/tests/tls/authority.pem")
}

/// Takes connections with TLS and hands them on to a server without; it ends with the process.
pub(crate) fn start(server: SocketAddr) -> Result<SocketAddr> {
    let acceptor = TlsAcceptor::from(configuration()?);
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    thread::spawn(move || runtime.block_on(serve(&listener, &acceptor, server)));
    Ok(address)
}

async fn serve(listener: &TcpListener, acceptor: &TlsAcceptor, server: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        // A connection that breaks off is its client's to tell of.
        connections.spawn(async move {
            client.set_nodelay(true)?;
            let mut client = acceptor.accept(client).await?;
            let mut upstream = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
        });
    }
}

fn configuration() -> Result<Arc<ServerConfig>> {
    let folder = authority();
    let folder = folder.parent().context("a folder")?;
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key)?))
}
