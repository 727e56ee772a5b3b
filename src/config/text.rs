//! The small languages of single values: origins, networks, audiences, names of claims and scopes, what is logged.

use std::net::IpAddr;

use axum::http::HeaderName;
use ipnet::IpNet;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

use crate::domain::Scope;
use crate::token::access::AccessClaims;

/// A web origin as browsers write it in `Origin` (RFC 6454 §6.2): of several spellings of one, the one that is compared with.
pub fn origin(text: &str) -> Result<String, &'static str> {
    const EXAMPLE: &str = "must be an origin such as https://app.example.com: no path, no *, not null";
    let text = text.trim();
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || ['*', '@', '\\'].contains(&c);
    let url = Url::parse(text).ok().filter(|url| url.has_host() && text.contains("://") && !text.contains(is_odd));
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none() && ["", "/"].contains(&url.path()));
    Ok(url.ok_or(EXAMPLE)?.as_str().trim_end_matches('/').to_owned())
}

/// An address, or a network in CIDR notation.
pub fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or(address).map_err(|_| "must be an address or a network such as 10.0.0.0/8 or fd00::/8")
}

/// The name of a header field.
pub(super) fn header(text: &str) -> Result<HeaderName, &'static str> {
    text.parse().map_err(|_| "must be the name of a header field such as traceparent")
}

/// An audience: a name, or an absolute URI without a fragment (RFC 7519 §4.1.3, RFC 8707 §2).
pub fn audience(text: &str) -> Result<String, &'static str> {
    let printable = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let uri = !text.contains(':') || (Url::parse(text).is_ok() && !text.contains('#'));
    if printable && uri {
        Ok(text.to_owned())
    } else {
        Err("must be a name without spaces, or an absolute URI without a fragment")
    }
}

/// The name of a claim that a user may have.
pub fn claim(text: &str) -> Result<String, &'static str> {
    if AccessClaims::RESERVED.contains(&text) {
        Err("is a claim that only the server sets")
    } else if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Err("must be the name of a claim, without spaces")
    } else {
        Ok(text.to_owned())
    }
}

/// One word of a scope.
pub(super) fn scope_token(text: &str) -> Result<String, &'static str> {
    match text.parse::<Scope>() {
        Ok(scope) if scope.iter().count() == 1 && scope.contains(text) => Ok(text.to_owned()),
        _ => Err("must be one scope: visible ASCII without \" and \\"),
    }
}

/// What is logged: a level, or levels by module. [`Targets`] takes a misspelt level for the name of a module, and logs nothing of
/// any other module; here it is refused.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut words = parts.iter().filter(|part| !part.contains('='));
    let example =
        "must be a level (off, error, warn, info, debug, trace), or levels by module such as warn,tokend=debug";
    let filter = parts.join(",");
    match words.find(|word| word.parse::<LevelFilter>().is_err()) {
        Some(word) => Err(format!("\"{word}\" is no level: {example}")),
        None if filter.parse::<Targets>().is_err() => Err(example.to_owned()),
        None => Ok(filter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "http://[::1]:3000",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
        ] {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com//",
            "https://app.example.com/path",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://me@app.example.com",
            "https:app.example.com",
            "https://app.exam\nple.com",
            "https:\\\\app.example.com",
            "file:///",
            "data:text/html,x",
        ] {
            assert!(origin(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_origin_has_other_spellings() {
        for (text, normal) in [
            ("https://app.example.com/", "https://app.example.com"),
            ("HTTPS://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443/", "https://app.example.com"),
            ("http://app.example.com:80", "http://app.example.com"),
            (" https://app.example.com:8443\n", "https://app.example.com:8443"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(normal));
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::1", "::1", "::2"),
        ] {
            let network = network(text).unwrap();
            assert!(network.contains(&inside.parse::<IpAddr>().unwrap()), "{text}");
            assert!(!network.contains(&outside.parse::<IpAddr>().unwrap()), "{text}");
        }
        for text in ["", "*", "10.0.0.0/33", "10.0.0", "proxy.internal", "::1/129"] {
            assert!(network(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_audience_is_a_name_or_an_absolute_uri() {
        for text in ["api", "https://api.example.com", "https://api.example.com/v1?x=1", "urn:example:api"] {
            assert_eq!(audience(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "https://api.example.com/#x", "https://", "a\n", "é", "://x"] {
            assert!(audience(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_claim_of_a_user_poses_as_one_of_the_server() {
        assert_eq!(claim("roles").as_deref(), Ok("roles"));
        assert_eq!(claim("https://example.com/roles").as_deref(), Ok("https://example.com/roles"));
        for text in
            AccessClaims::RESERVED.into_iter().chain(["username", "active", "token_type", "", " ", "a b", "a\0"])
        {
            assert!(claim(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_scope_that_has_claims_is_one_word() {
        assert_eq!(scope_token("profile").as_deref(), Ok("profile"));
        for text in ["", "a b", " a", "a\"b", "é"] {
            assert!(scope_token(text).is_err(), "{text:?}");
        }
    }
}
