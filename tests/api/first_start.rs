//! The first start of the real program, and the lines that it prints.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Program, Running, run_sql, url_of};

/// The line before those to paste, and the last one.
const TRY: &str = "In another terminal";
const LAST: &str = "Data: ";

fn fresh() -> Program {
    Program::new().set("TOKEND_LISTEN", "127.0.0.1:0")
}

/// What a first start prints.
fn printed(server: &Running) -> Vec<String> {
    server.stdout_until(LAST)
}

/// The lines to paste.
fn to_paste(printed: &[String]) -> String {
    let begin = printed.iter().position(|line| line.starts_with(TRY)).expect("lines to paste") + 2;
    printed[begin..].iter().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

/// Runs lines in one shell. What they printed.
fn paste(lines: &str) -> Vec<String> {
    let shell = Command::new("bash").args(["-euc", lines]).stderr(Stdio::null()).output().expect("bash runs");
    assert!(shell.status.success(), "{shell:?}");
    String::from_utf8(shell.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

/// The printed lines do what they say, and their variables serve for more.
fn assert_lines_work(printed: &[String]) {
    let more = "curl -w '\\n' $B/userinfo -H \"Authorization: Bearer $TOKEN\"\n\
                curl -w '\\n' -u api:$SECRET $B/revoke -d username=alice\n\
                curl -w '\\n' -u api:$SECRET $B/introspect -d token=$TOKEN\n";
    let answers = paste(&(to_paste(printed) + more));
    let [login, introspected, userinfo, revoked, afterwards] = &answers[..] else { panic!("{answers:?}") };
    let (login, introspected) = (parsed(login), parsed(introspected));
    assert_eq!((&login["token_type"], &login["expires_in"]), (&"Bearer".into(), &900.into()));
    assert!(login["refresh_token"].as_str().is_some_and(|token| token.starts_with("tkr_")));
    assert_eq!((&introspected["active"], &introspected["username"]), (&true.into(), &"alice".into()));
    assert_eq!(
        (&introspected["aud"], &introspected["client_id"]),
        (&json!(["api", introspected["iss"]]), &"app".into())
    );
    assert_eq!(parsed(userinfo)["sub"], introspected["sub"]);
    assert_eq!(parsed(userinfo)["preferred_username"], "alice");
    assert_eq!(revoked, r#"{"revoked":2}"#, "two sign-ins");
    assert_eq!(afterwards, r#"{"active":false}"#);
}

/// The secrets in what was printed.
fn secrets(printed: &[String]) -> Vec<String> {
    let words = printed.iter().flat_map(|line| line.split([' ', '=', '$']));
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
    assert_eq!(secrets.len(), 2, "a password and a client secret, each once");
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

/// So that nothing scrolls away, and no line is broken in two.
#[test]
fn what_is_printed_fits_a_small_window() {
    let program = fresh();
    let server = program.start(&[]);
    let port =
        parsed(&server.wait_for_log("listening"))["issuer"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let printed = printed(&server);
    assert!(printed.len() <= 15, "{printed:#?}");
    for line in &printed {
        assert!(line.replace(&port, "8080").len() <= 95, "{line}");
    }
    assert_eq!(server.stop().1, "", "and nothing more");
}

/// A page of a development server on localhost and a server on 127.0.0.1 would be two sites.
#[test]
fn a_server_that_was_told_no_issuer_is_on_localhost() {
    let program = fresh();
    let server = program.start(&[]);
    let line = parsed(&server.wait_for_log("listening"));
    let port = line["address"].as_str().unwrap().strip_prefix("127.0.0.1:").unwrap();
    assert_eq!(line["issuer"], format!("http://localhost:{port}"));
    assert!(printed(&server)[0].contains(&format!(" runs at http://localhost:{port} ")));
}

#[test]
fn one_line_of_the_log_says_what_runs() {
    let program = fresh();
    let first = program.start(&[]).log_until("listening");
    let line = parsed(first.last().unwrap());
    let version = program.run(&["--version"]).ok().stdout.trim().strip_prefix("tokend ").unwrap().to_owned();
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
    assert_eq!(line["version"], version);
    assert_eq!(
        (&line["database"], &line["clients"], &line["keys"]),
        (&"sqlite:data/tokend.db".into(), &2.into(), &1.into())
    );
    let newest = std::fs::read_dir("migrations/sqlite").unwrap().count();
    assert_eq!(line["schema"], newest);
    program.run(&["key", "rotate"]).ok();
    program.run(&["client", "add", "web", "--name", "Web", "--public"]).ok();
    let line = parsed(program.start(&[]).log_until("listening").last().unwrap());
    assert_eq!((&line["clients"], &line["keys"]), (&3.into(), &2.into()));
}

#[test]
fn the_version_names_the_commit_where_there_is_git() {
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok();
        let done = done.filter(|done| done.status.success());
        done.map(|done| String::from_utf8(done.stdout).unwrap().trim().to_owned())
    };
    let is_ours = git(&["rev-parse", "--show-toplevel"]).is_some_and(|top| top == env!("CARGO_MANIFEST_DIR"));
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| is_ours).map(|commit| format!(" ({})", &commit[..7]));
    let version = format!("tokend {}{}", env!("CARGO_PKG_VERSION"), commit.unwrap_or_default());
    Program::new().run(&["--version"]).said(&version);
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
    assert!(
        first.iter().any(|line| line.starts_with("export B=http://localhost:") && line.contains("/sso ")),
        "{first:?}"
    );
    assert_lines_work(&first);
}
