//! `tokend session`.

use serde_json::Value;

use super::rig::{PASSWORD, Rig};
use crate::harness::{Engine, Outcome, on_both_databases};

fn ids(outcome: &Outcome) -> Vec<String> {
    outcome.json().as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

/// Alice is signed in on `app` twice, bob once, and alice once on `other`.
async fn four_sessions(engine: Engine) -> Rig {
    let rig = Rig::new(engine).await.with_alice();
    rig.program.run_with(&["user", "add", "bob", "--password-stdin"], PASSWORD).ok();
    rig.run(&[
        "client",
        "add",
        "other",
        "--name",
        "Other",
        "--public",
        "--first-party",
        "--grant",
        "password",
        "--grant",
        "refresh_token",
        "--scope",
        "openid",
    ]);
    for (user, client) in [("alice", "app"), ("alice", "app"), ("bob", "app"), ("alice", "other")] {
        let form = [("username", user), ("password", PASSWORD), ("client_id", client), ("device_name", "Phone")];
        rig.post("/login", &form).await.ok();
    }
    rig
}

async fn a_listing_shows_whose_sessions_they_are(engine: Engine) {
    let rig = four_sessions(engine).await;
    let list = |arguments: &[&str]| rig.run(&[&["session", "list", "--json"], arguments].concat());
    assert_eq!(ids(&list(&[])).len(), 4);
    assert_eq!(ids(&list(&["--user", "alice"])).len(), 3);
    assert_eq!(ids(&list(&["--user", "alice", "--client", "app"])).len(), 2);
    assert_eq!(ids(&list(&["--client", "other"])).len(), 1);
    assert_eq!(ids(&list(&["--limit", "3"])).len(), 3);
    let bobs = &list(&["--user", "bob"]).json()[0];
    let mut members: Vec<_> = bobs.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = [
        "amr",
        "audience",
        "auth_time",
        "client_id",
        "created_at",
        "device_name",
        "ends_at",
        "expires_at",
        "generation",
        "grant_type",
        "id",
        "idle_expires_at",
        "ip",
        "last_used_at",
        "revoked_at",
        "revoked_reason",
        "scope",
        "state",
        "user_agent",
        "user_id",
        "username",
    ];
    assert_eq!(members, expected);
    let seen = [&bobs["username"], &bobs["client_id"], &bobs["state"], &bobs["device_name"], &bobs["ip"]];
    assert_eq!(seen, ["bob", "app", "active", "Phone", "127.0.0.1"]);
    assert_eq!((&bobs["grant_type"], &bobs["amr"][0]), (&"password".into(), &"pwd".into()));
    assert_eq!(
        (&bobs["expires_at"], &bobs["revoked_at"], &bobs["generation"]),
        (&Value::Null, &Value::Null, &1.into())
    );
    let table = rig.run(&["session", "list", "--user", "bob"]).stdout;
    assert!(table.contains("bob") && !table.contains("never") && table.lines().count() == 2, "{table}");
    assert!(
        rig.run(&["session", "list", "--limit", "3"])
            .stdout
            .ends_with("there are more: say --limit, --user or --client\n")
    );
    for (arguments, reason) in
        [(["--user", "eve"], "there is no user eve"), (["--client", "x"], "there is no client x")]
    {
        rig.program.run(&[&["session", "list"], &arguments[..]].concat()).refused(reason);
    }
}

/// The end that counts, by the registration as it is: the idle time's here, the life's there, and one that was lowered since.
async fn a_session_ends_at_the_earlier_of_its_ends(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let update = |idle: &str, absolute: &str| {
        rig.run(&["client", "update", "app", "--idle-lifetime", idle, "--absolute-lifetime", absolute]);
    };
    let ends = || {
        let listed = rig.run(&["session", "list", "--json"]).json();
        let session = &listed[0];
        let at = |name: &str| session[name].as_i64();
        assert_eq!(session["state"], "active");
        (at("ends_at").map(|at| at - session["created_at"].as_i64().unwrap()), at("idle_expires_at"), at("expires_at"))
    };
    update("1h", "2h");
    rig.alice().await;
    let (idle, life) = (ends().1, ends().2);
    assert!(idle < life && ends().0 == Some(3600), "{:?}", ends());
    update("30m", "2h");
    assert_eq!(ends(), (Some(1800), idle, life), "what is stored follows with the next use");
    update("0s", "10m");
    assert_eq!(ends().0, Some(600));
    let table = rig.run(&["session", "list"]).stdout;
    assert!(table.contains("ENDS AT") && !table.contains("EXPIRES AT"), "{table}");
    // It ended in the past, by the registration as it is now.
    rig.database.execute("UPDATE sessions SET created_at = created_at - 700, last_used_at = last_used_at - 700").await;
    let listed = |arguments: &[&str]| rig.run(&[&["session", "list", "--json"], arguments].concat()).json();
    assert_eq!(listed(&[]).as_array().unwrap().len(), 0);
    let session = &listed(&["--all"])[0];
    assert_eq!(session["state"], "expired");
    let shown = rig.run(&["session", "show", session["id"].as_str().unwrap(), "--json"]).json();
    assert_eq!(shown, *session);
    rig.run(&["session", "revoke", "--user", "alice", "--yes"]);
    let session = &listed(&["--all"])[0];
    assert_eq!((&session["state"], &session["ends_at"]), (&"revoked".into(), &session["revoked_at"]));
}

async fn one_session_is_revoked_by_its_id(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let (one, two) = (rig.alice().await, rig.alice().await);
    let listed = ids(&rig.run(&["session", "list", "--json"]));
    let id = listed.first().unwrap();
    rig.run(&["session", "revoke", id]).said(&format!("session {id} was revoked"));
    let statuses = [&one, &two].map(|tokens| tokens.access_token());
    let mut statuses = [rig.userinfo(&statuses[0]).await.status, rig.userinfo(&statuses[1]).await.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "one is dead, the other alive");
    rig.run(&["session", "revoke", id]).said(&format!("session {id} had been revoked before"));
    let shown = rig.run(&["session", "show", id, "--json"]).json();
    assert_eq!((&shown["state"], &shown["revoked_reason"]), (&"revoked".into(), &"admin".into()));
    assert!(shown["revoked_at"].is_i64());
    assert_eq!(ids(&rig.run(&["session", "list", "--json"])).len(), 1, "ended ones are left out");
    assert_eq!(ids(&rig.run(&["session", "list", "--all", "--json"])).len(), 2);
    let unknown = "0195d3a0-0000-7000-8000-000000000000";
    rig.program.run(&["session", "show", unknown]).refused("there is no session");
    rig.program.run(&["session", "revoke", unknown]).refused("there is no session");
    rig.program.run(&["session", "show", "x"]).misused("this is no id of a session; `tokend session list` shows them");
}

async fn everything_of_a_user_is_revoked_at_once(engine: Engine) {
    let rig = four_sessions(engine).await;
    rig.run(&["session", "revoke", "--user", "alice", "--yes"]).said("3 sessions of user alice ended");
    let left = rig.run(&["session", "list", "--json"]).json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["username"]), (1, &"bob".into()));
    rig.alice().await;
    rig.program.run(&["session", "revoke", "--user", "eve", "--yes"]).refused("there is no user eve");
}

async fn everything_of_a_client_is_revoked_at_once(engine: Engine) {
    let rig = four_sessions(engine).await;
    let secret = rig
        .run(&[
            "client",
            "add",
            "svc",
            "--name",
            "S",
            "--confidential",
            "--may-introspect",
            "--grant",
            "client_credentials",
        ])
        .secret();
    let own = rig.client_token(("svc", &secret)).await.access_token();
    rig.run(&["session", "revoke", "--client", "app", "--yes"]).said("3 sessions of client app ended");
    let left = rig.run(&["session", "list", "--json"]).json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["client_id"]), (1, &"other".into()));
    rig.post_as(("svc", &secret), "/introspect", &[("token", &own)]).await.active();
    rig.run(&["session", "revoke", "--client", "svc", "--yes"]).said("0 sessions of client svc ended");
    rig.post_as(("svc", &secret), "/introspect", &[("token", &own)]).await.inactive();
    rig.program.run(&["session", "revoke", "--client", "x", "--yes"]).refused("there is no client x");
    rig.program.run(&["session", "revoke"]).misused("--user");
    rig.program.run(&["session", "revoke", "--user", "alice", "--client", "app"]).misused("cannot be used with");
}

on_both_databases!(
    a_session_ends_at_the_earlier_of_its_ends,
    a_listing_shows_whose_sessions_they_are,
    one_session_is_revoked_by_its_id,
    everything_of_a_user_is_revoked_at_once,
    everything_of_a_client_is_revoked_at_once,
);
