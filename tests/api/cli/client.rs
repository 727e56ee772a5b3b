//! `tokend client`.

use super::rig::{PASSWORD, Rig};
use crate::harness::{Engine, on_both_databases};

const SERVICE: [&str; 8] =
    ["client", "add", "svc", "--name", "Service", "--confidential", "--grant", "client_credentials"];

async fn a_confidential_client_works_with_the_secret_that_was_printed(engine: Engine) {
    let rig = Rig::new(engine).await;
    let added = rig.run(&[&SERVICE[..], &["--scope", "read write"]].concat());
    let secret = added.secret();
    assert_eq!(added.stderr, "client svc was added; its secret, shown this once, is on standard output\n");
    let answer = rig.client_token(("svc", &secret)).await;
    assert_eq!(answer.ok().json()["scope"], "read write");
    rig.client_token(("svc", "wrong")).await.refused(401, "invalid_client");
    let shown = rig.run(&["client", "show", "svc", "--json"]).stdout + &rig.run(&["client", "show", "svc"]).stdout;
    assert!(!shown.contains(&secret) && !shown.contains("hash"), "{shown}");
}

async fn a_client_may_bring_its_secret_along(engine: Engine) {
    let rig = Rig::new(engine).await;
    let add = [&SERVICE[..], &["--secret-stdin"]].concat();
    let two_lines = "32-characters-are-enough-for-it-\n32-characters-are-enough-for-it-\n";
    for weak in [two_lines, "", "\n", "31-characters-are-not-enough-xx\n", "a secret with spaces in it, long enough\n"]
    {
        rig.program.run_with(&add, weak).refused("secret");
        rig.program.run(&["client", "show", "svc"]).refused("there is no client svc");
    }
    let secret = "32-characters-are-enough-for-it-";
    rig.program.run_with(&add, &format!("{secret}\n")).said("client svc was added");
    rig.client_token(("svc", secret)).await.ok();
}

async fn a_new_secret_voids_the_old_one(engine: Engine) {
    let rig = Rig::new(engine).await;
    let old = rig.run(&SERVICE).secret();
    let token = rig.client_token(("svc", &old)).await;
    let new = rig.run(&["client", "secret", "svc"]).secret();
    token.ok();
    rig.client_token(("svc", &old)).await.refused(401, "invalid_client");
    rig.client_token(("svc", &new)).await.ok();
    let brought = "brought-along-and-quite-long-enough-0";
    rig.program.run_with(&["client", "secret", "svc", "--secret-stdin"], brought).ok();
    rig.client_token(("svc", &new)).await.refused(401, "invalid_client");
    rig.client_token(("svc", brought)).await.ok();
}

async fn a_public_client_has_no_secret(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    assert_eq!(rig.run(&["client", "show", "app", "--json"]).json()["confidential"], false);
    rig.program.run(&["client", "secret", "app"]).refused("client app is public");
    rig.alice().await;
}

async fn an_id_is_taken_once(engine: Engine) {
    let rig = Rig::new(engine).await;
    let secret = rig.run(&SERVICE).secret();
    rig.program.run(&SERVICE).refused("there is a client svc already; `tokend client update` changes it");
    rig.client_token(("svc", &secret)).await.ok();
}

async fn what_can_not_work_is_not_registered(engine: Engine) {
    let rig = Rig::new(engine).await;
    for (arguments, reason) in [
        (&["--public", "--grant", "client_credentials"][..], "confidential"),
        (&["--public", "--may-introspect"], "confidential"),
        (&["--public", "--scope", "read introspect"], "confidential"),
        (&["--public", "--admin"], "confidential"),
        (&["--confidential", "--scope", "read admin:users"], "--admin"),
        (&["--confidential", "--scope", "admin:"], "--admin"),
        (&["--public", "--grant", "password"], "--first-party"),
    ] {
        rig.program.run(&[&["client", "add", "x", "--name", "X"], arguments].concat()).refused(reason);
    }
    for (arguments, reason) in [
        (&[][..], "--public"),
        (&["--public", "--confidential"], "cannot be used with"),
        (&["--public", "--secret-stdin"], "cannot be used with"),
        (&["--public", "--grant", "implicit"], "password, refresh_token, client_credentials"),
        (&["--public", "--scope", "a \"b\""], "scope"),
        (&["--public", "--audience", "a b"], "audience"),
        (&["--public", "--access-lifetime", "0s"], "from 1s to 1d"),
        (&["--public", "--access-lifetime", "25h"], "from 1s to 1d"),
        (&["--public", "--reuse-window", "61m"], "from 0s to 1h"),
        (&["--public", "--idle-lifetime=-1s"], "from 0s to"),
        (&["--public", "--recovery", "off"], "on or strict"),
        (&["--public", "--rotation", "maybe"], "rotation"),
        (&["--public", "--name", "\u{1b}[31mred"], "name"),
        (&["--public", "--secret", "topsecret"], "--secret"),
    ] {
        rig.program.run(&[&["client", "add", "x", "--name", "X"], arguments].concat()).misused(reason);
    }
    rig.program
        .run(&["client", "add", "67e55044-10b1-426f-9247-bb680e5fe0c8", "--name", "X", "--public"])
        .misused("not a UUID");
    assert_eq!(rig.run(&["client", "list", "--json"]).json(), serde_json::json!([]));
}

async fn what_was_copied_with_quotes_and_spaces_is_found(engine: Engine) {
    let rig = Rig::new(engine).await;
    rig.run(&[
        "client",
        "add",
        " svc\n",
        "--name",
        " Service ",
        "--confidential",
        "--scope",
        " b  a ",
        "--token-typ",
        "jwt",
    ]);
    for id in ["svc", " svc\n", "\"svc\"", "'svc'"] {
        let shown = rig.run(&["client", "show", id, "--json"]).json();
        let (name, scope, typ) = (&shown["name"], &shown["scope"], &shown["token_typ"]);
        assert_eq!((name, scope, typ), (&"Service".into(), &"b a".into(), &"JWT".into()), "{id}");
    }
    rig.run(&[
        "client",
        "update",
        "\"svc\"",
        "--may-introspect",
        "YES",
        "--rotation",
        "OFF",
        "--access-lifetime",
        "1H",
    ]);
    rig.run(&["client", "update", "svc", "--allowed-origin", "https://App.example.com:443/"]);
    let shown = rig.run(&["client", "show", "svc", "--json"]).json();
    assert_eq!((&shown["may_introspect"], &shown["access_lifetime"]), (&true.into(), &3600.into()));
    assert_eq!((&shown["rotation"], &shown["allowed_origins"][0]), (&false.into(), &"https://app.example.com".into()));
    rig.program
        .run_with(
            &["client", "secret", "svc", "--secret-stdin"],
            "\u{feff} brought-along-and-long-enough-to-be-a-secret \r\n",
        )
        .ok();
    rig.run(&["session", "revoke", "--client", "\"svc\"", "--yes"]);
    // One whose id has quotes is another one.
    rig.run(&["client", "add", "\"svc\"", "--name", "Quoted", "--public"]);
    assert_eq!(rig.run(&["client", "show", "\"svc\"", "--json"]).json()["name"], "Quoted");
    rig.run(&["client", "remove", "\"svc\"", "--yes"]).said("client \"svc\" was removed; 0 sessions ended");
    rig.run(&["client", "remove", "\"svc\"", "--yes"]).said("client svc was removed; 0 sessions ended");
}

async fn a_registration_is_shown_as_it_was_given(engine: Engine) {
    let rig = Rig::new(engine).await;
    rig.run(&[
        "client",
        "add",
        "all",
        "--name",
        "All of it",
        "--confidential",
        "--grant",
        "refresh_token",
        "--grant",
        "password",
        "--grant",
        "client_credentials",
        "--scope",
        "write read",
        "--audience",
        "https://a.example.com",
        "--audience",
        "b",
        "--serves",
        "c",
        "--first-party",
        "--may-introspect",
        "--admin",
        "--access-lifetime",
        "5m",
        "--rotation",
        "off",
        "--reuse-window",
        "3s",
        "--recovery",
        "strict",
        "--idle-lifetime",
        "7d",
        "--absolute-lifetime",
        "0s",
    ]);
    let mut shown = rig.run(&["client", "show", "all", "--json"]).json();
    let created = shown.as_object_mut().unwrap().remove("created_at").unwrap().as_i64().unwrap();
    assert!(created > 1_700_000_000);
    let expected = serde_json::json!({
        "id": "all", "name": "All of it", "confidential": true,
        "grants": ["password", "refresh_token", "client_credentials"], "scope": "write read",
        "audience": ["https://a.example.com", "b"], "serves": ["c"],
        "first_party": true, "may_introspect": true, "admin": true,
        "access_lifetime": 300, "rotation": false, "reuse_window": 3, "recovery": "strict",
        "idle_lifetime": 604_800, "absolute_lifetime": 0, "disabled_at": null,
        "allowed_origins": [], "token_typ": "at+jwt",
    });
    assert_eq!(shown, expected);
    let listed = rig.run(&["client", "list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["grants"], expected["grants"]);
    let table = rig.run(&["client", "list"]).stdout;
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.starts_with("ID ") && table.contains("All of it"), "{table}");
}

async fn an_update_changes_what_is_given_and_nothing_else(engine: Engine) {
    let rig = Rig::new(engine).await;
    rig.run(&[&SERVICE[..], &["--scope", "read write", "--audience", "a", "--serves", "b"]].concat());
    let before = rig.run(&["client", "show", "svc", "--json"]).json();
    rig.run(&[
        "client",
        "update",
        "svc",
        "--name",
        "Renamed",
        "--access-lifetime",
        "1m",
        "--audience",
        "c",
        "--audience",
        "d",
    ])
    .said("client svc was changed; 0 sessions ended");
    let mut expected = before.clone();
    expected["name"] = "Renamed".into();
    expected["access_lifetime"] = 60.into();
    expected["audience"] = serde_json::json!(["c", "d"]);
    assert_eq!(rig.run(&["client", "show", "svc", "--json"]).json(), expected);
    rig.run(&["client", "update", "svc", "--name", "Service", "--access-lifetime", "default", "--audience", "a"]);
    assert_eq!(rig.run(&["client", "show", "svc", "--json"]).json(), before);
    rig.run(&["client", "update", "svc", "--serves", "", "--grant", "", "--scope", ""]);
    let emptied = rig.run(&["client", "show", "svc", "--json"]).json();
    assert_eq!([&emptied["serves"], &emptied["grants"]], [&serde_json::json!([]); 2]);
    assert_eq!(emptied["scope"], "");
    rig.program.run(&["client", "update", "svc"]).misused("--name");
    rig.program.run(&["client", "update", "svc", "--grant", "password"]).refused("--first-party");
    rig.run(&["client", "add", "page", "--name", "Page", "--public"]);
    rig.program.run(&["client", "update", "page", "--scope", "introspect"]).refused("confidential");
    rig.program.run(&["client", "update", "nobody", "--name", "X"]).refused("there is no client nobody");
}

async fn losing_a_scope_ends_the_sessions_that_hold_it(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let form = |scope| [("username", "alice"), ("password", PASSWORD), ("scope", scope)];
    let narrow = rig.post("/login", &form("openid read")).await;
    let wide = rig.post("/login", &form("openid read write")).await;
    rig.run(&["client", "update", "app", "--scope", "openid read"]).said("client app was changed; 1 session ended");
    rig.assert_dead(&wide).await;
    rig.assert_alive(&narrow).await;
    rig.refresh(&narrow.refresh_token()).await.ok();
    rig.post("/login", &form("openid write")).await.refused(400, "invalid_scope");
}

async fn losing_an_audience_ends_what_was_for_it(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let both = ["--audience", "https://a.example.com", "--audience", "https://b.example.com"];
    rig.run(&[&["client", "update", "app"], &both[..]].concat()).said("client app was changed; 0 sessions ended");
    let form = |resource| [("username", "alice"), ("password", PASSWORD), ("resource", resource)];
    let lost = rig.post("/login", &form("https://a.example.com")).await;
    let kept = rig.post("/login", &form("https://b.example.com")).await;
    let secret = rig.run(&[&SERVICE[..], &both, &["--may-introspect"]].concat()).secret();
    let client = ("svc", secret.as_str());
    let own = rig.client_token(client).await.access_token();
    rig.post_as(client, "/introspect", &[("token", &own)]).await.active();
    for id in ["app", "svc"] {
        let ended = if id == "app" { "1 session ended" } else { "0 sessions ended" };
        let outcome = rig.run(&["client", "update", id, "--audience", "https://b.example.com"]);
        outcome.said(&format!("client {id} was changed; {ended}"));
    }
    rig.refresh(&lost.refresh_token()).await.refused(401, "invalid_grant");
    rig.refresh(&kept.refresh_token()).await.ok();
    rig.post_as(client, "/introspect", &[("token", &own)]).await.inactive();
    let new = rig.client_token(client).await.access_token();
    rig.post_as(client, "/introspect", &[("token", &new)]).await.active();
}

async fn losing_a_grant_ends_every_session(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let tokens = rig.alice().await;
    rig.run(&["client", "update", "app", "--grant", "password"]).said("client app was changed; 1 session ended");
    rig.assert_dead(&tokens).await;
}

async fn losing_a_scope_ends_a_clients_own_tokens(engine: Engine) {
    let rig = Rig::new(engine).await;
    let secret = rig.run(&[&SERVICE[..], &["--scope", "read write", "--may-introspect"]].concat()).secret();
    let client = ("svc", secret.as_str());
    let old = rig.client_token(client).await.access_token();
    rig.post_as(client, "/introspect", &[("token", &old)]).await.active();
    rig.run(&["client", "update", "svc", "--name", "Renamed"]);
    rig.post_as(client, "/introspect", &[("token", &old)]).await.active();
    rig.run(&["client", "update", "svc", "--scope", "read"]);
    rig.post_as(client, "/introspect", &[("token", &old)]).await.inactive();
    let new = rig.client_token(client).await;
    assert_eq!(new.json()["scope"], "read");
    rig.post_as(client, "/introspect", &[("token", &new.access_token())]).await.active();
}

async fn a_disabled_client_does_nothing_and_what_ended_stays_ended(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let secret = rig.run(&[&SERVICE[..], &["--may-introspect"]].concat()).secret();
    let client = ("svc", secret.as_str());
    let (tokens, own) = (rig.alice().await, rig.client_token(client).await.access_token());
    rig.run(&["client", "disable", "app", "--yes"]).said("client app was disabled; 1 session ended");
    rig.run(&["client", "disable", "svc", "--yes"]).said("client svc was disabled; 0 sessions ended");
    rig.assert_dead(&tokens).await;
    assert_ne!(rig.login("alice", PASSWORD).await.status, 200);
    rig.client_token(client).await.refused(401, "invalid_client");
    assert!(rig.run(&["client", "show", "app", "--json"]).json()["disabled_at"].is_i64());
    rig.run(&["client", "disable", "app"]).said("client app was disabled before");
    rig.run(&["client", "enable", "app"]).said("client app was enabled");
    rig.run(&["client", "enable", "svc"]).said("client svc was enabled");
    rig.run(&["client", "enable", "svc"]).said("client svc was enabled before");
    rig.assert_dead(&tokens).await;
    rig.post_as(client, "/introspect", &[("token", &own)]).await.inactive();
    rig.alice().await;
    rig.client_token(client).await.ok();
}

async fn a_removed_client_is_gone_and_its_tokens_do_not_come_back(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let secret = rig.run(&[&SERVICE[..], &["--may-introspect"]].concat()).secret();
    let (tokens, own) = (rig.alice().await, rig.client_token(("svc", &secret)).await.access_token());
    rig.run(&["client", "remove", "app", "--yes"]).said("client app was removed; 1 session ended");
    rig.run(&["client", "remove", "svc", "--yes"]).said("client svc was removed; 0 sessions ended");
    rig.assert_dead(&tokens).await;
    rig.client_token(("svc", &secret)).await.refused(401, "invalid_client");
    rig.program.run(&["client", "remove", "svc", "--yes"]).refused("there is no client svc");
    assert_eq!(rig.run(&["client", "list", "--json"]).json(), serde_json::json!([]));
    // The clock may not have moved since; a token of the second before the client came back is dead in any case.
    let added = rig.run(&[&SERVICE[..], &["--may-introspect"]].concat()).secret();
    let created = rig.run(&["client", "show", "svc", "--json"]).json()["created_at"].as_i64().unwrap();
    let answer = rig.post_as(("svc", &added), "/introspect", &[("token", &own)]).await;
    assert!(answer.text == r#"{"active":false}"# || answer.json()["iat"].as_i64() >= Some(created), "{answer:?}");
    rig.client_token(("svc", &added)).await.ok();
}

async fn changes_at_the_same_time_all_land(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let changes = [["--name", "Renamed"], ["--access-lifetime", "1m"], ["--recovery", "strict"]];
    std::thread::scope(|threads| {
        for change in changes {
            let program = &rig.program;
            threads.spawn(move || program.run(&[&["client", "update", "app"], &change[..]].concat()).ok().code);
        }
    });
    let shown = rig.run(&["client", "show", "app", "--json"]).json();
    assert_eq!((&shown["name"], &shown["access_lifetime"]), (&"Renamed".into(), &60.into()));
    assert_eq!(shown["recovery"], "strict");
}

async fn what_is_of_no_use_is_said_and_done(engine: Engine) {
    let rig = Rig::new(engine).await;
    for (id, arguments, note) in [
        ("a", &["--confidential", "--grant", "refresh_token"][..], "refresh_token"),
        ("b", &["--public", "--first-party"], "--first-party"),
        ("c", &["--confidential", "--serves", "x"], "--serves"),
    ] {
        let outcome = rig.run(&[&["client", "add", id, "--name", "X"], arguments].concat());
        assert!(outcome.stderr.contains("note: ") && outcome.stderr.contains(note), "{outcome:?}");
        rig.run(&["client", "show", id]);
    }
}

on_both_databases!(
    what_was_copied_with_quotes_and_spaces_is_found,
    a_confidential_client_works_with_the_secret_that_was_printed,
    a_client_may_bring_its_secret_along,
    a_new_secret_voids_the_old_one,
    a_public_client_has_no_secret,
    an_id_is_taken_once,
    what_can_not_work_is_not_registered,
    a_registration_is_shown_as_it_was_given,
    an_update_changes_what_is_given_and_nothing_else,
    losing_a_scope_ends_the_sessions_that_hold_it,
    losing_an_audience_ends_what_was_for_it,
    losing_a_grant_ends_every_session,
    losing_a_scope_ends_a_clients_own_tokens,
    a_disabled_client_does_nothing_and_what_ended_stays_ended,
    a_removed_client_is_gone_and_its_tokens_do_not_come_back,
    changes_at_the_same_time_all_land,
    what_is_of_no_use_is_said_and_done,
);
