//! Any bytes as tokens: as texts that nobody made, and as what our own keys would have signed.
#![expect(clippy::missing_panics_doc, reason = "a panic is how a target says what it found")]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::access::{MAX_CLOCK_SKEW, Verified, VerifiedTokens};
use super::refresh::{InvalidToken, PREFIX, RefreshKey, RefreshKeys, RefreshToken};
use crate::clock::UnixTime;
use crate::domain::{PlainSecret, SessionId, SigningAlgorithm, TokenTyp};
use crate::keys::{KeyRing, SigningKey};

const NOW: UnixTime = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";

/// The bytes as the text of a refresh token, and as what is in one that we made, with a part of its text replaced.
pub fn refresh_token(bytes: &[u8]) {
    let keys = RefreshKeys::new(RefreshKey::new(1, &[1; 32], &[2; 32]), vec![RefreshKey::new(1, &[3; 32], &[4; 32])]);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(keys.open(text).is_err(), "somebody found a tag: {text}");
        let body = URL_SAFE_NO_PAD.encode(bytes);
        assert!(keys.open(&format!("{PREFIX}{body}")).is_err(), "somebody found a tag: {text}");
    }
    let Some((&session, rest)) = bytes.split_first_chunk::<16>() else { return };
    let Some((&generation, rest)) = rest.split_first_chunk::<8>() else { return };
    let Some((&issued_at, rest)) = rest.split_first_chunk::<8>() else { return };
    let Some((&secret, change)) = rest.split_first_chunk::<32>() else { return };
    let mut made =
        RefreshToken::first(SessionId(uuid::Uuid::from_bytes(session)), i64::from_be_bytes(issued_at), secret);
    made.generation = i64::from_be_bytes(generation);
    let text = keys.seal(&made);
    match keys.open(text.reveal()) {
        Ok(read) => {
            assert!(read.generation >= 0 && read.issued_at >= 0);
            assert_eq!(
                (read.session_id, read.generation, read.issued_at),
                (made.session_id, made.generation, made.issued_at)
            );
            assert!(keys.seal(&read) == text, "a token has one spelling");
        }
        Err(why) => {
            assert!(made.generation < 0 || made.issued_at < 0);
            assert_eq!(why, InvalidToken::Malformed);
        }
    }
    // Its beginning and its end with something else between, or instead.
    let [at, length, with @ ..] = change else { return };
    let (head, tail) = text.reveal().split_at(usize::from(*at) % text.reveal().len());
    let tail = tail.get(usize::from(*length).min(tail.len())..).unwrap_or_default();
    let changed = format!("{head}{}{tail}", String::from_utf8_lossy(with));
    assert!(changed == text.reveal() || keys.open(&changed).is_err(), "{changed} is not what we made");
}

/// The bytes as the text of an access token, and as a header and claims (apart by a zero byte) that we signed; `KID` in
/// them is the key's.
pub fn jwt(bytes: &[u8]) {
    static RING: LazyLock<Option<KeyRing>> = LazyLock::new(|| {
        let key = SigningKey::generate(SigningAlgorithm::EdDsa, NOW - 10, NOW - 10).ok()?;
        Some(KeyRing::new(vec![key]))
    });
    let Some(ring) = &*RING else { return };
    let Some(key) = ring.signer(NOW) else { return };
    let verified = VerifiedTokens::new(ISSUER);
    let text = String::from_utf8_lossy(bytes).replace("KID", key.kid());
    assert!(verified.verify(&text, ring, NOW).is_err(), "somebody found a signature: {text}");

    let (header, claims) = text.split_once('\0').unwrap_or_default();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let Ok(signature) = key.sign(signed.as_bytes()) else { return };
    let token = PlainSecret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)));
    let Ok(believed) = verified.verify(token.reveal(), ring, NOW) else { return };
    assert!(verified.verify(token.reveal(), ring, NOW).is_ok_and(|again| again == believed));
    let Verified { claims: believed, typ } = believed;
    assert!(verified.verify(token.reveal(), ring, believed.exp).is_err(), "at its end it is dead");
    // Another reader finds the same in it, and nothing that we wouldn't have written.
    let (Ok(header), Ok(claims)) = (serde_json::from_str(header), serde_json::from_str(claims)) else {
        assert!(token.reveal().is_empty(), "what isn't JSON was believed: {text}");
        return;
    };
    assert_is_ours(&header, &claims, typ, key.kid());
    assert_eq!((claims.get("iss"), believed.iss.as_str()), (Some(&Value::from(ISSUER)), ISSUER));
    assert_eq!(claims.get("exp"), Some(&believed.exp.into()));
    assert_eq!(claims.get("sub"), Some(&believed.sub.as_str().into()));
    assert!(believed.exp > NOW && believed.iat <= NOW + MAX_CLOCK_SKEW && !believed.aud.is_empty());
}

fn assert_is_ours(header: &Value, claims: &Value, typ: TokenTyp, kid: &str) {
    assert_eq!(header, &serde_json::json!({ "typ": typ.as_str(), "alg": "EdDSA", "kid": kid }));
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        assert!(claims.get(name).is_some_and(|claim| !claim.is_null()), "{name} is missing in {claims}");
    }
}
