//! Refuses requests that hyper lets through and that two readers could understand differently: a proxy in front may have read
//! them as something else (RFC 9112 §3.2, §6.1, §11.2; RFC 9113 §8.3.1).

use std::net::Ipv6Addr;

use axum::http::{HeaderMap, Request, Version, header};

use crate::words::words;

words! {
    /// What is wrong with a request, as the error description says it.
    pub enum Fault {
        Fragment = "The request target has a fragment.",
        TwoLengths = "The request has both Content-Length and Transfer-Encoding.",
        Coding = "The Transfer-Encoding of the request is not chunked.",
        Host = "The request must name exactly one valid Host.",
        Framing = "The request does not begin where the one before it ends.",
    }
}

/// What is wrong with a request, as far as its parsed head shows.
pub(super) fn fault<B>(request: &Request<B>) -> Option<Fault> {
    if !is_chunked_if_coded(request.headers()) {
        return Some(Fault::Coding);
    }
    (!names_one_host(request)).then_some(Fault::Host)
}

fn is_chunked_if_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    is_chunked && codings.next().is_none()
}

/// HTTP/1.1 needs a Host, also where the target names the server and takes precedence. HTTP/2 needs `:authority` or Host, and
/// they must agree.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(axum::http::uri::Authority::as_str);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next().map(|host| host.to_str().unwrap_or_default()), hosts.next());
    if another.is_some() || ![authority, host].into_iter().flatten().all(is_host) {
        return false;
    }
    match (request.version(), authority, host) {
        (Version::HTTP_09 | Version::HTTP_10, ..) => true,
        (Version::HTTP_11, _, host) => host.is_some(),
        (_, Some(authority), Some(host)) => same_host(authority, host, request.uri().scheme_str()),
        (_, authority, host) => authority.or(host).is_some(),
    }
}

/// Whether a text is `uri-host [":" port]` (RFC 9110 §7.2). An http URL has no empty host (§4.2.1).
fn is_host(text: &str) -> bool {
    let (is_valid, port) = if let Some((address, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_name(name), port)
    };
    is_valid && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// `reg-name` (RFC 3986 §3.2.2), but not empty.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    let is_encoded = |after: &str| after.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !name.is_empty() && name.bytes().all(is_plain) && name.split('%').skip(1).all(is_encoded)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok())
}

fn same_host(one: &str, other: &str, scheme: Option<&str>) -> bool {
    let default = if scheme == Some("https") { ":443" } else { ":80" };
    let without_default = |host: &str| {
        let host = host.strip_suffix(default).or_else(|| host.strip_suffix(':')).unwrap_or(host);
        host.to_ascii_lowercase()
    };
    without_default(one) == without_default(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_is_right(version: Version, target: &str, hosts: &[&str]) -> bool {
        let request = Request::builder().version(version).uri(target);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        fault(&request.body(()).unwrap()).is_none()
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["a", "a.example:443", "a_b.example", "127.0.0.1:80", "[::1]", "[::1]:65535", "a:", "%61", "a%2d-b"]
        {
            assert!(host_is_right(Version::HTTP_11, "/", &[host]), "{host}");
        }
        for host in [
            "",
            ":80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "user@a",
            "user:pw@a",
            "a:b",
            "a:1:2",
            "a:65536",
            "a:-1",
            "[::1",
            "::1",
            "[a]",
            "[]",
            "[::1]80",
            "[::1%25lo]",
            "a\\b",
            "a\"b",
            "a%4",
            "a%zz",
            "a,b:80,c",
            "ä",
            "http://a",
        ] {
            assert!(!host_is_right(Version::HTTP_11, "/", &[host]), "{host}");
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        for (version, target, hosts, is_right) in [
            (Version::HTTP_10, "/", &[][..], true),
            (Version::HTTP_10, "/", &["a"], true),
            (Version::HTTP_10, "/", &["a", "a"], false),
            (Version::HTTP_11, "/", &[], false),
            (Version::HTTP_11, "/", &["a", "a"], false),
            (Version::HTTP_11, "http://a/", &[], false),
            (Version::HTTP_11, "http://a/", &["b"], true),
            (Version::HTTP_11, "http://user@a/", &["a"], false),
            (Version::HTTP_2, "/", &[], false),
            (Version::HTTP_2, "/", &["a"], true),
            (Version::HTTP_2, "https://a/", &[], true),
            (Version::HTTP_2, "https://a/", &["A:443"], true),
            (Version::HTTP_2, "https://a:443/", &["a"], true),
            (Version::HTTP_2, "https://a/", &["a:80"], false),
            (Version::HTTP_2, "https://a/", &["b"], false),
            (Version::HTTP_2, "https://a/", &["a", "a"], false),
            (Version::HTTP_2, "https://user@a/", &[], false),
        ] {
            assert_eq!(host_is_right(version, target, hosts), is_right, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn the_only_transfer_coding_is_chunked() {
        for (codings, is_right) in [
            (&[][..], true),
            (&["chunked"], true),
            (&["Chunked"], true),
            (&["gzip, chunked"], false),
            (&["chunked, chunked"], false),
            (&["chunked;a=b"], false),
            (&[",chunked"], false),
            (&["identity"], false),
            (&[""], false),
            (&["chunked", "chunked"], false),
            (&["gzip", "chunked"], false),
        ] {
            let request = Request::builder().uri("/").header("host", "a");
            let request = codings.iter().fold(request, |request, coding| request.header("transfer-encoding", *coding));
            assert_eq!(fault(&request.body(()).unwrap()).is_none(), is_right, "{codings:?}");
        }
    }
}
