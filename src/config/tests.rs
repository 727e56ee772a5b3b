//! What an operator sees: of the file, of the variables, of what goes wrong.

mod meant;
mod reference;
mod values;

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const SHIPPED: &str = include_str!("../../config/tokend.toml");
const SECRET: &str = "correct-horse-battery-staple-0123456789";

/// The configuration of these variables alone.
fn environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, variables.iter().copied())
}

/// All that is wrong with a file of this text.
#[track_caller]
fn problems(text: &str) -> Vec<Problem> {
    match Config::from_toml(text) {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("{text:?} gives {other:?}"),
    }
}

/// A file of this text, with this mode.
fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
fn the_shipped_file_is_the_defaults_and_names_every_key_and_its_variable() {
    assert_eq!(Config::from_toml(SHIPPED).unwrap(), environment(&[]).unwrap());
    let document: toml::Table = SHIPPED.parse().unwrap();
    for (key, _) in keys::defaults() {
        let found =
            key.split('.').try_fold(toml::Value::Table(document.clone()), |table, name| table.get(name).cloned());
        assert!(found.is_some(), "{key} is not in the shipped file");
        let variable = keys::variable(key);
        let named = SHIPPED.split(|c: char| !c.is_ascii_uppercase() && c != '_').any(|word| word == variable);
        assert!(named, "{variable} is not in the shipped file");
    }
}

#[test]
fn the_defaults_are_those_that_the_documents_promise() {
    let config = environment(&[]).unwrap();
    assert_eq!(config.issuer.as_str(), "http://localhost:8080");
    assert_eq!(config.audience, ["http://localhost:8080"]);
    assert!(config.embedded());
    assert_eq!(config.master_secrets, SecretSource::File("data/master.secret".into()));
    assert_eq!((config.tokens.access_lifetime, config.tokens.key_lead_time), (900, 3_600));
    assert_eq!((config.sessions.reuse_window, config.sessions.absolute_lifetime), (10, 0));
    assert_eq!(config.sessions.idle_lifetime, 30 * 86_400);
    assert!(config.passwords.threads >= 1, "a pool without threads answers nobody");
    assert_eq!(config.claims.scopes.keys().collect::<Vec<_>>(), ["address", "email", "phone", "profile", "roles"]);
}

/// For every key a value that is not its default.
const OTHER: &[(&str, &str)] = &[
    ("issuer", "https://login.example.com/auth"),
    ("listen", "[::1]:9000"),
    ("database", "sqlite:other.db"),
    ("database_file", "src/config/tests/database.url"),
    ("database.wait", "0s"),
    ("database.unsafe_durability", "true"),
    ("secret", SECRET),
    ("secret_file", "other.secret"),
    ("audience", "https://api.example.com, billing"),
    ("tokens.access_lifetime", "5m"),
    ("tokens.signing_algorithm", "EdDSA"),
    ("tokens.key_lead_time", "2h"),
    ("sessions.reuse_window", "3s"),
    ("sessions.idle_lifetime", "0s"),
    ("sessions.absolute_lifetime", "1d"),
    ("sessions.retention", "0s"),
    ("login.client", "web"),
    ("passwords.memory_kib", "47104"),
    ("passwords.iterations", "1"),
    ("passwords.parallelism", "4"),
    ("passwords.threads", "1024"),
    ("passwords.queue", "500ms"),
    ("passwords.niceness", "7"),
    ("throttle.enabled", "false"),
    ("throttle.address_failures", "1/1s"),
    ("throttle.address_accounts", "2/1m"),
    ("throttle.network_failures", "3/1h"),
    ("throttle.network_accounts", "4/1d"),
    ("throttle.account_failures", "1"),
    ("throttle.device_failures", "2"),
    ("throttle.first_delay", "1m"),
    ("throttle.longest_delay", "1h"),
    ("throttle.device_lifetime", "1d"),
    ("throttle.client_secrets", "5/10s"),
    ("throttle.refresh_tokens", "6/10s"),
    ("throttle.introspections", "7/10s"),
    ("audit.retention", "0s"),
    ("claims.access_token", "roles,groups"),
    ("claims.scopes", "{ staff = [\"roles\"] }"),
    ("http.allowed_origins", "[\"https://app.example.com\"]"),
    ("http.allowed_headers", "traceparent"),
    ("http.trusted_proxies", "10.0.0.0/8"),
    ("http.forwarded_header", "forwarded"),
    ("http.metrics_from", "10.1.0.0/16"),
    ("http.verify_from", "10.2.0.0/16"),
    ("http.header_timeout", "1s"),
    ("http.idle_timeout", "1s"),
    ("http.request_timeout", "1s"),
    ("http.drain", "5s"),
    ("http.shutdown_timeout", "0s"),
    ("http.max_connections", "1"),
    ("http.tls_certificate", "tls.crt"),
    ("http.tls_key", "tls.key"),
    ("postgres.max_connections", "2"),
    ("postgres.acquire_timeout", "5s"),
    ("log.format", "json"),
    ("log.filter", "warn,tokend=debug"),
];

#[test]
fn every_key_can_be_set_by_its_variable_and_is_described() {
    let all: BTreeSet<&str> = keys::defaults().iter().map(|(key, _)| *key).collect();
    assert_eq!(OTHER.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>(), all);
    let default = environment(&[]).unwrap();
    assert_eq!(default.shown().iter().map(|(key, _)| *key).collect::<BTreeSet<_>>(), all);
    assert_eq!(default.shown().len(), all.len());
    for (key, value) in OTHER {
        let variable = keys::variable(key);
        let mut variables = vec![(variable.as_str(), *value)];
        match *key {
            "http.tls_certificate" => variables.push(("TOKEND_HTTP__TLS_KEY", "k")),
            "http.tls_key" => variables.push(("TOKEND_HTTP__TLS_CERTIFICATE", "c")),
            _ => {}
        }
        let config = environment(&variables).unwrap_or_else(|error| panic!("{variable}={value}: {error}"));
        let changed: BTreeSet<&str> = config
            .shown()
            .iter()
            .zip(default.shown())
            .filter(|(one, other)| one.1 != other.1)
            .map(|(one, _)| one.0)
            .collect();
        assert!(changed.contains(key), "{variable}={value} changed {changed:?}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_value_is_not_set() {
    let file = file("listen = '127.0.0.1:1'\nissuer = ''\n[login]\nclient = 'web'\n", 0o644);
    let variables = [("TOKEND_LISTEN", "127.0.0.1:2"), ("TOKEND_LOGIN__CLIENT", ""), ("PATH", "/bin")];
    let config = Config::load(Some(file.path()), variables).unwrap();
    assert_eq!(config.issuer.as_str(), "http://localhost:2");
    assert_eq!(config.login.client.as_str(), "web");
    environment(&[("TOKEND_CONFIG", "x.toml"), ("TOKEND_TEST_POSTGRES", "x")]).unwrap();
}

#[test]
fn the_database_is_a_key_or_the_url_of_its_section() {
    let other = Config::from_toml("database = 'sqlite:other.db'").unwrap();
    let section = Config::from_toml("[database]\nurl = 'sqlite:other.db'\nwait = '1s'").unwrap();
    assert_eq!(section.database, other.database);
    assert_eq!((section.database_rules.wait.as_secs(), other.database_rules.wait.as_secs()), (1, 60));
    let error = Config::from_toml("[database]\nname = 'x'").unwrap_err().to_string();
    assert!(error.contains("database.name: unknown"), "{error}");
    let error = Config::from_toml("database = 5").unwrap_err().to_string();
    assert!(error.contains("database"), "{error}");
}

#[test]
fn a_session_outlives_its_access_token() {
    let lifetimes = |idle: &str, access: &str| {
        let text = format!("[tokens]\naccess_lifetime = '{access}'\n[sessions]\nidle_lifetime = '{idle}'");
        Config::from_toml(&text).map_err(|error| error.to_string())
    };
    for (idle, access) in [("15m", "15m"), ("0s", "1d"), ("1s", "1s")] {
        lifetimes(idle, access).unwrap();
    }
    let said = lifetimes("899s", "15m").unwrap_err();
    let expected = "tokend.toml:4: sessions.idle_lifetime = 899s: is less than tokens.access_lifetime";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_line_and_the_nearest_keys() {
    let text = "listen = '127.0.0.1:1'\n\n[tokens]\nacess_lifetime = 'hunter2'\n[token]\nx = 1\n";
    let said = Config::from_toml(text).unwrap_err().to_string();
    assert!(
        said.contains(
            "tokend.toml:4: tokens.acess_lifetime: unknown; the nearest known ones are tokens.access_lifetime"
        ),
        "{said}"
    );
    assert!(said.contains("tokend.toml:5: [token]: unknown; the nearest known ones are [tokens], "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(problems("tokens = '15m'")[0].reason.contains("[tokens]"));
}

#[test]
fn an_unknown_variable_is_an_error_that_names_the_nearest_ones() {
    for (name, nearest) in [
        ("TOKEND_TOKENS_ACCESS_LIFETIME", "TOKEND_TOKENS__ACCESS_LIFETIME"),
        ("TOKEND_ISUER", "TOKEND_ISSUER"),
        ("TOKEND_TOKENS", "TOKEND_LISTEN"),
        ("TOKEND_listen", "TOKEND_LISTEN"),
    ] {
        let said = environment(&[(name, "hunter2")]).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{name}: unknown; ")) && said.contains(nearest), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn every_bound_holds_at_its_limit_and_not_one_past_it() {
    for (key, allowed, refused) in [
        ("tokens.access_lifetime", ["1s", "24h"], ["0s", "86401s"]),
        ("tokens.key_lead_time", ["0s", "30d"], ["-1s", "2592001s"]),
        ("sessions.reuse_window", ["0s", "1h"], ["1500ms", "3601s"]),
        ("sessions.idle_lifetime", ["0s", "3650d"], ["30", "315360001s"]),
        ("sessions.absolute_lifetime", ["0s", "3650d"], ["never", "315360001s"]),
        ("sessions.retention", ["0s", "3650d"], ["1x", "315360001s"]),
        ("passwords.memory_kib", ["8", "262144"], ["7", "262145"]),
        ("passwords.iterations", ["1", "53"], ["0", "54"]),
        ("passwords.parallelism", ["1", "16"], ["0", "17"]),
        ("passwords.threads", ["0", "1024"], ["-1", "1025"]),
        ("passwords.queue", ["1ms", "1m"], ["0s", "60001ms"]),
        ("passwords.niceness", ["0", "19"], ["-1", "20"]),
        ("throttle.address_failures", ["1/1s", "1000000/1d"], ["0/1s", "1000001/1s"]),
        ("throttle.network_accounts", ["1 / 1s", "30/24h"], ["30/86401s", "30/500ms"]),
        ("throttle.client_secrets", ["60/1m", "1/1d"], ["60", "60/"]),
        ("throttle.introspections", ["60/1m", "1/1d"], ["/1m", "-1/1m"]),
        ("throttle.account_failures", ["1", "1000000"], ["0", "1000001"]),
        ("throttle.device_failures", ["1", "1000000"], ["0", "1000001"]),
        ("throttle.first_delay", ["1s", "15m"], ["0s", "86401s"]),
        ("throttle.longest_delay", ["1s", "1d"], ["1ms", "86401s"]),
        ("throttle.device_lifetime", ["1s", "3650d"], ["0s", "315360001s"]),
        ("audit.retention", ["0s", "3650d"], ["1500ms", "315360001s"]),
        ("throttle.enabled", ["true", "OFF"], ["maybe", "2"]),
        ("http.forwarded_header", ["x-forwarded-for", "Forwarded"], ["X-Real-IP", "none"]),
        ("http.header_timeout", ["1ms", "1h"], ["0s", "3601s"]),
        ("http.idle_timeout", ["1ms", "1h"], ["0s", "3601s"]),
        ("http.request_timeout", ["1ms", "1h"], ["0s", "3601s"]),
        ("http.shutdown_timeout", ["0s", "1h"], ["1", "3601s"]),
        ("http.max_connections", ["1", "1000000"], ["0", "1000001"]),
        ("postgres.max_connections", ["1", "10000"], ["0", "99999999999999999999"]),
        ("postgres.acquire_timeout", ["1ms", "1m"], ["0s", "61s"]),
        ("login.client", ["a", "app"], ["67e55044-10b1-426f-9247-bb680e5fe0c8", "é"]),
        ("tokens.signing_algorithm", ["ES256", "rs256"], ["none", "HS256"]),
        ("listen", ["0.0.0.0:0", "[::]:65535"], ["localhost:8080", "127.0.0.1:65536"]),
        ("log.format", ["auto", "JSON"], ["jsonl", "text"]),
        ("log.filter", ["OFF", "warn,tokend=trace"], ["tokend=loud", "a=b=c"]),
    ] {
        let variable = keys::variable(key);
        for value in allowed {
            environment(&[(&variable, value)]).unwrap_or_else(|error| panic!("{error}"));
        }
        for value in refused {
            let Err(ConfigError::Invalid(problems)) = environment(&[(&variable, value)]) else {
                panic!("{key} = {value}")
            };
            let source = Source::Variable(variable.clone());
            assert_eq!((problems.len(), &problems[0].source, problems[0].key.as_str()), (1, &source, key));
            assert_eq!(problems[0].value.as_deref(), Some(value));
        }
    }
    let delays = |first, longest| {
        environment(&[("TOKEND_THROTTLE__FIRST_DELAY", first), ("TOKEND_THROTTLE__LONGEST_DELAY", longest)])
    };
    delays("1h", "1h").unwrap();
    assert!(delays("3601s", "1h").unwrap_err().to_string().contains("is shorter than throttle.first_delay"));
    environment(&[("TOKEND_PASSWORDS__PARALLELISM", "4"), ("TOKEND_PASSWORDS__MEMORY_KIB", "32")]).unwrap();
    environment(&[("TOKEND_PASSWORDS__PARALLELISM", "4"), ("TOKEND_PASSWORDS__MEMORY_KIB", "31")]).unwrap_err();
    let work = |memory, iterations| {
        environment(&[("TOKEND_PASSWORDS__MEMORY_KIB", memory), ("TOKEND_PASSWORDS__ITERATIONS", iterations)])
    };
    work("262144", "4").unwrap();
    work("8", "100").unwrap();
    work("8", "101").unwrap_err();
    let said = work("262144", "5").unwrap_err().to_string();
    assert!(said.contains("passwords.iterations = 5: times passwords.memory_kib, 262144, must be"), "{said}");
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_named() {
    let said = Config::from_toml("issuer = ''\nsecret = \"hunter2\nlisten = ''\n").unwrap_err().to_string();
    assert!(said.starts_with("tokend.toml:2: not TOML: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let missing = Config::load(Some(Path::new("no/such.toml")), std::iter::empty::<(OsString, OsString)>());
    assert!(missing.unwrap_err().to_string().starts_with("no/such.toml: "));
    let value = OsString::from_vec(vec![0xff]);
    let said = Config::load(None, [(OsString::from("TOKEND_LISTEN"), value)]).unwrap_err().to_string();
    assert_eq!(said, "TOKEND_LISTEN: listen: must be UTF-8");
}

#[test]
fn tls_needs_both_of_its_files_and_makes_the_issuer_https() {
    assert_eq!(problems("[http]\ntls_certificate = 'a'")[0].key, "http.tls_key");
    assert_eq!(problems("[http]\ntls_key = 'a'")[0].key, "http.tls_certificate");
    let config = Config::from_toml("[http]\ntls_certificate = 'a'\ntls_key = 'b'").unwrap();
    assert_eq!(config.issuer.as_str(), "https://localhost:8080");
}

#[test]
fn the_master_secret_has_exactly_one_place() {
    let postgres = "database = 'postgres://db/tokend'";
    let secret = &problems(postgres)[0];
    assert_eq!((secret.key.as_str(), &secret.source), ("secret", &Source::Default));
    let config = Config::from_toml(&format!("{postgres}\nsecret_file = '/run/secrets/tokend'")).unwrap();
    assert_eq!(config.master_secrets, SecretSource::File("/run/secrets/tokend".into()));
    assert!(!config.embedded());
    assert_eq!(problems(&format!("secret = '{SECRET}'\nsecret_file = 'x'"))[0].key, "secret_file");
    assert_eq!(problems("secret = 'short'")[0].key, "secret");
    assert_eq!(problems("secret = 'short'\ndatabase = 'x'").len(), 2);
}

#[test]
fn a_file_with_a_secret_in_it_must_not_be_readable_by_everybody() {
    let none = || std::iter::empty::<(OsString, OsString)>();
    let inline = format!("secret = '{SECRET}'");
    let with_password = "database = 'postgres://u:p@db/x'\nsecret_file = 'x'";
    let parameter = "database = 'postgres://db/x?password=p'\nsecret_file = 'x'";
    for text in [&inline, with_password, parameter] {
        let said = Config::load(Some(file(text, 0o644).path()), none()).unwrap_err().to_string();
        assert!(said.contains("everybody can read") && said.contains("chmod o-r"), "{said}");
        Config::load(Some(file(text, 0o640).path()), none()).unwrap();
    }
    let public = file("database = 'postgres://u@db/x'", 0o644);
    Config::load(Some(public.path()), [("TOKEND_SECRET", SECRET)]).unwrap();
}

#[test]
fn no_secret_is_in_any_error_or_description() {
    let url = "postgres://tokend:hunter2@db.internal/tokend";
    let config = environment(&[("TOKEND_DATABASE", url), ("TOKEND_SECRET", SECRET)]).unwrap();
    let shown = format!("{config:?} {:?}", config.shown());
    assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
    assert!(shown.contains("postgres://tokend@db.internal/tokend") && shown.contains("(set)"), "{shown}");
    for text in [
        "secret = 'hunter2'",
        "secret = ['hunter2']",
        "secret = { value = 'hunter2' }",
        "secret = 'hunter2",
        "secret = hunter2",
        "[secret]\nvalue = 'hunter2'",
        "secrets = 'hunter2'",
        "database = 'postgres://u:hunter2@db:port/x'",
        "database = 'mysql://u:hunter2@db/x'",
        "database = ['postgres://u:hunter2@db/x']",
        "issuer = 'postgres://u:hunter2@db/x'",
        "issuer = 'https://u:hunter2@a.example'",
        "listen = 'https://u:hunter2@a.example'",
        "postgres = 'postgres://u:hunter2@db/x'",
        "[http]\nallowed_origins = ['https://u:hunter2@a.example']",
        "[http]\nallowed_origins = 'https://u:hunter2@a.example'",
    ] {
        let error = Config::from_toml(text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
    for name in ["TOKEND_SECRET", "TOKEND_DATABASE", "TOKEND_SECRETS", "TOKEND_POSTGRES"] {
        let error = environment(&[(name, "hunter2")]).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(name) && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_derived_issuer_follows_the_port_that_the_system_chose() {
    let mut config = environment(&[("TOKEND_LISTEN", "127.0.0.1:0")]).unwrap();
    config.bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!((config.issuer.as_str(), config.listen.port()), ("http://localhost:4711", 4711));
    assert_eq!(config.audience, ["http://localhost:4711"]);

    let variables =
        [("TOKEND_LISTEN", "127.0.0.1:0"), ("TOKEND_ISSUER", "https://a.example"), ("TOKEND_AUDIENCE", "api")];
    let mut config = environment(&variables).unwrap();
    config.bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!(config.issuer.as_str(), "https://a.example");
    assert_eq!(config.audience, ["api"]);
}
