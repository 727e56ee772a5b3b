//! The client's address: the peer's, or the one that trusted proxies forwarded.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};

use crate::config::{ForwardedHeader, Http};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether the client's real address is unknown: a proxy passed the request on that isn't trusted or named no client, or named
/// a loopback address.
pub fn is_of_unknown_origin(address: IpAddr, peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_a_proxys = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || ["forwarded", "via", "x-real-ip"].contains(&name)
    };
    (address == peer || address.is_loopback()) && headers.keys().any(is_a_proxys)
}

/// The client's address. Reads the forwarding header from the right for as long as the hop that wrote an entry is trusted: an
/// attacker may have written everything left of the first untrusted hop. Only `http.forwarded_header` is read, since proxies
/// pass the other header through as the client sent it.
pub fn resolve(peer: SocketAddr, headers: &HeaderMap, http: &Http) -> IpAddr {
    let is_trusted = |address: IpAddr| http.trusted_proxies.iter().any(|net| net.contains(&address));
    let mut address = peer.ip().to_canonical();
    if !is_trusted(address) {
        return address;
    }
    let name = match http.forwarded_header {
        ForwardedHeader::XForwardedFor => &X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => &FORWARDED,
    };
    let lines = headers.get_all(name).iter().rev();
    for entry in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',').map(str::trim)) {
        let hop = match http.forwarded_header {
            ForwardedHeader::XForwardedFor => parse_hop(entry),
            ForwardedHeader::Forwarded => forwarded_for(entry).and_then(parse_hop),
        };
        let (true, Some(hop)) = (is_trusted(address), hop) else { break };
        address = hop.to_canonical();
    }
    address
}

/// Whether an untrusted peer forwards a client address. If it is the operator's own proxy, all users seem to have its address.
pub fn is_forwarded_by_a_stranger(peer: SocketAddr, headers: &HeaderMap, http: &Http) -> bool {
    let says_so = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    let address = peer.ip().to_canonical();
    says_so && !http.trusted_proxies.iter().any(|net| net.contains(&address))
}

/// The node of `for=`, RFC 7239 §4: a quoted text where it has a colon or brackets.
fn forwarded_for(entry: &str) -> Option<&str> {
    let mut pairs = entry.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    Some(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
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
    use crate::config::Config;

    fn http(trusted: &[&str], header: &str) -> Http {
        let list = trusted.iter().map(|net| format!("'{net}'")).collect::<Vec<_>>().join(",");
        let text = format!("[http]\ntrusted_proxies = [{list}]\nforwarded_header = '{header}'");
        Config::from_toml(&text).unwrap().http
    }

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (HeaderName::from_static(name), line.parse().unwrap())).collect()
    }

    fn resolved(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let http = http(trusted, "X-Forwarded-For");
        resolve(peer.parse().unwrap(), &headers("x-forwarded-for", forwarded), &http).to_string()
    }

    fn by_forwarded(lines: &[&str]) -> String {
        let http = http(&["10.0.0.0/8"], "forwarded");
        resolve("10.0.0.1:1".parse().unwrap(), &headers("forwarded", lines), &http).to_string()
    }

    #[test]
    fn the_other_header_is_not_read() {
        let proxies = |name| http(&["10.0.0.0/8"], name);
        let peer = "10.0.0.1:1".parse().unwrap();
        let said = headers("x-forwarded-for", &["198.51.100.7"]);
        assert_eq!(resolve(peer, &said, &proxies("Forwarded")).to_string(), "10.0.0.1");
        let said = headers("forwarded", &["for=198.51.100.7"]);
        assert_eq!(resolve(peer, &said, &proxies("X-Forwarded-For")).to_string(), "10.0.0.1");
    }

    #[test]
    fn rfc7239_names_hops_in_its_own_way() {
        assert_eq!(by_forwarded(&["for=198.51.100.7;proto=https"]), "198.51.100.7");
        assert_eq!(by_forwarded(&["proto=https; For=\"198.51.100.7:4711\""]), "198.51.100.7");
        assert_eq!(by_forwarded(&["for=\"[2001:db8::17]:4711\""]), "2001:db8::17");
        assert_eq!(by_forwarded(&["for=6.6.6.6, for=198.51.100.7", "for=10.0.0.2"]), "198.51.100.7");
        for nonsense in ["for=unknown", "for=_hidden", "by=198.51.100.7", "198.51.100.7", "for=", "for=\""] {
            assert_eq!(by_forwarded(&[nonsense]), "10.0.0.1", "{nonsense}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_noticed() {
        let (http, peer) = (http(&["10.0.0.0/8"], "X-Forwarded-For"), |text: &str| text.parse().unwrap());
        let said = headers("x-forwarded-for", &["198.51.100.7"]);
        assert!(is_forwarded_by_a_stranger(peer("192.0.2.1:1"), &said, &http));
        assert!(!is_forwarded_by_a_stranger(peer("10.0.0.1:1"), &said, &http));
        assert!(!is_forwarded_by_a_stranger(peer("192.0.2.1:1"), &HeaderMap::new(), &http));
    }

    #[test]
    fn whom_a_proxy_asks_for_may_be_unknown() {
        let is_unknown = |peer: &str, said: &[(&'static str, &str)], trusted: &[&str]| {
            let said: HeaderMap =
                said.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
            let peer: SocketAddr = peer.parse().unwrap();
            let address = resolve(peer, &said, &http(trusted, "X-Forwarded-For"));
            is_of_unknown_origin(address, peer.ip(), &said)
        };
        let (ours, local) = (&["10.0.0.0/8", "127.0.0.1"][..], "127.0.0.1:1");
        assert!(!is_unknown(local, &[], &[]) && !is_unknown(local, &[], ours));
        assert!(!is_unknown("10.0.0.1:1", &[("x-forwarded-for", "10.3.3.3"), ("via", "1.1 proxy")], ours));
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host"] {
            assert!(is_unknown(local, &[(name, "198.51.100.7")], &[]), "{name}");
            assert!(is_unknown(local, &[(name, "unknown")], ours), "{name}");
        }
        assert!(is_unknown(local, &[("forwarded", "for=198.51.100.7")], ours), "the header that isn't read");
        for loopback in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!(is_unknown(local, &[("x-forwarded-for", loopback)], ours), "{loopback}");
            assert!(is_unknown("10.0.0.1:1", &[("x-forwarded-for", loopback)], ours), "{loopback}");
        }
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
