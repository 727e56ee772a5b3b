//! `tokend serve`: the server itself.

use std::fs;
use std::io::Write as _;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::Args;
use futures_util::future::join_all;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, bootstrap, logging, start, tasks};
use crate::app::{App, keep_audit};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::domain::Grant;
use crate::http;
use crate::http::Layers;
use crate::http::server::{Limits, Server, TlsFiles, Worker};
use crate::store::MigrationState;
use crate::store::audit_events::Keeping;
use crate::threads::Threads;

/// How to run.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Refuse to start when the database lacks migrations, instead of applying them.
    #[arg(long)]
    no_migrate: bool,
    /// Make a first user and first clients in an empty PostgreSQL database too.
    #[arg(long)]
    bootstrap: bool,
}

/// Serves until the process is told to stop, and then lets requests finish.
pub async fn run(mut config: Config, options: Options) -> Result<(), Failure> {
    logging::start(&config.log)?;
    // Nothing hears it yet, but from here on it doesn't end the process: a database may take long to be opened.
    let _hangups = signal(SignalKind::hangup())?;
    keep_memory_private();
    let clock = Clock::System;
    let threads = Threads::start(available_parallelism().map_or(1, NonZero::get))?;
    let (store, own_lanes) = start::open_store_for(&config, threads.runtimes().count()).await?;
    if options.no_migrate {
        store.require_current().await?;
    } else {
        start::migrate(&config, &store).await?;
    }
    if let MigrationState::Ahead(version) = store.migration_state().await? {
        tracing::warn!(
            version,
            "the database was migrated by a newer version of tokend; this version can still use it"
        );
    }
    let secrets = start::master_secrets(&config, &store).await?;
    start::store_audit_keys(&store, &secrets).await?;
    keep_audit(&store, &secrets, Keeping { retention: config.audit.retention, shared: false }).await?;
    start::ensure_signing_key(&config, &store, &secrets, clock.now()).await?;
    let server = bind(&config).await?;
    config.bound_to(server.local_addr());
    let app = App::build(config, clock, store, secrets).await?;
    if (app.store.is_embedded() || options.bootstrap)
        && let Some(first) = bootstrap::bootstrap(&app).await?
    {
        std::io::stdout().write_all(first.describe(&app.config, server.local_addr()).as_bytes())?;
        // Within a second it would happen by itself, and somebody may be quicker than that.
        let _ = app.registry.refresh().await;
    }
    warn_of_what_is_unusual(&app);
    let stopped = stopped()?;
    tracing::info!(address = %server.local_addr(), issuer = app.config.issuer.as_str(), "listening");
    let tasks = tasks::start(&app);
    let (workers, apps) = workers(&app, &threads, own_lanes);
    server.run_on(workers, stopped).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    app.tell_repeated(true).await;
    app.anchor_audit(true).await;
    app.tell_rewound().await;
    join_all(apps.iter().map(|app| app.store.close_own())).await;
    app.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// What answers on each thread. As many threads as `own_lanes` have lanes of their own, which the others use too.
fn workers(app: &Arc<App>, threads: &Threads, own_lanes: usize) -> (Vec<Worker<Layers>>, Vec<Arc<App>>) {
    let on = |runtime: &Handle| {
        let _entered = runtime.enter();
        app.on_this_thread()
    };
    let own: Vec<_> = threads.runtimes().take(own_lanes).map(on).collect();
    let shared = [Arc::clone(app)];
    let apps = if own.is_empty() { shared.iter().cycle() } else { own.iter().cycle() };
    let worker = |(runtime, app): (&Handle, &Arc<App>)| Worker { runtime: runtime.clone(), handler: http::router(app) };
    (threads.runtimes().zip(apps).map(worker).collect(), own)
}

async fn bind(config: &Config) -> Result<Server, Failure> {
    let limits = Limits {
        header_timeout: config.http.header_timeout,
        idle_timeout: config.http.idle_timeout,
        shutdown_timeout: config.http.shutdown_timeout,
        max_connections: config.http.max_connections,
    };
    let tls = config.http.tls.as_ref();
    let tls = tls.map(|tls| TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() });
    Ok(Server::bind(config.listen, limits, tls).await?)
}

/// The memory holds keys and passwords: no core dumps, no look into it by other processes of this user.
fn keep_memory_private() {
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, no_core).is_err() || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        tracing::warn!("core dumps can't be turned off here");
    }
}

/// What an operator should have decided, and not merely have left as it was.
fn warn_of_what_is_unusual(app: &App) {
    let issuer = &app.config.issuer;
    if !issuer.is_https() && !app.config.listen.ip().is_loopback() {
        tracing::warn!(issuer = issuer.as_str(), "the issuer is not https, and the server can be reached from outside");
    }
    if app.throttle.is_none() {
        tracing::warn!("throttle.enabled is false: passwords can be guessed as fast as they can be hashed");
    }
    if let Database::Sqlite(path) = &app.config.database
        && fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
    {
        tracing::warn!(file = %path.display(), "others may use the database's file: chmod 600");
    }
    let Some(registry) = app.registry.snapshot() else { return };
    let login = &app.config.login.client;
    if registry.clients().next().is_none() {
        tracing::warn!("there is no client, so nobody can sign in: run `tokend client add`");
    } else if registry.client(login.as_str()).is_none() {
        tracing::warn!("login.client: there is no client {login}, or it is disabled: /login refuses who names none");
    }
    for client in registry.clients().filter(|client| client.may_use(Grant::Password) && client.first_party) {
        tracing::warn!(client = %client.id, "this client may handle passwords (RFC 9700 §2.4 forbids it to any but your own apps)");
    }
}

fn stopped() -> Result<impl Future<Output = ()> + Send, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running requests may finish; once more to stop at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    })
}
