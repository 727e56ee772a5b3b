use serde_json::{Value, json};

use super::*;

fn pair(algorithm: SigningAlgorithm) -> Pair {
    Pair::generate(algorithm).unwrap()
}

impl JwsKey {
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.pair.public.verify_sig(message, signature).is_ok()
    }
}

fn verifies(token: &str, key: &JwsKey) -> Result<Value, InvalidJws> {
    UnverifiedJws::parse(token)?.verify(key)
}

#[test]
fn what_a_key_signs_it_verifies_and_no_other_key_does() {
    for algorithm in SigningAlgorithm::ALL {
        let [one, two] = ["one", "two"].map(|kid| JwsKey::new(pair(algorithm), kid.to_owned()).unwrap());
        let token = one.sign("at+jwt", &json!({ "sub": "alice" })).unwrap();
        assert_eq!(verifies(&token, &one), Ok(json!({ "sub": "alice" })), "{algorithm}");
        assert_eq!(verifies(&token, &two), Err(InvalidJws::Signature), "{algorithm}");
        let jws = UnverifiedJws::parse(&token).unwrap();
        assert_eq!((jws.typ(), jws.kid()), ("at+jwt", "one"));
    }
}

/// Two servers in one process that share a database share its keys, and one of them may stop.
#[test]
fn a_key_that_is_opened_twice_is_one_until_the_last_is_dropped() {
    let pair = pair(SigningAlgorithm::EdDsa);
    let again = Pair::from_pkcs8(SigningAlgorithm::EdDsa, &pair.to_pkcs8().unwrap()).unwrap();
    let [one, two] = [pair, again].map(|pair| JwsKey::new(pair, "shared".to_owned()).unwrap());
    assert!(Arc::ptr_eq(&one.pair, &two.pair));
    let token = one.sign("at+jwt", &json!({})).unwrap();
    drop(one);
    assert_eq!(verifies(&token, &two), Ok(json!({})));
}

#[test]
fn a_handle_outlives_no_key() {
    let key = JwsKey::new(pair(SigningAlgorithm::EdDsa), "retired".to_owned()).unwrap();
    let token = key.sign("at+jwt", &json!({})).unwrap();
    let (encoding, decoding) = (key.encoding.clone(), key.decoding.clone());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let verified = || verify(signature, message.as_bytes(), &decoding, jsonwebtoken::Algorithm::EdDSA);
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    assert!(verified().unwrap() && encode(&header, &(), &encoding).is_ok());
    drop(key);
    assert!(verified().is_err() && encode(&header, &(), &encoding).is_err());
}

#[test]
fn a_handle_is_no_key_of_another_algorithm() {
    let key = JwsKey::new(pair(SigningAlgorithm::Rs256), "rsa".to_owned()).unwrap();
    let token = key.sign("at+jwt", &json!({})).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    for algorithm in [jsonwebtoken::Algorithm::PS256, jsonwebtoken::Algorithm::RS512] {
        assert!(encode(&jsonwebtoken::Header::new(algorithm), &(), &key.encoding).is_err(), "{algorithm:?}");
        assert!(verify(signature, message.as_bytes(), &key.decoding, algorithm).is_err(), "{algorithm:?}");
    }
}
