//! The error that refuses a value says what its key may hold. `defaults.toml`, its copy `config/tokend.toml` and `docs/configuration.md`
//! say it too; these tests compare them with the error.

use std::fmt::Write as _;

use super::*;
use crate::config::value::Value;

const BUILT_IN: &str = include_str!("../defaults.toml");

/// The copy that operators edit.
const SAMPLE: &str = "config/tokend.toml";

const PAGE: &str = "docs/configuration.md";

/// The page's introduction ends here; what follows is written by [`page`].
const GENERATED: &str = "<!-- From here on written by a test: edit src/config/defaults.toml, not this. -->\n";

/// Keys that hold a path: any text is one.
const PATHS: [&str; 4] = ["database_file", "secret_file", "http.tls_certificate", "http.tls_key"];

/// What `key` may hold, in the words of the error that refuses a value.
fn allowed(key: &str, default: &Value) -> String {
    if PATHS.contains(&key) {
        return "a path".to_owned();
    }
    let refused = match default {
        Value::Text(_) => "\u{e9}",
        Value::Integer(_) => "-1",
        Value::Boolean(_) => "maybe",
        Value::List(_) => "[\"a b\"]",
        Value::Lists(_) => "1",
    };
    let Err(ConfigError::Invalid(problems)) = environment(&[(&keys::variable(key), refused)]) else {
        panic!("{key} = {refused} is not refused");
    };
    let reason = problems.into_iter().find(|problem| problem.key == key).expect("the key is named").reason;
    let words = reason.split_once("must be ").or_else(|| reason.split_once(" is ")).expect("it says what is allowed").1;
    // The unit as a person writes it.
    words.trim_end_matches(", with its unit: ms, s, m, h or d").replace("days", "d").replace("day", "d")
}

/// The comment above each key, on one line.
fn comments() -> Vec<(String, String)> {
    let (mut section, mut comment, mut found) = (String::new(), Vec::new(), Vec::new());
    for line in BUILT_IN.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if line.is_empty() {
            comment.clear();
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
            if !comment.is_empty() {
                found.push((name.to_owned(), comment.join(" ")));
            }
            comment.clear();
        } else if let Some((name, _)) = line.split_once(" = ") {
            found.push((keys::in_section(&section, name), comment.join(" ")));
            comment.clear();
        }
    }
    found.retain(|(key, _)| keys::is_key(key));
    found
}

/// How the comment of a key ends: what the key may hold, and its variable.
fn fact(key: &str, default: &Value) -> String {
    format!("Allowed: {}. {}", allowed(key, default), keys::variable(key))
}

#[test]
fn the_comment_of_each_key_ends_with_what_the_code_allows() {
    let comments = comments();
    for (key, default) in keys::defaults() {
        let (_, comment) = comments.iter().find(|(other, _)| other == key).expect(key);
        let fact = fact(key, &default);
        assert!(comment.ends_with(&format!(" {fact}")), "defaults.toml: the comment of {key} must end with\n{fact}");
    }
}

fn shown(default: &Value) -> String {
    match default {
        Value::Text(text) if text.is_empty() => "empty".to_owned(),
        Value::Text(text) => format!("`{text}`"),
        Value::Integer(number) => format!("`{number}`"),
        Value::Boolean(yes) => format!("`{yes}`"),
        Value::List(list) => format!("`{list:?}`"),
        Value::Lists(lists) => {
            let one = |(name, list): (&String, &Vec<String>)| format!("`{name} = {list:?}`");
            lists.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The key as the file has it, with its section.
fn in_file(key: &'static str) -> &'static str {
    if key == "database" { "database.url" } else { key }
}

/// Everything of the page that the code knows.
fn page() -> String {
    let (mut page, mut section) = ("\n## Outside sections\n".to_owned(), "");
    let comments = comments();
    let (inside, outside): (Vec<_>, Vec<_>) =
        keys::defaults().into_iter().partition(|(key, _)| in_file(key).contains('.'));
    for (key, default) in outside.into_iter().chain(inside) {
        let name = in_file(key);
        let of = name.split_once('.').map_or("", |(section, _)| section);
        if of != section {
            section = of;
            let _ = write!(page, "\n## `[{section}]`\n");
        }
        let fact = fact(key, &default);
        let (_, comment) = comments.iter().find(|(other, _)| other == key).expect(key);
        let meaning = comment.trim_end_matches(&fact).trim();
        let allowed = allowed(key, &default);
        let (variable, default) = (keys::variable(key), shown(&default));
        let _ = write!(page, "\n### `{name}`\n\n{meaning}\n\n");
        let _ = write!(page, "- variable: `{variable}`\n- default: {default}\n- allowed: {allowed}\n");
    }
    page
}

/// Requires that the file at `path` holds `expected`, or writes it.
fn require(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("TOKEND_TEST_WRITE").is_some() {
        std::fs::write(&file, expected).expect(path);
    }
    let hint = "write it anew: TOKEND_TEST_WRITE=1 cargo test --lib of_the_configuration_is";
    assert!(
        std::fs::read_to_string(&file).expect(path) == expected,
        "{path} differs from src/config/defaults.toml; {hint}"
    );
}

#[test]
fn the_page_of_the_configuration_is_what_the_code_says() {
    let written = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect(PAGE);
    let (introduction, _) = written.split_once(GENERATED).expect("the page has its mark");
    require(PAGE, &format!("{introduction}{GENERATED}{}", page()));
}

#[test]
fn the_sample_of_the_configuration_is_the_built_in_defaults() {
    require(SAMPLE, BUILT_IN);
}
