//! Where the trail begins: with the first migration, with the upgrade of version 0.1.0, or where an operator says.

use tokend::audit::{Actor, AuditContext};
use tokend::store::audit_events::{Finding, Keeping};

use crate::harness::{Database, Engine, TestServer, on_both_databases, trail_keys};

fn bytes(engine: Engine, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if engine == Engine::Sqlite { format!("x'{hex}'") } else { format!(r"decode('{hex}', 'hex')") }
}

/// Takes away what the migration of anchors made: the database is as version 0.1.0 left it. `seal` is the register's.
async fn go_back_to_0_1_0(database: &Database, seal: Option<[u8; 32]>) {
    let (writers, seal) = (bytes(database.engine, &[0; 32]), seal.map(|seal| bytes(database.engine, &seal)));
    let seal = seal.as_deref().unwrap_or("NULL");
    for statement in [
        "DELETE FROM audit_chains",
        &format!("UPDATE audit_register SET writers = {writers}, seal = {seal}"),
        "DROP TABLE audit_anchors",
        "DELETE FROM schema_migrations WHERE version = 7",
    ] {
        database.execute(statement).await;
    }
}

async fn register_is_sealed(database: &Database) -> bool {
    database.ask_texts("SELECT 'sealed' FROM audit_register WHERE seal IS NOT NULL").await.len() == 1
}

async fn a_database_in_which_nothing_has_happened_is_sealed_by_the_migration(engine: Engine) {
    let database = Database::new(engine).await;
    assert!(register_is_sealed(&database).await);
    // A start that was killed, or version 0.1.0, may have migrated it before.
    go_back_to_0_1_0(&database, None).await;
    assert_eq!(database.store.migrate(&trail_keys()).await.expect("it migrates"), 1);
    assert!(register_is_sealed(&database).await);
    let store = database.open_again().await;
    store.audit().keep(trail_keys(), Keeping::default());
    assert_eq!(store.audit().verify().await.unwrap().unwrap().findings, []);
}

/// Its register is sealed by what it told; where it told nothing, an operator has to say that nothing is missing.
async fn a_database_of_version_0_1_0_goes_on(engine: Engine) {
    for seal in [Some(trail_keys().register(&[0; 32])), None] {
        let server = TestServer::start(engine).await;
        go_back_to_0_1_0(&server.database, seal).await;
        if seal.is_some() {
            server.login().await.ok();
        }
        let store = server.database.open_again().await;
        assert_eq!(store.migrate(&trail_keys()).await.expect("it migrates"), 1);
        server.login().await.ok();
        server.app.anchor_audit(true).await;
        assert_eq!(server.reported_rewinding().await, 0);
        let expected = if seal.is_some() { vec![] } else { vec![Finding::Unsealed] };
        assert_eq!(server.found().await, expected);
        let chains = server.database.ask_texts("SELECT CAST(count(*) AS TEXT) FROM audit_chains WHERE seq = 0").await;
        assert_eq!(chains, ["1"], "commands have their chain");
    }
}

/// What an operator has looked into is no finding any more, and what comes after it is.
async fn a_trail_that_was_sealed_again_begins_there(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    server.note_chains().await;
    server.login().await.ok();
    server.app.anchor_audit(true).await;
    server.put_chains_back().await;
    server.login().await.ok();
    assert_eq!(server.reported_rewinding().await, 1);
    server.run(&["UPDATE audit_register SET seal = NULL"]).await;
    assert_eq!(server.found().await.len(), 3);
    let store = server.database.open_again().await;
    store.audit().keep(trail_keys(), Keeping { retention: 0, shared: true });
    let acting = AuditContext { actor: Actor::Operator(0), at: server.clock.now(), request_context: None };
    let chains = store.by(acting).audit().seal().await.unwrap();
    assert!(chains.is_some_and(|chains| chains >= 3), "{chains:?}");
    server.assert_whole().await;
    server.login().await.ok();
    server.app.anchor_audit(false).await;
    server.assert_whole().await;
    server.run(&["DELETE FROM audit_anchors WHERE seq > 1"]).await;
    assert!(matches!(server.found().await[..], [Finding::Anchor { .. }]));
}

on_both_databases!(
    a_database_in_which_nothing_has_happened_is_sealed_by_the_migration,
    a_database_of_version_0_1_0_goes_on,
    a_trail_that_was_sealed_again_begins_there,
);
