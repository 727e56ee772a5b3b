//! The claims of an access token, RFC 9068 §2.2, typed: what has another JSON type than it should is no claim.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::{Claims, ClientId, Scope, SessionId, UserId};
use crate::strict_json;

/// What an access token says. Reading one refuses a repeated name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer, exactly as configured.
    pub iss: String,
    /// The user, or the client where no user is involved.
    pub sub: String,
    /// The resource servers that it is for. One is written as a string, several as an array (RFC 7519 §4.1.3).
    #[serde(serialize_with = "write_audience", deserialize_with = "read_audience")]
    pub aud: Vec<String>,
    /// When it dies: at this second it is dead.
    pub exp: UnixTime,
    /// When it was made.
    pub iat: UnixTime,
    /// Its identifier.
    pub jti: Uuid,
    /// The client that asked for it.
    #[serde(serialize_with = "write_text", deserialize_with = "read_text")]
    pub client_id: ClientId,
    /// What it was granted; left out if that is nothing.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    #[serde(serialize_with = "write_text", deserialize_with = "read_text")]
    pub scope: Scope,
    /// The session that it belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "write_some_text", deserialize_with = "read_some_text")]
    pub sid: Option<SessionId>,
    /// When the user last proved who they are, if a user did.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_some")]
    pub auth_time: Option<UnixTime>,
    /// The user claims that the operator lists, `roles` for one.
    #[serde(flatten, deserialize_with = "strict_json::object")]
    pub extra: Claims,
}

impl AccessClaims {
    /// The names that no user claim may have: ours, those by which others would tell who may use a token and for whom (RFC
    /// 9068 §2.2, RFC 8693 §4, RFC 7800, RFC 9449, OpenID Connect Core §2), and those that introspection answers with
    /// beside the claims (RFC 7662 §2.2).
    pub const RESERVED: [&str; 23] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "scope",
        "sid",
        "auth_time",
        "azp",
        "cnf",
        "act",
        "may_act",
        "typ",
        "amr",
        "acr",
        "nonce",
        "at_hash",
        "active",
        "username",
        "token_type",
    ];

    /// Whether `audience` is one of those that it is for.
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.iter().any(|aud| aud == audience)
    }

    /// Whether it is about this user.
    pub fn is_about(&self, user: UserId) -> bool {
        *self.sub == *user.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())
    }

    /// Whether there are a subject and an audience.
    pub(super) fn has_subject_and_audience(&self) -> bool {
        !self.sub.is_empty() && !self.aud.is_empty() && !self.aud.iter().any(String::is_empty)
    }

    /// The first user claim that has a reserved name.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        Self::RESERVED.into_iter().find(|name| self.extra.contains_key(*name))
    }
}

fn write_audience<S: Serializer>(audience: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audience {
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}

fn read_audience<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Several(several) => several,
    })
}

fn write_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// Accepts only the canonical spelling, though people may type others.
fn read_text<'de, T: FromStr + ToString, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = text.parse().ok().filter(|value: &T| value.to_string() == text);
    value.ok_or_else(|| D::Error::custom("not a text of its kind"))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn write_some_text<T: ToString, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(T::to_string).serialize(serializer)
}

fn read_some_text<'de, T: FromStr + ToString, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    read_text(deserializer).map(Some)
}

/// A claim may be absent, but `null` is not absent.
fn read_some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
