//! `tokend serve`: the server itself.

mod announce;
mod first_start;
mod signals;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::failure::Failure;
use super::warnings::{self, Warning};
use super::{logging, start, waiting};
use crate::admin::first_start::{FirstStart, first_start};
use crate::admin::{Admin, Error, Hashing};
use crate::app::{App, start_tasks};
use crate::config::Config;
use crate::http::server::{Limits, Server, Stage};
use crate::http::{self, LateRouter};
use crate::threads::Threads;
use signals::Signals;

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
    keep_memory_private();
    let mut signals = Signals::listen()?;
    let threads = Threads::start(available_parallelism().map_or(1, NonZero::get))?;
    // It listens before it has its database, so that nobody takes a server for dead that only waits.
    let server = bind(&config).await?;
    let certificate_end = server.certificate_end();
    config.bound_to(server.local_addr());
    let config = Arc::new(config);
    let routers: Vec<_> = threads.runtimes().map(|_| LateRouter::new(&config)).collect();
    let (stage, stages) = watch::channel(Stage::Running);
    let workers: Vec<_> = threads.runtimes().cloned().zip(routers.iter().cloned()).collect();
    let serving = tokio::spawn(server.run_on(workers, stages));
    let mut node = tokio::select! {
        node = Node::start(&config, &options, &threads) => Some(node?),
        () = signals.next() => None,
    };
    if let Some(node) = &mut node {
        if let Some(end) = certificate_end {
            let _ = node.app.metrics.certificate.set(end);
        }
        node.answer(&routers);
        node.announce()?;
        signals.next().await;
    }
    signals.end_at_next();
    if let Some(node) = &node {
        node.drain(config.http.drain, &stage).await;
    }
    tracing::info!("stopping: running requests may finish; once more to stop at once");
    stage.send_replace(Stage::Stopping);
    serving.await?;
    if let Some(node) = node {
        node.close().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// What answers requests once the database is there.
struct Node {
    app: Arc<App>,
    /// What the threads use that have lanes of their own. The others use these too.
    own: Vec<Arc<App>>,
    tasks: Vec<JoinHandle<()>>,
    /// The newest migration of the database.
    schema: i64,
    /// What the first start made, until it is shown.
    first: Option<FirstStart>,
}

impl Node {
    async fn start(config: &Config, options: &Options, threads: &Threads) -> Result<Self, Failure> {
        let mut opened = open(config, options, threads.runtimes().count()).await?;
        let schema = opened.schema().await?;
        let (own_lanes, findings) = (opened.own_lanes, std::mem::take(&mut opened.findings));
        let app = opened.build(config).await?;
        for finding in findings {
            tracing::warn!(%finding, "the database is set up in an unusual way");
        }
        let is_wanted = app.store.is_embedded() || options.bootstrap;
        let first = if is_wanted { first_start(&admin(&app)).await? } else { None };
        if first.is_some() {
            // Within a second it would happen by itself, and somebody may be quicker than that.
            let _ = app.registry.refresh().await;
        }
        warn(&app);
        app.try_to_store().await;
        app.anchor_audit(true).await;
        let on = |runtime: &Handle| {
            let _entered = runtime.enter();
            app.on_this_thread()
        };
        let own = threads.runtimes().take(own_lanes).map(on).collect();
        let tasks = start_tasks(&app).into();
        Ok(Self { app, own, tasks, schema, first })
    }

    /// Answers on each thread from here on.
    fn answer(&self, routers: &[LateRouter]) {
        let shared = [Arc::clone(&self.app)];
        let apps = if self.own.is_empty() { &shared[..] } else { &self.own };
        for (router, app) in routers.iter().zip(apps.iter().cycle()) {
            router.set(http::router(app));
        }
    }

    /// Serves for that long while load balancers and clients turn to other nodes.
    async fn drain(&self, time: Duration, stage: &watch::Sender<Stage>) {
        if time.is_zero() {
            return;
        }
        stage.send_replace(Stage::Draining);
        self.app.draining.store(true, Ordering::Relaxed);
        tracing::info!(?time, setting = "http.drain", "draining: serving, but /health/ready answers 503");
        sleep(time).await;
    }

    async fn close(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.app.record_repeats(true).await;
        self.app.anchor_audit(true).await;
        self.app.record_rewound().await;
        join_all(self.own.iter().map(|app| app.store.close_own())).await;
        self.app.store.close().await;
    }
}

/// Opens the database as soon as it is there.
async fn open(config: &Config, options: &Options, threads: usize) -> Result<start::Opened, Failure> {
    let tell = |error: &Error| {
        let (setting, wait) = ("database.wait", config.database_rules.wait);
        tracing::warn!(%error, setting, ?wait, "waiting for the database");
    };
    let open = async || start::open_for_server(config, options.no_migrate, threads).await;
    waiting::for_database(config.database_rules.wait, open, tell).await
}

/// What acts on the database as the server itself.
fn admin(app: &App) -> Admin {
    let store = app.store.by(app.own_act());
    Admin::new(Arc::clone(&app.config), app.clock.clone(), store, Hashing::Pool(app.hasher.clone()))
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

fn warn(app: &App) {
    warnings::of_configuration(&app.config).iter().for_each(Warning::log);
    let Some(registry) = app.registry.snapshot() else { return };
    warnings::of_clients(registry.clients(), &app.config.login.client).iter().for_each(Warning::log);
}
