//! The rule of one account, as the database's one statement carries it out and as the server explains it: they agree.

use tokend::throttle::{AccountAttempts, AccountLimit};

use crate::harness::{Database, Engine, Random, START, on_both_databases};

const LIMITS: [AccountLimit; 5] = [
    AccountLimit { free: 5, delay: 1, longest: 900 },
    AccountLimit { free: 1, delay: 1, longest: 1 },
    AccountLimit { free: 1, delay: 900, longest: 900 },
    AccountLimit { free: 3, delay: 7, longest: 100 },
    AccountLimit { free: 1_000_000, delay: 1, longest: 86_400 },
];

/// What the statement keeps, worked out by hand.
fn counted(attempts: Option<AccountAttempts>, limit: AccountLimit, now: i64) -> AccountAttempts {
    let from = attempts.map_or(now, |attempts| attempts.forgotten_at.max(now));
    AccountAttempts { forgotten_at: from + limit.longest, last_at: now }
}

async fn the_statement_and_the_rule_agree(engine: Engine) {
    let database = Database::new(engine).await;
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    for (i, limit) in LIMITS.into_iter().enumerate() {
        let (key, mut now, mut known) = ([u8::try_from(i).unwrap(); 16], START, None);
        let (mut admitted, mut refused) = (0, 0);
        for step in 0..300 {
            let expected = known.is_none_or(|attempts| limit.admits(attempts, now).is_ok());
            let outcome = database.store.sign_in_attempts().reserve(&key, limit, now).await.unwrap();
            assert_eq!(outcome.is_ok(), expected, "{limit:?}, step {step}: {known:?} at {now}");
            match outcome {
                Ok(()) => {
                    admitted += 1;
                    known = Some(counted(known, limit, now));
                    if random.below(10) == 0 {
                        database.store.sign_in_attempts().refund(&key, limit, now).await.unwrap();
                        known = known.map(|attempts| AccountAttempts {
                            forgotten_at: attempts.forgotten_at - limit.longest,
                            ..attempts
                        });
                        known = known.filter(|attempts| attempts.forgotten_at > now);
                    }
                }
                Err(attempts) => {
                    refused += 1;
                    assert_eq!(Some(attempts), known, "{limit:?}, step {step}");
                    // Who comes back when told is let in, and nobody who comes a second earlier.
                    let retry = limit.admits(attempts, now).unwrap_err().retry_after;
                    if random.below(3) == 0 && retry > 1 {
                        now += retry - 1;
                        database.store.sign_in_attempts().reserve(&key, limit, now).await.unwrap().unwrap_err();
                        now += 1;
                    }
                }
            }
            now += match random.below(20) {
                0 => -7_200,
                1 => 1_800,
                2..6 => i64::try_from(random.below(60)).unwrap(),
                _ => i64::try_from(random.below(2)).unwrap(),
            };
        }
        assert!(admitted > 20 && (limit.free > 1_000 || refused > 5), "{limit:?}: {admitted} and {refused}");
    }
}

on_both_databases!(the_statement_and_the_rule_agree);
