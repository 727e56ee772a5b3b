//! The parameters of a PostgreSQL URL. The driver ignores those that it doesn't know, and so a misspelt `sslmode` would connect
//! without TLS: here they are refused, with a reason that shows no value.

use std::net::IpAddr;

use url::Url;

use super::error::InvalidDatabase;
use super::keys;

/// All that the driver knows, beside `options[NAME]`.
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Whether the driver understands every parameter of `url`.
pub(super) fn check(url: &Url) -> Result<(), InvalidDatabase> {
    // What follows a ? or & in a password that isn't encoded looks like the name of a parameter.
    let mut may_be_secret = url.query().is_some_and(|query| query.contains('@'));
    for (name, value) in url.query_pairs() {
        if !is_known(&name) {
            let unknown = || keys::unknown(&name, KNOWN.iter().map(|&known| known.to_owned()));
            return Err(if may_be_secret { InvalidDatabase::Hidden } else { wrong(&name, &unknown()) });
        }
        if let Some(allowed) = broken(&name, &value) {
            return Err(wrong(&name, allowed));
        }
        may_be_secret |= name == "password";
    }
    Ok(())
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || (name.starts_with("options[") && name.ends_with(']'))
}

/// What the value of the parameter must be, if it isn't.
fn broken(name: &str, value: &str) -> Option<&'static str> {
    let (sound, allowed) = match name {
        "sslmode" | "ssl-mode" => (
            SSL_MODES.iter().any(|mode| mode.eq_ignore_ascii_case(value)),
            "must be disable, allow, prefer, require, verify-ca or verify-full",
        ),
        "port" => (value.parse::<u16>().is_ok(), "must be a port"),
        "hostaddr" => (value.parse::<IpAddr>().is_ok(), "must be an address such as 10.0.0.1 or fd00::1"),
        "statement-cache-capacity" => (value.parse::<usize>().is_ok(), "must be a number"),
        _ => (true, ""),
    };
    (!sound).then_some(allowed)
}

fn wrong(name: &str, reason: &str) -> InvalidDatabase {
    InvalidDatabase::Parameter(format!("{name}: {reason}"))
}
