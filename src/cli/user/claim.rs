//! Claims as arguments: `name=JSON`.

use serde_json::Value;

use crate::admin::user::{Claim, claim_name};

/// Reads `name=JSON`.
pub fn claim(text: &str) -> Result<Claim, String> {
    let (name, json) = text.split_once('=').ok_or("must be name=JSON, such as roles='[\"admin\"]'")?;
    let name = claim_name(name.trim())?;
    match serde_json::from_str(json) {
        Ok(Value::Null) => Err("null says nothing: leave the claim out, or use --remove-claim".to_owned()),
        Ok(value) => Ok(Claim { name, value }),
        Err(_) => Err(format!(
            "is no JSON; mind the shell's quoting: a list is {name}='[\"a\",\"b\"]', a text is {name}='\"a\"'"
        )),
    }
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
            let Claim { name: found, value } = claim(text).unwrap();
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
}
