//! The first start of the real program, and the lines that it prints.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Program, Running, run_sql, url_of};

/// Where the printed lines are, and what ends them.
const FIRST: &str = "# Log in";
const LAST: &str = "/revoke";

fn fresh() -> Program {
    Program::new().set("TOKEND_LISTEN", "127.0.0.1:0")
}

/// What a first start prints.
fn printed(server: &Running) -> Vec<String> {
    server.stdout_until(LAST)
}

/// Runs the printed lines in one shell, one after the other. What each of them printed, if it printed anything.
fn paste(lines: &[String]) -> Vec<String> {
    let marked = lines.join("\nprintf '\\036'\n");
    let shell = Command::new("bash").args(["-u", "-c", &marked]).output().expect("bash runs");
    assert!(shell.status.success() && shell.stderr.is_empty(), "{shell:?}");
    let text = String::from_utf8(shell.stdout).unwrap();
    text.split('\u{1e}').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

/// The printed lines do what they say; afterwards the access token is dead.
fn assert_lines_work(printed: &[String]) {
    let begin = printed.iter().position(|line| line.starts_with(FIRST)).expect("lines to paste");
    let mut lines = printed.split_at(begin).1.to_vec();
    let introspect = lines.iter().find(|line| line.contains("/introspect")).expect("a line that introspects").clone();
    lines.push(introspect);
    let answers = paste(&lines);
    let [login, userinfo, refresh, introspected, revoked, afterwards] = &answers[..] else { panic!("{answers:?}") };
    let (login, refresh) = (json(login), json(refresh));
    assert_eq!((&login["token_type"], &login["expires_in"]), (&"Bearer".into(), &900.into()));
    assert_eq!(json(userinfo)["preferred_username"], "admin");
    assert_eq!(json(userinfo)["sub"], json(introspected)["sub"]);
    assert!(refresh["refresh_token"].as_str().is_some_and(|token| token.starts_with("tkr_")));
    assert_ne!(refresh["refresh_token"], login["refresh_token"]);
    assert_eq!((&json(introspected)["active"], &json(introspected)["username"]), (&true.into(), &"admin".into()));
    assert_eq!(revoked, "{}");
    assert_eq!(afterwards, r#"{"active":false}"#);
}

/// The secrets in what was printed.
fn secrets(printed: &[String]) -> Vec<String> {
    let words = printed.iter().flat_map(|line| line.split_whitespace());
    let secret =
        words.filter(|word| word.len() == 43 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    secret.map(str::to_owned).collect()
}

#[test]
fn the_printed_lines_work_when_they_are_pasted() {
    let program = fresh();
    let server = program.start(&[]);
    let first = printed(&server);
    assert_lines_work(&first);
    let secrets = secrets(&first);
    assert_eq!(secrets.len(), 2, "a password and a client secret");
    let (status, _, log) = server.stop();
    assert!(status.success(), "{status:?}");
    assert!(log.contains("listening") && log.contains("\"stopped\""), "{log}");
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");

    let server = program.start(&["serve"]);
    server.wait_for_log("listening");
    let (status, stdout, _) = server.stop();
    assert!(status.success());
    assert_eq!(stdout, "", "what was made at the first start is said once");
    assert_eq!(program.run(&["user", "list", "--json"]).json().as_array().unwrap().len(), 1);
}

/// What the README shows of retries and thefts, as somebody pastes it after the first start.
#[test]
fn the_lines_of_the_readme_work_when_they_are_pasted() {
    const README: &str = include_str!("../../README.md");
    let block = |after: &str| {
        let block = README.split_once(after).and_then(|(_, rest)| rest.split_once("```sh\n")?.1.split_once("\n```"));
        block.expect("a block of lines").0
    };
    let program = fresh();
    let server = program.start(&[]);
    let first = printed(&server);
    let address = server.wait_for_log("listening");
    let address = serde_json::from_str::<Value>(&address).unwrap()["address"].as_str().unwrap().to_owned();
    let field = block("## Every endpoint").lines().find(|line| line.starts_with("field()")).unwrap();
    let lines = format!(
        "cd {}\ntokend() {{ {} \"$@\"; }}\nB=http://{address}\n{field}\nPASSWORD={}\n{}\n\
         echo \"$RETRY\" | grep -i refresh-verdict\necho \"$R0\"\n",
        program.directory().display(),
        env!("CARGO_BIN_EXE_tokend"),
        secrets(&first).first().unwrap(),
        block("## A retry is not a theft"),
    );
    let answers = paste(&[lines]).concat();
    let expected =
        ["same\n", "client bank was added", "invalid_grant", "invalid_grant", "refresh-verdict: replay", "tkr_"];
    let ends = expected.iter().try_fold(&*answers, |rest, expected| Some(rest.split_once(expected)?.1));
    assert!(ends.is_some() && answers.matches("\"error\"").count() == 2, "{answers}");
}

#[test]
fn users_that_are_there_are_enough() {
    let program = fresh();
    program.run(&["migrate"]).ok();
    program.run(&["user", "add", "alice", "--no-password"]).ok();
    let server = program.start(&[]);
    server.wait_for_log("listening");
    assert_eq!(server.stop().1, "");
    assert_eq!(program.run(&["client", "list", "--json"]).json().as_array().unwrap().len(), 0);
}

/// Otherwise the first that is heard of it is a user who can't sign in.
#[test]
fn a_server_on_which_nobody_can_sign_in_says_what_to_do() {
    let program = fresh();
    program.run(&["migrate"]).ok();
    program.run(&["user", "add", "alice", "--no-password"]).ok();
    let warned = || {
        let log = program.start(&[]).log_until("\"listening\"");
        log.into_iter().filter(|line| line.contains("\"WARN\"") && line.contains("client")).collect::<Vec<_>>()
    };
    let warnings = warned();
    assert!(matches!(&warnings[..], [line] if line.contains("run `tokend client add`")), "{warnings:?}");
    program.run(&["client", "add", "web", "--name", "Web", "--public"]).ok();
    let warnings = warned();
    let names = |line: &String| line.contains("login.client: there is no client app, or it is disabled");
    assert!(matches!(&warnings[..], [line] if names(line)), "{warnings:?}");
    program.run(&["client", "add", "app", "--name", "App", "--public"]).ok();
    assert_eq!(warned(), Vec::<String>::new());
}

/// As a copy often is that was put back.
#[test]
fn a_database_that_others_may_read_is_warned_of() {
    let program = fresh();
    let warns = || program.start(&[]).log_until("\"listening\"").iter().any(|line| line.contains("chmod 600"));
    assert!(!warns());
    let file = program.directory().join("data/tokend.db");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(warns());
}

#[test]
fn a_data_directory_that_others_may_write_is_warned_of() {
    let program = fresh();
    let warns = || program.start(&[]).log_until("\"listening\"").iter().any(|line| line.contains("data: chmod go-w"));
    assert!(!warns());
    for (mode, expected) in [(0o755, false), (0o770, true), (0o707, true)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(program.directory().join("data"), mode).unwrap();
        assert_eq!(warns(), expected);
    }
}

/// That the client `app` takes passwords was decided when it was made.
#[test]
fn a_server_as_it_was_made_starts_without_a_warning() {
    let program = fresh();
    for _ in 0..2 {
        let log = program.start(&[]).log_until("\"listening\"");
        assert!(log.iter().all(|line| !line.contains("\"WARN\"")), "{log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_nothing_is_made_unless_it_is_asked_for() {
    let name = format!("first_{}", uuid::Uuid::new_v4().simple());
    run_sql(format!("CREATE DATABASE {name}")).await;
    let secret = "a-master-secret-of-the-first-start-x";
    let program = fresh().set("TOKEND_DATABASE", &url_of(&name)).set("TOKEND_SECRET", secret);
    let server = program.start(&["serve"]);
    server.wait_for_log("listening");
    assert_eq!(server.stop().1, "");
    for listing in [["user", "list", "--json"], ["client", "list", "--json"]] {
        assert_eq!(program.run(&listing).json(), serde_json::json!([]));
    }

    let server = program.start(&["serve", "--bootstrap"]);
    assert_lines_work(&printed(&server));
    drop(server);
    let server = program.start(&["serve", "--bootstrap"]);
    server.wait_for_log("listening");
    assert_eq!(server.stop().1, "");
}

#[test]
fn an_issuer_with_a_path_has_its_lines_too() {
    let server = fresh().set("TOKEND_ISSUER", "http://auth.example.com/sso");
    let server = server.start(&[]);
    let first = printed(&server);
    assert!(first.iter().any(|line| line.contains("/sso/login")), "{first:?}");
    assert_lines_work(&first);
}
