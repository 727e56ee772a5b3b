//! What the configuration says, for `tokend check`: every key, and no secret.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::{Config, ForwardedHeader, LogFormat, SecretSource};
use crate::clock::{Seconds, length_for_people};
use crate::throttle::Limit;

/// Every key with the value that is in force.
pub fn describe(config: &Config) -> Vec<(&'static str, String)> {
    let Config { tokens, sessions, passwords, throttle, http, .. } = config;
    let limits = &throttle.limits;
    let (secret, secret_file) = match &config.master_secrets {
        SecretSource::Inline(_) => ("(set)".to_owned(), String::new()),
        SecretSource::File(path) => (String::new(), path.display().to_string()),
    };
    let path = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
    vec![
        ("issuer", config.issuer.to_string()),
        ("listen", config.listen.to_string()),
        ("database", config.database.to_string()),
        ("database_file", path(config.database_rules.file.as_deref())),
        ("database.wait", length_for_people(config.database_rules.wait)),
        ("database.unsafe_durability", config.database_rules.unsafe_durability.to_string()),
        ("secret", secret),
        ("secret_file", secret_file),
        ("audience", list(&config.audience)),
        ("tokens.access_lifetime", seconds(tokens.access_lifetime)),
        ("tokens.signing_algorithm", tokens.signing_algorithm.to_string()),
        ("tokens.key_lead_time", seconds(tokens.key_lead_time)),
        ("sessions.reuse_window", seconds(sessions.reuse_window)),
        ("sessions.idle_lifetime", lifetime(sessions.idle_lifetime)),
        ("sessions.absolute_lifetime", lifetime(sessions.absolute_lifetime)),
        ("sessions.retention", seconds(sessions.retention)),
        ("login.client", config.login.client.to_string()),
        ("passwords.memory_kib", passwords.memory_kib.to_string()),
        ("passwords.iterations", passwords.iterations.to_string()),
        ("passwords.parallelism", passwords.parallelism.to_string()),
        ("passwords.threads", passwords.threads.to_string()),
        ("passwords.queue", length_for_people(passwords.queue)),
        ("passwords.niceness", passwords.niceness.to_string()),
        ("throttle.enabled", throttle.enabled.to_string()),
        ("throttle.address_failures", limit(limits.sources.address_failures)),
        ("throttle.address_accounts", limit(limits.sources.address_accounts)),
        ("throttle.network_failures", limit(limits.sources.network_failures)),
        ("throttle.network_accounts", limit(limits.sources.network_accounts)),
        ("throttle.account_failures", limits.account.free.to_string()),
        ("throttle.device_failures", limits.device.free.to_string()),
        ("throttle.first_delay", seconds(limits.account.delay)),
        ("throttle.longest_delay", seconds(limits.account.longest)),
        ("throttle.device_lifetime", seconds(throttle.device_lifetime)),
        ("throttle.client_secrets", limit(limits.client_secrets)),
        ("throttle.refresh_tokens", limit(limits.refresh_tokens)),
        ("throttle.introspections", limit(limits.introspections)),
        ("audit.retention", lifetime(config.audit.retention)),
        ("claims.access_token", list(&config.claims.access_token)),
        ("claims.scopes", scopes(&config.claims.scopes)),
        ("http.allowed_origins", list(&http.allowed_origins)),
        ("http.allowed_headers", list(&http.allowed_headers)),
        ("http.trusted_proxies", list(&http.trusted_proxies)),
        ("http.forwarded_header", forwarded_header(http.forwarded_header).to_owned()),
        ("http.metrics_from", list(&http.metrics_from)),
        ("http.verify_from", list(&http.verify_from)),
        ("http.header_timeout", length_for_people(http.header_timeout)),
        ("http.idle_timeout", length_for_people(http.idle_timeout)),
        ("http.request_timeout", length_for_people(http.request_timeout)),
        ("http.drain", length_for_people(http.drain)),
        ("http.shutdown_timeout", length_for_people(http.shutdown_timeout)),
        ("http.max_connections", http.max_connections.to_string()),
        ("http.tls_certificate", path(http.tls.as_ref().map(|tls| tls.certificate.as_path()))),
        ("http.tls_key", path(http.tls.as_ref().map(|tls| tls.key.as_path()))),
        ("postgres.max_connections", config.postgres.max_connections.to_string()),
        ("postgres.acquire_timeout", length_for_people(config.postgres.acquire_timeout)),
        ("log.format", format(config.log.format).to_owned()),
        ("log.filter", config.log.filter.clone()),
    ]
}

fn list(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn scopes(scopes: &BTreeMap<String, Vec<String>>) -> String {
    let one = |(scope, claims): (&String, &Vec<String>)| format!("{scope} = {}", list(claims));
    scopes.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn seconds(seconds: Seconds) -> String {
    length_for_people(Duration::from_secs(seconds.unsigned_abs()))
}

fn lifetime(lifetime: Seconds) -> String {
    if lifetime == 0 { "no limit".to_owned() } else { seconds(lifetime) }
}

fn limit(limit: Limit) -> String {
    format!("{}/{}", limit.count, seconds(limit.window))
}

fn forwarded_header(header: ForwardedHeader) -> &'static str {
    match header {
        ForwardedHeader::XForwardedFor => "X-Forwarded-For",
        ForwardedHeader::Forwarded => "Forwarded",
    }
}

fn format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Auto => "auto",
        LogFormat::Human => "human",
        LogFormat::Json => "json",
    }
}
