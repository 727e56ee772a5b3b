//! docs/api.md has every error of the wire, and docs/logging.md only messages that the code writes.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect(name)
}

/// Every source file below `directory`, with texts that go over several lines on one.
fn sources(directory: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("it is text");
            let mut lines = text.lines();
            while let Some(mut line) = lines.next() {
                while let Some(begun) = line.strip_suffix('\\') {
                    all.push_str(begun);
                    line = lines.next().unwrap_or_default().trim_start();
                }
                all.push_str(line);
                all.push('\n');
            }
        }
    }
    all
}

#[test]
fn the_page_of_the_api_has_every_error_description() {
    let page = page("api.md");
    let rooms = ["http", "grant", "oauth", "sign_in"];
    let code: String = rooms.iter().map(|room| sources(&root().join("src").join(room))).collect();
    let is_description = |text: &&str| text.starts_with(|c: char| c.is_ascii_uppercase()) && text.ends_with('.');
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let texts = code.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(is_description);
    let written: Vec<&str> = texts.filter(|text| !text.contains('{') && text.contains(' ')).collect();
    assert!(written.len() > 40, "{written:?}");
    for text in written {
        assert!(page.contains(text), "docs/api.md doesn't have \"{text}\"");
    }
}

#[test]
fn the_page_of_the_api_has_a_curl_line_for_every_endpoint() {
    let page = page("api.md");
    let routes = sources(&root().join("src/http"));
    let own = routes.lines().filter(|line| !line.contains(".counted_as("));
    let paths: Vec<&str> = own.filter_map(path_of_a_row).collect();
    assert!(paths.len() > 12, "{paths:?}");
    for path in paths {
        let called = page.lines().any(|line| line.contains("curl ") && line.contains(&format!("$B/{path}")));
        assert!(called, "docs/api.md has no curl line for /{path}");
    }
}

/// The path in a row of the table of routes, or in the constant that a row names.
fn path_of_a_row(line: &str) -> Option<&str> {
    let row = line.split_once("Route::new(\"/").or_else(|| line.split_once(": &str = \"/"))?;
    row.1.split('"').next()
}

#[test]
fn the_page_of_the_log_names_only_messages_that_are_written() {
    let page = page("logging.md");
    let (_, table) = page.split_once("## Messages that need an operator").expect("the section is there");
    let (table, _) = table.split_once("\n## ").expect("another section follows");
    let messages: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(messages.len() > 20, "{messages:?}");
    let code = sources(&root().join("src"));
    for message in messages {
        assert!(code.contains(&format!("\"{message}")), "no log line begins with \"{message}\"");
    }
}
