//! RFC 6749 and the draft of OAuth 2.1: the token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use tokend::domain::{Client, Grant, Grants};

use crate::harness::{
    Answer, C1, C2, Engine, P1, PASSWORD, RS1, STRICT, TestServer, add_user, confidential, on_both_databases,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// The codes of §5.2, and RFC 8707's.
const CODES: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

/// RFC 6749 §2.3: a client MUST NOT use more than one authentication method in a request. Such a request is refused, and its token can
/// still be used.
async fn r2_3_a_two_methods_of_authentication_are_invalid_request_and_use_nothing_up(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    let twice = [("client_id", C1.0), ("client_secret", C1.1)];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &token), twice[0], twice[1]];
    server.post_as(C1, "/token", &refresh).await.refused(400, "invalid_request");
    assert_eq!(server.post_as(C1, "/token", &refresh[..3]).await.ok().header("refresh-verdict"), "rotate");
    let token = server.login_as(C1).await.refresh_token();
    server.post_as(C1, "/revoke", &[("token", &token), twice[0], twice[1]]).await.refused(400, "invalid_request");
    server.post_as(RS1, "/introspect", &[("token", &token), twice[1]]).await.refused(400, "invalid_request");
    assert_eq!(server.exchange_as(C1, &token).await.header("refresh-verdict"), "rotate");
}

/// RFC 6749 §2.2: a client identifier MUST NOT be used alone for client authentication.
async fn r2_2_a_a_client_id_alone_authenticates_nobody(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let introspection = [("client_id", P1), ("token", token.as_str())];
    server.post("/introspect", &introspection).await.refused(401, "invalid_client");
    let form = [("grant_type", "client_credentials"), ("client_id", C1.0)];
    server.post("/token", &form).await.refused(401, "invalid_client");
    server.post("/revoke", &[("client_id", C1.0), ("token", &token)]).await.refused(401, "invalid_client");
    server.introspect(&token).await.active();
}

/// RFC 6749 §2.3.1: HTTP Basic MUST be supported for clients with a secret. Identifier and secret are form-urlencoded before they are
/// encoded as Base64.
async fn r2_3_1_a_the_halves_of_basic_are_form_urlencoded(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (id, secret) = ("a:b c%", "p+w%2F and then enough to be a secret");
    let grants = Grants::from([Grant::ClientCredentials]);
    server.add_client(Client { grants, ..confidential((id, secret)) }).await;
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let ask = async |credentials: String| {
        let request = server.request(Method::POST, "/token").form(&[("grant_type", "client_credentials")]);
        server.send(request.header("authorization", format!("Basic {}", STANDARD.encode(credentials)))).await
    };
    ask(format!("{}:{}", encode(id), encode(secret))).await.ok();
    ask(format!("{id}:{secret}")).await.refused(401, "invalid_client");
    ask(format!("{}:{secret}", encode(id))).await.refused(401, "invalid_client");
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    server.post("/token", &form).await.ok();
}

/// RFC 6749 §2.3.1: client credentials MUST NOT be included in the request URI.
async fn r2_3_1_b_credentials_in_the_address_are_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (query, body) in [
        (format!("client_id={}&client_secret={}", C1.0, C1.1), "grant_type=client_credentials".to_owned()),
        (format!("client_secret={}", C1.1), format!("grant_type=client_credentials&client_id={}", C1.0)),
        (format!("client_id={}", C1.0), format!("grant_type=client_credentials&client_secret={}", C1.1)),
    ] {
        let answer = server.post_text(&format!("/token?{query}"), FORM, body).await;
        answer.refused(400, "invalid_request");
    }
}

/// RFC 6749 §3.2: an access token request MUST use the HTTP method POST.
async fn r3_2_a_only_post_is_taken(engine: Engine) {
    let server = TestServer::start(engine).await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = server.send(server.request(method, "/token")).await;
        answer.refused(405, "invalid_request");
        assert_eq!(answer.header("allow"), "POST");
    }
}

/// RFC 6749 §3.2: a parameter without a value MUST be treated as omitted, and an unrecognized parameter MUST be ignored.
async fn r3_2_a_an_empty_parameter_counts_as_omitted_and_an_unknown_one_is_ignored(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("grant_type", "client_credentials"), ("scope", ""), ("resource", ""), ("colour", "green")];
    let answer = server.post_as(C1, "/token", &form).await;
    assert_eq!(answer.ok().text_at("scope"), "openid profile email read write introspect");
    server.post_as(C1, "/token", &[("grant_type", "")]).await.refused(400, "invalid_request");
    let form = [("grant_type", "client_credentials"), ("client_id", C1.0), ("client_secret", "")];
    server.post("/token", &form).await.refused(401, "invalid_client");
}

/// RFC 6749 §3.2: a request parameter MUST NOT be included more than once.
async fn r3_2_a_a_repeated_parameter_is_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let whole = format!("grant_type=refresh_token&client_id={P1}&refresh_token={token}&scope=read");
    for again in
        ["grant_type=refresh_token", "client_id=app", "scope=read", "scope=", &format!("refresh_token={token}")]
    {
        let answer = server.post_text("/token", FORM, format!("{whole}&{again}")).await;
        answer.refused(400, "invalid_request");
    }
    server.post_text("/token", FORM, format!("{whole}&one=1&one=2")).await.ok();
}

/// RFC 6749 §3.3: `scope` is a list of space-delimited, case-sensitive words of the characters %x21, %x23-5B and %x5D-7E.
async fn r3_3_a_a_scope_is_words_of_certain_characters_and_case_matters(engine: Engine) {
    let server = TestServer::start(engine).await;
    for bad in ["READ", "re\"ad", "re\\ad", "réad", "read\u{a0}write", "read nothing"] {
        server.own_token(C1, &[("scope", bad)]).await.refused(400, "invalid_scope");
        server.login_asking(&[("scope", bad)]).await.refused(400, "invalid_scope");
    }
    let answer = server.own_token(C1, &[("scope", "write read write")]).await;
    assert_eq!(answer.ok().text_at("scope"), "write read");
    // The grammar has single spaces, and no other meaning for more of them.
    for spaced in ["write  read", " write read ", "write\tread", "write\r\nread\n"] {
        assert_eq!(server.own_token(C1, &[("scope", spaced)]).await.ok().text_at("scope"), "write read", "{spaced:?}");
    }
    assert_eq!(
        server.own_token(C1, &[("scope", " ")]).await.ok().text_at("scope"),
        "openid profile email read write introspect"
    );
}

/// RFC 6749 §3.3: the answer MUST include `scope` if the granted scope differs from the requested one. tokend always includes it.
async fn r3_3_a_the_answer_says_what_was_granted(engine: Engine) {
    let server = TestServer::start(engine).await;
    let all = server.login().await;
    assert_eq!(
        (all.text_at("scope"), all.claims()["scope"].as_str()),
        ("openid profile email read write".into(), Some("openid profile email read write"))
    );
    let one = server.login_asking(&[("scope", "read")]).await;
    assert_eq!((one.text_at("scope").as_str(), one.claims()["scope"].as_str()), ("read", Some("read")));
    server
        .add_client(Client { grants: Grants::from([Grant::ClientCredentials]), ..confidential(("bare", C1.1)) })
        .await;
    let none = server.own_token(("bare", C1.1), &[]).await;
    assert_eq!(none.ok().text_at("scope"), "");
    assert_eq!(none.claims().get("scope"), None);
}

/// RFC 6749 §4.3.2: the password grant REQUIRES `username` and `password`, both encoded as UTF-8.
async fn r4_3_2_a_the_password_grant_takes_utf_8_and_needs_both(engine: Engine) {
    let server = TestServer::start(engine).await;
    let password = "pässwörd und 密码 €";
    add_user(&server.app.store, &server.app.hasher, "jürgen", password).await;
    let right = [("grant_type", "password"), ("username", "jürgen"), ("password", password)];
    server.post_as(C1, "/token", &right).await.ok();
    for missing in [1, 2] {
        let mut form = right.to_vec();
        form.remove(missing);
        server.post_as(C1, "/token", &form).await.refused(400, "invalid_request");
    }
    let ascii = [("grant_type", "password"), ("username", "jürgen"), ("password", "password und 密码 €")];
    server.post_as(C1, "/token", &ascii).await.refused(400, "invalid_grant");
}

/// RFC 6749 §4.3.2: the server MUST require client authentication of confidential clients for the password grant.
async fn r4_3_2_a_a_confidential_client_authenticates_for_the_password_grant(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    server.post("/token", &form).await.refused(401, "invalid_client");
    server.post("/token", &[&form[..], &[("client_id", C1.0)]].concat()).await.refused(401, "invalid_client");
    server.post_as((C1.0, C2.1), "/token", &form).await.refused(401, "invalid_client");
    server.post_as(C1, "/token", &form).await.ok();
    server.post("/token", &[&form[..], &[("client_id", P1)]].concat()).await.ok();
}

/// RFC 6749 §4.4, §4.4.3: the client credentials grant MUST only be used by confidential clients. Its answer SHOULD NOT include a refresh
/// token.
async fn r4_4_a_client_credentials_are_for_confidential_clients_and_give_no_refresh_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.own_token(C1, &[]).await;
    assert_eq!(answer.ok().json().get("refresh_token"), None);
    server.change_client(P1, |client| client.grants = Grants::from(Grant::ALL)).await;
    let form = [("grant_type", "client_credentials"), ("client_id", P1)];
    server.post("/token", &form).await.refused(400, "unauthorized_client");
    server.change_client(C1.0, |client| client.grants = Grants::from([Grant::Password])).await;
    server.own_token(C1, &[]).await.refused(400, "unauthorized_client");
}

/// RFC 6749 §5.1: a successful answer has `access_token` and `token_type`, which are REQUIRED, and `expires_in`. An answer with tokens or
/// credentials MUST have `Cache-Control: no-store` and `Pragma: no-cache`; with tokend errors have them too.
async fn r5_1_a_every_answer_of_the_token_endpoint_has_its_members_and_stays_nowhere(engine: Engine) {
    let server = TestServer::start(engine).await;
    let signed_in = server.login_as(C1).await;
    let exchanged = server.exchange_as(C1, &signed_in.refresh_token()).await;
    for answer in [&signed_in, &exchanged, &server.own_token(C1, &[]).await] {
        let json = answer.ok().json();
        assert_eq!((json["token_type"].as_str(), json["expires_in"].as_i64()), (Some("Bearer"), Some(900)));
        assert!(!answer.access_token().is_empty());
        assert_eq!(answer.header("content-type"), "application/json");
        not_stored(answer);
    }
    not_stored(server.post("/token", &[]).await.refused(400, "invalid_request"));
    not_stored(server.own_token((C1.0, "wrong"), &[]).await.refused(401, "invalid_client"));
    not_stored(server.exchange_as(C1, "wrong").await.refused(400, "invalid_grant"));
}

#[track_caller]
fn not_stored(answer: &Answer) {
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"), "{answer:?}");
}

/// RFC 6749 §5.2: an error is answered 400, unless specified otherwise, with one of the defined codes. `error` and `error_description` MUST
/// NOT include characters outside %x20-21, %x23-5B and %x5D-7E, whatever the request had.
async fn r5_2_a_an_error_is_400_with_a_code_of_the_closed_set(engine: Engine) {
    let server = TestServer::start(engine).await;
    let user = [("username", "alice"), ("password", PASSWORD)];
    for (form, code) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "invalid_request"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (vec![("grant_type", "password"), ("username", "alice"), ("password", "wrong \"\\\u{7f}é")], "invalid_grant"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "\"\\\u{7f}é")], "invalid_grant"),
        (vec![("grant_type", "\"\\\u{7f}é")], "unsupported_grant_type"),
        (vec![("grant_type", "password"), ("scope", "\"\\\u{7f}é"), user[0], user[1]], "invalid_scope"),
        (vec![("grant_type", "password"), ("resource", "\"\\\u{7f}é"), user[0], user[1]], "invalid_target"),
    ] {
        let answer = server.post_as(C1, "/token", &form).await;
        answer.refused(400, code);
        assert!(CODES.contains(&code) && !answer.text_at("error_description").is_empty());
    }
}

/// RFC 6749 §5.2: failed client authentication is `invalid_client`. A client that used the `Authorization` header MUST get 401 with a
/// `WWW-Authenticate` of the scheme that it used. The cause isn't told.
async fn r5_2_b_a_client_that_fails_to_authenticate_is_401_and_told_the_scheme(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut answers = Vec::new();
    for (id, secret) in [(C1.0, "wrong"), (C1.0, C2.1), ("unknown", C1.1), (P1, C1.1), (C1.0, "")] {
        let answer = server.own_token((id, secret), &[]).await;
        answer.refused(401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
        answers.push(answer.text);
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        answers.push(server.post("/token", &form).await.refused(401, "invalid_client").text.clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// RFC 6749 §5.2: invalid credentials of the resource owner are `invalid_grant`.
async fn r5_2_c_wrong_user_credentials_are_invalid_grant(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (name, password) in [("alice", "not her password"), ("nobody", PASSWORD), ("bob", PASSWORD)] {
        let form = [("grant_type", "password"), ("username", name), ("password", password)];
        server.post_as(C1, "/token", &form).await.refused(400, "invalid_grant");
    }
}

/// RFC 6749 §5.2: a refresh token that is invalid, expired, revoked or was issued to another client is `invalid_grant`.
async fn r5_2_c_a_refresh_token_that_is_no_good_is_invalid_grant(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (revoked, expired) = (server.login_as(C1).await, server.login_as(C1).await.refresh_token());
    server.post_as(C1, "/revoke", &[("token", &revoked.refresh_token())]).await.ok();
    server.exchange_as(C1, &revoked.refresh_token()).await.refused(400, "invalid_grant");
    for wrong in ["x", "tkr_", &revoked.access_token(), &format!("{expired}A"), &expired[..expired.len() - 1]] {
        server.exchange_as(C1, wrong).await.refused(400, "invalid_grant");
    }
    server.exchange_as(C2, &expired).await.refused(400, "invalid_grant");
    server.clock.advance(30 * 86_400);
    server.exchange_as(C1, &expired).await.refused(400, "invalid_grant");
}

/// RFC 6749 §5.2: `unauthorized_client`, `unsupported_grant_type`, `invalid_scope` and `invalid_request` are each used for their own case
/// only.
async fn r5_2_d_each_code_is_for_its_own_case(engine: Engine) {
    let server = TestServer::start(engine).await;
    let user = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    server.post_as(RS1, "/token", &user).await.refused(400, "unauthorized_client");
    server.exchange_as(RS1, "anything").await.refused(400, "unauthorized_client");
    for unsupported in ["authorization_code", "implicit", "Password", "urn:ietf:params:oauth:grant-type:device_code"] {
        let answer = server.post_as(C1, "/token", &[("grant_type", unsupported)]).await;
        answer.refused(400, "unsupported_grant_type");
    }
    server.own_token(C1, &[("scope", "admin")]).await.refused(400, "invalid_scope");
    let json = r#"{"grant_type":"client_credentials"}"#;
    server.post_text("/token", "application/json", json).await.refused(400, "invalid_request");
    server.post_as((C1.0, "wrong"), "/token", &[("grant_type", "implicit")]).await.refused(401, "invalid_client");
}

/// RFC 6749 §6: the server MUST require client authentication of confidential clients, and MUST ensure that the refresh token was issued to
/// the authenticated client.
async fn r6_a_a_refresh_token_is_bound_to_its_client_which_authenticates(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    server.post("/token", &form).await.refused(401, "invalid_client");
    server.post("/token", &[&form[..], &[("client_id", C1.0)]].concat()).await.refused(401, "invalid_client");
    server.exchange_as((C1.0, "wrong"), &token).await.refused(401, "invalid_client");
    server.exchange_as(C2, &token).await.refused(400, "invalid_grant");
    server.post("/token", &[&form[..], &[("client_id", P1)]].concat()).await.refused(400, "invalid_grant");
    server.refresh(&token).await.refused(401, "invalid_grant");
    assert_eq!(server.exchange_as(C1, &token).await.ok().header("refresh-verdict"), "rotate");
}

/// RFC 6749 §6: the requested scope MUST NOT include any scope that was not granted; omitted, it is the scope that was granted. A new
/// refresh token MUST have the scope of the presented one, even if the access token has less.
async fn r6_b_scope_is_never_widened_and_narrowing_is_for_the_access_token_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login_asking(&[("scope", "read profile")]).await.refresh_token();
    let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &first), ("scope", "read write")];
    server.post("/token", &form).await.refused(400, "invalid_scope");
    let narrow = server.post("/token", &[form[0], form[1], form[2], ("scope", "read")]).await;
    assert_eq!(narrow.header("refresh-verdict"), "rotate", "the wider request used nothing up");
    assert_eq!((narrow.text_at("scope").as_str(), narrow.claims()["scope"].as_str()), ("read", Some("read")));
    let second = narrow.refresh_token();
    let whole = server.post("/token", &[form[0], form[1], ("refresh_token", &second)]).await;
    assert_eq!(
        (whole.text_at("scope").as_str(), whole.claims()["scope"].as_str()),
        ("read profile", Some("read profile"))
    );
}

/// RFC 6749 §10.3, §10.4, §10.10: tokens MUST be kept confidential in storage. The probability of guessing one MUST be 2^-128 or less and
/// SHOULD be 2^-160 or less; refresh tokens of tokend have 256 random bits.
async fn r10_a_tokens_cannot_be_guessed_and_are_confidential_in_storage(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (one, two) = (server.login_as(C1).await, server.login_as(C1).await);
    let secret = |answer: &Answer| {
        let bytes = URL_SAFE_NO_PAD.decode(answer.refresh_token().strip_prefix("tkr_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 82);
        bytes[34..66].to_vec()
    };
    assert_ne!(secret(&one), secret(&two));
    let dump = server.database.dump().await;
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|bytes| bytes == needle);
    assert!(holds(b"alice") && holds(C1.0.as_bytes()), "it is a dump");
    let hex = |bytes: &[u8]| bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect::<Vec<_>>();
    for answer in [&one, &two] {
        assert!(!holds(answer.refresh_token().as_bytes()) && !holds(answer.access_token().as_bytes()));
        assert!(!holds(&secret(answer)) && !holds(&hex(&secret(answer))));
    }
    assert!(!holds(PASSWORD.as_bytes()) && !holds(C1.1.as_bytes()));
}

/// OAuth 2.1 draft §4.3: a public client's `client_id` MUST be that of the client that the refresh token was issued to, and the grant MUST
/// still be active.
async fn oauth_2_1_the_client_id_of_a_public_client_must_match_the_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let exchange = async |client, token: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        server.post("/token", &form).await
    };
    exchange(STRICT, &token).await.refused(400, "invalid_grant");
    let next = exchange(P1, &token).await;
    assert_eq!(next.ok().header("refresh-verdict"), "rotate");
    server.post("/revoke", &[("client_id", P1), ("token", &token)]).await.ok();
    exchange(P1, &next.refresh_token()).await.refused(400, "invalid_grant");
}

on_both_databases!(
    r2_3_a_two_methods_of_authentication_are_invalid_request_and_use_nothing_up,
    r2_2_a_a_client_id_alone_authenticates_nobody,
    r2_3_1_a_the_halves_of_basic_are_form_urlencoded,
    r2_3_1_b_credentials_in_the_address_are_refused,
    r3_2_a_only_post_is_taken,
    r3_2_a_an_empty_parameter_counts_as_omitted_and_an_unknown_one_is_ignored,
    r3_2_a_a_repeated_parameter_is_invalid_request,
    r3_3_a_a_scope_is_words_of_certain_characters_and_case_matters,
    r3_3_a_the_answer_says_what_was_granted,
    r4_3_2_a_the_password_grant_takes_utf_8_and_needs_both,
    r4_3_2_a_a_confidential_client_authenticates_for_the_password_grant,
    r4_4_a_client_credentials_are_for_confidential_clients_and_give_no_refresh_token,
    r5_1_a_every_answer_of_the_token_endpoint_has_its_members_and_stays_nowhere,
    r5_2_a_an_error_is_400_with_a_code_of_the_closed_set,
    r5_2_b_a_client_that_fails_to_authenticate_is_401_and_told_the_scheme,
    r5_2_c_wrong_user_credentials_are_invalid_grant,
    r5_2_c_a_refresh_token_that_is_no_good_is_invalid_grant,
    r5_2_d_each_code_is_for_its_own_case,
    r6_a_a_refresh_token_is_bound_to_its_client_which_authenticates,
    r6_b_scope_is_never_widened_and_narrowing_is_for_the_access_token_only,
    r10_a_tokens_cannot_be_guessed_and_are_confidential_in_storage,
    oauth_2_1_the_client_id_of_a_public_client_must_match_the_token,
);
