//! Environment variables: `TOKEND_SECTION__KEY`, laid over the file.

use std::ffi::OsString;

use super::error::Source;
use super::keys::{self, PREFIX};
use super::settings::Settings;

/// Variables that set no key: the path of the file, which the command line reads, those of the tests, and those that
/// Kubernetes sets in every container when a Service is called `tokend`.
fn is_reserved(name: &str) -> bool {
    let prefixes = ["TOKEND_TEST_", "TOKEND_PORT_", "TOKEND_SERVICE_"];
    ["TOKEND_CONFIG", "TOKEND_PORT"].contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Lays the `TOKEND_` variables of `environment` over `settings`. An empty variable is one that is not set.
pub(super) fn apply(settings: &mut Settings, environment: impl Iterator<Item = (OsString, OsString)>) {
    let mut variables: Vec<(String, OsString)> =
        environment.map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
    variables.retain(|(name, _)| name.starts_with(PREFIX) && !is_reserved(name));
    variables.sort();
    for (name, value) in variables {
        let source = Source::Variable(name.clone());
        let known = keys::defaults().into_iter().find(|(key, _)| keys::variable(key) == name);
        match (known, value.into_string()) {
            (None, _) => {
                let known = keys::defaults().into_iter().map(|(known, _)| keys::variable(known));
                settings.report(source, "this variable", "", keys::unknown(&name, known));
            }
            (Some((key, _)), Err(_)) => settings.report(source, key, "", "must be UTF-8"),
            (Some(_), Ok(text)) if text.is_empty() => {}
            (Some((key, _)), Ok(text)) => settings.set(key, source, &text, |default| default.read_variable(&text)),
        }
    }
}
