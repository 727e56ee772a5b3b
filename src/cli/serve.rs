//! `tokend serve`: the server itself.

use std::io::Write as _;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::Args;
use futures_util::future::join_all;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::time_limit::within;
use super::warnings::{self, Warning};
use super::{Failure, PATIENCE, bootstrap, logging, start, tasks};
use crate::app::{App, keep_audit};
use crate::clock::Clock;
use crate::config::Config;
use crate::http;
use crate::http::Layers;
use crate::http::server::{Limits, Server, Worker};
use crate::store::MigrationState;
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
        store.migrate().await?;
    }
    if let MigrationState::Ahead(version) = store.migration_state().await? {
        tracing::warn!(
            version,
            "the database was migrated by a newer version of tokend; this version can still use it"
        );
    }
    let secrets = start::master_secrets(&config, &store).await?;
    start::store_audit_keys(&store, &secrets).await?;
    keep_audit(&store, &secrets).await?;
    start::ensure_signing_key(&config, &store, &secrets, clock.now()).await?;
    let server = bind(&config).await?;
    config.bound_to(server.local_addr());
    let app = App::build(config, clock, store, secrets).await?;
    if (app.store.is_embedded() || options.bootstrap)
        && let Some(first) = bootstrap::bootstrap(&app).await?
    {
        show(first.describe(&app.config, server.local_addr()))?;
        // Within a second it would happen by itself, and somebody may be quicker than that.
        let _ = app.registry.refresh().await;
    }
    warn(&app);
    let stopped = stopped()?;
    tracing::info!(address = %server.local_addr(), issuer = app.config.issuer.as_str(), "listening");
    let tasks = tasks::start(&app);
    let (workers, apps) = workers(&app, &threads, own_lanes);
    server.run_on(workers, stopped).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    app.tell_repeated(true).await;
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
    Ok(Server::bind(config.listen, limits, start::tls_files(config)).await?)
}

/// The memory holds keys and passwords: no core dumps, no look into it by other processes of this user.
fn keep_memory_private() {
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, no_core).is_err() || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        tracing::warn!("core dumps can't be turned off here");
    }
}

/// Logs unusual settings and files.
fn warn(app: &App) {
    warnings::of_configuration(&app.config).iter().for_each(Warning::log);
    let Some(registry) = app.registry.snapshot() else { return };
    warnings::of_clients(registry.clients(), &app.config.login.client).iter().for_each(Warning::log);
}

/// Prints what the first start made. A reader that stands still doesn't stop the start, and can read the text later.
fn show(text: String) -> Result<(), Failure> {
    let written = within(PATIENCE, move || std::io::stdout().write_all(text.as_bytes()))?;
    if written.is_none() {
        tracing::warn!(
            "standard output is not read: the secrets of the first start can be read there until the server stops"
        );
    }
    Ok(written.transpose().map(drop)?)
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
            logging::finish();
            std::process::exit(1);
        });
    })
}
