//! `tokend user`.

use serde_json::json;

use super::rig::{PASSWORD, Rig};
use crate::harness::{Engine, on_both_databases};

/// A published test vector of bcrypt.
const BCRYPT: (&str, &str) = ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");

async fn a_user_signs_in_with_the_password_of_standard_input(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    for typed in ["with a line end\n", "with a line end\r\n", "with a line end\n\n"] {
        rig.program.run_with(&["user", "password", "alice", "--password-stdin"], typed).ok();
        rig.login("alice", "with a line end").await.ok();
    }
    for (wrong, reason) in
        [("", "missing"), ("\n", "missing"), ("short\n", "at least 8"), ("tab\tin the middle\n", "printable")]
    {
        rig.program.run_with(&["user", "add", "bob", "--password-stdin"], wrong).refused(reason);
        rig.program.run_with(&["user", "password", "alice", "--password-stdin"], wrong).refused(reason);
    }
    assert!(!rig.has_user("bob").await);
    rig.login("alice", "with a line end").await.ok();
}

async fn a_user_signs_in_with_the_password_that_was_made_up(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let password = rig.run(&["user", "add", "bob", "--generate-password"]).secret();
    rig.login("bob", &password).await.ok();
    let other = rig.run(&["user", "password", "bob", "--generate-password"]).secret();
    rig.login("bob", &password).await.refused(401, "invalid_grant");
    rig.login("bob", &other).await.ok();
}

async fn a_user_signs_in_with_the_password_of_an_imported_hash(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let (password, hash) = BCRYPT;
    let typed = format!("\u{feff}{{CRYPT}}{hash} \r\n");
    rig.program.run_with(&["user", "add", "\u{200b}Bob ", "--password-hash-stdin"], &typed).ok();
    rig.login("bob", password).await.ok();
    rig.login("bob", "U*V").await.refused(401, "invalid_grant");
    rig.program
        .run_with(&["user", "add", "eve", "--password-hash-stdin"], "no hash\n")
        .refused("a password hash begins");
    assert!(!rig.has_user("eve").await);
}

/// Which of them is meant can't be known.
async fn a_password_of_two_lines_is_refused(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    for option in ["--password-stdin", "--password-hash-stdin"] {
        for two in
            ["the first line\nthe second line", "the first line\nthe second line\n", "\nthe second line", "a line\n "]
        {
            rig.program.run_with(&["user", "add", "bob", option], two).refused("is more than one line");
            rig.program.run_with(&["user", "password", "alice", option], two).refused("is more than one line");
        }
    }
    assert!(!rig.has_user("bob").await);
    rig.alice().await;
    rig.program.run_with(&["user", "add", "bob", "--password-stdin"], &format!("{PASSWORD}\r\n\n")).ok();
    rig.login("bob", PASSWORD).await.ok();
}

async fn nobody_signs_in_without_a_password(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.run(&["user", "add", "bob", "--no-password"]);
    rig.login("bob", PASSWORD).await.refused(401, "invalid_grant");
    assert_eq!(rig.run(&["user", "show", "bob", "--json"]).json()["has_password"], false);
    assert_eq!(rig.run(&["user", "show", "alice", "--json"]).json()["has_password"], true);
    rig.program.run_with(&["user", "password", "bob", "--password-stdin"], PASSWORD).ok();
    rig.login("bob", PASSWORD).await.ok();
}

async fn a_password_is_asked_for_on_a_terminal_only(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    for command in [&["user", "add", "bob"][..], &["user", "password", "alice"]] {
        rig.program.run_with(command, "typed blindly\n").refused("--password-stdin").refused("--generate-password");
    }
    assert!(!rig.has_user("bob").await);
    rig.alice().await;
}

async fn a_password_is_never_an_argument(engine: Engine) {
    let rig = Rig::new(engine).await;
    for command in [
        &["user", "add", "bob", "--password", "hunter2hunter2"][..],
        &["user", "add", "bob", "--password=hunter2hunter2"],
        &["user", "add", "bob", "--password-stdin=hunter2hunter2"],
        &["user", "add", "bob", "--no-password", "hunter2hunter2"],
        &["user", "password", "bob", "hunter2hunter2"],
        &["user", "password", "bob", "--password-hash", "hunter2hunter2"],
    ] {
        rig.program.run(command).misused("unexpected");
    }
    rig.program.run(&["user", "add", "bob", "--no-password", "--password-stdin"]).misused("cannot be used with");
    assert!(!rig.has_user("bob").await);
}

async fn a_new_password_ends_every_session(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let (one, two) = (rig.alice().await, rig.alice().await);
    rig.program
        .run_with(&["user", "password", "alice", "--password-stdin"], "quite another one")
        .said("user alice has a new password; 2 sessions ended");
    rig.assert_dead(&one).await;
    rig.assert_dead(&two).await;
    rig.login("alice", PASSWORD).await.refused(401, "invalid_grant");
    rig.login("alice", "quite another one").await.ok();
}

async fn a_disabled_user_is_out_until_enabled(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let tokens = rig.alice().await;
    rig.run(&["user", "disable", "alice", "--yes"]).said("user alice was disabled; 1 session ended");
    rig.assert_dead(&tokens).await;
    rig.login("alice", PASSWORD).await.refused(401, "invalid_grant");
    assert!(rig.run(&["user", "show", "alice", "--json"]).json()["disabled_at"].is_i64());
    rig.run(&["user", "disable", "alice"]).said("user alice was disabled before");
    rig.run(&["user", "enable", "alice"]).said("user alice was enabled");
    rig.run(&["user", "enable", "alice"]).said("user alice was enabled before");
    rig.assert_dead(&tokens).await;
    rig.alice().await;
}

async fn a_removed_user_is_gone(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let tokens = rig.alice().await;
    rig.run(&["user", "remove", "alice", "--yes"]).said("user alice was removed; 1 session ended");
    rig.assert_dead(&tokens).await;
    rig.login("alice", PASSWORD).await.refused(401, "invalid_grant");
    for command in ["show", "enable", "disable", "remove", "password"] {
        let yes = if matches!(command, "disable" | "remove") { &["--yes"][..] } else { &[] };
        let outcome = rig.program.run(&[&["user", command, "alice"], yes].concat());
        outcome.refused("there is no user alice");
    }
}

async fn an_update_is_what_userinfo_says(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.run(&["client", "update", "app", "--scope", "openid profile email"]);
    let access = rig.alice().await.access_token();
    rig.run(&[
        "user",
        "update",
        "alice",
        "--email",
        "alice@example.com",
        "--claim",
        r#"name="Alice A.""#,
        "--claim",
        r#"address={"country":"AT"}"#,
        "--claim",
        "email_verified=true",
    ])
    .said("user alice was changed");
    let seen = rig.userinfo(&access).await.ok().json();
    assert_eq!(
        (&seen["email"], &seen["email_verified"], &seen["name"]),
        (&"alice@example.com".into(), &true.into(), &"Alice A.".into())
    );
    rig.run(&["user", "update", "alice", "--no-email", "--remove-claim", "name", "--claim", "email_verified=false"]);
    let seen = rig.userinfo(&access).await.ok().json();
    assert_eq!((seen.get("email"), seen.get("name"), &seen["email_verified"]), (None, None, &false.into()));
    let shown = rig.run(&["user", "show", "alice", "--json"]).json();
    assert_eq!(shown["claims"], json!({ "address": { "country": "AT" }, "email_verified": false }));
    rig.program.run(&["user", "update", "alice", "--remove-claim", "name"]).refused("no claim name");
    rig.program.run(&["user", "update", "alice"]).misused("--email");
}

async fn of_updates_at_once_none_is_lost(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let program = &rig.program;
    std::thread::scope(|scope| {
        for number in 0..12 {
            scope.spawn(move || {
                program.run(&["user", "update", "alice", "--claim", &format!("claim{number}={number}")]).ok();
            });
        }
    });
    let claims = rig.run(&["user", "show", "alice", "--json"]).json()["claims"].clone();
    assert_eq!(claims.as_object().map(serde_json::Map::len), Some(12), "{claims}");
}

async fn a_claim_is_json_and_never_one_of_the_servers(engine: Engine) {
    let rig = Rig::new(engine).await;
    for (claim, reason) in [
        ("roles=[admin]", "quoting"),
        ("name=Alice", "quoting"),
        ("name", "name=JSON"),
        ("sub=\"root\"", "only the server sets"),
        ("client_id=\"api\"", "only the server sets"),
        ("scope=\"admin\"", "only the server sets"),
        ("email=\"a@b\"", "--email"),
        ("preferred_username=\"root\"", "the user's name"),
        ("x=null", "--remove-claim"),
    ] {
        rig.program.run(&["user", "add", "bob", "--no-password", "--claim", claim]).misused(reason);
    }
    rig.program
        .run(&["user", "add", "bob", "--no-password", "--claim", "a=1", "--claim", "a=2"])
        .refused("given twice");
    for email in ["", "bob", "@b", "a b@c"] {
        rig.program.run(&["user", "add", "bob", "--no-password", "--email", email]).misused("address");
    }
    rig.program.run(&["user", "add", "b o b", "--no-password"]).misused("a user name is");
    assert!(!rig.has_user("bob").await);
}

async fn spellings_of_one_name_are_one_user(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.program
        .run(&["user", "add", "ALICE", "--no-password"])
        .refused("there is a user alice already; `tokend user update` changes it");
    assert_eq!(rig.run(&["user", "show", "Alice", "--json"]).json()["username"], "alice");
    rig.alice().await;
}

async fn a_listing_goes_on_where_the_last_one_ended(engine: Engine) {
    let rig = Rig::new(engine).await;
    for name in ["carol", "alice", "bob"] {
        rig.run(&["user", "add", name, "--no-password", "--claim", "roles=[\"x\"]"]);
    }
    let names = |arguments: &[&str]| {
        let listed = rig.run(&[&["user", "list", "--json"], arguments].concat()).json();
        listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["alice", "bob", "carol"]);
    assert_eq!(names(&["--limit", "2"]), ["alice", "bob"]);
    assert_eq!(names(&["--limit", "2", "--after", "Bob"]), ["carol"]);
    assert_eq!(names(&["--after", "carol"]), Vec::<String>::new());
    let first = &rig.run(&["user", "list", "--json"]).json()[0];
    let mut members: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["claims", "created_at", "disabled_at", "email", "id", "username"]);
    assert_eq!(
        (&first["claims"], &first["email"], &first["disabled_at"]),
        (&json!({ "roles": ["x"] }), &json!(null), &json!(null))
    );
    let table = rig.run(&["user", "list", "--limit", "2"]).stdout;
    assert_eq!(table.lines().last(), Some("more: tokend user list --after bob"), "{table}");
    assert!(!rig.run(&["user", "list", "--limit", "3"]).stdout.contains("more"));
    rig.program.run(&["user", "list", "--limit", "0"]).misused("limit");
}

async fn no_claim_moves_the_cursor(engine: Engine) {
    let rig = Rig::new(engine).await;
    let hostile = r#"nickname="\u001b[2J\u009b1m\u202eevil""#;
    rig.run(&["user", "add", "eve", "--no-password", "--claim", hostile]);
    for command in [&["user", "show", "eve"][..], &["user", "show", "eve", "--json"], &["user", "list", "--json"]] {
        let shown = rig.run(command).stdout;
        assert!(shown.contains("evil") && shown.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{shown:?}");
    }
    let shown = rig.run(&["user", "show", "eve", "--json"]).json();
    assert_eq!(shown["claims"]["nickname"], "\u{1b}[2J\u{9b}1m\u{202e}evil");
}

/// As at a sign-in: whatever the case and the width, and a name goes before an address.
async fn a_user_is_found_by_e_mail_wherever_one_is_named(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.run(&["user", "update", "alice", "--email", "Alice.Smith@Example.com"]);
    rig.run(&["user", "add", "eve", "--no-password", "--email", "\u{c9}va@example.com"]);
    let names = |arguments: &[&str]| {
        let listed = rig.run(&[&["user", "list", "--json"], arguments].concat()).json();
        listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let address = "alice.smith@example.com";
    for spelling in [address, "ALICE.SMITH@EXAMPLE.COM", " Alice.Smith@example.com\n", "\u{ff41}lice.smith@example.com"]
    {
        assert_eq!(rig.run(&["user", "show", spelling, "--json"]).json()["username"], "alice", "{spelling:?}");
        assert_eq!(names(&["--email", spelling]), ["alice"]);
    }
    assert_eq!(names(&["--email", "e\u{301}va@example.com"]), ["eve"], "letters that only Unicode makes small");
    assert!(names(&["--email", "alice@example.com"]).is_empty());
    rig.program.run(&["user", "show", "smith@example.com"]).refused("there is no user smith@example.com");
    rig.alice().await;
    assert_eq!(rig.run(&["session", "list", "--user", address, "--json"]).json().as_array().unwrap().len(), 1);
    assert_eq!(
        rig.run(&["audit", "list", "--user", address, "--kind", "sign_in.ok", "--json"]).json()[0]["username"],
        "alice"
    );
    rig.run(&["session", "revoke", "--user", address, "--yes"]).said("1 session of user alice ended");
    rig.run(&["user", "update", address, "--claim", "x=1"]).said("user alice was changed");
    rig.run(&["user", "forget-devices", address])
        .said("the devices of user alice are unknown ones until the next sign-in on each");
    rig.run(&["user", "disable", address, "--yes"]).said("user alice was disabled; 0 sessions ended");
    rig.run(&["user", "enable", address]).said("user alice was enabled");
    rig.program
        .run_with(&["user", "password", address, "--password-stdin"], PASSWORD)
        .said("user alice has a new password; 0 sessions ended");
    // Nothing is done to one of two.
    rig.run(&["user", "add", "bob", "--no-password", "--email", address]);
    let several = "the e-mail address alice.smith@example.com is that of several users, say which: alice bob";
    for command in
        [&["user", "remove", address, "--yes"][..], &["user", "show", address], &["session", "list", "--user", address]]
    {
        rig.program.run(command).refused(several);
    }
    assert_eq!(names(&["--email", address]), ["alice", "bob"]);
    rig.run(&["user", "add", address, "--no-password"]);
    assert_eq!(rig.run(&["user", "show", address, "--json"]).json()["username"], address);
    rig.run(&["user", "remove", address, "--yes"]).said("user alice.smith@example.com was removed; 0 sessions ended");
    assert_eq!(names(&[]), ["alice", "bob", "eve"]);
}

on_both_databases!(
    a_user_is_found_by_e_mail_wherever_one_is_named,
    a_user_signs_in_with_the_password_of_standard_input,
    a_user_signs_in_with_the_password_that_was_made_up,
    a_password_of_two_lines_is_refused,
    a_user_signs_in_with_the_password_of_an_imported_hash,
    nobody_signs_in_without_a_password,
    a_password_is_asked_for_on_a_terminal_only,
    a_password_is_never_an_argument,
    a_new_password_ends_every_session,
    a_disabled_user_is_out_until_enabled,
    a_removed_user_is_gone,
    an_update_is_what_userinfo_says,
    of_updates_at_once_none_is_lost,
    a_claim_is_json_and_never_one_of_the_servers,
    spellings_of_one_name_are_one_user,
    a_listing_goes_on_where_the_last_one_ended,
    no_claim_moves_the_cursor,
);
