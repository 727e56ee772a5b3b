//! Headers: `alg`, `typ`, keys that the token brings along, and everything that we never write.

use std::net::TcpListener;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokend::domain::SigningAlgorithm;
use tokend::keys::SigningKey;

use super::assert_worthless;
use crate::harness::{Engine, Forge, START, TestServer, encode, on_both_databases, part};

/// CVE-2015-9235.
async fn a_token_without_a_signature(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let [_, claims, signature] = bystander.access.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(""),
        json!(" none"),
        Value::Null,
        json!(["none"]),
    ] {
        let mut header = forge.header();
        header["alg"] = alg.clone();
        for signature in ["", signature, "AA"] {
            let token = format!("{}.{claims}.{signature}", encode(header.to_string()));
            assert_worthless(&server, &token, &format!("alg {alg}")).await;
        }
        assert_worthless(&server, &forge.mint(&header.to_string(), &part(&bystander.access, 1).to_string()), "signed")
            .await;
    }
    for header in [json!({ "typ": "at+jwt", "kid": forge.key.kid() }), json!({ "alg": "none" }), json!({})] {
        assert_worthless(&server, &format!("{}.{claims}.", encode(header.to_string())), "no alg").await;
        assert_worthless(&server, &forge.with_header(&bystander.access, |old| *old = header), "no alg, signed").await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// CVE-2026-11800, CVE-2024-33663, CVE-2022-29217. The public key, in whatever spelling, is no secret.
async fn a_public_key_used_as_a_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let jwks = server.get("/jwks.json").await.text;
    let jwk = serde_json::from_str::<Value>(&jwks).expect("JSON")["keys"][0].clone();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("a text")).expect("base64url");
    let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
    // SubjectPublicKeyInfo of a P-256 key, RFC 5480 §2.
    let spki = [&STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").expect("base64")[..], &point].concat();
    let base64 = STANDARD.encode(&spki);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let secrets: [Vec<u8>; 11] = [
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        spki,
        base64.into_bytes(),
        point.clone(),
        point[1..].to_vec(),
        coordinate("x"),
        jwk.to_string().into_bytes(),
        jwks.into_bytes(),
        jwk["x"].as_str().unwrap().as_bytes().to_vec(),
        Vec::new(),
    ];
    for secret in secrets {
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
            ("ES256", hmac::HMAC_SHA256),
        ] {
            let mut header = forge.header();
            header["alg"] = alg.into();
            let signed = format!("{}.{}", encode(header.to_string()), encode(part(&bystander.access, 1).to_string()));
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), signed.as_bytes());
            server.assert_inactive(&format!("{signed}.{}", encode(tag)), alg).await;
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// A key has one algorithm; a token doesn't choose.
async fn another_algorithm_than_the_keys(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for alg in
        ["ES384", "ES512", "ES256K", "RS256", "RS512", "PS256", "EdDSA", "Ed25519", "HS256", "es256", "ES256 ", "dir"]
    {
        let token = forge.with_header(&bystander.access, |header| header["alg"] = alg.into());
        assert_worthless(&server, &token, alg).await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// CVE-2018-0114, and keys to be fetched. Nothing is fetched: nobody calls the listener.
async fn a_token_that_brings_its_own_key(engine: Engine) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("it can be asked without waiting");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for algorithm in SigningAlgorithm::ALL {
        let attacker = Forge { key: SigningKey::generate(algorithm, START, START).expect("a key is made") };
        let jwk = serde_json::to_value(attacker.key.jwk()).expect("JSON");
        let certificate = STANDARD.encode(b"a certificate");
        for member in [
            json!({}),
            json!({ "jwk": jwk }),
            json!({ "jku": url }),
            json!({ "x5u": url }),
            json!({ "x5c": [certificate] }),
            json!({ "x5t": "AAAA", "x5t#S256": "AAAA" }),
            json!({ "iss": url, "jwks_uri": url }),
        ] {
            let add = |header: &mut Value| {
                header.as_object_mut().expect("an object").extend(member.as_object().expect("an object").clone());
            };
            // With the attacker's key under its own name, under ours, and with our own signature.
            let own_name = attacker.with_header(&bystander.access, |header| {
                *header = attacker.header();
                add(header);
            });
            let our_name = attacker.with_header(&bystander.access, |header| {
                header["alg"] = algorithm.as_str().into();
                add(header);
            });
            assert_worthless(&server, &own_name, &format!("{algorithm} {member}")).await;
            assert_worthless(&server, &our_name, &format!("{algorithm} {member}")).await;
            if member != json!({}) {
                assert_worthless(&server, &forge.with_header(&bystander.access, add), &member.to_string()).await;
            }
        }
    }
    let nobody = listener.accept().expect_err("the server fetched a key");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    server.assert_lost_nothing(bystander).await;
}

/// Whatever the `kid` is, and however well the token is signed otherwise.
async fn a_kid_that_is_not_ours(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let kid = forge.key.kid().to_owned();
    let other_case: String =
        kid.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    for bad in [
        json!("../../etc/passwd"),
        json!("../../../../dev/null"),
        json!("' OR 1=1--"),
        json!("' UNION SELECT 'key"),
        json!("|whoami"),
        json!("http://127.0.0.1/key"),
        json!(""),
        json!(" "),
        json!(format!("{kid} ")),
        json!(format!("{kid}\0")),
        json!(kid[1..]),
        json!(other_case),
        json!("k".repeat(4_000)),
        json!("\r\nx-injected: 1"),
        json!(0),
        json!(true),
        json!([kid]),
        json!({ "kid": kid }),
        Value::Null,
    ] {
        let token = forge.with_header(&bystander.access, |header| header["kid"] = bad.clone());
        assert_worthless(&server, &token, &bad.to_string()).await;
    }
    let token = forge.with_header(&bystander.access, |header| drop(header.as_object_mut().unwrap().remove("kid")));
    assert_worthless(&server, &token, "no kid").await;
    let giant = forge.with_header(&bystander.access, |header| header["kid"] = "k".repeat(100_000).into());
    server.introspect(&giant).await.refused(413, "invalid_request");
    server.assert_lost_nothing(bystander).await;
}

/// CVE-2026-41164. Another kind of token, however well it is signed.
async fn another_type_of_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("AT+JWT"),
        json!("at+jwt "),
        json!("application/at+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("secevent+jwt"),
        json!("client-authentication+jwt"),
        json!("token-introspection+jwt"),
        json!("id_token"),
        json!(""),
        json!(1),
        json!(["at+jwt"]),
        Value::Null,
    ] {
        let token = forge.with_header(&bystander.access, |header| header["typ"] = typ.clone());
        assert_worthless(&server, &token, &typ.to_string()).await;
    }
    let token = forge.with_header(&bystander.access, |header| drop(header.as_object_mut().unwrap().remove("typ")));
    assert_worthless(&server, &token, "no typ").await;
    server.assert_lost_nothing(bystander).await;
}

/// RFC 7515 §4.1.11: what isn't understood must not be ignored, and nothing is inflated or unwrapped.
async fn a_header_with_more_than_we_write(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for member in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "cty": "JWT" }),
        json!({ "enc": "A128GCM" }),
        json!({ "p2c": 2_147_483_647 }),
        json!({ "epk": {} }),
        json!({ "unknown": 1 }),
    ] {
        let token = forge.with_header(&bystander.access, |header| {
            header.as_object_mut().expect("an object").extend(member.as_object().expect("an object").clone());
        });
        assert_worthless(&server, &token, &member.to_string()).await;
    }
    let claims = part(&bystander.access, 1).to_string();
    let (kid, repeated) = (
        forge.key.kid(),
        [r#""alg":"none","alg":"ES256""#, r#""alg":"ES256","alg":"none""#, r#""alg":"ES256","\u0061lg":"ES256""#],
    );
    for alg in repeated {
        let token = forge.mint(&format!(r#"{{"typ":"at+jwt",{alg},"kid":"{kid}"}}"#), &claims);
        assert_worthless(&server, &token, alg).await;
    }
    for header in [format!("{}x", forge.header()), format!("[{}]", forge.header()), "null".to_owned(), String::new()] {
        assert_worthless(&server, &forge.mint(&header, &claims), &header).await;
    }
    let jwe = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF", "kid": kid });
    let jwe = format!("{}.AAAA.AAAA.AAAA.AAAA", encode(jwe.to_string()));
    assert_worthless(&server, &jwe, "a JWE of five parts").await;
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    a_token_without_a_signature,
    a_public_key_used_as_a_secret,
    another_algorithm_than_the_keys,
    a_token_that_brings_its_own_key,
    a_kid_that_is_not_ours,
    another_type_of_token,
    a_header_with_more_than_we_write,
);
