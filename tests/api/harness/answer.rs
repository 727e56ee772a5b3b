//! What the server answered, and what every answer must hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::canary;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let path = response.url().path().to_owned();
        let text = response.text().await.expect("the body can be read");
        canary::note_answer(&path, status, &headers, &text);
        Self { status, headers, text }
    }

    /// The body as JSON; null when it isn't.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A header's text; empty when it isn't there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header is text"))
    }

    /// The one `Set-Cookie` that keeps or clears a client's refresh token; empty when there is none.
    #[track_caller]
    pub fn refresh_cookie(&self) -> &str {
        let lines = self.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("the cookie is text"));
        let mut cookies = lines.filter(|line| line.starts_with("__Host-tokend-refresh-"));
        let cookie = cookies.next().unwrap_or("");
        assert_eq!(cookies.next(), None, "{self:?}");
        cookie
    }

    /// The refresh token in that cookie.
    #[track_caller]
    pub fn refresh_token_in_cookie(&self) -> String {
        let pair = self.ok().refresh_cookie().split(';').next().unwrap_or_default();
        pair.split_once('=').unwrap_or_else(|| panic!("no cookie in {self:?}")).1.to_owned()
    }

    /// Every cookie that the answer sets or clears.
    #[track_caller]
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        let lines = self.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("the cookie is text"));
        lines.map(SetCookie::read).collect()
    }

    /// Status, header fields and body, without the two that say which answer and when: what somebody who compares
    /// answers can go by.
    pub fn without_the_incidental(&self) -> (u16, Vec<(String, String)>, &str) {
        let fields = self.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        let mut fields: Vec<_> = fields
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        fields.sort();
        (self.status, fields, &self.text)
    }

    /// A member of the body that is a text.
    #[track_caller]
    pub fn text_at(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }

    #[track_caller]
    pub fn access_token(&self) -> String {
        self.ok().text_at("access_token")
    }

    #[track_caller]
    pub fn refresh_token(&self) -> String {
        self.ok().text_at("refresh_token")
    }

    /// What the access token says, as anybody can read it.
    #[track_caller]
    pub fn claims(&self) -> Value {
        jwt_part(&self.access_token(), 1)
    }

    /// The access token's header.
    #[track_caller]
    pub fn jwt_header(&self) -> Value {
        jwt_part(&self.access_token(), 0)
    }

    /// The answer must be 204, with nothing in it.
    #[track_caller]
    pub fn no_content(&self) -> &Self {
        assert_eq!((self.status, self.text.as_str(), self.header("content-type")), (204, "", ""), "{self:?}");
        self
    }

    /// The answer must be that an administrator ended so many sessions.
    #[track_caller]
    pub fn revoked(&self, sessions: u64) -> &Self {
        assert_eq!(
            (self.status, self.text.as_str()),
            (200, format!(r#"{{"revoked":{sessions}}}"#).as_str()),
            "{self:?}"
        );
        self
    }

    /// The answer, which must be 200.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    /// The answer must be this error in the shape of RFC 6749 §5.2, and nobody may keep it.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.json()["error"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let json = self.json();
        let members = json.as_object().expect("an object");
        assert!(members.keys().all(|name| name == "error" || name == "error_description"), "{self:?}");
        for text in members.values() {
            let text = text.as_str().expect("a text");
            assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text}");
        }
        self
    }

    /// The answer must be RFC 7662's for everything that isn't active, byte for byte.
    #[track_caller]
    pub fn inactive(&self) -> &Self {
        assert_eq!((self.status, self.text.as_str()), (200, r#"{"active":false}"#), "{self:?}");
        self
    }

    /// The answer must be an active introspection.
    #[track_caller]
    pub fn active(&self) -> &Self {
        assert_eq!((self.status, &self.json()["active"]), (200, &Value::Bool(true)), "{self:?}");
        self
    }
}

/// A `Set-Cookie`.
#[derive(Clone, Debug)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    pub max_age: i64,
    /// All but `Max-Age`, in order.
    pub attributes: Vec<String>,
}

impl SetCookie {
    #[track_caller]
    fn read(line: &str) -> Self {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
        let (ages, mut attributes): (Vec<_>, Vec<_>) =
            parts.map(str::to_owned).partition(|attribute| attribute.starts_with("Max-Age="));
        let [age] = ages.as_slice() else { panic!("one age in {line}") };
        attributes.sort();
        let max_age = age["Max-Age=".len()..].parse().expect("a number of seconds");
        Self { name: name.to_owned(), value: value.to_owned(), max_age, attributes }
    }
}

#[track_caller]
fn jwt_part(token: &str, part: usize) -> Value {
    let part = token.split('.').nth(part).expect("a part of a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}
