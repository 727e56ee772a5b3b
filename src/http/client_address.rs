//! Whose address a request has: the peer's, or what the operator's own proxies say it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The address that a request came from, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl Default for ClientAddress {
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Walks `X-Forwarded-For` from the right, as long as the hop that wrote the entry is trusted.
///
/// Everything left of the first untrusted hop is that hop's own word, and an attacker may have written it.
pub fn resolve(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddress {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = peer.ip().to_canonical();
    let entries = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(',').map(str::trim));
    for entry in entries {
        let (true, Some(hop)) = (is_trusted(address), parse_hop(entry)) else { break };
        address = hop.to_canonical();
    }
    ClientAddress(address)
}

/// An entry is an address, and some proxies add the port, or the brackets of IPv6 without one.
fn parse_hop(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|hop| hop.ip());
    entry.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        resolve(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_say_where_it_is() {
        assert_eq!(resolved("203.0.113.9:1", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(resolved("203.0.113.9:1", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(resolved("10.0.0.1:1", &["6.6.6.6, 198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(resolved("10.0.0.1:1", &["6.6.6.6", "198.51.100.7, 10.0.0.2"], &trusted), "198.51.100.7");
        assert_eq!(resolved("[::ffff:10.0.0.1]:1", &["198.51.100.7:4711"], &trusted), "198.51.100.7");
        assert_eq!(resolved("[2001:db8::1]:1", &["[2001:db9::5]:80"], &trusted), "2001:db9::5");
        assert_eq!(resolved("[2001:db8::1]:1", &["[2001:db9::5]"], &trusted), "2001:db9::5");
        assert_eq!(resolved("[2001:db8::1]:1", &["2001:db9::5, [2001:db8::2]"], &trusted), "2001:db9::5");
    }

    #[test]
    fn nonsense_from_a_proxy_leaves_the_proxy() {
        for nonsense in ["unknown", "[198.51.100.7]", "[2001:db9::5", "2001:db9::5]", "[]"] {
            assert_eq!(resolved("10.0.0.1:1", &[nonsense], &["10.0.0.0/8"]), "10.0.0.1", "{nonsense}");
        }
        assert_eq!(resolved("10.0.0.1:1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }
}
