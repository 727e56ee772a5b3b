//! The issuer identifier. Clients compare it byte by byte, so it is kept exactly as it was written.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use url::Url;

/// The issuer identifier, RFC 8414 §2: an http or https URL in its normal form, without query, fragment or final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    origin_bytes: usize,
}

/// Why a text can't be an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// No URL at all, or one of another scheme.
    #[error("must be an http or https URL such as https://login.example.com")]
    NotHttp,
    /// A user name or a password in it.
    #[error("must have no user name or password in it")]
    Userinfo,
    /// RFC 8414 §2 forbids both.
    #[error("must have no query and no fragment")]
    QueryOrFragment,
    /// A path that a router or a proxy might read in another way.
    #[error("may only have a path of segments of letters, digits and - . _ ~")]
    Path,
    /// Too long: the issuer is a part of every token.
    #[error("must be at most {} bytes long", Issuer::MAX_BYTES)]
    TooLong,
    /// Another spelling of the URL that is named.
    #[error("must be spelt {0}")]
    Spelling(String),
}

impl Issuer {
    /// The longest issuer that is accepted, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// The issuer when none is configured: the address that the server listens on.
    ///
    /// The loopback address is called `localhost`, as development servers of web pages are. To a browser, a page on `localhost` and a
    /// server on `127.0.0.1` are two sites, and no `SameSite` cookie passes between them.
    pub(super) fn of_listener(listen: SocketAddr, tls: bool) -> Result<Self, InvalidIssuer> {
        let scheme = if tls { "https" } else { "http" };
        let (ip, port) = (listen.ip(), listen.port());
        let is_localhost = ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
        let text = if is_localhost { format!("{scheme}://localhost:{port}") } else { format!("{scheme}://{listen}") };
        match text.parse() {
            // The port is the scheme's own, which the normal form leaves out.
            Err(InvalidIssuer::Spelling(normal)) => normal.parse(),
            issuer => issuer,
        }
    }

    /// The text, byte for byte as it was configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as in a browser's `Origin`.
    pub fn origin(&self) -> &str {
        self.text.get(..self.origin_bytes).unwrap_or_default()
    }

    /// What every endpoint's path begins with: empty, or a path without a final slash, such as `/auth`.
    pub fn path_prefix(&self) -> &str {
        self.text.get(self.origin_bytes..).unwrap_or_default()
    }

    /// Whether clients reach the server by TLS.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }
}

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(text).map_err(|_| InvalidIssuer::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidIssuer::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIssuer::Userinfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidIssuer::QueryOrFragment);
        }
        let path = url.path().trim_end_matches('/');
        let is_plain = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        if !path.split('/').skip(1).all(is_plain) {
            return Err(InvalidIssuer::Path);
        }
        let origin = url.origin().ascii_serialization();
        let normal = format!("{origin}{path}");
        if normal.len() > Self::MAX_BYTES {
            return Err(InvalidIssuer::TooLong);
        }
        if normal != text {
            return Err(InvalidIssuer::Spelling(normal));
        }
        Ok(Self { text: normal, origin_bytes: origin.len() })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_kept_byte_for_byte_and_taken_apart() {
        for (text, origin, prefix) in [
            ("https://api.example.com", "https://api.example.com", ""),
            ("https://api.example.com/auth", "https://api.example.com", "/auth"),
            ("https://api.example.com:8443/a/B_c.d~e-1", "https://api.example.com:8443", "/a/B_c.d~e-1"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", ""),
            ("http://[::1]:8080", "http://[::1]:8080", ""),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", ""),
        ] {
            let issuer: Issuer = text.parse().unwrap();
            assert_eq!((issuer.as_str(), issuer.origin(), issuer.path_prefix()), (text, origin, prefix));
            assert_eq!(issuer.is_https(), text.starts_with("https://"));
        }
    }

    #[test]
    fn another_spelling_is_refused_and_the_right_one_shown() {
        for (text, right) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example/auth/", "https://a.example/auth"),
            ("https://a.example/auth//", "https://a.example/auth"),
            ("https://A.example", "https://a.example"),
            ("HTTPS://a.example", "https://a.example"),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80/x", "http://a.example/x"),
            ("https://a.example/b/../c", "https://a.example/c"),
            ("https:a.example", "https://a.example"),
            (" https://a.example", "https://a.example"),
            ("https://a.exam\nple", "https://a.example"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://127.1", "http://127.0.0.1"),
            ("https://@a.example", "https://a.example"),
        ] {
            assert_eq!(text.parse::<Issuer>(), Err(InvalidIssuer::Spelling(right.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused() {
        for (text, why) in [
            ("", InvalidIssuer::NotHttp),
            ("api.example.com", InvalidIssuer::NotHttp),
            ("localhost:8080", InvalidIssuer::NotHttp),
            ("https://", InvalidIssuer::NotHttp),
            ("https://:443", InvalidIssuer::NotHttp),
            ("ftp://a.example", InvalidIssuer::NotHttp),
            ("urn:a:b", InvalidIssuer::NotHttp),
            ("https://me@a.example", InvalidIssuer::Userinfo),
            ("https://:pw@a.example", InvalidIssuer::Userinfo),
            ("https://a.example?x", InvalidIssuer::QueryOrFragment),
            ("https://a.example/auth?", InvalidIssuer::QueryOrFragment),
            ("https://a.example#", InvalidIssuer::QueryOrFragment),
            ("https://a.example/a//b", InvalidIssuer::Path),
            ("https://a.example/%61", InvalidIssuer::Path),
            ("https://a.example/{id}", InvalidIssuer::Path),
            ("https://a.example/ä", InvalidIssuer::Path),
        ] {
            assert_eq!(text.parse::<Issuer>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn an_issuer_is_bounded() {
        let of_length = |length: usize| format!("https://a.example/{}", "b".repeat(length - 18)).parse::<Issuer>();
        assert_eq!(of_length(Issuer::MAX_BYTES).unwrap().as_str().len(), Issuer::MAX_BYTES);
        assert_eq!(of_length(Issuer::MAX_BYTES + 1), Err(InvalidIssuer::TooLong));
    }

    #[test]
    fn a_server_that_was_told_no_issuer_is_called_by_its_address() {
        for (listen, tls, issuer) in [
            ("127.0.0.1:8080", false, "http://localhost:8080"),
            ("127.0.0.2:8080", false, "http://127.0.0.2:8080"),
            ("0.0.0.0:8080", false, "http://localhost:8080"),
            ("[::]:8443", true, "https://localhost:8443"),
            ("[::1]:8080", false, "http://localhost:8080"),
            ("10.0.0.1:80", false, "http://10.0.0.1"),
            ("0.0.0.0:443", true, "https://localhost"),
        ] {
            assert_eq!(Issuer::of_listener(listen.parse().unwrap(), tls).unwrap().as_str(), issuer);
        }
    }
}
