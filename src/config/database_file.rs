//! `database_file`: a file that holds the database's URL, as orchestrators mount secrets.

use std::path::Path;

use super::database::Database;
use super::error::Source;
use super::settings::Settings;
use crate::private_file;

const MOST: u64 = 64 * 1024;

/// The database that the file at `path` names.
pub(super) fn database(settings: &mut Settings, path: &Path) -> Option<Database> {
    let shown = path.display().to_string();
    if names_another(settings) {
        let other = settings.source("database");
        settings.refuse("database_file", &shown, format!("{other}database is set too; only one of the two may be"));
        return None;
    }
    if shown.contains("://") {
        // It may hold a password.
        settings.refuse("database_file", "", "must be the path of a file; a URL is set by database");
        return None;
    }
    let database = read(path).map_err(|reason| settings.refuse("database_file", &shown, reason)).ok()?;
    settings.show("database", &database);
    Some(database)
}

/// Whether `database` is set. A configuration file that repeats the default, as `config/tokend.toml` does, doesn't set it.
fn names_another(settings: &Settings) -> bool {
    match settings.source("database") {
        Source::Default => false,
        Source::Variable(_) => true,
        Source::File(..) => settings.text("database") != settings.default_text("database"),
    }
}

fn read(path: &Path) -> Result<Database, String> {
    let file = private_file::read(path, MOST).map_err(|error| format!("can't be read: {error}"))?;
    let text = str::from_utf8(&file.bytes).map_err(|_| "doesn't hold a text in UTF-8")?;
    // Some editors begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.contains(char::is_control) {
        return Err("must hold one line: the URL of the database".to_owned());
    }
    let database: Database = text.parse().map_err(|reason| format!("the URL in it: {reason}"))?;
    match (&database, file.open_to_others) {
        (Database::Postgres(url), Some(mode)) if url.has_password() => {
            Err(format!("holds a password, and others may use it (mode {mode:04o}): chmod 600 it"))
        }
        _ => Ok(database),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::super::{Config, ConfigError};

    const URL: &str = "postgres://tokend:hunter2@db.internal/tokend?sslmode=require";
    const SECRET: (&str, &str) = ("TOKEND_SECRET", "correct-horse-battery-staple-0123456789");

    /// The configuration with this text in the file, of this mode, in a directory that others can write.
    fn with_file(text: &[u8], mode: u32) -> Result<Config, String> {
        let home = TempDir::new().unwrap();
        let path = home.path().join("url");
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        let loaded = Config::load(None, [("TOKEND_DATABASE_FILE", path.to_str().unwrap()), SECRET]);
        let said = loaded.map_err(|error| error.to_string());
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        said
    }

    #[test]
    fn the_file_holds_what_the_key_would() {
        for text in [URL.to_owned(), format!("{URL}\n"), format!("\u{feff} {URL}\r\n\n"), format!("\t{URL} ")] {
            let config = with_file(text.as_bytes(), 0o600).unwrap();
            assert_eq!(config.database, URL.parse().unwrap(), "{text:?}");
        }
        assert_eq!(with_file(b"sqlite:other.db\n", 0o644).unwrap().database.to_string(), "sqlite:other.db");
    }

    #[test]
    fn what_is_no_url_is_refused_by_the_name_of_the_file() {
        for (text, reason) in [
            (&b""[..], "the URL in it: must be sqlite:PATH"),
            (b"# the database\npostgres://h/d", "must hold one line"),
            (b"postgres://u:hunter2@h/d\npostgres://u:hunter2@h/d", "must hold one line"),
            (b"postgres://u:hunter2@h/d\0", "must hold one line"),
            (b"mysql://u:hunter2@h/d", "the URL in it: must be sqlite:PATH"),
            (b"postgres://u:hunter2@h/d?sslmod=x", "the URL in it: its parameter sslmod"),
            (b"\xff\xfep\0o\0", "doesn't hold a text in UTF-8"),
        ] {
            let said = with_file(text, 0o600).unwrap_err();
            assert!(said.starts_with("TOKEND_DATABASE_FILE: database_file = ") && said.contains(reason), "{said}");
        }
        let longest = format!("sqlite:{}", "x".repeat(64 * 1024 - 7)).into_bytes();
        with_file(&longest, 0o600).unwrap();
        assert!(with_file(&[&longest[..], b"\n"].concat(), 0o600).unwrap_err().contains("longer than 65536 bytes"));
    }

    #[test]
    fn a_password_is_not_for_others_to_read() {
        for mode in [0o644, 0o604, 0o660, 0o606] {
            let said = with_file(URL.as_bytes(), mode).unwrap_err();
            assert!(said.contains("holds a password, and others may use it") && said.contains("chmod 600"), "{said}");
            with_file(b"postgres://tokend@db.internal/tokend", mode).unwrap();
        }
    }

    /// The shipped file, which repeats the default, is read in every container.
    #[test]
    fn one_place_names_the_database() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("url");
        write(&path, "sqlite:other.db").unwrap();
        let path = path.to_str().unwrap();
        let load = |toml: &str, variables: &[(&str, &str)]| {
            let file = home.path().join("tokend.toml");
            write(&file, toml).unwrap();
            let loaded = Config::load(Some(&file), variables.iter().copied());
            loaded.map(|config| config.database.to_string()).map_err(|error: ConfigError| error.to_string())
        };
        let (database, file) = (("TOKEND_DATABASE", "sqlite:data/tokend.db"), ("TOKEND_DATABASE_FILE", path));
        let in_toml = format!("database_file = '{path}'\n");
        let shipped = include_str!("../../config/tokend.toml");
        assert_eq!(load(shipped, &[file]).as_deref(), Ok("sqlite:other.db"));
        assert_eq!(load(&in_toml, &[]).as_deref(), Ok("sqlite:other.db"));
        assert_eq!(load(&in_toml, &[("TOKEND_DATABASE", "")]).as_deref(), Ok("sqlite:other.db"));
        for (toml, variables, other) in [
            ("", &[database, file][..], "TOKEND_DATABASE: database is set too"),
            ("database = 'sqlite:x.db'", &[file], "tokend.toml:1: database is set too"),
            ("[database]\nurl = 'sqlite:x.db'", &[file], "tokend.toml:2: database is set too"),
            (&format!("{in_toml}database = 'sqlite:x.db'"), &[], "tokend.toml:2: database is set too"),
            (&in_toml, &[database], "TOKEND_DATABASE: database is set too"),
        ] {
            let said = load(toml, variables).unwrap_err();
            assert!(said.contains("database_file") && said.contains(other), "{said}");
        }
    }

    #[test]
    fn a_url_in_the_place_of_a_path_is_not_shown() {
        for url in [URL, "postgres://h/d?password=hunter2"] {
            let said = Config::load(None, [("TOKEND_DATABASE_FILE", url), SECRET]).unwrap_err().to_string();
            assert!(said.contains("must be the path of a file") && !said.contains("hunter2"), "{said}");
        }
    }
}
