//! Environment variables: `TOKEND_SECTION__KEY`, laid over the file.

use std::ffi::{OsStr, OsString};

use super::error::Source;
use super::keys::{self, PREFIX};
use super::settings::Settings;
use crate::domain::spelling::{BYTE_ORDER_MARK, unquoted};

/// The transports of a port.
const TRANSPORTS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Variables that set no key: the path of the file, which the command line reads, those of the tests, and those that nobody wrote for
/// us. A service or container whose name begins with `tokend` is announced to others in variables that begin alike.
fn is_reserved(name: &str, value: &OsStr) -> bool {
    let prefixes = ["TOKEND_TEST_", "TOKEND_PORT_", "TOKEND_SERVICE_"];
    ["TOKEND_CONFIG", "TOKEND_PORT"].contains(&name)
        || prefixes.iter().any(|prefix| name.starts_with(prefix))
        || is_service_link(name, &value.to_string_lossy())
        || is_container_link(name, &value.to_string_lossy())
}

/// What Kubernetes sets in every container for each Service of its namespace.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = name.ends_with("_PORT")
        && TRANSPORTS.iter().any(|transport| value.starts_with(&format!("{}://", transport.to_ascii_lowercase())));
    let of_a_port = || {
        let (port, rest) = name.rsplit_once("_PORT_")?.1.split_once('_')?;
        let (transport, what) = rest.split_once('_').unwrap_or((rest, "ADDR"));
        let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let is_known = ["ADDR", "PORT", "PROTO", "START", "END"].contains(&what);
        (is_number && is_known && TRANSPORTS.contains(&transport)).then_some(())
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || is_address
        || of_a_port().is_some()
}

/// What Docker adds to that for a linked container: its name, and the variables that it was started with.
fn is_container_link(name: &str, value: &str) -> bool {
    (name.ends_with("_NAME") && value.starts_with('/')) || name.contains("_ENV_")
}

/// The value in the text of a variable, without the white space, the byte order mark and the quotes that files and shells add. A master
/// secret keeps its quotes, which may be a part of it.
fn meant<'a>(key: &str, text: &'a str) -> &'a str {
    if key == "secret" { text.trim() } else { unquoted(text.trim_start_matches(BYTE_ORDER_MARK)) }
}

/// Lays the `TOKEND_` variables of `environment` over `settings`. An empty variable is one that is not set.
pub(super) fn apply(settings: &mut Settings, environment: impl Iterator<Item = (OsString, OsString)>) {
    let mut variables: Vec<(String, OsString)> =
        environment.map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
    variables.retain(|(name, value)| name.starts_with(PREFIX) && !is_reserved(name, value));
    variables.sort();
    for (name, value) in variables {
        let source = Source::Variable(name.clone());
        let known = keys::defaults().into_iter().find(|(key, _)| keys::variable(key) == name);
        match (known, value.into_string()) {
            (None, _) => {
                let known = keys::defaults().into_iter().map(|(known, _)| keys::variable(known));
                // Its name is all there is to say of where it stands.
                settings.report(Source::Default, &name, "", keys::unknown(&name, known));
            }
            (Some((key, _)), Err(_)) => settings.report(source, key, "", "must be UTF-8"),
            (Some((key, _)), Ok(text)) => match meant(key, &text) {
                "" => {}
                meant => settings.set(key, source, &text, |default| default.read_variable(meant)),
            },
        }
    }
}
