//! Finds the client's address of a request. Behind a trusted proxy it is the address that the proxy reports. Headers from other
//! senders are ignored.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;

/// Maximum number of addresses of a header that are read. Chains of proxies are short.
const MAX_HOPS: usize = 32;

/// A network by its prefix, such as `10.0.0.0/8`. An address alone is a network of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("`{text}` is not a network, expected something like `10.0.0.0/8` or `fd00::/8`");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| expected())?;
        if prefix > most {
            return Err(expected());
        }
        let network = Self { address, prefix };
        if network.masked(address) != Some(bits(address)) {
            return Err(format!("`{text}` names an address within a network: set the bits behind the prefix to zero"));
        }
        Ok(network)
    }
}

impl Network {
    /// Whether the network contains an address.
    fn contains(self, address: IpAddr) -> bool {
        self.masked(address.to_canonical()).is_some_and(|masked| masked == bits(self.address))
    }

    /// Returns the prefix bits of an address of the same family.
    fn masked(self, address: IpAddr) -> Option<u128> {
        if address.is_ipv4() != self.address.is_ipv4() {
            return None;
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let behind = width - u32::from(self.prefix);
        Some(bits(address).checked_shr(behind).and_then(|bits| bits.checked_shl(behind)).unwrap_or(0))
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The header in which proxies report their client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The trusted proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Their networks.
    pub networks: Vec<Network>,
    /// The header that they set. Only this one is read, because proxies may forward the other one as a client sent it.
    pub header: ForwardedHeader,
}

impl TrustedProxies {
    /// Whether an address belongs to a proxy.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Returns the client: the nearest address that belongs to no proxy. A client can forge all addresses to the left of it.
    fn client(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = connected.to_canonical();
        if !self.contain(client) {
            return client;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let hops: Vec<&[u8]> =
            headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).collect();
        for hop in hops.into_iter().rev().take(MAX_HOPS) {
            // Each hop is decoded alone. If one invalid hop discarded the header, a client could hide its address with such a
            // hop.
            let Ok(hop) = std::str::from_utf8(hop) else { break };
            let address = match self.header {
                ForwardedHeader::XForwardedFor => address_in(hop),
                ForwardedHeader::Forwarded => forwarded_for(hop).and_then(address_in),
            };
            let Some(address) = address else { break };
            client = address;
            if !self.contain(client) {
                break;
            }
        }
        client
    }
}

/// Returns the value of `for` in an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value.trim().trim_matches('"'))
}

/// Parses an address with or without a port.
fn address_in(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Replaces the connected address by the client's address.
pub(super) async fn find_client(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(connected)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let client = shared.settings.trusted_proxies.client(connected.ip(), request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, connected.port())));
    }
    next.run(request).await
}

/// Returns the origin of a request, as limits and the audit log name it. An IPv6 address counts by its /64 network, which one
/// customer is given.
pub(super) fn peer_of(extensions: &Extensions) -> String {
    let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical());
    match address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(networks: &[&str], header: ForwardedHeader) -> TrustedProxies {
        TrustedProxies { networks: networks.iter().map(|text| text.parse().expect("a network")).collect(), header }
    }

    fn client(proxies: &TrustedProxies, connected: &str, headers: &[(&'static str, &str)]) -> String {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
        proxies.client(connected.parse().expect("an address"), &headers.collect()).to_string()
    }

    #[test]
    fn networks_are_read_by_their_prefix() {
        let inside = |network: &str, address: &str| {
            network.parse::<Network>().expect("a network").contains(address.parse().expect("an address"))
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1") && !inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("10.0.0.0/8", "::ffff:10.0.0.1") && !inside("::/0", "10.0.0.1"));
        assert!(
            inside("0.0.0.0/0", "192.0.2.1") && inside("192.0.2.1", "192.0.2.1") && !inside("192.0.2.1", "192.0.2.2")
        );
        assert!(inside("fd00::/8", "fd12::1") && !inside("fd00::/8", "fe80::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "proxy.example.com", "fd00::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_proxy_that_is_trusted_says_who_asked() {
        let header = [("x-forwarded-for", "198.51.100.7")];
        let trusted = proxies(&["10.0.0.0/8"], ForwardedHeader::XForwardedFor);
        assert_eq!(client(&trusted, "10.0.0.1", &header), "198.51.100.7");
        assert_eq!(client(&trusted, "192.0.2.1", &header), "192.0.2.1");
        assert_eq!(client(&TrustedProxies::default(), "10.0.0.1", &header), "10.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_into_the_header_is_not_believed() {
        let trusted = proxies(&["10.0.0.0/8"], ForwardedHeader::XForwardedFor);
        let spoofed = [("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.0.0.2")];
        assert_eq!(client(&trusted, "10.0.0.1", &spoofed), "198.51.100.7");
        let mut bytes = HeaderMap::new();
        let hidden = HeaderValue::from_bytes(b"\xff, 198.51.100.7").expect("a value");
        bytes.insert("x-forwarded-for", hidden);
        assert_eq!(trusted.client("10.0.0.1".parse().expect("an address"), &bytes).to_string(), "198.51.100.7");
        let two = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client(&trusted, "10.0.0.1", &two), "198.51.100.7");
        assert_eq!(client(&trusted, "10.0.0.1", &[("x-forwarded-for", "1.2.3.4, unknown")]), "10.0.0.1");
        assert_eq!(client(&trusted, "10.0.0.1", &[("forwarded", "for=198.51.100.7")]), "10.0.0.1", "the other header");
    }

    #[test]
    fn the_standard_header_is_read_with_ports_and_quotes() {
        let trusted = proxies(&["10.0.0.0/8"], ForwardedHeader::Forwarded);
        for (value, expected) in [
            ("for=198.51.100.7;proto=https", "198.51.100.7"),
            ("For=\"198.51.100.7:4711\"", "198.51.100.7"),
            ("for=1.2.3.4, for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=_hidden", "10.0.0.1"),
        ] {
            assert_eq!(client(&trusted, "10.0.0.1", &[("forwarded", value)]), expected, "{value}");
        }
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_peer() {
        let peer = |text: &str| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(text.parse::<SocketAddr>().expect("an address")));
            peer_of(&extensions)
        };
        assert_eq!(peer("192.0.2.7:80"), "192.0.2.7");
        assert_eq!(peer("[::ffff:192.0.2.7]:80"), "192.0.2.7");
        assert_eq!(peer("[2001:db8:1:2:3:4:5:6]:80"), "2001:db8:1:2::/64");
        assert_eq!(peer_of(&Extensions::new()), "0.0.0.0");
    }
}
