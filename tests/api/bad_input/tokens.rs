//! Tokens that are cut, extended, flipped, padded, giant or no token at all: refused everywhere, and never the end of the
//! session that they were made from.

use reqwest::Method;

use crate::harness::{Bystander, C1, Engine, P1, TestServer, on_both_databases, who_sees};

/// Presents `text` as a refresh token wherever one is taken. It must be worth nothing, and harm nobody.
async fn assert_no_refresh_token(server: &TestServer, text: &str) {
    let shown = format!("{} bytes: {text:.80}", text.len());
    let first_party = server.refresh(text).await;
    assert_eq!((first_party.status, first_party.text_at("error").as_str()), (401, "invalid_grant"), "{shown}");
    let json = serde_json::json!({ "refresh_token": text }).to_string();
    assert_eq!(server.post_text("/refresh", "application/json", json).await.text, first_party.text, "{shown}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", text), ("client_id", P1)];
    server.post("/token", &form).await.refused(400, "invalid_grant");
    server.exchange_as(C1, text).await.refused(400, "invalid_grant");
    server.introspect(text).await.inactive();
    server.post("/revoke", &[("client_id", P1), ("token", text)]).await.ok();
    assert_eq!(server.post("/logout", &[("refresh_token", text), ("all", "true")]).await.status, 204, "{shown}");
}

/// Each bit of the 82 bytes. The tests of the format do it without a server for every key.
async fn a_refresh_token_with_a_flipped_bit_is_worth_nothing(engine: Engine) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let bytes = URL_SAFE_NO_PAD.decode(bystander.refresh.strip_prefix("tkr_").expect("the prefix")).expect("base64url");
    assert_eq!(bytes.len(), 82);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let text = format!("tkr_{}", URL_SAFE_NO_PAD.encode(flipped));
        if bit % 41 == 0 {
            assert_no_refresh_token(&server, &text).await;
        } else {
            server.refresh(&text).await.refused(401, "invalid_grant");
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_refresh_token_has_one_spelling(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let token = bystander.refresh.as_str();
    let (body, last) = token.split_at(token.len() - 1);
    // 82 bytes are 109 characters and a third: the last one has four loose bits.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|c| !last.contains(*c)) {
        server.refresh(&format!("{body}{other}")).await.refused(401, "invalid_grant");
    }
    let swapped_case: String =
        token.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    for text in [
        body.to_owned(),
        token[..token.len() / 2].to_owned(),
        token[1..].to_owned(),
        "tkr_".to_owned(),
        "tkr".to_owned(),
        token["tkr_".len()..].to_owned(),
        format!("TKR_{}", &token["tkr_".len()..]),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
        format!("{token}%00"),
        format!("{} {}", &token[..20], &token[20..]),
        format!("\u{feff}{token}"),
        format!("{token}\u{200b}"),
        format!("\"{token}\""),
        format!("Bearer {token}"),
        format!("{token}{token}"),
        format!("{token},{token}"),
        format!("{}+/", &token[..token.len() - 2]),
        swapped_case,
        token.replacen('_', "\u{ff3f}", 1),
        token.chars().rev().collect(),
    ] {
        assert_no_refresh_token(&server, &text).await;
    }
    server.assert_lost_nothing(bystander).await;
}

async fn what_is_no_token_at_all_is_refused_quickly(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for text in [
        ".".to_owned(),
        "..".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "0".to_owned(),
        "' OR 1=1--".to_owned(),
        "\u{1f511}\u{1f511}".to_owned(),
        "\u{202e}tkr_".to_owned(),
        format!("tkr_{}", "A".repeat(110)),
        format!("tkr_{}", "\u{e9}".repeat(55)),
        ".".repeat(15_000),
        format!("tkr_{}", "A".repeat(15_000)),
        bystander.session.to_string(),
    ] {
        assert_no_refresh_token(&server, &text).await;
    }
    for nul in [format!("{}\0", bystander.refresh), format!("\0{}", bystander.refresh), "\0".to_owned()] {
        server.refresh(&nul).await.refused(400, "invalid_request");
        let json = serde_json::json!({ "refresh_token": nul }).to_string();
        server.post_text("/refresh", "application/json", json).await.refused(400, "invalid_request");
        server.introspect(&nul).await.refused(400, "invalid_request");
        server.post("/revoke", &[("client_id", P1), ("token", &nul)]).await.refused(400, "invalid_request");
        server.post("/logout", &[("refresh_token", &nul)]).await.refused(400, "invalid_request");
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_megabyte_of_dots_is_too_large(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let dots = ".".repeat(1_000_000);
    for (path, name) in [
        ("/refresh", "refresh_token"),
        ("/token", "refresh_token"),
        ("/introspect", "token"),
        ("/revoke", "token"),
        ("/logout", "refresh_token"),
        ("/login", "password"),
        ("/userinfo", "access_token"),
    ] {
        let fields = format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            1_000_001 + name.len()
        );
        let answer = server.raw_post(path, &fields, format!("{name}={dots}").as_bytes()).await;
        answer.refused(413, "invalid_request");
    }
    for path in ["/userinfo", "/introspect", "/logout"] {
        let answers =
            server.raw(format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {dots}\r\n\r\n")).await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].status, 431, "{:?}", answers[0]);
    }
    server.assert_lost_nothing(bystander).await;
}

/// Presents `text` as an access token wherever one is taken.
async fn assert_no_access_token(server: &TestServer, text: &str) {
    server.introspect(text).await.inactive();
    server.post("/revoke", &[("client_id", P1), ("token", text)]).await.ok();
    // A header field is a line of ASCII. Spaces at its end are not part of it.
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) || text.trim() != text {
        return;
    }
    let field = format!("Bearer {text}");
    for (method, path) in [(Method::GET, "/userinfo"), (Method::POST, "/userinfo")] {
        let request = server.request(method, path).header("authorization", &field);
        server.send(request).await.refused(401, "invalid_token");
    }
    let request = server.request(Method::POST, "/introspect").header("authorization", &field).form(&[("token", "x")]);
    server.send(request).await.refused(401, "invalid_token");
    let request = server.request(Method::POST, "/logout").header("authorization", &field).form(&[("all", "true")]);
    server.send(request).await.refused(401, "invalid_token");
}

async fn an_access_token_with_a_flipped_bit_is_worth_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let token = bystander.access.as_bytes();
    for i in 0..token.len() {
        for bit in 0..8 {
            let mut flipped = token.to_vec();
            flipped[i] ^= 1 << bit;
            // Half of what comes out isn't even text; that is what the form's own tests are about.
            let Ok(text) = String::from_utf8(flipped) else { continue };
            if text.contains('\0') {
                continue;
            }
            if (i * 8 + bit) % 97 == 0 {
                assert_no_access_token(&server, &text).await;
            } else if bit == 0 {
                server.introspect(&text).await.inactive();
            }
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn an_access_token_has_one_spelling(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let token = bystander.access.as_str();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for text in [
        token[..token.len() - 1].to_owned(),
        token[..token.len() - 2].to_owned(),
        token[1..].to_owned(),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        header.to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{token}, {token}"),
        format!("{token} {token}"),
        format!(".{token}"),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}..{claims}.{signature}"),
        format!("{claims}.{header}.{signature}"),
        format!("{token}\u{e9}"),
        format!("\"{token}\""),
        token.to_uppercase(),
        ".".repeat(8_192),
        ".".repeat(8_193),
        format!("{}.e30.e30", "A".repeat(8_000)),
        "A".repeat(8_192),
    ] {
        assert_no_access_token(&server, &text).await;
    }
    for text in [format!("{header} .{claims}.{signature}"), format!("#{token}"), format!("\u{feff}{token}")] {
        server.introspect(&text).await.inactive();
    }
    server.assert_lost_nothing(bystander).await;
}

/// One kind of token is never taken for the other.
async fn a_refresh_token_is_no_access_token_nor_the_other_way_round(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander: Bystander = server.bystander().await;
    assert_no_refresh_token_but_revocable(&server, &bystander.access).await;
    for path in ["/userinfo", "/introspect", "/logout"] {
        let request = server.request(Method::POST, path).bearer_auth(&bystander.refresh).form(&[("token", "x")]);
        server.send(request).await.refused(401, "invalid_token");
    }
    for hint in ["access_token", "refresh_token", "id_token", "unknown", "\u{e9}"] {
        for token in [&bystander.access, &bystander.refresh] {
            server
                .post_as(who_sees(token), "/introspect", &[("token", token), ("token_type_hint", hint)])
                .await
                .active();
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn assert_no_refresh_token_but_revocable(server: &TestServer, access: &str) {
    server.refresh(access).await.refused(401, "invalid_grant");
    let form = [("grant_type", "refresh_token"), ("refresh_token", access), ("client_id", P1)];
    server.post("/token", &form).await.refused(400, "invalid_grant");
    assert_eq!(server.post("/logout", &[("refresh_token", access), ("all", "true")]).await.status, 204);
}

on_both_databases!(
    a_refresh_token_with_a_flipped_bit_is_worth_nothing,
    a_refresh_token_has_one_spelling,
    what_is_no_token_at_all_is_refused_quickly,
    a_megabyte_of_dots_is_too_large,
    an_access_token_with_a_flipped_bit_is_worth_nothing,
    an_access_token_has_one_spelling,
    a_refresh_token_is_no_access_token_nor_the_other_way_round,
);
