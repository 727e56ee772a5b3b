//! What the server does by itself while it runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

use super::App;
use crate::store::{StoreError, within};

/// How often failed sign-ins are forgotten that have no consequences any more. Whoever attacks makes them.
const PURGE_ATTEMPTS: Duration = Duration::from_mins(1);

/// How often it is looked whether failures that were repeated are due to be told.
const TELL_REPEATED: Duration = Duration::from_secs(10);

/// How often what has ended long ago is forgotten.
const PURGE: Duration = Duration::from_hours(1);

/// How long each part of that may take. A connection may fall silent, and the next part has another one.
const PURGED: Duration = Duration::from_mins(10);

/// How long a task waits that panicked, before it begins again.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Starts all of it. It never ends by itself.
pub fn start_tasks(app: &Arc<App>) -> [JoinHandle<()>; 8] {
    [
        tokio::spawn(always(app, |app| async move { app.registry.poll().await })),
        tokio::spawn(always(app, purge)),
        tokio::spawn(always(app, purge_attempts)),
        tokio::spawn(always(app, record_repeats)),
        tokio::spawn(always(app, |app| async move { app.watch_for_failover().await })),
        tokio::spawn(always(app, |app| async move { app.watch_store().await })),
        tokio::spawn(always(app, |app| async move { app.watch_trail().await })),
        tokio::spawn(always(app, |app| async move { app.watch_sessions().await })),
    ]
}

/// Runs a task, and again when it panics: the server needs each of them for as long as it answers. The panic hook has said what
/// it was.
fn always<F: Future<Output = ()>>(app: &Arc<App>, task: fn(Arc<App>) -> F) -> impl Future<Output = ()> + use<F> {
    let app = Arc::clone(app);
    again_after_panics(move || task(Arc::clone(&app)))
}

async fn again_after_panics<F: Future<Output = ()>>(task: impl Fn() -> F) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        tokio::time::sleep(AFTER_PANIC).await;
    }
}

async fn purge(app: Arc<App>) {
    let mut ticks = tokio::time::interval(PURGE);
    loop {
        ticks.tick().await;
        if let Err(error) = forget(&app).await {
            tracing::warn!(%error, "purging expired sessions, revocations and keys failed");
        }
    }
}

async fn purge_attempts(app: Arc<App>) {
    let mut ticks = tokio::time::interval(PURGE_ATTEMPTS);
    loop {
        ticks.tick().await;
        if let Err(error) = within(PURGE_ATTEMPTS, app.store.sign_in_attempts().purge(app.clock.now())).await {
            tracing::warn!(%error, "purging old failed sign-ins failed");
        }
    }
}

async fn record_repeats(app: Arc<App>) {
    let mut ticks = tokio::time::interval(TELL_REPEATED);
    loop {
        ticks.tick().await;
        app.record_repeats(false).await;
    }
}

/// Deletes what nobody can ask for any more: ended sessions, expired revocations, signing keys whose last token is dead.
async fn forget(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let ended_before = now.saturating_sub(app.config.sessions.retention);
    app.store.sessions().purge(ended_before).await?;
    within(PURGED, app.store.revoked_tokens().purge(now)).await?;
    within(PURGED, app.store.clients().purge_removed(now)).await?;
    within(PURGED, app.purge_audit()).await?;
    let Some(registry) = app.registry.snapshot() else { return Ok(()) };
    for kid in registry.keys.expired(now) {
        within(PURGED, app.store.by(app.own_act()).signing_keys().remove(kid)).await?;
        tracing::info!(kid, "a signing key whose last token is dead was deleted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_again() {
        let begun = AtomicUsize::new(0);
        let task = async || assert_eq!(begun.fetch_add(1, Ordering::SeqCst), 2, "the first two panic");
        again_after_panics(task).await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
