//! The current token is found from whatever a retry may present, and from nothing else.

use super::super::{RefreshKeys, RefreshToken};
use crate::domain::{PlainSecret, Session, SessionId};
use crate::token::fixture::{SESSION, first_token, key, keys, session};

const NOW: i64 = 1_000;

/// The row of a session whose current token is `token`, sealed by `keys`.
fn row(keys: &RefreshKeys, token: &RefreshToken) -> (Session, PlainSecret) {
    let text = keys.seal(token);
    let row = Session { generation: token.generation, ..session(token.issued_at, text.hash()) };
    (row, text)
}

/// The token after one exchange by each of `nodes`, a second apart.
fn exchanged(token: &RefreshToken, nodes: &[&RefreshKeys]) -> RefreshToken {
    nodes.iter().fold(token.clone(), |token, keys| keys.successor(&token, token.generation + 1, token.issued_at + 1))
}

#[test]
fn a_retry_may_be_64_exchanges_behind() {
    let (keys, token) = (keys(), first_token(NOW));
    for steps in [0, 1, 2, 63, 64] {
        let (row, text) = row(&keys, &exchanged(&token, &vec![&keys; steps]));
        assert_eq!(keys.find_current(&token, &row), Some(text), "{steps}");
    }
    let (row, _) = row(&keys, &exchanged(&token, &[&keys; 65]));
    assert_eq!(keys.find_current(&token, &row), None);
}

#[test]
fn an_orphan_leads_to_the_token_that_took_its_place() {
    let (keys, token) = (keys(), first_token(NOW));
    let orphan = keys.successor(&token, 2, NOW + 1);
    let recovered = keys.successor(&token, 3, NOW + 20);
    let (row_of_it, text) = row(&keys, &recovered);
    assert_eq!(keys.find_current(&orphan, &row_of_it), Some(text));

    let (row_after, text) = row(&keys, &exchanged(&recovered, &[&keys]));
    assert_eq!(keys.find_current(&orphan, &row_after), Some(text));
}

#[test]
fn no_more_steps_than_there_were_exchanges() {
    let (keys, token) = (keys(), first_token(NOW));
    let current = RefreshToken { generation: 2, ..exchanged(&token, &[&keys, &keys]) };
    let (row, _) = row(&keys, &current);
    assert_eq!(keys.find_current(&token, &row), None);
}

#[test]
fn nothing_leads_back_or_across() {
    let (keys, token) = (keys(), first_token(NOW));
    let (row_before, _) = row(&keys, &token);
    assert_eq!(keys.find_current(&exchanged(&token, &[&keys]), &row_before), None, "no way back");

    let (row, _) = row(&keys, &exchanged(&token, &[&keys]));
    let elsewhere = RefreshToken::first(SessionId(uuid::Uuid::from_u128(2)), NOW, [3; 32]);
    assert_eq!(keys.find_current(&elsewhere, &row), None, "another session");
    assert_eq!(keys.find_current(&RefreshToken::first(SESSION, NOW, [4; 32]), &row), None, "another secret");
    let stranger = RefreshKeys::new(key(1, 20), Vec::new());
    assert_eq!(stranger.find_current(&token, &row), None, "another key");
}

#[test]
fn chains_of_mixed_keys_are_found_while_a_master_secret_is_exchanged() {
    let before = RefreshKeys::new(key(1, 10), vec![key(2, 20)]);
    let after = RefreshKeys::new(key(2, 20), vec![key(1, 10)]);
    let token = first_token(NOW);
    for nodes in [
        vec![],
        vec![&before],
        vec![&after],
        vec![&before, &after],
        vec![&after, &before, &after, &before],
        vec![&before, &before, &after, &after, &before],
        [vec![&before; 3], vec![&after; 3]].concat(),
        vec![&after; 64],
        vec![&before; 64],
    ] {
        for sealed_by in nodes.last().map_or(vec![&before, &after], |last| vec![*last]) {
            let (row, text) = row(sealed_by, &exchanged(&token, &nodes));
            assert_eq!(before.find_current(&token, &row), Some(text.clone()), "{nodes:?}");
            assert_eq!(after.find_current(&token, &row), Some(text), "{nodes:?}");
        }
    }
}

#[test]
fn the_search_ends_however_many_keys_there_are() {
    let many = RefreshKeys::new(key(1, 1), (2..40).map(|id| key(id, 3 * id)).collect());
    let row = Session { generation: i64::MAX, ..session(NOW, keys().seal(&first_token(NOW)).hash()) };
    assert_eq!(many.find_current(&first_token(NOW), &row), None);
}
