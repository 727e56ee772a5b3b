//! Its tokens: refresh tokens that name their session, and access tokens signed with ES256, as long as the server's.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::failure::Failure;
use crate::seed::{APP, ISSUER, REFRESH_TOKEN_BYTES};

const PREFIX: &str = "p.";
const ID_BYTES: usize = 16;
/// With the session's id, what a refresh token of the server's length has room for.
const SECRET_BYTES: usize = (REFRESH_TOKEN_BYTES - PREFIX.len()) / 4 * 3 - ID_BYTES;

/// `{"typ":"at+jwt","alg":"ES256","kid":"…"}` with a key id as long as the server's.
const HEAD: &str = r#"{"typ":"at+jwt","alg":"ES256","kid":"0123456789abcdef0123456789abcdef0123456789a"}"#;

/// A new refresh token of a session.
pub fn refresh_token(session: Uuid) -> String {
    let mut bytes = [0; ID_BYTES + SECRET_BYTES];
    let (id, secret) = bytes.split_at_mut(ID_BYTES);
    id.copy_from_slice(session.as_bytes());
    secret.copy_from_slice(&tokend::random::bytes::<SECRET_BYTES>());
    let mut token = String::with_capacity(REFRESH_TOKEN_BYTES);
    token.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
    token
}

/// The session that a refresh token names.
pub fn session_of(token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    Uuid::from_slice(bytes.get(..ID_BYTES)?).ok()
}

/// What the table has of a refresh token.
pub fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// What an access token says: the names and about the lengths of the server's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub sub: Uuid,
    pub aud: Vec<String>,
    pub exp: i64,
    pub iat: i64,
    pub jti: Uuid,
    pub client_id: String,
    pub scope: String,
    pub sid: Uuid,
    pub auth_time: i64,
}

impl Claims {
    /// Those of a session's new token.
    pub fn of(session: Uuid, now: i64, lifetime: i64) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            sub: session,
            aud: vec!["https://api.example.com".to_owned(), ISSUER.to_owned()],
            exp: now + lifetime,
            iat: now,
            jti: Uuid::from_bytes(tokend::random::bytes()),
            client_id: APP.to_owned(),
            scope: "openid profile email".to_owned(),
            sid: session,
            auth_time: now,
        }
    }
}

/// A key that is made when the prototype starts.
pub struct Key {
    pair: EcdsaKeyPair,
    public: UnparsedPublicKey<Vec<u8>>,
    random: SystemRandom,
    head: String,
}

impl Key {
    /// A new key.
    pub fn generate() -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref().to_vec());
        Ok(Self { pair, public, random: SystemRandom::new(), head: URL_SAFE_NO_PAD.encode(HEAD) })
    }

    /// An access token.
    pub fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let mut token = self.head.clone();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.pair.sign(&self.random, token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The claims of an access token with a right signature.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        self.public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}
