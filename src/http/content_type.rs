//! The format of a body, by its `Content-Type` (RFC 9110 §8.3).

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Form,
    /// `application/json`, or a format that is written as JSON (RFC 6839 §3.1).
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType {
    pub encoding: Encoding,
    /// Whether it names a character set that agrees with UTF-8 on ASCII only.
    pub is_ascii_only: bool,
}

/// Character sets that contain ASCII.
const WITH_ASCII: [&str; 6] = ["us-ascii", "ascii", "iso-8859-1", "iso8859-1", "latin1", "windows-1252"];

/// The content type of a request. `None` if it is missing, repeated or not supported.
pub fn content_type(headers: &HeaderMap) -> Option<ContentType> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (first, None) = (types.next()?.to_str().ok()?, types.next()) else { return None };
    let mut parts = first.split(';').map(str::trim);
    let encoding = encoding(&parts.next()?.to_ascii_lowercase())?;
    let mut is_ascii_only = false;
    for part in parts.filter(|part| !part.is_empty()) {
        match charset(part) {
            Some(charset) if ["utf-8", "utf8"].contains(&charset.as_str()) => {}
            Some(charset) if WITH_ASCII.contains(&charset.as_str()) => is_ascii_only = true,
            // No parameter changes the meaning of JSON.
            None if encoding == Encoding::Json => {}
            _ => return None,
        }
    }
    Some(ContentType { encoding, is_ascii_only })
}

fn encoding(essence: &str) -> Option<Encoding> {
    match essence {
        "application/x-www-form-urlencoded" => Some(Encoding::Form),
        "application/json" => Some(Encoding::Json),
        _ => essence.strip_prefix("application/")?.strip_suffix("+json").map(|_| Encoding::Json),
    }
}

/// The value of a parameter that is `charset`.
fn charset(part: &str) -> Option<String> {
    let (name, value) = part.split_once('=')?;
    let is_charset = name.trim().eq_ignore_ascii_case("charset");
    is_charset.then(|| value.trim().trim_matches(['"', '\'']).trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static str) -> Option<(Encoding, bool)> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        content_type(&headers).map(|found| (found.encoding, found.is_ascii_only))
    }

    #[test]
    fn json_has_no_character_set_but_utf_8() {
        for value in [
            "application/json",
            "Application/JSON;charset=UTF8",
            "application/json; charset=\"utf-8\"",
            "application/json ; Charset = 'UTF-8';",
            "application/json; odata=verbose; profile=\"a;b\"",
            "application/vnd.api+json",
        ] {
            assert_eq!(read(value), Some((Encoding::Json, false)), "{value}");
        }
        assert_eq!(read("application/json; charset=iso-8859-1"), Some((Encoding::Json, true)));
        for value in ["application/json; charset=utf-16", "application/jsonp", "text/json", "application/+xml"] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn a_form_has_no_parameter_but_its_character_set() {
        let form = |parameters: &str| {
            let value = format!("application/x-www-form-urlencoded{parameters}");
            read(Box::leak(value.into_boxed_str())).map(|(_, is_ascii_only)| is_ascii_only)
        };
        for parameters in ["", ";", ";charset=UTF-8", "; charset=utf8"] {
            assert_eq!(form(parameters), Some(false), "{parameters}");
        }
        for parameters in [";charset=ISO-8859-1", "; charset=us-ascii"] {
            assert_eq!(form(parameters), Some(true), "{parameters}");
        }
        for parameters in
            [";charset=utf-16", ";charset=utf-7", ";boundary=x", ";charset=utf-8;charset=utf-16", ", text/plain"]
        {
            assert_eq!(form(parameters), None, "{parameters}");
        }
    }
}
