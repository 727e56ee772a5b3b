//! Claims as arguments: `name=JSON`.

use serde_json::Value;

use crate::config;
use crate::domain::Claims;

/// The most that all claims of a user may take, in bytes of JSON: an access token of a usual client that carries them all is still
/// one that is accepted (8 KiB). The server leaves out what is too large for one of an unusual client.
const MAX_BYTES: usize = 4096;

/// Claims that have a place of their own, and the option that sets them.
const ELSEWHERE: [(&str, &str); 2] = [("email", "use --email"), ("preferred_username", "it is the user's name")];

/// A claim with its value.
#[derive(Clone, Debug)]
pub struct Claim(String, Value);

/// Reads `name=JSON`.
pub fn claim(text: &str) -> Result<Claim, String> {
    let (name, json) = text.split_once('=').ok_or("must be name=JSON, such as roles='[\"admin\"]'")?;
    let name = claim_name(name.trim())?;
    match serde_json::from_str(json) {
        Ok(Value::Null) => Err("null says nothing: leave the claim out, or use --remove-claim".to_owned()),
        Ok(value) => Ok(Claim(name, value)),
        Err(_) => Err(format!(
            "is no JSON; mind the shell's quoting: a list is {name}='[\"a\",\"b\"]', a text is {name}='\"a\"'"
        )),
    }
}

/// Reads the name of a claim that a user may have.
pub fn claim_name(name: &str) -> Result<String, String> {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return Err(format!("{name} is no claim to set: {instead}"));
    }
    config::claim_name(name).map_err(|reason| format!("{name} {reason}"))
}

/// Lays `given` over `claims`.
pub fn set(claims: &mut Claims, given: Vec<Claim>) -> Result<(), String> {
    let mut names: Vec<&str> = given.iter().map(|Claim(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
        return Err(format!("claim {twice} is given twice; a list is {twice}='[\"a\",\"b\"]'"));
    }
    claims.extend(given.into_iter().map(|Claim(name, value)| (name, value)));
    let bytes = Value::Object(claims.clone()).to_string().len();
    if bytes > MAX_BYTES { Err(format!("the claims of a user take at most {MAX_BYTES} bytes of JSON")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_name_and_json() {
        for (text, name, json) in [
            (r#"roles=["admin"]"#, "roles", r#"["admin"]"#),
            (r#"name="A=B""#, "name", r#""A=B""#),
            (" roles = [\"admin\"]\n", "roles", r#"["admin"]"#),
            ("https://example.com/x=1", "https://example.com/x", "1"),
            ("email_verified=true", "email_verified", "true"),
        ] {
            let Claim(found, value) = claim(text).unwrap();
            assert_eq!((found.as_str(), value.to_string().as_str()), (name, json));
        }
    }

    #[test]
    fn what_is_no_claim_is_refused_with_a_hint() {
        for (text, word) in [
            ("roles", "name=JSON"),
            ("roles=[admin]", "quoting"),
            ("name=Alice", "quoting"),
            ("=1", "name of a claim"),
            ("a b=1", "name of a claim"),
            ("sub=1", "only the server sets"),
            ("scope=\"admin\"", "only the server sets"),
            ("email=\"a@b\"", "--email"),
            ("x=null", "--remove-claim"),
        ] {
            assert!(claim(text).unwrap_err().contains(word), "{text}: {}", claim(text).unwrap_err());
        }
    }

    #[test]
    fn claims_are_bounded_and_given_once() {
        let mut claims = Claims::new();
        set(&mut claims, vec![claim("a=1").unwrap(), claim("b=2").unwrap()]).unwrap();
        set(&mut claims, vec![claim("a=3").unwrap()]).unwrap();
        assert_eq!(Value::Object(claims.clone()).to_string(), r#"{"a":3,"b":2}"#);
        assert!(set(&mut claims, vec![claim("c=1").unwrap(), claim("c=1").unwrap()]).is_err());
        assert!(set(&mut claims, vec![claim(&format!("c=\"{}\"", "x".repeat(MAX_BYTES))).unwrap()]).is_err());
    }
}
