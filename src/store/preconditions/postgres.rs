//! What is asked of PostgreSQL.

use super::finding::Finding;
use crate::store::engine::{Connection, from_row, sql};
use crate::store::{Store, StoreError};

from_row! {
    /// What PostgreSQL says, as it is in force on our connections.
    #[derive(Clone, Debug)]
    struct Facts {
        fsync: bool,
        full_page_writes: bool,
        synchronous_commit: String,
        has_synchronous_standbys: bool,
        replication_role: String,
        encoding: String,
        max_connections: i64,
        unlogged: Option<String>,
        row_security: Option<String>,
        missing_keys: Option<String>,
    }
}

/// A unique key may have been made as a constraint or as an index. Foreign keys are enforced by triggers, which somebody may have
/// disabled.
const FACTS: &str = "WITH expected (relation, kind, columns) AS (VALUES \
     ('registry', 'u', 'id'), ('users', 'u', 'id'), ('users', 'u', 'username'), ('clients', 'u', 'id'), \
     ('sessions', 'u', 'id'), ('sessions', 'f', 'user_id'), ('sessions', 'f', 'client_id'), ('revoked_tokens', 'u', 'jti'), \
     ('signing_keys', 'u', 'kid'), ('sign_in_attempts', 'u', 'key'), ('audit_events', 'u', 'writer,seq'), \
     ('audit_chains', 'u', 'writer'), ('audit_register', 'u', 'id'), ('audit_keys', 'u', 'id'), ('removed_clients', 'u', 'id')), \
     ours AS (SELECT c.oid, CAST(c.relname AS TEXT) AS name, c.relpersistence FROM (SELECT DISTINCT relation FROM expected) e \
     JOIN pg_class c ON c.oid = to_regclass(e.relation)), \
     uniques AS (SELECT i.indrelid AS relation, (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.position) \
     FROM unnest(CAST(string_to_array(CAST(i.indkey AS TEXT), ' ') AS INT2[])) WITH ORDINALITY AS k (number, position) \
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) AS columns \
     FROM pg_index i WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indrelid IN (SELECT oid FROM ours)), \
     foreigns AS (SELECT f.conrelid AS relation, (SELECT string_agg(CAST(a.attname AS TEXT), ',') FROM pg_attribute a \
     WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)) AS columns FROM pg_constraint f \
     WHERE f.contype = 'f' AND f.convalidated AND f.confdeltype = 'c' AND f.conrelid IN (SELECT oid FROM ours) \
     AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = f.oid AND t.tgenabled NOT IN ('O', 'A'))), \
     missing AS (SELECT e.relation || ' (' || e.columns || ')' AS key FROM expected e JOIN ours o ON o.name = e.relation \
     WHERE NOT EXISTS (SELECT 1 FROM uniques u WHERE e.kind = 'u' AND u.relation = o.oid AND u.columns = e.columns) \
     AND NOT EXISTS (SELECT 1 FROM foreigns f WHERE e.kind = 'f' AND f.relation = o.oid AND f.columns = e.columns)) \
     SELECT current_setting('fsync') = 'on' AS fsync, current_setting('full_page_writes') = 'on' AS full_page_writes, \
     current_setting('synchronous_commit') AS synchronous_commit, \
     current_setting('synchronous_standby_names') <> '' AS has_synchronous_standbys, \
     current_setting('session_replication_role') AS replication_role, current_setting('server_encoding') AS encoding, \
     CAST(current_setting('max_connections') AS BIGINT) AS max_connections, \
     (SELECT string_agg(name, ', ' ORDER BY name) FROM ours WHERE relpersistence = 'u') AS unlogged, \
     (SELECT string_agg(name, ', ' ORDER BY name) FROM ours WHERE row_security_active(oid)) AS row_security, \
     (SELECT string_agg(key, ', ' ORDER BY key) FROM missing) AS missing_keys";

pub(super) async fn findings(store: &Store, connections: u32) -> Result<Vec<Finding>, StoreError> {
    let mut connection: Connection = store.db.read().await?;
    let facts = sql!(connection, optional Facts, FACTS)?.ok_or(StoreError::Unreadable("PostgreSQL setting"))?;
    Ok(judge(facts, i64::from(connections)))
}

fn judge(facts: Facts, connections: i64) -> Vec<Finding> {
    let durability = |is_on: bool, setting| (!is_on).then_some(Finding::Durability(setting));
    let is_local = facts.synchronous_commit == "local" && facts.has_synchronous_standbys;
    let few = facts.max_connections < connections;
    let found = [
        durability(facts.fsync, "fsync"),
        durability(facts.full_page_writes, "full_page_writes"),
        // Set by us on every connection: a pooler may not let us.
        durability(facts.synchronous_commit != "off", "synchronous_commit"),
        facts.unlogged.map(Finding::Unlogged),
        facts.row_security.map(Finding::RowSecurity),
        Some(facts.encoding).filter(|encoding| encoding != "UTF8").map(Finding::Encoding),
        Some(facts.replication_role).filter(|role| role != "origin").map(Finding::ReplicationRole),
        facts.missing_keys.map(Finding::Keys),
        is_local.then_some(Finding::LocalCommit),
        few.then_some(Finding::Connections { has: facts.max_connections, wanted: connections }),
    ];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Facts {
        Facts {
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            has_synchronous_standbys: false,
            replication_role: "origin".to_owned(),
            encoding: "UTF8".to_owned(),
            max_connections: 16,
            unlogged: None,
            row_security: None,
            missing_keys: None,
        }
    }

    #[test]
    fn each_setting_has_its_finding_and_a_sound_one_none() {
        let text = |text: &str| text.to_owned();
        assert_eq!(judge(sound(), 16), []);
        for (facts, finding) in [
            (Facts { fsync: false, ..sound() }, Finding::Durability("fsync")),
            (Facts { full_page_writes: false, ..sound() }, Finding::Durability("full_page_writes")),
            (Facts { synchronous_commit: text("off"), ..sound() }, Finding::Durability("synchronous_commit")),
            (Facts { unlogged: Some(text("sessions")), ..sound() }, Finding::Unlogged(text("sessions"))),
            (Facts { row_security: Some(text("users")), ..sound() }, Finding::RowSecurity(text("users"))),
            (Facts { encoding: text("LATIN1"), ..sound() }, Finding::Encoding(text("LATIN1"))),
            (Facts { replication_role: text("replica"), ..sound() }, Finding::ReplicationRole(text("replica"))),
            (
                Facts { missing_keys: Some(text("users (username)")), ..sound() },
                Finding::Keys(text("users (username)")),
            ),
            (Facts { max_connections: 15, ..sound() }, Finding::Connections { has: 15, wanted: 16 }),
        ] {
            assert_eq!(judge(facts, 16), [finding]);
        }
        let local = Facts { synchronous_commit: text("local"), ..sound() };
        assert_eq!(judge(local.clone(), 16), [], "without standbys nothing is lost by it");
        assert_eq!(judge(Facts { has_synchronous_standbys: true, ..local }, 16), [Finding::LocalCommit]);
        for stricter in ["remote_write", "remote_apply"] {
            let facts = Facts { synchronous_commit: text(stricter), has_synchronous_standbys: true, ..sound() };
            assert_eq!(judge(facts, 16), []);
        }
    }
}
