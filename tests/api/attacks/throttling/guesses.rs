//! One account, guessed at from everywhere.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::{far_away, server, settings};
use crate::harness::{C1, Engine, PASSWORD, START, on_both_databases};

/// From addresses without end, so that nothing but the account is in the way.
async fn guesses_one_after_the_other_come_to_an_end(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    assert_eq!(server.login_from(&far_away(5), "alice", "a guess").await.throttled(), 1);
    // The right password is no better: whoever guesses learns nothing.
    assert_eq!(server.login_from(&far_away(6), "alice", PASSWORD).await.throttled(), 1);
    for (n, wait) in [(7, 1), (8, 2), (9, 4), (10, 8), (11, 16)] {
        server.clock.advance(wait);
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
        assert_eq!(server.login_from(&far_away(n), "alice", "a guess").await.throttled(), 2 * wait);
    }
    // Nobody else is concerned.
    server.login_from(&far_away(12), "bob", crate::harness::BOBS_PASSWORD).await.ok();
    // And the owner of the account, on a new device, waits but isn't locked out.
    server.clock.advance(32);
    server.login_from(&far_away(13), "alice", PASSWORD).await.ok();
}

/// The time of the longest wait without a guess forgives one failure, and enough of it all.
async fn failures_are_forgotten(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.clock.advance(5 * 900);
    assert!(server.app.store.sign_in_attempts().purge(START + 5 * 900).await.unwrap() >= 1, "nothing is left of them");
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.login_from(&far_away(5), "alice", "a guess").await.throttled();
    assert_eq!(server.app.store.sign_in_attempts().purge(START + 5 * 900).await.unwrap(), 0, "what matters stays");
}

/// Counted before the hash: 200 parallel guesses against a limit of 10 have 10 passwords looked at, whoever is quicker.
async fn guesses_in_parallel_are_no_more(engine: Engine) {
    let server = server(engine, "account_failures = 10").await;
    let node = server.another_node_with(&settings("account_failures = 10")).await;
    let other = server.at(&node);
    let guesses = (0..200).map(|n| {
        let node = if n % 2 == 0 { &server } else { &other };
        async move { node.login_from(&far_away(n), "alice", "a guess").await }
    });
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(looked_at <= 10, "{looked_at} passwords were looked at");
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        answer.throttled();
    }
}

/// Whoever waits behind a guess that is refused has to come back no later, and no sooner.
async fn guesses_in_parallel_are_told_to_wait_as_long_as_one_alone(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    for (n, wait) in [(5, 1), (6, 2), (7, 4)] {
        server.clock.advance(wait);
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    let guesses = (8..108).map(|n| {
        let server = &server;
        async move { server.login_from(&far_away(n), "alice", "a guess").await.throttled() }
    });
    let told: HashSet<_> = join_all(guesses).await.into_iter().collect();
    assert_eq!(told, HashSet::from([8]));
}

/// Keycloak#48272, keycloak#33527. Right passwords in parallel are no guesses.
async fn sign_ins_in_parallel_all_succeed(engine: Engine) {
    let server = server(engine, "").await;
    let logins = (0..40).map(|n| {
        let server = &server;
        async move { server.login_from(&far_away(n), "alice", PASSWORD).await }
    });
    for answer in join_all(logins).await {
        answer.ok();
    }
    // Nothing was counted of it.
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
}

/// CVE-2026-9798, CVE-2026-16103. One counter for all ways in, however the name is spelt.
async fn every_way_in_counts_on_one_counter(engine: Engine) {
    let server = server(engine, "").await;
    let form = |name, password| [("grant_type", "password"), ("username", name), ("password", password)];
    server.post("/login", &form("alice", "a guess")).await.refused(401, "invalid_grant");
    server.post("/login", &form("ALICE", "a guess")).await.refused(401, "invalid_grant");
    server.post_as(C1, "/token", &form("alice", "a guess")).await.refused(400, "invalid_grant");
    server.post_as(C1, "/login", &form("\u{ff41}lice", "a guess")).await.refused(401, "invalid_grant");
    let json = r#"{"username":"Alice","password":"a guess"}"#;
    server.post_text("/login", "application/json", json).await.refused(401, "invalid_grant");
    for answer in [
        server.post("/login", &form("aLICE", PASSWORD)).await,
        server.post_as(C1, "/token", &form("alice", PASSWORD)).await,
        server.post_as(C1, "/login", &form("alice", PASSWORD)).await,
        server.post("/token", &[&form("alice", PASSWORD)[..], &[("client_id", "app")]].concat()).await,
    ] {
        answer.throttled();
    }
}

/// A name that nobody has is refused after as many failures, in the same words, and so is one that nobody can have.
async fn unknown_names_are_counted_alike(engine: Engine) {
    let server = server(engine, "").await;
    server.operator().users().disable(server.bob, START).await.unwrap();
    let mut seen = HashSet::new();
    for name in ["alice", "bob", "nobody", "no body", &"u".repeat(300)] {
        let mut answers = Vec::new();
        for n in 0..8 {
            let answer = server.login_from(&far_away(n), name, "a guess").await;
            let (status, fields, text) = answer.without_the_incidental();
            answers.push(format!("{status} {fields:?} {text}"));
        }
        assert!(answers[4].starts_with("401") && answers[5].starts_with("429"), "{name}: {answers:?}");
        seen.insert(answers);
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// Keycloak#44474. What isn't the password's fault isn't counted: no session, a request that is wrong, a full queue.
async fn what_is_no_wrong_password_is_not_counted(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..20 {
        let from = far_away(n);
        server.login_with(&from, "alice", PASSWORD, &[("scope", "admin")]).await.refused(400, "invalid_scope");
        server.login_with(&from, "alice", "x", &[("scope", "admin")]).await.refused(400, "invalid_scope");
        let elsewhere = [("resource", "https://elsewhere.example.com")];
        server.login_with(&from, "alice", "x", &elsewhere).await.refused(400, "invalid_target");
        server.login_from(&from, "alice", "").await.refused(400, "invalid_request");
        server.login_from(&from, "alice", &"p".repeat(1_025)).await.refused(400, "invalid_request");
    }
    server.login_from(&far_away(0), "alice", PASSWORD).await.ok();
}

/// 503 is no failed attempt: nobody has looked at the password.
async fn a_sign_in_that_is_sent_away_is_not_counted(engine: Engine) {
    let server = server(engine, "").await;
    let slow = settings("\n[passwords]\nqueue = '1ms'\nthreads = 1\nmemory_kib = 19456\niterations = 2");
    let node = server.another_node_with(&slow).await;
    let busy = server.at(&node);
    let (mut wrong, mut sent_away) = (0, 0);
    for n in 0..200 {
        let logins = (0..6).map(|m| {
            let (busy, name) = (&busy, format!("nobody{n}-{m}"));
            async move { busy.login_from(&far_away(6 * n + m), &name, "a guess").await }
        });
        for answer in join_all(logins).await {
            if answer.status == 401 {
                wrong += 1;
            } else {
                answer.refused(503, "temporarily_unavailable");
                sent_away += 1;
            }
        }
        if sent_away > 10 && wrong > 0 {
            break;
        }
    }
    assert!(sent_away > 10 && wrong > 0, "{sent_away} were sent away, {wrong} were wrong");
    assert_eq!(
        server.app.store.sign_in_attempts().purge(i64::MAX).await.unwrap(),
        wrong,
        "a row for each that was looked at"
    );
}

/// Whoever goes away before the answer has guessed all the same.
async fn a_guess_that_nobody_waits_for_counts(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..200 {
        let from = far_away(n);
        let guess = server.login_from(&from, "alice", "a guess");
        let _ = tokio::time::timeout(std::time::Duration::from_millis(3), guess).await;
    }
    server.login_from(&far_away(201), "alice", PASSWORD).await.throttled();
}

/// A restart forgets nothing, and another node knows it too.
async fn all_nodes_count_together(engine: Engine) {
    let server = server(engine, "").await;
    let (second, third) =
        (server.another_node_with(&settings("")).await, server.another_node_with(&settings("")).await);
    let other = server.at(&second);
    for n in 0..5 {
        let node = if n % 2 == 0 { &server } else { &other };
        node.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.login_from(&far_away(5), "alice", PASSWORD).await.throttled();
    other.login_from(&far_away(6), "alice", PASSWORD).await.throttled();
    server.at(&third).login_from(&far_away(7), "alice", PASSWORD).await.throttled();
}

/// Set back by an hour or set forward: nobody is held up for longer than the longest wait.
async fn a_clock_that_is_set_does_not_lock_anybody_out(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.clock.advance(-3_600);
    server.login_from(&far_away(5), "alice", "a guess").await.refused(401, "invalid_grant");
    let wait = server.login_from(&far_away(6), "alice", PASSWORD).await.throttled();
    assert!(wait <= 900, "{wait}");
    server.clock.advance(900);
    server.login_from(&far_away(7), "alice", PASSWORD).await.ok();
}

on_both_databases!(
    guesses_one_after_the_other_come_to_an_end,
    failures_are_forgotten,
    guesses_in_parallel_are_no_more,
    guesses_in_parallel_are_told_to_wait_as_long_as_one_alone,
    sign_ins_in_parallel_all_succeed,
    every_way_in_counts_on_one_counter,
    unknown_names_are_counted_alike,
    what_is_no_wrong_password_is_not_counted,
    a_sign_in_that_is_sent_away_is_not_counted,
    a_guess_that_nobody_waits_for_counts,
    all_nodes_count_together,
    a_clock_that_is_set_does_not_lock_anybody_out,
);
