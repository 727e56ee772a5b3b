//! The migrations' files, as parts of the program. A database keeps the checksum of each file that `_sqlx_migrations` records, and
//! a program with another text is refused: a file of a release never changes.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType};

/// The name and the text of each file of one engine. The files are numbered from 1 on, and both engines have the same names.
macro_rules! files {
    ($engine:literal) => {
        files!(
            $engine,
            "0001_initial",
            "0002_throttle",
            "0003_audit",
            "0004_audit_keys",
            "0005_removed_clients",
            "0006_clients",
            "0007_audit_anchors",
            "0008_master_secrets",
            "0009_session_beginnings"
        )
    };
    ($engine:literal, $($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../migrations/", $engine, "/", $name, ".sql")))),*]
    };
}

pub(super) const POSTGRES: &[(&str, &str)] = &files!("postgres");

pub(super) const SQLITE: &[(&str, &str)] = &files!("sqlite");

pub(super) fn migrations(files: &[(&str, &'static str)]) -> Vec<Migration> {
    let migration = |(version, (name, text)): (i64, &(&str, &'static str))| {
        let description = name.trim_start_matches(|character: char| !character.is_alphabetic()).replace('_', " ");
        let no_transaction = text.starts_with("-- no-transaction");
        Migration::new(version, description.into(), MigrationType::Simple, text.into_sql_str(), no_transaction)
    };
    (1..).zip(files).map(migration).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What version 0.1.0 wrote into `_sqlx_migrations`: the description and the SHA-384 of each file, PostgreSQL's and SQLite's.
    const RECORDED: [(&str, &str, &str); 5] = [
        (
            "initial",
            "6ba35cf63f2c54f974c0877938161ca9dddf4b19bf2a1b28ee9408cc17ca92118ba6c747cde45b33d14f72ea5f596acb",
            "0ccf0c34e75840029323033bf9d3124cddb1e11fc43c0264adc92e7223c12534050fe1b75b3d0831b89fe1fe7962a0ba",
        ),
        (
            "throttle",
            "6c9a323924ca734f0acaa4535439980d6be0ebbb2ade4707fd45d1ac5c53553872d2a5e6da9e3013c7a951b07c0cea32",
            "1d32fce1a5bc8a3486644f355507046de5b67a8323b0b0ffa1017139c171074f95be01fe36eb4128651bb02d08e384d4",
        ),
        (
            "audit",
            "c37306938eba2742be8e36f89eb4e6102f24e7b3fe75e2d12b2d19a3188b224960b5e5d2028be3b2e0ea898b528aa32b",
            "d200f4f2d2d513677833956730e840685cf09a1966a32b0f742354a86891738da4712ed411435bdc9deb8763fd1f66c1",
        ),
        (
            "audit keys",
            "2d8aaa0530ffa34c136512de2c640c8b75203d8e562affdbc9e09b78aa8fbff697a3c5df87305e3eb6fca80833a2093a",
            "c4b7f6a348b8717652c137413a77ee4aae2cb205176da74371ac0674593e9da50c29d5f9cb6acf2cc4d48484074f5e9e",
        ),
        (
            "removed clients",
            "976dbf53c3adb1427c2e514ab5bb0a42c830e8f9a0fa97fea296f77f5566be55a7dc068f68304a8b0c5abb1e0312ccba",
            "e800ae9ba6b397864362bcf700ad8ee5660ef45df3547050c99e9e8d2a2411bff49e16dc99c6d3a8cfaa588f8540aad8",
        ),
    ];

    #[test]
    fn databases_of_version_0_1_0_find_the_checksums_that_they_have_recorded() {
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (place, (description, postgres, sqlite)) in RECORDED.into_iter().enumerate() {
            for (migrations, checksum) in [(migrations(POSTGRES), postgres), (migrations(SQLITE), sqlite)] {
                let migration = &migrations[place];
                assert_eq!(migration.description, description);
                assert_eq!(hexadecimal(&migration.checksum), checksum, "{description}");
            }
        }
    }

    #[test]
    fn every_file_is_part_of_the_program_and_has_the_number_of_its_migration() {
        for (engine, files, migrations) in
            [("postgres", POSTGRES, migrations(POSTGRES)), ("sqlite", SQLITE, migrations(SQLITE))]
        {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
            let mut found: Vec<String> = std::fs::read_dir(directory)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let known: Vec<String> = files.iter().map(|(name, _)| format!("{name}.sql")).collect();
            assert_eq!(found, known);
            for (name, migration) in known.iter().zip(migrations) {
                assert_eq!(*name, format!("{:04}_{}.sql", migration.version, migration.description.replace(' ', "_")));
            }
        }
    }
}
