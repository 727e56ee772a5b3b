//! What a command works with: the configuration, the opened database, the time.

use rustix::process::getuid;

use super::failure::Failure;
use super::output::note;
use super::start;
use crate::app::keep_audit;
use crate::audit::{Actor, AuditContext, EventKind};
use crate::clock::{Clock, UnixTime};
use crate::config::Config;
use crate::store::ActingStore;
use crate::store::audit_events::Keeping;

/// See the module.
#[derive(Debug)]
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// The migrated database.
    pub store: ActingStore,
    clock: Clock,
}

impl Context {
    /// Opens the database, works on it and closes it.
    pub async fn work<T>(config: Config, work: impl AsyncFnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let store = start::open_migrated(&config).await?;
        let clock = Clock::System;
        let secrets = start::master_secrets(&config, &store).await?;
        start::require_theirs(&store, &secrets).await?;
        keep_audit(&store, &secrets, Keeping { retention: config.audit.retention, shared: true }).await?;
        let actor = Actor::Operator(getuid().as_raw());
        let store = store.by(AuditContext { actor, at: clock.now(), request_context: None });
        let context = Self { config, store, clock };
        let done = work(&context).await;
        let told = context.finish_trail().await;
        context.store.close().await;
        done.and_then(|done| told.map(|()| done))
    }

    /// What a command found wrong with the chain of commands is told, and said; what it wrote is anchored.
    async fn finish_trail(&self) -> Result<(), Failure> {
        let acting = AuditContext { actor: Actor::Operator(getuid().as_raw()), at: self.now(), request_context: None };
        for found in self.store.audit().record_rewound(&acting.event(EventKind::AuditRewound)).await? {
            note(&format!("audit chain {}: {}: run tokend audit verify", found.writer, found.reason));
        }
        if self.store.audit().has_recorded()
            && let Err(error) = self.store.audit().anchor(acting.event(EventKind::AuditAnchored), true).await
        {
            // The command itself is done.
            note(&format!("anchoring the audit trail failed: {error}"));
        }
        Ok(())
    }

    /// The present moment.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }
}
