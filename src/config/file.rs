//! The configuration file: TOML, laid over the defaults key by key.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Source};
use super::keys;
use super::settings::Settings;
use crate::domain::spelling::BYTE_ORDER_MARK;

/// The text of the file at `path`, and whether every user of the machine can read it.
pub(super) fn read(path: &Path) -> Result<(String, bool), ConfigError> {
    let read = || -> io::Result<(String, bool)> {
        let mut file = File::open(path)?;
        let exposed = file.metadata()?.permissions().mode() & 0o004 != 0;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok((text, exposed))
    };
    read().map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })
}

/// Lays `text`, which is what the file at `path` holds, over `settings`.
pub(super) fn apply(settings: &mut Settings, text: &str, path: &Path) -> Result<(), ConfigError> {
    // Some editors put one there.
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let line = |at: usize| 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
    let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let source = |at: usize| Source::File(path.to_owned(), line(at));
    apply_table(settings, document.get_ref(), "", text, &source);
    Ok(())
}

fn apply_table(
    settings: &mut Settings,
    table: &DeTable<'_>,
    section: &str,
    text: &str,
    source: &impl Fn(usize) -> Source,
) {
    for (name, value) in table {
        let key = keys::in_section(section, name.get_ref());
        let source_of_key = source(name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) if keys::is_section(&key) => {
                apply_table(settings, inner, &format!("{key}."), text, source);
            }
            found if keys::is_key(&key) => {
                let written = text.get(value.span()).unwrap_or_default();
                settings.set(&key, source_of_key, written, |default| default.read_toml(found));
            }
            _ if keys::is_section(&key) => {
                settings.report(source_of_key, &key, "", format!("is a section, written as [{key}]"));
            }
            DeValue::Table(_) => {
                let known = keys::defaults().into_iter().filter_map(|(known, _)| Some(known.rsplit_once('.')?.0));
                let as_written = |section: &str| format!("[{section}]");
                let reason = keys::unknown(&as_written(&key), known.map(as_written));
                settings.report(source_of_key, &as_written(&key), "", reason);
            }
            _ => {
                let known = keys::defaults().into_iter().map(|(known, _)| known.to_owned());
                settings.report(source_of_key, &key, "", keys::unknown(&key, known));
            }
        }
    }
}
