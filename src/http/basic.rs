//! What `Authorization: Basic` encodes. Many clients join identifier and secret as they are, where RFC 6749 §2.3.1 wants both
//! form-urlencoded first.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::domain::PlainSecret;
use crate::oauth::Credentials;
use crate::oauth::params::{decode_form, is_well_escaped};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Every way to read the credentials, the RFC's first. Empty if they can't be read. Only a `+`, or a `%` that begins no escape,
/// is ambiguous.
pub fn readings(encoded: &str) -> Vec<Credentials> {
    let Some((id, secret)) = halves(encoded) else { return Vec::new() };
    let (id, plain_id) = (decode_form(&id), as_it_is(&id));
    let (secret, plain_secret) = (decode_form(&secret), as_it_is(&secret));
    let mut readings: Vec<Credentials> = Vec::new();
    for read in [(&id, &secret), (&id, &plain_secret), (&plain_id, &plain_secret)] {
        let (Some(id), Some(secret)) = read else { continue };
        let (id, secret) = (id.trim_ascii(), secret.trim_ascii());
        let is_known = readings.iter().any(|known| known.id == id && known.secret.reveal() == secret);
        if !is_known && !id.contains('\0') && !secret.contains('\0') {
            readings.push(Credentials { id: id.to_owned(), secret: PlainSecret::new(secret.to_owned()) });
        }
    }
    readings
}

/// What stands before the first colon and after it.
fn halves(encoded: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    // base64url differs in these two characters.
    let standard = encoded.replace('-', "+").replace('_', "/");
    let mut id = BASE64.decode(standard).ok()?;
    let colon = id.iter().position(|&b| b == b':')?;
    let secret = id.split_off(colon).split_off(1);
    Some((id, secret))
}

/// A half that was not encoded: a `+` is a plus, and a `%` that begins no escape is a percent sign. Escapes are decoded.
fn as_it_is(half: &[u8]) -> Option<String> {
    if !is_well_escaped(half) {
        return String::from_utf8(half.to_vec()).ok();
    }
    let pluses: Vec<&[u8]> = half.split(|&b| b == b'+').collect();
    decode_form(&pluses.join(&b"%2B"[..]))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    fn read(encoded: &str) -> Vec<(String, String)> {
        readings(encoded).into_iter().map(|read| (read.id, read.secret.reveal().to_owned())).collect()
    }

    #[track_caller]
    fn reads(text: &[u8], expected: &[(&str, &str)]) {
        let found = read(&STANDARD.encode(text));
        let found: Vec<_> = found.iter().map(|(id, secret)| (id.as_str(), secret.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn both_halves_are_form_urlencoded() {
        reads(b"a%3Ab%20c%25:p%2Bw%252F", &[("a:b c%", "p+w%2F")]);
        reads(b"a:b:c", &[("a", "b:c")]);
        reads(b"a:", &[("a", "")]);
    }

    #[test]
    fn what_was_not_encoded_is_read_as_it_is() {
        reads(b"a:b+c/d==", &[("a", "b c/d=="), ("a", "b+c/d==")]);
        reads(b"a:100%", &[("a", "100%")]);
        reads(b"a:100%+x", &[("a", "100%+x")]);
        reads(b"a:%ZZ", &[("a", "%ZZ")]);
        reads(b"a+b:c", &[("a b", "c"), ("a+b", "c")]);
        reads(b"a:p%2Fw+x", &[("a", "p/w x"), ("a", "p/w+x")]);
    }

    #[test]
    fn white_space_around_is_no_part_of_it() {
        reads(b" a :b\r\n", &[("a", "b")]);
    }

    #[test]
    fn base64_may_lack_its_padding_and_be_that_of_addresses() {
        let text = "a:~~~???>";
        for encoded in
            [STANDARD.encode(text), STANDARD_NO_PAD.encode(text), URL_SAFE.encode(text), URL_SAFE_NO_PAD.encode(text)]
        {
            assert_eq!(read(&encoded), [("a".to_owned(), "~~~???>".to_owned())], "{encoded}");
        }
    }

    #[test]
    fn what_can_not_be_read_is_nothing() {
        for bad in [&b"nocolon"[..], b"\xff:b", b"a:%FF", b"a:\xff", b"a:%00", b"a\0:b"] {
            reads(bad, &[]);
        }
        assert_eq!(read("!!!"), []);
    }
}
