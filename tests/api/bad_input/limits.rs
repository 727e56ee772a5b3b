//! Each limit, at it and one past it.

use tokend::domain::Client;

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, RS1, START, TestServer, add_user, clients, on_both_databases};

const FORM: &str = "application/x-www-form-urlencoded";

/// `form` made exactly `size` bytes long by a parameter that nobody knows.
fn padded(form: &str, size: usize) -> String {
    let padding = size - form.len() - "&pad=".len();
    format!("{form}&pad={}", "x".repeat(padding))
}

fn chunked(body: &str) -> Vec<u8> {
    let chunks: String = body
        .as_bytes()
        .chunks(1_000)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
        .collect();
    format!("{chunks}0\r\n\r\n").into_bytes()
}

/// Sends the body with its length announced, and without.
async fn both_ways(server: &TestServer, path: &str, fields: &str, body: &str) -> [Answer; 2] {
    let announced = format!("{fields}content-length: {}\r\n", body.len());
    let announced = server.raw_post(path, &announced, body.as_bytes()).await;
    let streamed = format!("{fields}transfer-encoding: chunked\r\n");
    [announced, server.raw_post(path, &streamed, &chunked(body)).await]
}

async fn a_body_has_4_kib_at_login_and_16_elsewhere(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let basic = |(id, secret): (&str, &str)| {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        format!("authorization: Basic {encoded}\r\n")
    };
    let login = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let refresh = format!("refresh_token={}", server.login().await.refresh_token());
    let machine = "grant_type=client_credentials".to_owned();
    let bearer = format!("authorization: Bearer {}\r\n", bystander.access);
    for (path, fields, form, limit) in [
        ("/login", String::new(), login, 4_096),
        ("/refresh", String::new(), refresh.clone(), 16_384),
        ("/token", basic(C1), machine, 16_384),
        ("/introspect", basic(RS1), format!("token={}", bystander.access), 16_384),
        ("/revoke", basic(C1), format!("token={}", bystander.refresh), 16_384),
        ("/userinfo", bearer, "unknown=1".to_owned(), 16_384),
        ("/logout", String::new(), refresh, 16_384),
    ] {
        let fields = format!("{fields}content-type: {FORM}\r\n");
        for answer in both_ways(&server, path, &fields, &padded(&form, limit)).await {
            let expected = if path == "/logout" { 204 } else { 200 };
            assert_eq!(answer.status, expected, "{path}: {answer:?}");
        }
        for too_large in [limit + 1, limit * 3] {
            for answer in both_ways(&server, path, &fields, &padded(&form, too_large)).await {
                answer.refused(413, "invalid_request");
            }
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_json_body_has_the_same_limit(engine: Engine) {
    let server = TestServer::start(engine).await;
    let json = serde_json::json!({ "username": "alice", "password": PASSWORD }).to_string();
    let padded = |size: usize| format!("{}{json}", " ".repeat(size - json.len()));
    server.post_text("/login", "application/json", padded(4_096)).await.ok();
    server.post_text("/login", "application/json", padded(4_097)).await.refused(413, "invalid_request");
    let token = serde_json::json!({ "refresh_token": server.login().await.refresh_token() }).to_string();
    let padded = |size: usize| format!("{token}{}", " ".repeat(size - token.len()));
    server.post_text("/refresh", "application/json", padded(16_385)).await.refused(413, "invalid_request");
    server.post_text("/refresh", "application/json", padded(16_384)).await.ok();
}

/// A length that is announced and never comes is not waited for.
async fn a_giant_is_refused_by_its_announcement(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in ["/login", "/token", "/refresh", "/introspect", "/revoke", "/logout", "/userinfo"] {
        for length in ["16385", "10000000", "9223372036854775807"] {
            let fields = format!("content-type: {FORM}\r\ncontent-length: {length}\r\n");
            server.raw_post(path, &fields, b"").await.refused(413, "invalid_request");
        }
    }
}

async fn a_request_has_64_parameters(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let more = |n: usize| (0..n).map(|i| format!("&p{i}=")).collect::<String>();
    let form = format!("refresh_token={}", bystander.refresh);
    for n in [64, 100, 1_000] {
        server.post_text("/refresh", FORM, format!("{form}{}", more(n))).await.refused(400, "invalid_request");
    }
    let members: String = (0..64).map(|i| format!(",\"p{i}\":null")).collect();
    let json = format!("{{\"refresh_token\":\"{}\"{members}}}", bystander.refresh);
    server.post_text("/refresh", "application/json", json).await.refused(400, "invalid_request");
    let many = "&resource=https%3A%2F%2Fapi.example.com".repeat(64);
    server.post_text("/refresh", FORM, format!("{form}{many}")).await.refused(400, "invalid_request");
    server.assert_untouched(&bystander, "too many parameters").await;
    server.post_text("/refresh", FORM, format!("{form}{}", more(63))).await.ok();
}

/// Every byte counts up to the limit, and past it nothing is hashed.
async fn a_password_has_1024_bytes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = async |path: &str, password: &str| {
        let form = [("grant_type", "password"), ("username", "longest"), ("password", password)];
        if path == "/login" { server.post(path, &form).await } else { server.post_as(C1, path, &form).await }
    };
    let longest = format!("{}Z", "a".repeat(1_023));
    add_user(&server.app.store, &server.app.hasher, "longest", &longest).await;
    for (path, status) in [("/login", 401), ("/token", 400)] {
        login(path, &longest).await.ok();
        login(path, &format!("{}Y", &longest[..1_023])).await.refused(status, "invalid_grant");
        login(path, &longest[..1_023]).await.refused(status, "invalid_grant");
        login(path, &longest[..72]).await.refused(status, "invalid_grant");
        login(path, &format!("{longest}Z")).await.refused(400, "invalid_request");
        login(path, &"\u{e9}".repeat(513)).await.refused(400, "invalid_request");
        login(path, &"\u{e9}".repeat(512)).await.refused(status, "invalid_grant");
    }
}

async fn a_username_has_256_bytes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let longest = "u".repeat(256);
    add_user(&server.app.store, &server.app.hasher, &longest, PASSWORD).await;
    server.post("/login", &[("username", &longest), ("password", PASSWORD)]).await.ok();
    let longer = format!("{longest}u");
    server.post("/login", &[("username", &longer), ("password", PASSWORD)]).await.refused(401, "invalid_grant");
}

async fn a_device_name_has_128_characters(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = async |name: &str| {
        let form = [("username", "alice"), ("password", PASSWORD), ("device_name", name)];
        let first_party = server.post("/login", &form).await;
        let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("device_name", name)];
        let standard = server.post_as(C1, "/token", &form).await;
        assert_eq!(first_party.status, standard.status, "{name}");
        first_party
    };
    let longest = "\u{1f4f1}".repeat(128);
    let session = server.session_of(&login(&longest).await.access_token()).await;
    let stored = server.app.store.sessions().find(session).await.unwrap().unwrap().session.device.name;
    assert_eq!(stored.as_deref(), Some(longest.as_str()));
    for bad in [format!("{longest}x"), "a\nb".to_owned(), "a\x1b[31mb".to_owned(), "a\u{85}b".to_owned()] {
        login(&bad).await.refused(400, "invalid_request");
    }
}

async fn a_scope_has_1024_bytes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let longest = format!("{}read", "read ".repeat(204));
    let longer = format!("openid {}read", "write ".repeat(169));
    assert_eq!((longest.len(), longer.len()), (1_024, 1_025));
    let bystander = server.bystander().await;
    let login = async |scope: &str| {
        server.post("/login", &[("username", "alice"), ("password", PASSWORD), ("scope", scope)]).await
    };
    let machine = async |scope: &str| {
        server.post_as(C1, "/token", &[("grant_type", "client_credentials"), ("scope", scope)]).await
    };
    let refresh =
        async |scope: &str| server.post("/refresh", &[("refresh_token", &bystander.refresh), ("scope", scope)]).await;
    login(&longer).await.refused(400, "invalid_scope");
    machine(&longer).await.refused(400, "invalid_scope");
    refresh(&longer).await.refused(400, "invalid_scope");
    server.assert_untouched(&bystander, "a scope that is too long").await;
    for answer in [login(&longest).await, machine(&longest).await, refresh(&longest).await] {
        assert_eq!(answer.ok().text_at("scope"), "read");
    }
}

async fn a_client_id_has_128_bytes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let longest = "c".repeat(128);
    let template = clients().into_iter().find(|client| client.id.as_str() == P1).expect("the app");
    let client = Client { id: longest.parse().unwrap(), created_at: START, ..template };
    server.operator().clients().insert(&client).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    server.login_on(&longest).await.ok();
    server.login_on(&format!("{longest}c")).await.refused(401, "invalid_client");
}

/// 16 KiB of header fields, a hundred of them; past that 431, in JSON up to the point where nothing is read any more.
async fn a_head_has_16_kib(engine: Engine) {
    let server = TestServer::start(engine).await;
    let fixed = "/health/live".len() + "host: x\r\n".len() + "connection: close\r\n".len() + "pad: \r\n".len();
    let request = |size: usize| {
        let padding = "x".repeat(size - fixed);
        format!("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\npad: {padding}\r\n\r\n")
    };
    let statuses = |answers: Vec<Answer>| answers.iter().map(|answer| answer.status).collect::<Vec<_>>();
    assert_eq!(statuses(server.raw(request(16 * 1024)).await), [200]);
    let answers = server.raw(request(16 * 1024 + 1)).await;
    answers[0].refused(431, "invalid_request");
    assert_eq!(statuses(server.raw(request(64 * 1024)).await), [431]);
    let fields = |n: usize| {
        let more: String = (0..n - 2).map(|i| format!("x-{i}: 1\r\n")).collect();
        format!("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")
    };
    assert_eq!(statuses(server.raw(fields(100)).await), [200]);
    assert_eq!(statuses(server.raw(fields(101)).await), [431]);
    server.get("/health/live").await.ok();
}

on_both_databases!(
    a_body_has_4_kib_at_login_and_16_elsewhere,
    a_json_body_has_the_same_limit,
    a_giant_is_refused_by_its_announcement,
    a_request_has_64_parameters,
    a_password_has_1024_bytes,
    a_username_has_256_bytes,
    a_device_name_has_128_characters,
    a_scope_has_1024_bytes,
    a_client_id_has_128_bytes,
    a_head_has_16_kib,
);
