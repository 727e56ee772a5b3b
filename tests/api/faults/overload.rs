//! Ten times more sign-ins than can be hashed, of names and from addresses without end, beside connections that say nothing or
//! little: memory stays under a bound, and whoever is signed in notices nothing.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::number;
use crate::harness::{Answer, KeptAlive, PASSWORD, Program, Serving};

/// How many sign-ins of different names from different addresses, unless `TOKEND_TEST_NAMES` says otherwise.
const NAMES: usize = 10_000;

/// How many connections that say nothing, or a byte now and then, unless `TOKEND_TEST_CONNECTIONS` says otherwise.
const CONNECTIONS: usize = 1_000;

/// How many sign-ins are under way at once.
const AT_ONCE: u64 = 64;

const THREADS: u64 = 2;
const MEMORY_KIB: u64 = 19_456;

/// The program at rest, with a page cache of its database.
const REST_KIB: u64 = 48 * 1024;

/// The most that a connection takes, said or unsaid.
const CONNECTION_KIB: u64 = 24;

/// What is remembered of addresses and networks, at most.
const THROTTLE_KIB: u64 = 16 * 1024;

/// A connection that is opened and says nothing, or the head of a request byte by byte.
async fn idle(address: String, is_slow: bool, over: Arc<AtomicBool>) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    for byte in b"POST /login HTTP/1.1\r\nhost: x\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x')) {
        if over.load(Ordering::Relaxed) || (is_slow && stream.write_all(&[*byte]).await.is_err()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Signs in as somebody else from somewhere else each time, until it is enough. How often each status was answered.
async fn stuff(address: String, next: Arc<AtomicU64>, names: u64) -> HashMap<u16, u64> {
    let (mut connection, mut seen) = (KeptAlive::open(&address).await, HashMap::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= names {
            return seen;
        }
        *seen.entry(connection.exchange(sign_in(number).as_bytes()).await).or_default() += 1;
    }
}

/// A sign-in of a name and from an address that no other number has: an odd factor leaves no two alike in 32 bits.
fn sign_in(number: u64) -> String {
    let spread = number.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    let from = Ipv4Addr::from_bits(u32::try_from(spread).expect("32 bits"));
    let form = format!("username=name-{number}&password=a+guess");
    format!(
        "POST /login HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {from}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
}

/// An overload takes neither memory without end nor the service from those who are signed in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overload_is_refused_and_nobody_who_is_signed_in_notices() {
    let (names, connections) = (number("TOKEND_TEST_NAMES", NAMES), number("TOKEND_TEST_CONNECTIONS", CONNECTIONS));
    let (names, connections) = (u64::try_from(names).expect("a number"), u64::try_from(connections).expect("a number"));
    let program = Program::new()
        .set("TOKEND_PASSWORDS__ITERATIONS", "2")
        .set("TOKEND_PASSWORDS__QUEUE", "100ms")
        .set("TOKEND_HTTP__TRUSTED_PROXIES", "127.0.0.1")
        .set("TOKEND_LOG__FILTER", "error,tokend::cli::serve=info");
    let server = Serving::start(program, THREADS, MEMORY_KIB);
    let (base, http) = (format!("http://{}", server.address), reqwest::Client::new());
    let post = async |path: &str, form: &[(&str, &str)]| {
        Answer::read(http.post(format!("{base}{path}")).form(form).send().await.expect("an answer")).await
    };
    let mut token = post("/login", &[("username", "alice"), ("password", PASSWORD)]).await;

    let over = Arc::new(AtomicBool::new(false));
    let mut silent = JoinSet::new();
    for number in 0..connections {
        silent.spawn(idle(server.address.clone(), number % 2 == 0, Arc::clone(&over)));
    }
    let next = Arc::new(AtomicU64::new(0));
    let mut stuffing = JoinSet::new();
    for _ in 0..AT_ONCE {
        stuffing.spawn(stuff(server.address.clone(), Arc::clone(&next), names));
    }
    let mut refreshes = 0;
    while next.load(Ordering::Relaxed) < names {
        token = post("/refresh", &[("refresh_token", &token.refresh_token())]).await;
        token.ok();
        let userinfo = http.get(format!("{base}/userinfo")).bearer_auth(token.access_token());
        Answer::read(userinfo.send().await.expect("an answer")).await.ok();
        refreshes += 1;
    }
    let mut answers: HashMap<u16, u64> = HashMap::new();
    for seen in stuffing.join_all().await {
        for (status, count) in seen {
            *answers.entry(status).or_default() += count;
        }
    }
    over.store(true, Ordering::Relaxed);
    silent.join_all().await;

    let peak = server.process.peak_kib();
    let bound = REST_KIB + THREADS * MEMORY_KIB + (connections + AT_ONCE) * CONNECTION_KIB + THROTTLE_KIB;
    println!(
        "RESULT overload names={names} connections={connections} refreshes={refreshes} peak={peak}KiB bound={bound}KiB \
         {answers:?}"
    );
    assert!(peak <= bound, "{peak} KiB are more than {bound} KiB");
    assert!(refreshes > 10, "{refreshes} refreshes meanwhile");
    // Wrong, refused for those before, or sent away since too many wait; nothing else, and nobody without an answer.
    assert!(answers.keys().all(|status| [401, 429, 503].contains(status)), "{answers:?}");
    assert_eq!(answers.values().sum::<u64>(), names, "{answers:?}");
    assert!(answers.get(&503).is_some_and(|count| *count > names / 2), "it was no overload: {answers:?}");
}
