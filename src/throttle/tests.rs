//! What is admitted and what isn't, by the clock that the tests hold.

use std::time::Duration;

use proptest::prelude::*;

use super::bucket::Bucket;
use super::prefix::widening;
use super::*;

const NOW: UnixTime = 1_800_000_000;
const SOON: Duration = Duration::from_millis(1);

fn limit(count: u32, window: Seconds) -> Limit {
    Limit { count, window }
}

fn limits(failures: u32, accounts: u32) -> SourceLimits {
    SourceLimits {
        address_failures: limit(failures, 60),
        address_accounts: limit(accounts, 60),
        network_failures: limit(3 * failures, 60),
        network_accounts: limit(3 * accounts, 60),
    }
}

fn sources(failures: u32, accounts: u32) -> Arc<Sources> {
    Arc::new(Sources::new(limits(failures, accounts)))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A sign-in that fails at once; what it was told otherwise.
async fn fail(sources: &Arc<Sources>, from: IpAddr, account: u32, now: UnixTime) -> Result<(), Throttled> {
    match sources.admit(from, account, now, SOON).await {
        Admission::Admitted(ticket) => {
            drop(ticket);
            Ok(())
        }
        Admission::Refused(throttled) => Err(throttled),
        Admission::Pending => panic!("nothing is under way"),
    }
}

#[test]
fn a_bucket_holds_so_many_and_one_leaks_out_in_each_part_of_the_window() {
    let (limit, mut bucket) = (limit(3, 30), Bucket::default());
    for _ in 0..3 {
        assert!(bucket.has_room(limit, 1, NOW));
        bucket.count(limit, NOW);
    }
    assert!(!bucket.has_room(limit, 1, NOW) && bucket.retry_after(limit, NOW) == 10);
    assert!(!bucket.has_room(limit, 1, NOW + 9) && bucket.retry_after(limit, NOW + 9) == 1);
    assert!(bucket.has_room(limit, 1, NOW + 10) && !bucket.has_room(limit, 2, NOW + 10));
    assert!(!bucket.is_empty(limit, NOW + 29) && bucket.is_empty(limit, NOW + 30));
}

#[test]
fn a_clock_that_is_set_back_costs_a_window_at_most() {
    let (limit, mut bucket) = (limit(3, 30), Bucket::default());
    for _ in 0..3 {
        bucket.count(limit, NOW);
    }
    let back = NOW - 3_600;
    assert_eq!(bucket.retry_after(limit, back), 10);
    bucket.count(limit, back);
    assert!(bucket.has_room(limit, 1, back + 10));
}

proptest! {
    /// What is told is true: then there is room, and a second earlier there isn't.
    #[test]
    fn who_comes_back_when_told_is_let_in(count in 1u32..100, window in 1i64..100_000, fill in 1u32..150, gap in 0i64..50) {
        let (limit, mut bucket) = (limit(count, window), Bucket::default());
        for n in 0..fill {
            bucket.count(limit, NOW + i64::from(n) * gap / 50);
        }
        let now = NOW + i64::from(fill);
        if !bucket.has_room(limit, 1, now) {
            let retry = bucket.retry_after(limit, now);
            prop_assert!(bucket.has_room(limit, 1, now + retry));
            prop_assert!(retry == 1 || !bucket.has_room(limit, 1, now + retry - 1));
        }
    }
}

#[tokio::test]
async fn an_address_may_fail_so_often_and_its_neighbour_is_not_refused_for_it() {
    let sources = sources(3, 100);
    let (one, neighbour) = (address("192.0.2.1"), address("192.0.2.2"));
    for _ in 0..3 {
        fail(&sources, one, 1, NOW).await.unwrap();
    }
    assert_eq!(fail(&sources, one, 1, NOW).await, Err(Throttled { retry_after: 20 }));
    fail(&sources, neighbour, 1, NOW).await.unwrap();
    fail(&sources, one, 1, NOW + 20).await.unwrap();
}

#[tokio::test]
async fn a_network_may_fail_so_often_in_all() {
    let sources = sources(3, 100);
    for host in 1..=9 {
        fail(&sources, address(&format!("192.0.2.{host}")), 1, NOW).await.unwrap();
    }
    fail(&sources, address("192.0.2.10"), 1, NOW).await.unwrap_err();
    fail(&sources, address("192.0.3.1"), 1, NOW).await.unwrap();
    for host in 1..=9 {
        fail(&sources, address(&format!("2001:db8:0:{host}::1")), 1, NOW).await.unwrap();
    }
    fail(&sources, address("2001:db8:0:10::1"), 1, NOW).await.unwrap_err();
    fail(&sources, address("2001:db8:0:100::1"), 1, NOW).await.unwrap();
}

#[tokio::test]
async fn all_addresses_of_a_subscriber_are_one() {
    let sources = sources(3, 100);
    for host in 1..=3 {
        fail(&sources, address(&format!("2001:db8::{host}")), 1, NOW).await.unwrap();
    }
    fail(&sources, address("2001:db8::ffff:1"), 1, NOW).await.unwrap_err();
    for _ in 0..3 {
        fail(&sources, address("192.0.2.1"), 1, NOW).await.unwrap();
    }
    fail(&sources, address("::ffff:192.0.2.1"), 1, NOW).await.unwrap_err();
}

/// Somebody who mistypes a password, and somebody who tries a list.
#[tokio::test]
async fn many_accounts_are_fewer_attempts() {
    let sources = sources(100, 5);
    let from = address("192.0.2.1");
    for _ in 0..20 {
        fail(&sources, from, 7, NOW).await.unwrap();
    }
    for account in 1..5 {
        fail(&sources, from, account, NOW).await.unwrap();
    }
    fail(&sources, from, 5, NOW).await.unwrap_err();
    fail(&sources, from, 7, NOW).await.expect("an account that failed before is not another");
}

#[tokio::test]
async fn what_succeeds_was_never_counted() {
    let sources = sources(3, 3);
    for account in 0..50 {
        let Admission::Admitted(ticket) = sources.admit(address("192.0.2.1"), account, NOW, SOON).await else {
            panic!()
        };
        ticket.refund();
    }
    for _ in 0..3 {
        fail(&sources, address("192.0.2.1"), 1, NOW).await.unwrap();
    }
    fail(&sources, address("192.0.2.1"), 1, NOW).await.unwrap_err();
}

/// Many sign in at once behind one address: there are no more at it than may fail, and all get in.
#[tokio::test(start_paused = true)]
async fn those_who_succeed_make_room_for_those_who_wait() {
    let (sources, from) = (sources(3, 3), address("192.0.2.1"));
    let all = (0..40).map(|account| {
        let sources = Arc::clone(&sources);
        tokio::spawn(async move {
            let Admission::Admitted(ticket) = sources.admit(from, account, NOW, Duration::from_mins(1)).await else {
                return false;
            };
            tokio::time::sleep(Duration::from_secs(1)).await;
            ticket.refund();
            true
        })
    });
    for one in all.collect::<Vec<_>>() {
        assert!(one.await.unwrap());
    }
}

#[tokio::test]
async fn guesses_in_parallel_are_no_more_than_one_after_the_other() {
    let (sources, from) = (sources(3, 100), address("192.0.2.1"));
    let mut under_way = Vec::new();
    for account in 0..3 {
        let Admission::Admitted(ticket) = sources.admit(from, account, NOW, SOON).await else { panic!() };
        under_way.push(ticket);
    }
    assert!(matches!(sources.admit(from, 9, NOW, SOON).await, Admission::Pending));
    drop(under_way);
    assert!(matches!(sources.admit(from, 9, NOW, SOON).await, Admission::Refused(_)));
}

/// The same for a list of names: those that are being tried count as other accounts already.
#[tokio::test]
async fn accounts_in_parallel_are_no_more_than_one_after_the_other() {
    let (sources, from) = (sources(100, 3), address("192.0.2.1"));
    let mut under_way = Vec::new();
    for account in 0..3 {
        let Admission::Admitted(ticket) = sources.admit(from, account, NOW, SOON).await else { panic!() };
        under_way.push(ticket);
    }
    assert!(matches!(sources.admit(from, 9, NOW, SOON).await, Admission::Pending));
    drop(under_way);
    assert!(matches!(sources.admit(from, 9, NOW, SOON).await, Admission::Refused(_)));
    fail(&sources, from, 2, NOW).await.expect("an account that failed before is not another");
}

/// Two million addresses of as many networks: memory is bounded, and the attack is refused before it is forgotten.
#[tokio::test]
async fn addresses_without_end_take_no_memory_without_end() {
    let sources = sources(3, 100);
    let victim = address("198.51.100.1");
    for _ in 0..3 {
        fail(&sources, victim, 1, NOW).await.unwrap();
    }
    let mut refused = 0;
    for n in 0..2_000_000_u32 {
        // Blocks far apart, none of them the victim's.
        let from = IpAddr::from((n.wrapping_mul(2_654_435_761) | 0x0100_0000).to_be_bytes());
        refused += u32::from(fail(&sources, from, n, NOW).await.is_err());
    }
    let sizes = sources.sizes();
    assert!(sizes.iter().sum::<usize>() <= 76_002, "{sizes:?}");
    assert!(refused > 1_800_000, "{refused} were refused");
    fail(&sources, victim, 1, NOW).await.expect_err("what was counted before is still known");
    // A minute later all of it is over, and there is room again; but who is at it then isn't forgotten for it.
    let mut under_way = Vec::new();
    for _ in 0..3 {
        let Admission::Admitted(ticket) = sources.admit(victim, 1, NOW + 60, SOON).await else { panic!() };
        under_way.push(ticket);
    }
    fail(&sources, address("203.0.113.1"), 1, NOW + 61).await.unwrap();
    drop(under_way);
    fail(&sources, victim, 1, NOW + 62).await.unwrap_err();
    fail(&sources, address("203.0.113.1"), 1, NOW + 62).await.unwrap();
    assert!(sources.sizes()[0] < 10, "what is over is forgotten: {:?}", sources.sizes());
}

#[test]
fn misses_without_end_take_no_memory_without_end() {
    let limiter = FailureLimiter::new(limit(10, 60));
    let mut refused = 0;
    for n in 0..300_000_u32 {
        refused += u32::from(limiter.count(&widening(IpAddr::from((n << 8).to_be_bytes())), NOW).is_err());
    }
    assert!(refused > 200_000, "{refused} were refused");
    limiter.count(&widening(address("203.0.113.1")), NOW + 61).unwrap();
}

#[test]
fn an_account_has_some_failures_free_and_then_waits_twice_as_long_each_time() {
    let limit = AccountLimit { free: 5, delay: 1, longest: 900 };
    let waits: Vec<Seconds> = (0..20).map(|failures| limit.wait(failures)).collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]);
    assert_eq!((limit.wait(i64::MAX), limit.longest_from()), (900, 15));
    let at_once = AccountLimit { free: 1, delay: 900, longest: 900 };
    assert_eq!((at_once.wait(0), at_once.wait(1), at_once.longest_from()), (0, 900, 1));
}

#[test]
fn a_day_of_guessing_is_about_a_hundred_guesses() {
    let limit = AccountLimit { free: 5, delay: 1, longest: 900 };
    assert!((100..=125).contains(&limit.guesses_a_day()), "{}", limit.guesses_a_day());
}

#[test]
fn a_failure_is_forgotten_after_the_longest_wait() {
    let limit = AccountLimit { free: 2, delay: 10, longest: 100 };
    let attempts = AccountAttempts { forgotten_at: NOW + 300, last_at: NOW };
    assert_eq!(limit.admits(attempts, NOW), Err(Throttled { retry_after: 20 }));
    limit.admits(attempts, NOW + 20).unwrap();
    assert_eq!(
        limit.admits(AccountAttempts { last_at: NOW + 100, ..attempts }, NOW + 100),
        Err(Throttled { retry_after: 10 })
    );
    limit.admits(AccountAttempts { last_at: NOW + 200, ..attempts }, NOW + 200).unwrap();
    limit.admits(attempts, NOW - 101).expect("the clock was set back");
    limit.admits(attempts, NOW - 100).expect_err("no further than somebody may have to wait");
}

#[test]
fn who_waits_is_told_of_what_is_forgotten_before_the_wait_is_over() {
    let limit = AccountLimit { free: 2, delay: 10, longest: 100 };
    let attempts = AccountAttempts { forgotten_at: NOW + 510, last_at: NOW };
    assert_eq!((limit.wait(6), limit.wait(5)), (100, 80));
    assert_eq!(limit.admits(attempts, NOW), Err(Throttled { retry_after: 80 }));
    assert_eq!(limit.admits(attempts, NOW + 79), Err(Throttled { retry_after: 1 }));
    limit.admits(attempts, NOW + 80).unwrap();
}

#[tokio::test]
async fn a_turn_comes_after_the_one_before_and_nothing_is_left_of_it() {
    let queue = Arc::new(KeyedQueue::default());
    let mut first = queue.wait([1; 16], SOON).await.unwrap();
    assert!(queue.wait([1; 16], SOON).await.is_none(), "somebody is at it");
    assert!(queue.wait([2; 16], SOON).await.is_some(), "another account");
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.wait([1; 16], Duration::from_mins(1)).await.unwrap().refused_until() }
    });
    tokio::task::yield_now().await;
    first.refuse_until(NOW);
    drop(first);
    assert_eq!(waiting.await.unwrap(), NOW, "who waits is told what the one before was told");
    assert_eq!(queue.wait([1; 16], SOON).await.unwrap().refused_until(), 0, "and nobody later");
    assert_eq!(queue.len(), 0);
}

/// Names in the table of failures tell nobody who was tried.
#[test]
fn an_account_is_counted_under_a_digest_that_needs_the_key() {
    let (one, other) = (AttemptKeys::new(&[1; 32]), AttemptKeys::new(&[2; 32]));
    assert_eq!(one.of("account", b"alice"), one.of("account", b"alice"));
    assert_ne!(one.of("account", b"alice"), other.of("account", b"alice"));
    assert_ne!(one.of("account", b"alice"), one.of("device", b"alice"));
}
