//! What a gateway demands of a token, in the query of its own configuration.

use crate::domain::Scope;
use crate::oauth::params::decode_form;
use crate::token::access::AccessClaims;

/// Stands for every audience.
const ANY: &str = "*";

/// The audience and the scope that a token must have.
#[derive(Debug, PartialEq, Eq)]
pub struct Demand {
    /// One of these is enough. Never empty.
    audiences: Vec<String>,
    /// All of it is needed.
    pub scope: Scope,
}

/// What is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// An escape is wrong, or it is no UTF-8.
    Malformed,
    Scope,
    /// No audience is named: every token of the issuer would do.
    NoAudience,
}

impl Demand {
    /// Reads a query. An empty parameter counts as omitted. Unknown ones are ignored.
    pub fn read(query: &str) -> Result<Self, Unusable> {
        let (mut audiences, mut words) = (Vec::new(), Vec::new());
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            match name.as_str() {
                "audience" if !value.is_empty() => audiences.push(value),
                "scope" if !value.is_empty() => words.push(value),
                _ => {}
            }
        }
        if audiences.is_empty() {
            return Err(Unusable::NoAudience);
        }
        let scope = words.join(" ").parse().map_err(|_| Unusable::Scope)?;
        Ok(Self { audiences, scope })
    }

    /// Whether a token is for one of the audiences.
    pub fn is_for(&self, claims: &AccessClaims) -> bool {
        self.audiences.iter().any(|audience| audience == ANY || claims.is_for(audience))
    }
}

fn decode(text: &str) -> Result<String, Unusable> {
    decode_form(text.as_bytes()).ok_or(Unusable::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(audiences: &[&str], scope: &str) -> Demand {
        let audiences = audiences.iter().map(|&audience| audience.to_owned()).collect();
        Demand { audiences, scope: scope.parse().unwrap() }
    }

    #[test]
    fn a_query_is_read_as_it_was_written_or_encoded() {
        let api = "https://api.example.com";
        for (query, demanded) in [
            ("audience=https://api.example.com", demand(&[api], "")),
            ("audience=https%3A%2F%2Fapi.example.com&scope=", demand(&[api], "")),
            ("audience=one&audience=two", demand(&["one", "two"], "")),
            ("audience=*&scope=read+write", demand(&["*"], "read write")),
            ("scope=read%20write&audience=one&scope=admin", demand(&["one"], "admin read write")),
            ("&x&audience=one&&x=1&x=2&access_token=a=b&", demand(&["one"], "")),
            ("%61udience=one", demand(&["one"], "")),
        ] {
            assert_eq!(Demand::read(query), Ok(demanded), "{query}");
        }
    }

    #[test]
    fn a_query_that_demands_nothing_is_refused() {
        for query in ["", "audience", "audience=", "aud=one", "Audience=one", "scope=read", "resource=one"] {
            assert_eq!(Demand::read(query), Err(Unusable::NoAudience), "{query}");
        }
        for query in ["audience=%", "audience=%zz", "audience=one&x=%F", "%FF=1&audience=one", "audience=%C3"] {
            assert_eq!(Demand::read(query), Err(Unusable::Malformed), "{query}");
        }
        for scope in ["%22", "a%5Cb", "%C3%A9"] {
            assert_eq!(Demand::read(&format!("audience=one&scope={scope}")), Err(Unusable::Scope), "{scope}");
        }
        let scope = |length: usize| Demand::read(&format!("audience=one&scope={}", "a".repeat(length)));
        assert!(scope(Scope::MAX_BYTES).is_ok());
        assert_eq!(scope(Scope::MAX_BYTES + 1), Err(Unusable::Scope));
    }
}
