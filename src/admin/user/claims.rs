//! The claims of a user: which names they may have, and how much room they take.

use serde_json::Value;

use crate::admin::Error;
use crate::config;
use crate::domain::Claims;

/// The most that all claims of a user may take, in bytes of JSON: an access token of a usual client that carries them all is still
/// one that is accepted (8 KiB). The server leaves out what is too large for one of an unusual client.
const MAX_BYTES: usize = 4096;

/// Claims that have a place of their own, and the option that sets them.
const ELSEWHERE: [(&str, &str); 2] = [("email", "use --email"), ("preferred_username", "it is the user's name")];

/// A claim with its value. The name is one that [`claim_name`] accepts.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub name: String,
    pub value: Value,
}

/// Reads the name of a claim that a user may have.
pub(crate) fn claim_name(name: &str) -> Result<String, String> {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return Err(format!("{name} is no claim to set: {instead}"));
    }
    config::claim_name(name).map_err(|reason| format!("{name} {reason}"))
}

/// Lays `given` over `claims`.
pub(super) fn set(claims: &mut Claims, given: Vec<Claim>) -> Result<(), Error> {
    let mut names: Vec<&str> = given.iter().map(|claim| claim.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
        return Err(Error::invalid(format!("claim {twice} is given twice; a list is {twice}='[\"a\",\"b\"]'")));
    }
    claims.extend(given.into_iter().map(|claim| (claim.name, claim.value)));
    if Value::Object(claims.clone()).to_string().len() > MAX_BYTES {
        return Err(Error::invalid(format!("the claims of a user take at most {MAX_BYTES} bytes of JSON")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_bounded_and_given_once() {
        let claim = |name: &str, value: Value| Claim { name: name.to_owned(), value };
        let mut claims = Claims::new();
        set(&mut claims, vec![claim("a", 1.into()), claim("b", 2.into())]).unwrap();
        set(&mut claims, vec![claim("a", 3.into())]).unwrap();
        assert_eq!(Value::Object(claims.clone()).to_string(), r#"{"a":3,"b":2}"#);
        assert!(set(&mut claims, vec![claim("c", 1.into()), claim("c", 1.into())]).is_err());
        assert!(set(&mut claims, vec![claim("c", "x".repeat(MAX_BYTES).into())]).is_err());
    }
}
