//! Names, number and attributes of tokend's cookies, one for each client or user. What they hold is up to
//! [`super::refresh_cookie`] and [`super::device`].

use std::borrow::Cow;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

use crate::clock::{Seconds, UnixTime};
use crate::domain::{COOKIE_TAG_LENGTH, PlainSecret};

/// The most cookies of one kind in one browser.
pub const MOST: usize = 16;

/// The most cookies of one kind that are read. A request can have any number.
const MOST_READ: usize = 4 * MOST;

/// The longest that a browser keeps a cookie, in seconds: RFC 6265bis §5.5.
const LONGEST: Seconds = 400 * 86_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieKind {
    /// The refresh token of a client.
    Refresh,
    /// The token that makes the browser a known device of a user.
    Device,
}

impl CookieKind {
    /// The name of the one cookie that version 0.1 set for all owners, and the prefix of all other names. `__Host-` binds a
    /// cookie to this host, over TLS only (RFC 6265bis §4.1.3.2).
    fn shared_name(self) -> &'static str {
        match self {
            Self::Refresh => "__Host-tokend-refresh",
            Self::Device => "__Host-tokend-device",
        }
    }

    fn name(self, tag: &str) -> String {
        format!("{}-{tag}", self.shared_name())
    }
}

/// The cookies of one kind that a browser sent, in its order: the oldest first (RFC 6265 §5.4).
pub struct Jar<'a> {
    kind: CookieKind,
    cookies: Vec<Cookie<'a>>,
}

struct Cookie<'a> {
    /// The owner's [`crate::domain::cookie_tag`]. `None` for the shared cookie.
    tag: Option<&'a str>,
    value: Cow<'a, str>,
}

impl<'a> Jar<'a> {
    /// Reads the cookies. Other cookies of the host may have any bytes.
    pub fn of(headers: &'a HeaderMap, kind: CookieKind) -> Self {
        let cookies = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
        let cookies = cookies.filter_map(|cookie| Cookie::read(cookie.trim_ascii(), kind.shared_name()));
        let mut jar = Self { kind, cookies: Vec::new() };
        for cookie in cookies {
            // A browser sends a name once. Of two, the first counts.
            if jar.cookies.len() < MOST_READ && jar.cookies.iter().all(|other| other.tag != cookie.tag) {
                jar.cookies.push(cookie);
            }
        }
        jar
    }

    /// Whether there is no cookie, or only empty ones.
    pub fn is_empty(&self) -> bool {
        self.cookies.iter().all(|cookie| cookie.value.is_empty())
    }

    /// The value of the cookie with that tag.
    pub fn own(&self, tag: &str) -> Option<&str> {
        self.value(Some(tag))
    }

    /// The value of the shared cookie.
    pub fn shared(&self) -> Option<&str> {
        self.value(None)
    }

    /// The tags and values of the other cookies.
    pub fn tagged(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cookies.iter().filter_map(|cookie| Some((cookie.tag?, &*cookie.value)))
    }

    fn value(&self, tag: Option<&str>) -> Option<&str> {
        let cookie = self.cookies.iter().find(|cookie| cookie.tag == tag)?;
        (!cookie.value.is_empty()).then_some(&*cookie.value)
    }

    /// The names of the cookies to delete so that the cookie `tag` has room: the oldest by `issued_at`. One that can't be read
    /// counts as the oldest.
    fn evicted(&self, tag: &str, issued_at: impl Fn(&str) -> Option<UnixTime>) -> Vec<String> {
        let others = self.tagged().filter(|&(other, _)| other != tag);
        let mut others: Vec<_> = others.map(|(other, value)| (issued_at(value), other)).collect();
        others.sort_by_key(|&(issued_at, _)| issued_at);
        let excess = others.len().saturating_sub(MOST - 1);
        others.into_iter().take(excess).map(|(_, other)| self.kind.name(other)).collect()
    }
}

impl<'a> Cookie<'a> {
    /// A cookie of the name `shared`, with or without a tag behind it.
    fn read(pair: &'a [u8], shared: &str) -> Option<Self> {
        let rest = pair.strip_prefix(shared.as_bytes())?;
        let (tag, value) = rest.split_at_checked(rest.iter().position(|&b| b == b'=')?)?;
        let tag = if tag.is_empty() { None } else { Some(read_tag(tag)?) };
        Some(Self { tag, value: String::from_utf8_lossy(value.strip_prefix(b"=")?) })
    }
}

fn read_tag(text: &[u8]) -> Option<&str> {
    let tag = text.strip_prefix(b"-").filter(|tag| tag.len() == COOKIE_TAG_LENGTH)?;
    let is_base64url = tag.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    is_base64url.then(|| std::str::from_utf8(tag).ok())?
}

/// The names of the cookies that hold one owner's token.
pub struct Places {
    names: Vec<String>,
    evicted: Vec<String>,
}

impl Places {
    /// In the owner's own cookie, and in the shared one too if `with_shared`. `issued_at` says when a token was made.
    pub fn new(jar: &Jar<'_>, tag: &str, with_shared: bool, issued_at: impl Fn(&str) -> Option<UnixTime>) -> Self {
        let mut names = vec![jar.kind.name(tag)];
        names.extend(with_shared.then(|| jar.kind.shared_name().to_owned()));
        Self { names, evicted: jar.evicted(tag, issued_at) }
    }

    /// In the shared cookie only.
    pub fn shared(kind: CookieKind) -> Self {
        Self { names: vec![kind.shared_name().to_owned()], evicted: Vec::new() }
    }

    /// Sets the cookies for `lifetime` seconds, and deletes those that have no room beside them.
    pub fn keep(&self, token: &PlainSecret, lifetime: Seconds, headers: &mut HeaderMap) {
        for name in &self.names {
            set(name, token.reveal(), lifetime, headers);
        }
        for name in &self.evicted {
            set(name, "", 0, headers);
        }
    }

    /// Deletes the cookies.
    pub fn clear(&self, headers: &mut HeaderMap) {
        for name in &self.names {
            set(name, "", 0, headers);
        }
    }
}

fn set(name: &str, value: &str, lifetime: Seconds, headers: &mut HeaderMap) {
    let lifetime = lifetime.clamp(0, LONGEST);
    let text = format!("{name}={value}; Path=/; Max-Age={lifetime}; Secure; HttpOnly; SameSite=Strict");
    if let Ok(mut cookie) = HeaderValue::try_from(text) {
        cookie.set_sensitive(true);
        headers.append(SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[String]) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, cookies.join("; ").parse().unwrap())])
    }

    fn tag(n: usize) -> String {
        format!("{n:016}")
    }

    #[test]
    fn only_names_that_we_give_are_read() {
        let read = |name: &str| {
            let headers = headers(&[format!("{name}=x")]);
            let jar = Jar::of(&headers, CookieKind::Refresh);
            let tags: Vec<_> = jar.cookies.iter().map(|cookie| cookie.tag.map(str::to_owned)).collect();
            tags.into_iter().next()
        };
        assert_eq!(read("__Host-tokend-refresh"), Some(None));
        assert_eq!(read("__Host-tokend-refresh-abcdefgh_jkl-nop"), Some(Some("abcdefgh_jkl-nop".to_owned())));
        for name in [
            "__Host-tokend-refresh-",
            "__Host-tokend-refresh-abcdefgh_jkl-no",
            "__Host-tokend-refresh-abcdefgh_jkl-nopq",
            "__Host-tokend-refresh-abcdefgh.jkl-nop",
            "__Host-tokend-refreshx",
            "__Host-tokend-refresh ",
            "__host-tokend-refresh",
            "__Host-tokend-device",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn an_empty_cookie_holds_nothing() {
        let headers = headers(&["__Host-tokend-refresh=".to_owned(), format!("__Host-tokend-refresh-{}=", tag(1))]);
        let jar = Jar::of(&headers, CookieKind::Refresh);
        assert!(jar.is_empty() && jar.shared().is_none() && jar.own(&tag(1)).is_none());
    }

    #[test]
    fn of_one_kind_64_are_read() {
        let cookies: Vec<_> = (0..65).map(|n| format!("{}=x", CookieKind::Device.name(&tag(n)))).collect();
        let read = |cookies: &[String]| Jar::of(&headers(cookies), CookieKind::Device).tagged().count();
        assert_eq!((read(&cookies[..64]), read(&cookies)), (64, 64));
    }

    /// The names that go when the cookie `own` is set beside `values`, whose age is their number.
    fn evicted(values: &[&str], own: usize) -> Vec<String> {
        let cookies: Vec<_> =
            values.iter().enumerate().map(|(n, value)| format!("__Host-tokend-refresh-{}={value}", tag(n))).collect();
        let headers = headers(&cookies);
        Jar::of(&headers, CookieKind::Refresh).evicted(&tag(own), |value| value.parse().ok())
    }

    #[test]
    fn a_jar_holds_16_and_the_oldest_goes() {
        let ages: Vec<String> = (0..16).map(|n| (100 - n).to_string()).collect();
        let ages: Vec<&str> = ages.iter().map(String::as_str).collect();
        let name = |n| CookieKind::Refresh.name(&tag(n));
        assert_eq!(evicted(&ages[..15], 99), Vec::<String>::new(), "the sixteenth");
        assert_eq!(evicted(&ages, 3), Vec::<String>::new(), "one of the sixteen");
        assert_eq!(evicted(&ages, 99), [name(15)], "the seventeenth");
        let mut unreadable = ages.clone();
        unreadable[7] = "x";
        assert_eq!(evicted(&unreadable, 99), [name(7)], "one that isn't ours to read");
        let more = [ages.as_slice(), &["1", "2"]].concat();
        assert_eq!(evicted(&more, 99), [name(16), name(17), name(15)]);
    }
}
