//! Values that would mean something else than was meant, or too much.

use super::*;

/// The library takes a word that it doesn't know for a module, and then nothing else is logged.
#[test]
fn a_misspelt_level_is_refused_and_not_taken_for_a_module() {
    let filter = |text| environment(&[("TOKEND_LOG__FILTER", text)]).map_err(|error| error.to_string());
    for text in [
        "info",
        "Info",
        "TRACE",
        "info,sqlx=warn",
        "warn,tokend::http=debug",
        "tokend[request]=debug",
        "warn, tokend=debug,",
    ] {
        filter(text).unwrap();
    }
    for (text, word) in [
        ("inof", "inof"),
        ("tokend", "tokend"),
        ("warn,debgu,sqlx=info", "debgu"),
        ("warn, inof", "inof"),
        ("[request]", "[request]"),
    ] {
        let said = filter(text).unwrap_err();
        let expected = format!("TOKEND_LOG__FILTER: log.filter = {text}: \"{word}\" is no level: ");
        assert!(said.starts_with(&expected) && said.contains("off, error, warn, info, debug, trace"), "{said}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_line() {
    let text = "listen = 8080\naudience = ['a b', 'c']\n[http]\nmax_connections = 'many'\nallowed_origins = ['*']\n\
                trusted_proxies = ['x']\nmetrics_from = ['y']\n[claims]\naccess_token = ['sub', 'roles']\n[claims.scopes]\n'a b' = ['exp']\n";
    let said = Config::from_toml(text).unwrap_err().to_string();
    for line in [
        "tokend.toml:1: listen = 8080: must be a text",
        "tokend.toml:2: audience = a b: must be a name",
        "tokend.toml:4: http.max_connections = 'many': must be a whole number",
        "tokend.toml:5: http.allowed_origins = *: must be an origin",
        "tokend.toml:6: http.trusted_proxies = x: must be an address",
        "tokend.toml:7: http.metrics_from = y: must be an address",
        "tokend.toml:9: claims.access_token = sub: is a claim that only the server sets",
        "claims.scopes = a b: must be one scope",
        "claims.scopes = exp: is a claim that only the server sets",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert_eq!(said.lines().count(), 9, "{said}");
}

#[test]
fn audiences_are_bounded() {
    let of_length = |length: usize| Config::from_toml(&format!("audience = ['{}']", "a".repeat(length)));
    of_length(2044).unwrap();
    let said = of_length(2045).unwrap_err().to_string();
    assert!(said.contains("audience = a") && said.contains("is more than 2048 bytes"), "{said}");
}
