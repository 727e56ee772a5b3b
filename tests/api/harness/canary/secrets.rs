//! Which parts of what is sent, answered, printed and configured are secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{Text, is_on, keep, note};

/// The parameters, and members of answers, that are.
const SECRET: [&str; 6] = ["password", "client_secret", "token", "access_token", "refresh_token", "device_token"];

/// A secret that we make is 43 characters long, or longer.
const MADE: usize = 43;

/// The same request, after its secrets were noted.
pub fn noted(request: RequestBuilder) -> RequestBuilder {
    if !is_on() {
        return request;
    }
    let (http, request) = request.build_split();
    let request = request.expect("a request");
    note_headers(request.headers());
    note_form(request.url().query().unwrap_or_default().as_bytes());
    note_body(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default());
    RequestBuilder::from_parts(http, request)
}

/// Notes the secrets of a request that is written as bytes.
pub fn note_raw(request: &[u8]) {
    if !is_on() {
        return;
    }
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(request.len());
    let (head, body) = request.split_at(end);
    for line in String::from_utf8_lossy(head).lines() {
        if let Some((name, value)) = line.split_once(':') {
            note_header(&name.to_lowercase(), value.trim());
        }
    }
    note_body(body.trim_ascii_start());
}

/// Notes the secrets of an answer, and keeps one that is not to have any.
pub fn note_answer(path: &str, status: u16, headers: &HeaderMap, text: &str) {
    if !is_on() {
        return;
    }
    note_headers(headers);
    note_body(text.as_bytes());
    if path.ends_with("/metrics") {
        return keep(Text::Metrics, text.as_bytes());
    }
    let public = headers.iter().filter(|(name, _)| *name != "set-cookie");
    let head: String = public.map(|(name, value)| format!("{name}: {value:?}\n")).collect();
    let gives_tokens = status == 200 && text.contains("\"access_token\"");
    keep(Text::Answers, format!("{status}\n{head}{}", if gives_tokens { "" } else { text }).as_bytes());
}

/// Notes what is typed for the program, if the command says that it is secret. A hash is not, but is stored as it is.
pub fn note_typed(arguments: &[&str], input: &str) {
    if arguments.iter().any(|argument| ["--password-stdin", "--secret-stdin"].contains(argument)) {
        note(input.trim_end());
    }
}

/// Notes what the program prints that looks like a secret that it made.
pub fn note_printed(text: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.split(|c: char| !is_part(c)).filter(|word| word.len() >= MADE).for_each(note);
}

/// Notes a setting that is secret, or the password in one that is an address.
pub fn note_setting(name: &str, value: &str) {
    if name.contains("SECRET") && !name.ends_with("_FILE") {
        value.split(',').for_each(|secret| note(secret.trim()));
    }
    if let Some(password) = url::Url::parse(value).ok().as_ref().and_then(url::Url::password) {
        note(password);
    }
}

fn note_headers(headers: &HeaderMap) {
    headers.iter().for_each(|(name, value)| note_header(name.as_str(), &String::from_utf8_lossy(value.as_bytes())));
}

fn note_header(name: &str, value: &str) {
    match name {
        "authorization" => note_authorization(value),
        "cookie" => value.split(';').for_each(note_cookie),
        "set-cookie" => note_cookie(value.split(';').next().unwrap_or_default()),
        _ => {}
    }
}

fn note_authorization(value: &str) {
    let credentials = value.split_once(' ').map_or(value, |(_, credentials)| credentials).trim();
    note(credentials);
    let Some(decoded) = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return;
    };
    if let Some((_, secret)) = decoded.split_once(':') {
        note(secret);
        note_form(format!("client_secret={secret}").as_bytes());
    }
}

fn note_cookie(cookie: &str) {
    note(cookie.split_once('=').map_or(cookie, |(_, value)| value).trim().trim_matches('"'));
}

fn note_body(body: &[u8]) {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => {
            let secret = members.iter().filter(|(name, _)| SECRET.contains(&name.as_str()));
            secret.filter_map(|(_, value)| value.as_str()).for_each(note);
        }
        _ => note_form(body),
    }
}

fn note_form(form: &[u8]) {
    let fields = url::form_urlencoded::parse(form);
    fields.filter(|(name, _)| SECRET.contains(&name.as_ref())).for_each(|(_, value)| note(&value));
}
