//! What can be done to the server, as values that proptest makes up and makes smaller.

use proptest::prelude::*;
use proptest::sample::Index;

use super::reference::{ABSOLUTE, ACCESS, IDLE};

/// Which way in: the app's own endpoints or `/token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    FirstParty,
    Standard,
}

/// Who says to be asking.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// Nobody: no client is named.
    Nobody,
    /// The client that the token belongs to, properly authenticated.
    Owner,
    /// Whichever client, properly authenticated: mostly another one.
    Client(usize),
}

/// One of the tokens that the server ever gave out.
#[derive(Clone, Copy, Debug)]
pub enum AnyToken {
    Refresh(Index),
    Access(Index),
}

/// What an administrator, or somebody who says to be one, ends at once.
#[derive(Clone, Copy, Debug)]
pub enum Bulk {
    Session(Index),
    Subject(usize),
    Username(usize),
    OfClient(usize),
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub enum Command {
    SignIn {
        user: usize,
        client: usize,
        door: Door,
        password_is_right: bool,
    },
    Refresh {
        token: Index,
        door: Door,
        by: By,
    },
    /// The newest token of a session, so often in a row.
    Hurry {
        session: Index,
        times: usize,
    },
    /// A token with one bit changed.
    RefreshForged {
        token: Index,
        bit: usize,
    },
    Revoke {
        token: AnyToken,
        by: By,
    },
    RevokeAsAdmin {
        token: AnyToken,
    },
    RevokeBulk {
        bulk: Bulk,
        as_admin: bool,
    },
    Logout {
        token: AnyToken,
        all: bool,
        by: By,
    },
    SetUserEnabled {
        user: usize,
        enabled: bool,
    },
    ChangePassword {
        user: usize,
    },
    SetClientEnabled {
        client: usize,
        enabled: bool,
    },
    Advance {
        seconds: i64,
    },
    Look {
        token: AnyToken,
    },
}

/// How many users and clients there are.
pub const USERS: usize = 2;
pub const CLIENTS: usize = 5;

/// The amounts that lie on both sides of every limit: W, 2W, the lifetimes.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => prop::sample::select(vec![1, 5, 9, 10, 11]),
        4 => prop::sample::select(vec![19, 20, 21, 40]),
        1 => prop::sample::select(vec![ACCESS - 1, ACCESS, ACCESS + 1]),
        1 => prop::sample::select(vec![IDLE - 1, IDLE, IDLE / 2, ABSOLUTE - 1]),
    ]
}

fn door() -> impl Strategy<Value = Door> {
    prop_oneof![2 => Just(Door::FirstParty), 1 => Just(Door::Standard)]
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![6 => Just(By::Owner), 2 => Just(By::Nobody), 1 => (0..CLIENTS).prop_map(By::Client)]
}

fn any_token() -> impl Strategy<Value = AnyToken> {
    prop_oneof![
        3 => any::<Index>().prop_map(AnyToken::Refresh),
        2 => any::<Index>().prop_map(AnyToken::Access),
    ]
}

fn bulk() -> impl Strategy<Value = Bulk> {
    prop_oneof![
        3 => any::<Index>().prop_map(Bulk::Session),
        1 => (0..USERS).prop_map(Bulk::Subject),
        1 => (0..USERS).prop_map(Bulk::Username),
        1 => (0..CLIENTS).prop_map(Bulk::OfClient),
    ]
}

/// Mostly sign-ins, refreshes and time; now and then an end.
pub fn command() -> impl Strategy<Value = Command> {
    let sign_in = (0..USERS, 0..CLIENTS, door(), prop::bool::weighted(0.9))
        .prop_map(|(user, client, door, password_is_right)| Command::SignIn { user, client, door, password_is_right });
    // So often that the first of them leads to the last no more.
    let times = prop_oneof![60 => 1..6_usize, 1 => Just(66)];
    prop_oneof![
        8 => sign_in,
        24 => (any::<Index>(), door(), by()).prop_map(|(token, door, by)| Command::Refresh { token, door, by }),
        4 => (any::<Index>(), times).prop_map(|(session, times)| Command::Hurry { session, times }),
        1 => (any::<Index>(), 0..656_usize).prop_map(|(token, bit)| Command::RefreshForged { token, bit }),
        2 => (any_token(), by()).prop_map(|(token, by)| Command::Revoke { token, by }),
        1 => any_token().prop_map(|token| Command::RevokeAsAdmin { token }),
        1 => (bulk(), prop::bool::weighted(0.8)).prop_map(|(bulk, as_admin)| Command::RevokeBulk { bulk, as_admin }),
        3 => (any_token(), prop::bool::weighted(0.3), by()).prop_map(|(token, all, by)| Command::Logout { token, all, by }),
        1 => (0..USERS, any::<bool>()).prop_map(|(user, enabled)| Command::SetUserEnabled { user, enabled }),
        1 => (0..USERS).prop_map(|user| Command::ChangePassword { user }),
        2 => (0..CLIENTS, prop::bool::weighted(0.6)).prop_map(|(client, enabled)| Command::SetClientEnabled { client, enabled }),
        14 => seconds().prop_map(|seconds| Command::Advance { seconds }),
        4 => any_token().prop_map(|token| Command::Look { token }),
    ]
}
