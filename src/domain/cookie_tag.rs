//! What tells the cookies of different owners apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::SecretHash;

/// How long a tag is, in characters: 96 bits.
pub const COOKIE_TAG_LENGTH: usize = 16;

/// What stands for an owner, a client or a user of `issuer`, in the name of its cookie. Browsers send a host's cookies to
/// every port and path of the host, so the issuer is part of it.
pub fn cookie_tag(issuer: &str, owner: &str) -> String {
    let digest = SecretHash::of([issuer, owner].join("\0").as_bytes());
    let mut tag = URL_SAFE_NO_PAD.encode(digest.as_bytes());
    tag.truncate(COOKIE_TAG_LENGTH);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_start_of_the_hash_of_issuer_and_owner() {
        // printf 'https://auth.example.com\0app' | openssl dgst -sha256 -binary | base64 | tr +/ -_ | head -c 16
        assert_eq!(cookie_tag("https://auth.example.com", "app"), "VtZQqsUzJGYqtSmB");
        assert_ne!(cookie_tag("https://auth.example.com", "app"), cookie_tag("https://auth.example.com/a", "app"));
        assert_ne!(cookie_tag("https://auth.example.com", "app"), cookie_tag("https://auth.example.com", "app2"));
    }
}
