//! Resolves the settings of the web server: its address, limits and trusted proxies.

use std::net::SocketAddr;
use std::path::Path;

use bytesize::ByteSize;

use super::Problems;
use super::file::{ForwardedHeaderFile, MetricsFile, WebFile};
use super::resolve::shared_secret;
use crate::web;
use crate::web::MetricsAccess;

/// Upper bounds of `web.largest_delivery`, and of the budgets for deliveries.
const MAX_DELIVERY_BYTES: ByteSize = ByteSize::gib(1);
const MAX_DELIVERIES: ByteSize = ByteSize::gib(64);
/// Bounds of `web.connections`.
const MIN_CONNECTIONS: usize = 16;
const MAX_CONNECTIONS: usize = 65_536;

/// Resolves the settings of the web server.
pub(super) fn resolve_web(listen: SocketAddr, file: &WebFile, folder: &Path, problems: &mut Problems) -> web::Settings {
    let api_token = file.api_token.as_ref();
    let api_token = api_token.and_then(|reference| problems.take("web.api_token", shared_secret(reference, folder)));
    let metrics = match file.metrics {
        Some(MetricsFile::Open) => MetricsAccess::Open,
        None if listen.ip().is_loopback() => MetricsAccess::Open,
        Some(MetricsFile::Token) | None => MetricsAccess::Token,
    };
    let requests_per_second = file.requests_per_second;
    if !(1..=10_000).contains(&requests_per_second) {
        let key = "web.requests_per_second";
        problems.add(key, format!("{requests_per_second} is out of range, expected 1 to 10000"));
    }
    if let Some(url) = &file.public_url {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '(' | ')' | '?' | '#' | '@' | '`');
        if !(url.starts_with("https://") || url.starts_with("http://")) || !url.chars().all(plain) {
            problems.add("web.public_url", format!("`{url}` is not an address, expected `https://HOST`"));
        }
    }
    let public_url = file.public_url.clone();
    let bodies = resolve_bodies(file, problems);
    let connections = web::ConnectionLimits { all: file.connections, each_address: file.connections_of_an_address };
    for (key, count, fewest) in [
        ("web.connections", connections.all, MIN_CONNECTIONS),
        ("web.connections_of_an_address", connections.each_address, 1),
    ] {
        if !(fewest..=MAX_CONNECTIONS).contains(&count) {
            problems.add(key, format!("{count} is out of range, expected {fewest} to {MAX_CONNECTIONS}"));
        }
    }
    let trusted_proxies = resolve_proxies(file, problems);
    web::Settings { listen, public_url, bodies, connections, trusted_proxies, api_token, metrics, requests_per_second }
}

/// Resolves the trusted proxies.
fn resolve_proxies(file: &WebFile, problems: &mut Problems) -> web::TrustedProxies {
    let mut networks = Vec::new();
    for (index, network) in file.trusted_proxies.iter().enumerate() {
        networks.extend(problems.take(&format!("web.trusted_proxies[{index}]"), network.parse::<web::Network>()));
    }
    let header = match file.forwarded_header {
        ForwardedHeaderFile::XForwardedFor => web::ForwardedHeader::XForwardedFor,
        ForwardedHeaderFile::Forwarded => web::ForwardedHeader::Forwarded,
    };
    web::TrustedProxies { networks, header }
}

/// Resolves the limits on the memory for deliveries. A budget below the largest delivery would always refuse that delivery.
fn resolve_bodies(file: &WebFile, problems: &mut Problems) -> web::BodyLimits {
    let WebFile { largest_delivery: largest, source_deliveries: source, all_deliveries: all, .. } = *file;
    let [largest, each_source, all] = [
        ("web.largest_delivery", largest, ByteSize::b(1), MAX_DELIVERY_BYTES),
        ("web.source_deliveries", source, largest, MAX_DELIVERIES),
        ("web.all_deliveries", all, source, MAX_DELIVERIES),
    ]
    .map(|(key, size, least, most)| {
        if size < least || size > most {
            problems.add(key, format!("{size} is out of range, expected {least} to {most}"));
        }
        usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
    });
    web::BodyLimits { largest, each_source, all }
}
