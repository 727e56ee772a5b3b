//! What is asked of SQLite, and of the file system below it.

use std::path::Path;

use super::finding::Finding;
use crate::store::engine::{Pools, sql};
use crate::store::{Store, StoreError};

/// Full and Extra.
const SYNCHRONOUS: [i64; 2] = [2, 3];

const MISSING_KEYS: &str = "WITH expected (relation, columns) AS (VALUES ('registry', 'id'), ('users', 'id'), ('users', 'username'), \
     ('clients', 'id'), ('sessions', 'id'), ('revoked_tokens', 'jti'), ('signing_keys', 'kid'), ('sign_in_attempts', 'key'), \
     ('audit_events', 'writer,seq'), ('audit_chains', 'writer'), ('audit_register', 'id'), ('audit_keys', 'id'), \
     ('removed_clients', 'id')), \
     foreigns (relation, target, columns) AS (VALUES ('sessions', 'users', 'user_id'), ('sessions', 'clients', 'client_id')), \
     missing (key) AS (SELECT e.relation || ' (' || e.columns || ')' FROM expected e \
     WHERE EXISTS (SELECT 1 FROM sqlite_master m WHERE m.type = 'table' AND m.name = e.relation) \
     AND NOT EXISTS (SELECT 1 FROM pragma_index_list(e.relation) i WHERE i.\"unique\" AND NOT i.partial \
     AND (SELECT group_concat(c.name, ',') FROM pragma_index_info(i.name) c) = e.columns) \
     UNION ALL SELECT f.relation || ' (' || f.columns || ')' FROM foreigns f \
     WHERE EXISTS (SELECT 1 FROM sqlite_master m WHERE m.type = 'table' AND m.name = f.relation) \
     AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(f.relation) k WHERE k.\"table\" = f.target \
     AND k.\"from\" = f.columns AND k.on_delete = 'CASCADE')) \
     SELECT group_concat(key, ', ') FROM missing";

pub(super) async fn findings(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let Pools::Sqlite { writer, .. } = &store.db.pools else { return Ok(Vec::new()) };
    let place = file_system(writer.connect_options().get_filename());
    let mut connection = store.db.write().await?;
    let encoding = sql!(connection, value String, "PRAGMA encoding")?;
    let synchronous = sql!(connection, value i64, "PRAGMA synchronous")?;
    let foreign_keys = sql!(connection, value i64, "PRAGMA foreign_keys")?;
    let keys = sql!(connection, value Option<String>, MISSING_KEYS)?.flatten();
    let found = [
        encoding.filter(|encoding| encoding != "UTF-8").map(Finding::Encoding),
        synchronous.is_none_or(|level| !SYNCHRONOUS.contains(&level)).then_some(Finding::Pragma("synchronous = FULL")),
        (foreign_keys != Some(1)).then_some(Finding::Pragma("foreign_keys = ON")),
        keys.map(Finding::Keys),
        place.map(Finding::FileSystem),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// File systems by the numbers that Linux gives them (statfs(2)): locks and the log's shared memory don't work on those of other
/// machines, and memory is lost.
#[cfg(target_os = "linux")]
const FILE_SYSTEMS: [(u64, &str); 10] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9P, another machine's file system"),
    (0x00c3_6400, "CephFS"),
    (0x5346_414f, "AFS"),
    (0x6573_5546, "FUSE, which may be another machine's file system"),
    (0x0102_1994, "tmpfs, which is memory"),
    (0x8584_58f6, "ramfs, which is memory"),
];

/// The kind of file system, if it is one to warn of.
#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    #[expect(clippy::cast_sign_loss, reason = "Linux compares the 32 bits")]
    let kind = kind as u64 & 0xffff_ffff;
    FILE_SYSTEMS.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<&'static str> {
    None
}
