//! Every key of the configuration with its default. What is not listed here is an error wherever it is set.

use super::value::Value;

/// The beginning of the names of all environment variables that set a key.
pub(super) const PREFIX: &str = "TOKEND_";

/// Keys whose values are never shown.
pub(super) const SECRET: [&str; 2] = ["database", "secret"];

/// Every key in the order in which an operator meets it. The type of the default is the type of the key; an empty text
/// means "not set".
pub(super) fn defaults() -> Vec<(&'static str, Value)> {
    vec![
        ("issuer", text("")),
        ("listen", text("127.0.0.1:8080")),
        ("database", text("sqlite:data/tokend.db")),
        ("database_file", text("")),
        ("database.wait", text("60s")),
        ("database.unsafe_durability", Value::Boolean(false)),
        ("secret", text("")),
        ("secret_file", text("")),
        ("audience", list(&[])),
        ("tokens.access_lifetime", text("15m")),
        ("tokens.signing_algorithm", text("ES256")),
        ("tokens.key_lead_time", text("1h")),
        ("sessions.reuse_window", text("10s")),
        ("sessions.idle_lifetime", text("30d")),
        ("sessions.absolute_lifetime", text("0s")),
        ("sessions.retention", text("7d")),
        ("login.client", text("app")),
        ("passwords.memory_kib", Value::Integer(19_456)),
        ("passwords.iterations", Value::Integer(2)),
        ("passwords.parallelism", Value::Integer(1)),
        ("passwords.threads", Value::Integer(0)),
        ("passwords.queue", text("2s")),
        ("passwords.niceness", Value::Integer(3)),
        ("throttle.enabled", Value::Boolean(true)),
        ("throttle.address_failures", text("30/10m")),
        ("throttle.address_accounts", text("15/10m")),
        ("throttle.network_failures", text("150/10m")),
        ("throttle.network_accounts", text("75/10m")),
        ("throttle.account_failures", Value::Integer(5)),
        ("throttle.device_failures", Value::Integer(10)),
        ("throttle.first_delay", text("1s")),
        ("throttle.longest_delay", text("15m")),
        ("throttle.device_lifetime", text("180d")),
        ("throttle.client_secrets", text("60/1m")),
        ("throttle.refresh_tokens", text("60/1m")),
        ("throttle.introspections", text("300/1m")),
        ("audit.retention", text("365d")),
        ("claims.access_token", list(&[])),
        ("claims.scopes", standard_scopes()),
        ("http.allowed_origins", list(&[])),
        ("http.allowed_headers", list(&["authorization", "content-type"])),
        ("http.trusted_proxies", list(&[])),
        ("http.forwarded_header", text("X-Forwarded-For")),
        ("http.metrics_from", list(&["127.0.0.0/8", "::1"])),
        ("http.verify_from", list(&["127.0.0.0/8", "::1"])),
        ("http.header_timeout", text("10s")),
        ("http.idle_timeout", text("75s")),
        ("http.request_timeout", text("30s")),
        ("http.drain", text("0s")),
        ("http.shutdown_timeout", text("30s")),
        ("http.max_connections", Value::Integer(10_000)),
        ("http.tls_certificate", text("")),
        ("http.tls_key", text("")),
        ("postgres.max_connections", Value::Integer(16)),
        ("postgres.acquire_timeout", text("2s")),
        ("log.format", text("auto")),
        ("log.filter", text("info")),
    ]
}

/// The claims of the standard scopes, OpenID Connect Core §5.4.
fn standard_scopes() -> Value {
    let profile = [
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ];
    let scopes: [(&str, &[&str]); 5] = [
        ("profile", &profile),
        ("email", &["email", "email_verified"]),
        ("phone", &["phone_number", "phone_number_verified"]),
        ("address", &["address"]),
        ("roles", &["roles"]),
    ];
    Value::Lists(scopes.into_iter().map(|(scope, claims)| (scope.to_owned(), owned(claims))).collect())
}

/// The environment variable that sets `key`: `tokens.key_lead_time` is `TOKEND_TOKENS__KEY_LEAD_TIME`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// The key that `name` is in a section of the file. In `[database]` the database itself is `url`.
pub(super) fn in_section(section: &str, name: &str) -> String {
    match (section, name) {
        ("database.", "url") => "database".to_owned(),
        _ => format!("{section}{name}"),
    }
}

/// Whether `name` is a key.
pub(super) fn is_key(name: &str) -> bool {
    defaults().iter().any(|(key, _)| *key == name)
}

/// Whether `name` is a section, which holds keys and no value of its own.
pub(super) fn is_section(name: &str) -> bool {
    defaults().iter().any(|(key, _)| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// What to say of an unknown `name`: which of the known ones it may have been meant for.
pub(super) fn unknown(name: &str, known: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = known.collect();
    known.sort_by_key(|candidate| strsim::osa_distance(candidate, name));
    known.truncate(3);
    format!("unknown; the nearest known ones are {}", known.join(", "))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(items: &[&str]) -> Value {
    Value::List(owned(items))
}

fn owned(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}
