//! Values with what files, shells and platforms add to them, and variables that nobody wrote for us.

use super::*;

#[track_caller]
fn ignored(name: &str, value: &str) {
    assert_eq!(environment(&[(name, value)]).unwrap(), environment(&[]).unwrap(), "{name}");
}

#[test]
fn what_kubernetes_sets_for_a_service_sets_no_key() {
    for service in ["TOKEND", "TOKEND_POSTGRES", "TOKEND_HTTP", "TOKEND_2", "TOKEND__X"] {
        let set = |suffix: &str, value: &str| ignored(&format!("{service}{suffix}"), value);
        set("_SERVICE_HOST", "10.0.0.1");
        set("_SERVICE_PORT", "5432");
        set("_SERVICE_PORT_HTTP_METRICS", "8080");
        for (transport, scheme) in [("TCP", "tcp"), ("UDP", "udp"), ("SCTP", "sctp")] {
            set("_PORT", &format!("{scheme}://10.0.0.1:5432"));
            set(&format!("_PORT_5432_{transport}"), &format!("{scheme}://10.0.0.1:5432"));
            set(&format!("_PORT_5432_{transport}_PROTO"), scheme);
            set(&format!("_PORT_5432_{transport}_PORT"), "5432");
            set(&format!("_PORT_5432_{transport}_ADDR"), "10.0.0.1");
        }
    }
}

#[test]
fn what_docker_sets_for_a_linked_container_sets_no_key() {
    ignored("TOKEND_NAME", "/web/tokend");
    ignored("TOKEND_DB_NAME", "/web/tokend-db");
    ignored("TOKEND_ENV_LISTEN", "0.0.0.0:1");
    ignored("TOKEND_DB_ENV_POSTGRES_PASSWORD", "hunter2");
    ignored("TOKEND_DB_1_PORT", "tcp://172.17.0.5:5432");
    ignored("TOKEND_DB_PORT_8000_TCP_START", "tcp://172.17.0.5:8000");
}

#[test]
fn a_misspelt_key_is_no_variable_of_a_platform() {
    for (name, value) in [
        ("TOKEND_PORTS", "1"),
        ("TOKEND_HTTP_PORT", "8080"),
        ("TOKEND_LISTEN_PORT", "8080"),
        ("TOKEND_DB_PORT_5432", "1"),
        ("TOKEND_DB_PORT_5432_ICMP", "1"),
        ("TOKEND_DB_PORT_X_TCP", "1"),
        ("TOKEND_NAME", "tokend"),
        ("TOKEND_ENV", "production"),
        ("TOKEND_HOST", "10.0.0.1"),
        ("TOKEND_DATABASE_NAME", "tokend"),
        ("TOKEND_service_host", "10.0.0.1"),
    ] {
        environment(&[(name, value)]).unwrap_err();
    }
}

#[test]
fn what_is_around_a_value_is_no_part_of_it() {
    let plain = environment(&[("TOKEND_ISSUER", "https://a.example")]).unwrap();
    for text in [
        " https://a.example\n",
        "https://a.example\r\n",
        "\"https://a.example\"",
        "'https://a.example'\n",
        "\u{feff}https://a.example",
        "\t\" https://a.example \"",
    ] {
        assert_eq!(environment(&[("TOKEND_ISSUER", text)]).unwrap(), plain, "{text:?}");
    }
    environment(&[("TOKEND_ISSUER", "\"https://a.example'")]).unwrap_err();
    ignored("TOKEND_LISTEN", " \n");
    ignored("TOKEND_LISTEN", "\"\"");
    let number = environment(&[("TOKEND_HTTP__MAX_CONNECTIONS", "\"5\"\r\n")]).unwrap();
    assert_eq!(number.http.max_connections, 5);
    let length = environment(&[("TOKEND_TOKENS__ACCESS_LIFETIME", "'5MIN'")]).unwrap();
    assert_eq!(length.tokens.access_lifetime, 300);
}

/// It may be in use as it is.
#[test]
fn a_master_secret_keeps_its_quotes() {
    let quoted = format!("'{SECRET}'");
    let config = environment(&[("TOKEND_SECRET", &format!("{quoted}\n"))]).unwrap();
    assert_eq!(config.master_secrets, SecretSource::inline(&quoted).unwrap());
}

#[test]
fn yes_and_no_have_several_words() {
    for (words, enabled) in [
        (["true", "TRUE", "True", "1", "yes", "On", "Y"], true),
        (["false", "FALSE", "0", "No", "off", "n", " False\n"], false),
    ] {
        for word in words {
            assert_eq!(environment(&[("TOKEND_THROTTLE__ENABLED", word)]).unwrap().throttle.enabled, enabled, "{word}");
            let file = Config::from_toml(&format!("[throttle]\nenabled = {word:?}")).unwrap();
            assert_eq!(file.throttle.enabled, enabled, "{word}");
        }
    }
}

#[test]
fn a_list_has_several_spellings() {
    let expected = ["https://a.example", "billing"];
    for text in [
        "https://a.example,billing",
        " https://a.example , billing, ",
        "https://a.example billing",
        "https://a.example\nbilling\n",
        "\"https://a.example\",\"billing\"",
        "[\"https://a.example\", \"billing\",]",
        "'[\"https://a.example\",\"billing\"]'",
    ] {
        assert_eq!(environment(&[("TOKEND_AUDIENCE", text)]).unwrap().audience, expected, "{text:?}");
    }
    assert_eq!(Config::from_toml("audience = 'https://a.example, billing'").unwrap().audience, expected);
    let json = environment(&[("TOKEND_CLAIMS__SCOPES", r#"{"staff":["roles"]}"#)]).unwrap();
    let toml = environment(&[("TOKEND_CLAIMS__SCOPES", r#"{ staff = ["roles"] }"#)]).unwrap();
    assert_eq!(json.claims, toml.claims);
}

#[test]
fn a_file_may_have_been_written_elsewhere() {
    let text = "listen = '127.0.0.1:1'\r\n[http]\r\nmax_connections = '7'\r\n";
    let config = Config::from_toml(&format!("\u{feff}{text}")).unwrap();
    assert_eq!((config.listen.port(), config.http.max_connections), (1, 7));
    let said = Config::from_toml("\u{feff}\r\nlisten = 1\r\n").unwrap_err().to_string();
    assert!(said.starts_with("tokend.toml:2: listen"), "{said}");
}

#[test]
fn one_origin_has_one_spelling_in_force() {
    let config =
        environment(&[("TOKEND_HTTP__ALLOWED_ORIGINS", "https://App.example.com:443/, http://localhost:3000")]);
    assert_eq!(config.unwrap().http.allowed_origins, ["https://app.example.com", "http://localhost:3000"]);
}
