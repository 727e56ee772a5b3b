//! What a client may do: its grants, its scope, and nothing once it is gone.

use tokend::domain::{Client, Grant, Grants, Scope};

use super::{assert_invalid_client, basic, request, requests};
use crate::harness::{C1, Engine, P1, PASSWORD, RS1, STRICT, TestServer, on_both_databases, registered};

impl TestServer {
    /// Makes `next` the registration of its client, whatever that is by now.
    async fn change(&self, next: Client) {
        let id = next.id.to_string();
        let now = |client: &mut Client| {
            *client = Client { version: client.version, tokens_revoked_at: client.tokens_revoked_at, ..next };
        };
        self.change_client(&id, now).await;
    }
}

/// A client that is disabled or removed authenticates nowhere, and what it had is dead on every node.
async fn a_client_that_is_gone(engine: Engine) {
    for remove in [false, true] {
        let server = TestServer::start(engine).await;
        let node = server.another_node().await;
        let (gone, public) = (server.bystander_on(C1).await, server.bystander().await);
        let machine = server.post_as(C1, "/token", &[("grant_type", "client_credentials")]).await.access_token();
        if remove {
            assert!(server.operator().clients().remove(&C1.0.parse().unwrap(), server.clock.now()).await.unwrap());
        } else {
            server.change(Client { disabled_at: Some(server.clock.now()), ..registered(C1.0) }).await;
        }
        // What rests on the database holds at once, on a node that hasn't heard of it too.
        for token in [&gone.access, &gone.refresh, &machine] {
            let request =
                reqwest::Client::new().post(format!("{}/introspect", node.base)).basic_auth(RS1.0, Some(RS1.1));
            server.send(request.form(&[("token", token)])).await.inactive();
            server.introspect(token).await.inactive();
        }
        server.app.registry.refresh().await.unwrap();
        for (path, form) in requests(&gone) {
            let header = basic(C1.0, C1.1);
            assert_invalid_client(&server.send(request(&server, path, &form, Some(&header))).await, path);
            let posted = [form, vec![("client_id", C1.0), ("client_secret", C1.1)]].concat();
            assert_invalid_client(&server.send(request(&server, path, &posted, None)).await, path);
        }
        server.get_with("/userinfo", &gone.access).await.refused(401, "invalid_token");
        server.refresh(&gone.refresh).await.refused(401, "invalid_grant");
        server.assert_lost_nothing(public).await;
    }
}

/// For a public client: without a secret there is still an end.
async fn a_public_client_that_is_gone(engine: Engine) {
    for remove in [false, true] {
        let server = TestServer::start(engine).await;
        let (gone, other) = (server.bystander().await, server.bystander_on(C1).await);
        if remove {
            assert!(server.operator().clients().remove(&P1.parse().unwrap(), server.clock.now()).await.unwrap());
            server.app.registry.refresh().await.unwrap();
        } else {
            server.change(Client { disabled_at: Some(server.clock.now()), ..registered(P1) }).await;
        }
        server.login().await.refused(401, "invalid_client");
        server.post("/login", &[("username", "alice"), ("password", PASSWORD)]).await.refused(401, "invalid_client");
        let form = [("grant_type", "refresh_token"), ("refresh_token", &gone.refresh), ("client_id", P1)];
        server.post("/token", &form).await.refused(401, "invalid_client");
        server.post("/revoke", &[("client_id", P1), ("token", &other.refresh)]).await.refused(401, "invalid_client");
        server.assert_dead(&gone.access, &[&gone.refresh]).await;
        server.assert_lost_nothing(other).await;
    }
}

/// CVE-2026-75866, CVE-2026-9792. A grant that a client lacks is refused on every path to it.
async fn a_grant_that_the_client_lacks(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    let password = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    // Right and wrong passwords are answered alike: a client without the grant is no way to try them.
    for tried in [PASSWORD, "wrong password"] {
        let form = [("grant_type", "password"), ("username", "alice"), ("password", tried)];
        server.post_as(RS1, "/token", &form).await.refused(400, "unauthorized_client");
        server.post_as(RS1, "/login", &form).await.refused(400, "unauthorized_client");
        let posted = [form.to_vec(), vec![("client_id", RS1.0), ("client_secret", RS1.1)]].concat();
        server.post("/login", &posted).await.refused(400, "unauthorized_client");
    }
    let json =
        serde_json::json!({ "username": "alice", "password": PASSWORD, "client_id": RS1.0, "client_secret": RS1.1 });
    server.post_text("/login", "application/json", json.to_string()).await.refused(400, "unauthorized_client");
    server.exchange_as(RS1, &bystander.refresh).await.refused(400, "unauthorized_client");
    let refresh = [("refresh_token", bystander.refresh.as_str())];
    server.post_as(RS1, "/refresh", &refresh).await.refused(400, "unauthorized_client");
    for grant in [
        "authorization_code",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "PASSWORD",
        "Password",
        "password ",
        "password refresh_token",
        "client_credentials,password",
        "*",
    ] {
        let form = [&[("grant_type", grant)][..], &password[1..]].concat();
        server.post_as(C1, "/token", &form).await.refused(400, "unsupported_grant_type");
    }
    server.assert_lost_nothing(bystander).await;
    // Not even with the grant, for whoever isn't first-party (RFC 9700 §2.4); nor for who is, without it.
    let without_the_grant = Client { grants: Grants::from([Grant::RefreshToken]), ..registered(STRICT) };
    for lacking in [Client { first_party: false, ..registered(STRICT) }, without_the_grant] {
        server.change(lacking).await;
        server.login_on(STRICT).await.refused(400, "unauthorized_client");
        let form = [&password[..], &[("client_id", STRICT)]].concat();
        server.post("/token", &form).await.refused(400, "unauthorized_client");
    }
}

/// A client that may sign users in and not refresh gets no refresh token, and its session ends with its access token.
async fn a_sign_in_without_the_refresh_grant(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change(Client { grants: Grants::from([Grant::Password]), ..registered(STRICT) }).await;
    let answer = server.login_on(STRICT).await;
    assert!(answer.json().get("refresh_token").is_none() && answer.header("set-cookie").is_empty(), "{answer:?}");
    let form = [("username", "alice"), ("password", PASSWORD), ("client_id", STRICT), ("cookie", "true")];
    let by_cookie = server.post("/login", &form).await;
    assert!(by_cookie.ok().json().get("refresh_token").is_none() && by_cookie.refresh_cookie().is_empty());
    server.introspect(&answer.access_token()).await.active();
    server.clock.advance(900);
    server.introspect(&answer.access_token()).await.inactive();
}

/// CVE-2026-43983. A grant or a scope that is taken away takes the sessions that rest on it with it.
async fn a_right_that_is_taken_away(engine: Engine) {
    for change in ["refresh grant", "password grant", "first-party", "scope"] {
        let server = TestServer::start(engine).await;
        let (public, other) = (server.bystander().await, server.bystander_on(C1).await);
        let app = registered(P1);
        server
            .change(match change {
                "refresh grant" => Client { grants: Grants::from([Grant::Password]), ..app },
                "password grant" => Client { grants: Grants::from([Grant::RefreshToken]), ..app },
                "first-party" => Client { first_party: false, ..app },
                _ => Client { scope: "openid profile email read".parse().unwrap(), ..app },
            })
            .await;
        server.assert_dead(&public.access, &[&public.refresh]).await;
        server.assert_lost_nothing(other).await;
    }
    // A scope that the session never had is no loss to it.
    let server = TestServer::start(engine).await;
    let narrow =
        server.post("/login", &[("username", "alice"), ("password", PASSWORD), ("scope", "openid read")]).await;
    let scope: Scope = "openid profile email read".parse().unwrap();
    server.change(Client { scope, ..registered(P1) }).await;
    server.refresh(&narrow.refresh_token()).await.ok();
}

/// A machine's token rests on its client alone, so it ends with what its client had, and nothing brings it back.
async fn a_machines_token_ends_with_its_clients_rights(engine: Engine) {
    let server = TestServer::start(engine).await;
    let machine = async || server.post_as(C1, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    let before = machine().await;
    server.introspect(&before).await.active();
    let users = server.bystander_on(C1).await;
    server.change(Client { grants: Grants::from([Grant::Password, Grant::RefreshToken]), ..registered(C1.0) }).await;
    server.introspect(&before).await.inactive();
    server.change(registered(C1.0)).await;
    server.change(Client { scope: "openid profile email read".parse().unwrap(), ..registered(C1.0) }).await;
    server.introspect(&before).await.inactive();
    server.introspect(&users.access).await.inactive();

    // Disabled and enabled again, and removed and registered again: under the same name it isn't the same right.
    server.change(registered(C1.0)).await;
    server.clock.advance(1);
    let before = machine().await;
    server.clock.advance(1);
    server.change(Client { disabled_at: Some(server.clock.now()), ..registered(C1.0) }).await;
    server.introspect(&before).await.inactive();
    server.clock.advance(1);
    server.change(registered(C1.0)).await;
    server.introspect(&before).await.inactive();
    let before = machine().await;
    server.introspect(&before).await.active();
    server.clock.advance(5);
    server.remove_client(C1.0).await;
    let fresh = Client::without_rights(C1.0.parse().unwrap(), registered(C1.0).authentication, server.clock.now());
    let Client { tokens_revoked_at, created_at, .. } = fresh;
    server.add_client(Client { tokens_revoked_at, created_at, ..registered(C1.0) }).await;
    server.introspect(&before).await.inactive();
    server.introspect(&machine().await).await.active();
}

/// Udibo 0.13, CVE-2026-75866.
async fn a_public_client_is_no_machine(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change(Client { grants: Grants::from(Grant::ALL), ..registered(STRICT) }).await;
    for id in [P1, STRICT] {
        let form = [("grant_type", "client_credentials"), ("client_id", id)];
        server.post("/token", &form).await.refused(400, "unauthorized_client");
    }
}

/// CVE-2024-52287, CVE-2026-67332. Never more than was registered, nor than was granted.
async fn more_scope_or_audience_than_there_is(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let asked = [
        "admin",
        "openid admin",
        "READ",
        "rea",
        "readx",
        "read,write",
        "\"read\"",
        "re\\ad",
        "*",
        "read\u{a0}write",
        "openid\u{3000}read",
        "\u{ff52}ead",
    ];
    for (name, code, values) in [
        ("scope", "invalid_scope", &asked[..]),
        (
            "resource",
            "invalid_target",
            &[
                "https://evil.example",
                "https://api.example.com/",
                "https://API.example.com",
                "https://api.example.com/v1",
                "api",
                "*",
                "https://auth.example.com.evil.example",
                "https://api.example.com https://evil.example",
            ][..],
        ),
    ] {
        for value in values {
            for ((path, mut form), bystander) in requests(&public)
                .into_iter()
                .map(|request| (request, &public))
                .chain(requests(&confidential).into_iter().map(|request| (request, &confidential)))
            {
                if ["/revoke", "/introspect", "/logout"].contains(&path) {
                    continue;
                }
                form.push((name, value));
                let by = (bystander.session == confidential.session).then(|| basic(C1.0, C1.1));
                if by.is_none() {
                    if form.contains(&("grant_type", "client_credentials")) {
                        continue;
                    }
                    form.push(("client_id", P1));
                }
                let answer = server.send(request(&server, path, &form, by.as_deref())).await;
                assert_eq!((answer.status, answer.text_at("error").as_str()), (400, code), "{path} {form:?}");
                answer.refused(400, code);
            }
        }
    }
    // One good resource doesn't let a bad one pass.
    let mixed = "refresh_token=".to_owned()
        + &public.refresh
        + "&resource=https%3A%2F%2Fapi.example.com&resource=https%3A%2F%2Fevil.example";
    server.post_text("/refresh", "application/x-www-form-urlencoded", mixed).await.refused(400, "invalid_target");
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

on_both_databases!(
    a_client_that_is_gone,
    a_public_client_that_is_gone,
    a_grant_that_the_client_lacks,
    a_sign_in_without_the_refresh_grant,
    a_right_that_is_taken_away,
    a_machines_token_ends_with_its_clients_rights,
    a_public_client_is_no_machine,
    more_scope_or_audience_than_there_is,
);
