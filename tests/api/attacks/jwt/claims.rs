//! Claims of tokens that are validly signed with the server's own key.

use serde_json::{Value, json};
use uuid::Uuid;

use super::assert_worthless;
use crate::harness::{API, C1, Engine, Forge, RS1, RS2, START, TestServer, on_both_databases, part};

const ISSUER: &str = "https://auth.example.com";

/// The rig itself: what is minted without a change is as good as what the server made.
async fn a_token_minted_as_the_server_does_is_alive(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let token = forge.with_claims(&bystander.access, |_| {});
    server.introspect(&token).await.active();
    server.get_with("/userinfo", &token).await.ok();
    server.assert_lost_nothing(bystander).await;
}
async fn a_missing_claim(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for name in ["iss", "aud", "exp", "iat", "sub", "jti", "client_id"] {
        let token = forge.with_claims(&bystander.access, |claims| drop(claims.as_object_mut().unwrap().remove(name)));
        assert_worthless(&server, &token, &format!("without {name}")).await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// Pattern 7: a claim of another JSON type is no claim.
async fn a_claim_of_the_wrong_type(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let claims = part(&bystander.access, 1);
    for (name, right) in claims.as_object().expect("an object").iter().filter(|(name, _)| *name != "roles") {
        let mut wrong = vec![Value::Null, json!(true), json!({}), json!({ "0": right }), json!([[right]]), json!([])];
        match right {
            Value::Number(number) => {
                let text = number.to_string();
                wrong.extend([json!(text), json!([right]), json!(1e300), json!(1_800_000_900.5), json!(-1.5)]);
            }
            _ if name == "aud" => {
                wrong.extend([json!(1), json!([1]), json!([API, 1]), json!([API, null]), json!(""), json!([""])]);
            }
            _ => wrong.extend([json!(1), json!([right]), json!("")]),
        }
        if name == "scope" {
            wrong.extend([
                json!(["openid"]),
                json!("openid  read"),
                json!(" openid"),
                json!("openid\tread"),
                json!("a\"b"),
            ]);
            // A token without any scope is one that may do nothing.
            wrong.retain(|value| *value != json!(""));
        }
        for value in wrong {
            let token = forge.with_claims(&bystander.access, |claims| claims[name] = value.clone());
            assert_worthless(&server, &token, &format!("{name} {value}")).await;
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn claims_that_two_readers_could_read_differently(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let (header, claims) = (forge.header().to_string(), part(&bystander.access, 1));
    let text = claims.to_string();
    for claims in [
        format!("{},\"sub\":\"{}\"}}", &text[..text.len() - 1], server.bob),
        format!("{{\"sub\":\"{}\",{}", server.bob, &text[1..]),
        format!("{},\"exp\":9999999999}}", &text[..text.len() - 1]),
        format!("{},\"\\u0065xp\":9999999999}}", &text[..text.len() - 1]),
        format!("{},\"x\":{{\"a\":1,\"a\":2}}}}", &text[..text.len() - 1]),
        format!("{text}{text}"),
        format!("{text}x"),
        format!("[{text}]"),
        format!("\u{feff}{text}"),
        format!("{}{}", "[".repeat(500), "]".repeat(500)),
        "null".to_owned(),
        String::new(),
    ] {
        assert_worthless(&server, &forge.mint(&header, &claims), &claims).await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// CVE-2026-67332, CVE-2026-101062.
async fn the_wrong_audience(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    // The other resource server learns nothing of a token that isn't for it.
    server.post_as(RS2, "/introspect", &[("token", &bystander.access)]).await.inactive();
    server.post_as(RS2, "/introspect", &[("token", &bystander.refresh)]).await.inactive();
    for aud in [
        json!(API),
        json!([API]),
        json!("https://auth.example.com/"),
        json!("https://AUTH.example.com"),
        json!("https://auth.example.com.evil.example"),
        json!("https://auth.example.co"),
        json!(format!("{ISSUER} {API}")),
        json!("https://other.example.com"),
    ] {
        // With every scope that counts here, so that only the audience is wrong.
        let token = forge.with_claims(&bystander.access, |claims| {
            claims["aud"] = aud.clone();
            claims["scope"] = json!("introspect openid");
        });
        server.get_with("/userinfo", &token).await.refused(401, "invalid_token");
        let scoped = forge.with_claims(&token, |claims| claims["scope"] = "introspect".into());
        let caller =
            server.request(reqwest::Method::POST, "/introspect").bearer_auth(&scoped).form(&[("token", &token)]);
        server.send(caller).await.refused(401, "invalid_token");
    }
    // And a token that is good, but not for us.
    let form = [("username", "alice"), ("password", crate::harness::PASSWORD), ("resource", API)];
    let narrow = server.post("/login", &form).await.access_token();
    assert_eq!(part(&narrow, 1)["aud"], API);
    server.introspect(&narrow).await.active();
    server.get_with("/userinfo", &narrow).await.refused(401, "invalid_token");
    server.assert_lost_nothing(bystander).await;
}
async fn another_issuer(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for iss in [
        "https://auth.example.com/",
        "http://auth.example.com",
        "https://AUTH.example.com",
        "HTTPS://auth.example.com",
        "https://auth.example.com:443",
        "https://auth.example.com/tenant",
        "https://auth.example.com@evil.example",
        "https://evil.example",
        " https://auth.example.com",
        "https://auth.example.com\0",
        "",
    ] {
        let token = forge.with_claims(&bystander.access, |claims| claims["iss"] = iss.into());
        assert_worthless(&server, &token, iss).await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// No leeway at the end, and none that matters at the beginning.
async fn an_expired_token_or_one_from_the_future(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for (name, value) in [
        ("exp", START),
        ("exp", START - 1),
        ("exp", START - 59),
        ("exp", 0),
        ("exp", -1),
        ("exp", i64::MIN),
        ("iat", START + 120),
        ("nbf", START + 120),
        ("nbf", i64::MAX),
    ] {
        let token = forge.with_claims(&bystander.access, |claims| {
            claims[name] = value.into();
            // What is ours and from the future can be revoked, which is to be felt by no other.
            claims["jti"] = uuid::Uuid::new_v4().to_string().into();
        });
        assert_worthless(&server, &token, &format!("{name} {value}")).await;
    }
    let token = forge.with_claims(&bystander.access, |claims| claims["exp"] = (START + 1).into());
    server.introspect(&token).await.active();
    server.clock.advance(1);
    assert_worthless(&server, &token, "a second later").await;
    server.clock.advance(898);
    server.get_with("/userinfo", &bystander.access).await.ok();
    server.clock.advance(1);
    assert_worthless(&server, &bystander.access, "exactly at its end").await;
    server.refresh(&bystander.refresh).await.ok();
}

/// Siblings of 9: claims that don't belong together.
async fn claims_of_different_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let other = server.bystander_on(C1).await;
    // Under a name of its own: whoever holds a token that we signed may revoke it, and what has its name with it.
    let renamed = |token: &str, change: &dyn Fn(&mut Value)| {
        forge.with_claims(token, |claims| {
            claims["jti"] = Uuid::new_v4().to_string().into();
            change(claims);
        })
    };
    for (what, name, value) in [
        ("another user's name on the session", "sub", server.bob.to_string()),
        ("the client as subject", "sub", "app".to_owned()),
        ("another client", "client_id", C1.0.to_owned()),
        ("an unknown client", "client_id", "nobody".to_owned()),
        ("another session", "sid", other.session.to_string()),
        ("an unknown user", "sub", Uuid::new_v4().to_string()),
    ] {
        let token = renamed(&bystander.access, &|claims| claims[name] = value.clone().into());
        assert_worthless(&server, &token, what).await;
    }
    for sid in [Uuid::new_v4(), Uuid::nil(), Uuid::max()] {
        let token = renamed(&bystander.access, &|claims| claims["sid"] = sid.to_string().into());
        server.assert_inactive(&token, "an unknown session").await;
        server.get_with("/userinfo", &token).await.refused(401, "invalid_token");
    }
    // Without a session a token is a client's own, and nobody else's.
    let token = renamed(&bystander.access, &|claims| {
        let claims = claims.as_object_mut().expect("an object");
        claims.remove("sid");
        claims.remove("auth_time");
    });
    assert_worthless(&server, &token, "a user without a session").await;
    let machine = server.post_as(C1, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    for sub in [C1.0.to_uppercase(), "c2".to_owned(), server.alice.to_string(), "c1 ".to_owned()] {
        let token = renamed(&machine, &|claims| claims["sub"] = sub.clone().into());
        server.assert_inactive(&token, &sub).await;
    }
    server.assert_lost_nothing(bystander).await;
    server.assert_lost_nothing(other).await;
}

/// CVE-2025-30204, CVE-2025-27144. Dots without end, in a header field that is not too long, and one that is.
async fn a_token_of_dots(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let parts: Vec<&str> = bystander.access.split('.').collect();
    for dots in [
        ".".repeat(8_000),
        ".".repeat(15_000),
        "a.".repeat(7_000),
        format!("{}{}", bystander.access, ".".repeat(7_000)),
        format!("{}.{}{}.{}", parts[0], ".".repeat(7_000), parts[1], parts[2]),
        format!("{}.{}.{}", "A".repeat(14_000), parts[1], parts[2]),
    ] {
        assert_worthless(&server, &dots, "dots").await;
    }
    let head = format!("GET /userinfo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}", "A".repeat(64 * 1024));
    let answers = server.raw(format!("{head}.{}.{}\r\n\r\n", parts[1], parts[2])).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [431]);
    server.assert_lost_nothing(bystander).await;
}

/// At the longest length that is looked at, and one past it.
async fn a_token_has_8_kib(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    let sized = |size: usize| {
        let grown = |n: usize| forge.with_claims(&bystander.access, |claims| claims["pad"] = "x".repeat(n).into());
        // Three bytes of claims are four of the token: try what is near.
        let guess = (size - grown(0).len()) / 4 * 3;
        (guess.saturating_sub(4)..guess + 5).map(grown).find(|token| token.len() == size)
    };
    let at = (8_189..=8_192).rev().find_map(sized).expect("a token at the limit");
    server.introspect(&at).await.active();
    server.get_with("/userinfo", &at).await.ok();
    let past = (8_193..8_196).find_map(sized).expect("a token past the limit");
    assert_worthless(&server, &past, "too long").await;
    for path in ["/userinfo", "/introspect", "/logout"] {
        let giant = "A".repeat(64 * 1024);
        let answers = server
            .raw(format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {giant}.e30.e30\r\n\r\n"))
            .await;
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [431]);
    }
    server.assert_lost_nothing(bystander).await;
    server.post_as(RS1, "/introspect", &[("token", &at)]).await.active();
}

on_both_databases!(
    a_token_minted_as_the_server_does_is_alive,
    a_missing_claim,
    a_claim_of_the_wrong_type,
    claims_that_two_readers_could_read_differently,
    the_wrong_audience,
    another_issuer,
    an_expired_token_or_one_from_the_future,
    claims_of_different_tokens,
    a_token_of_dots,
    a_token_has_8_kib,
);
