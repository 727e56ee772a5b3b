//! Slow, half-closed, hanging and broken connections, on either side of the server: whoever has one is alone with it.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sqlx::{Connection as _, PgConnection};
use tokend::app::Registry;
use tokend::store::{PoolSize, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Engine, Proxy, Settings, TestServer, Way, master_secrets, on_both_databases};

/// Connections that are a nuisance; the tests' server takes a thousand.
const NUISANCES: usize = 300;

fn address(server: &TestServer) -> String {
    server.base.trim_start_matches("http://").to_owned()
}

/// Clients that say nothing, half a request, half a body, or hang up half-way; all stay connected.
async fn nuisances(server: &TestServer) -> Vec<TcpStream> {
    let connected = (0..NUISANCES).map(async |number| {
        let mut connection = TcpStream::connect(address(server)).await.expect("the server listens");
        let head =
            "POST /refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n";
        let part = match number % 4 {
            0 => "",
            1 => &head[..30],
            _ => head,
        };
        connection.write_all(part.as_bytes()).await.expect("the server reads");
        if number % 4 == 3 {
            connection.shutdown().await.expect("it is open");
        }
        connection
    });
    join_all(connected).await
}

async fn slow_and_half_closed_clients_harm_nobody_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let mut nuisances = nuisances(&server).await;
    let mut token = server.login().await.refresh_token();
    for _ in 0..20 {
        // A byte now and then, as of somebody who wants to keep the connection for ever.
        for nuisance in nuisances.iter_mut().step_by(4).skip(1) {
            let _ = nuisance.write_all(b" ").await;
        }
        token = server.refresh(&token).await.refresh_token();
    }
    drop(nuisances);
    server.assert_lost_nothing(bystander).await;
}

/// A client that closes its side after the request may be gone for good: it is answered or not, but loses nothing by it.
async fn a_client_that_half_closes_after_its_request_loses_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let (token, session) = (first.refresh_token(), server.session_of(&first.access_token()).await);
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let body = format!(r#"{{"refresh_token":"{token}"}}"#);
    let request = format!(
        "POST /refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for delay in [0, 1, 30] {
        proxy.delay(Duration::from_millis(delay));
        let answers = behind.raw_then_hang_up(request.as_str()).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    }
    let answer = server.refresh(&token).await;
    assert_eq!(server.generation(session).await, 2);
    server.refresh(&answer.refresh_token()).await.ok();
}

/// A slow network between the two: it takes longer, and that is all.
async fn a_slow_network_is_only_slow(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let bystander = server.bystander().await;
    proxy.delay(Duration::from_millis(200));
    let slow = behind.login();
    let quick = async {
        let mut token = server.login().await.refresh_token();
        for _ in 0..10 {
            token = server.refresh(&token).await.refresh_token();
        }
    };
    let (slow, ()) = tokio::join!(slow, quick);
    behind.refresh(&slow.refresh_token()).await.ok();
    server.assert_lost_nothing(bystander).await;
}

/// A server, and another node of it with a small pool of connections that go through a proxy.
async fn proxied(connections: u32) -> (TestServer, TestServer, Proxy, crate::harness::Node) {
    let server = TestServer::start(Engine::Postgres).await;
    let (proxy, url) = Proxy::to_postgres(&server.database.url).await;
    let pool = PoolSize { max_connections: connections, acquire_timeout: Duration::from_millis(500) };
    let settings = Settings::with("[http]\nrequest_timeout = \"2s\"");
    let node = server.another_node_at(&url, pool, &settings).await;
    (server.at(&node), server, proxy, node)
}

/// As after a failover, or when a firewall forgets what it let through: the next request has its answer all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_broke_are_replaced_within_the_request() {
    let (server, direct, proxy, _node) = proxied(8).await;
    let bystander = direct.bystander().await;
    let mut token = server.login().await.refresh_token();
    for round in 0..10 {
        if round % 2 == 0 {
            proxy.cut();
        } else {
            proxy.half_close();
        }
        token = server.refresh(&token).await.refresh_token();
        server.introspect(&token).await.active();
    }
    direct.assert_lost_nothing(bystander).await;
}

/// PostgreSQL accepts and never answers, as a machine does that was turned off. Every connection of the pool waits for it.
/// Requests are told so in time, and as soon as it answers again all is as before, without a restart.
async fn hangs(connections: u32, way: Way) {
    let (server, direct, proxy, _node) = proxied(connections).await;
    let bystander = direct.bystander().await;
    let first = server.login().await;
    let (access, token) = (first.access_token(), first.refresh_token());
    proxy.hold(way, true);
    let requests = (0..40).map(async |number| match number % 4 {
        0 => server.refresh(&token).await,
        1 => server.introspect(&access).await,
        2 => server.post("/revoke", &[("client_id", crate::harness::P1), ("token", "x")]).await,
        _ => server.login().await,
    });
    for (number, answer) in join_all(requests).await.iter().enumerate() {
        // What needs no database has its answer; nothing else is believed.
        if number % 4 == 2 {
            answer.ok();
        } else {
            answer.refused(503, "temporarily_unavailable");
        }
    }
    proxy.hold(way, false);
    let works = async {
        while server.get("/health/ready").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), works).await.expect("it is ready again, by itself");
    // One of the attempts may have been carried out after its time: then this is a retry, and leads to the same place.
    let next = server.refresh(&token).await;
    assert!(["rotate", "replay"].contains(&next.ok().header("refresh-verdict")), "{next:?}");
    server.refresh(&next.refresh_token()).await.ok();
    direct.assert_lost_nothing(bystander).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_whose_every_connection_hangs_is_503_and_then_as_before() {
    hangs(2, Way::Down).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_hears_nothing_is_503_and_then_as_before() {
    hangs(8, Way::Up).await;
}

/// Everything that waits for such a connection gives it up in time, and takes another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_fell_silent_are_replaced() {
    let (server, direct, proxy, _node) = proxied(8).await;
    let bystander = direct.bystander().await;
    let first = server.login().await.refresh_token();
    // So that each has answered a moment ago, and is believed to live.
    let token = server.refresh(&first).await.refresh_token();
    proxy.hang();
    let mut answers = Vec::new();
    // Each silent connection of the pool may cost a request its time.
    let works = async {
        while answers.len() < 3 {
            let answer = if answers.len() == 2 { server.login().await } else { server.refresh(&token).await };
            match answer.status {
                200 => answers.push(answer),
                _ => drop(answer.refused(503, "temporarily_unavailable")),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(50), works).await.expect("it works again, by itself");
    assert_eq!(answers[0].refresh_token(), answers[1].refresh_token());
    direct.assert_lost_nothing(bystander).await;
}

/// A pool of one connection, which has answered a moment ago and will never answer again.
async fn fallen_silent(server: &TestServer) -> (Store, Registry, Proxy) {
    let (proxy, url) = Proxy::to_postgres(&server.database.url).await;
    let pool = PoolSize { max_connections: 1, acquire_timeout: Duration::from_secs(5) };
    let store = Store::open_postgres(&url, pool).await.expect("PostgreSQL opens");
    let registry =
        Registry::load(store.clone(), master_secrets(), "https://auth.example.com").await.expect("it is read");
    // By the time that this is answered the pool has its connection back.
    server.login().await.ok();
    proxy.hang();
    (store, registry, proxy)
}

/// What the server asks by itself is asked again after that, on another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_fell_silent_keeps_nobody_from_noticing_a_failover() {
    let server = TestServer::start(Engine::Postgres).await;
    let (store, _registry, _proxy) = fallen_silent(&server).await;
    let noticed = async { while store.timeline().await.is_none() {} };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.expect("it gives up, and looks again");
}

/// Nor does a request that reads the registry keep the poll from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_fell_silent_keeps_nobody_from_reading_the_registry() {
    let server = TestServer::start(Engine::Postgres).await;
    let (_store, registry, _proxy) = fallen_silent(&server).await;
    let read = async { while registry.refresh().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), read).await.expect("it gives up, and reads again");
}

/// Connections that broke while nobody used them are noticed before they are used, by whatever uses them first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgres_that_broke_while_idle_harm_nobody() {
    let (server, _direct, proxy, _node) = proxied(8).await;
    let first = server.login().await;
    join_all((0..8).map(|_| server.login())).await;
    proxy.cut();
    // For as long as a connection is believed without being asked.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    server.login().await.ok();
    let form = [("client_id", crate::harness::P1), ("token", &first.refresh_token())];
    server.post("/revoke", &form).await.ok();
    server.assert_dead(&first.access_token(), &[&first.refresh_token()]).await;
}

/// PostgreSQL has no connection left for us: those that we have go on, and then we are told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_takes_no_connections_is_503_and_then_as_before() {
    let (server, direct, proxy, _node) = proxied(8).await;
    let bystander = direct.bystander().await;
    let token = server.login().await.refresh_token();
    proxy.refuse(true);
    proxy.cut();
    server.refresh(&token).await.refused(503, "temporarily_unavailable");
    server.get("/health/ready").await.refused(503, "temporarily_unavailable");
    let request = server.request(Method::POST, "/login").form(&[("username", "alice"), ("password", "wrong")]);
    server.send(request).await.refused(503, "temporarily_unavailable");
    proxy.refuse(false);
    server.app.registry.refresh().await.expect("PostgreSQL is back");
    server.refresh(&token).await.ok();
    direct.assert_lost_nothing(bystander).await;
}

/// Somebody holds the whole table, as a careless migration does: the statements that wait for it take up the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_waits_for_a_lock_is_503_and_then_as_before() {
    let (server, direct, _proxy, _node) = proxied(4).await;
    let bystander = direct.bystander().await;
    let token = server.login().await.refresh_token();
    let mut other = PgConnection::connect(&direct.database.url).await.expect("PostgreSQL answers");
    sqlx::raw_sql("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.expect("it is held");
    let requests = (0..24).map(async |number| match number % 3 {
        0 => server.refresh(&token).await,
        1 => server.introspect(&token).await,
        _ => server.login().await,
    });
    for answer in join_all(requests).await {
        answer.refused(503, "temporarily_unavailable");
    }
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("it is free");
    let next = server.refresh(&token).await;
    assert!(["rotate", "replay"].contains(&next.ok().header("refresh-verdict")), "{next:?}");
    server.refresh(&next.refresh_token()).await.ok();
    direct.assert_lost_nothing(bystander).await;
}

/// The proxy itself closes what it should, or the tests above prove nothing.
#[tokio::test]
async fn the_proxy_cuts_what_goes_through_it() {
    let server = TestServer::start(Engine::Sqlite).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let address = base.trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(address).await.expect("the proxy listens");
    connection.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("the proxy reads");
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.expect("an answer");
    assert_eq!((&answer, proxy.connections()), (b"HTTP/1.1 200", 1));
    proxy.cut();
    let mut rest = Vec::new();
    let _ = connection.read_to_end(&mut rest).await;
    assert_eq!(proxy.connections(), 0);
}

on_both_databases!(
    slow_and_half_closed_clients_harm_nobody_else,
    a_client_that_half_closes_after_its_request_loses_nothing,
    a_slow_network_is_only_slow,
);
