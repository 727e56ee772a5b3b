//! The options that `client add` and `client update` share.

use clap::{Args, ValueEnum};

use crate::admin::client::ClientChange;
use crate::cli::lengths::{OwnLength, access_lifetime, reuse_window, session_lifetime};
use crate::domain::{Recovery, TokenTyp};

/// How the client's tokens behave; what is not given follows the configuration, and so does `default`.
#[derive(Args, Debug)]
pub struct Lifetimes {
    /// How long an access token is valid, 1s to 1d; or default.
    #[arg(long, value_name = "LENGTH", value_parser = access_lifetime)]
    access_lifetime: Option<OwnLength>,
    /// Whether each refresh token is exchanged for a new one.
    #[arg(long, value_name = "on|off", hide_possible_values = true, ignore_case = true)]
    rotation: Option<Rotation>,
    /// How long an exchanged refresh token may be presented again, 0s to 1h; or default.
    #[arg(long, value_name = "LENGTH", value_parser = reuse_window)]
    reuse_window: Option<OwnLength>,
    /// Whether a refresh token whose successor was never used works again (on) or ends the session (strict).
    #[arg(long, value_name = "on|strict", value_parser = recovery)]
    recovery: Option<Recovery>,
    /// How long a session lives without being used, 0s for no limit; or default.
    #[arg(long, value_name = "LENGTH", value_parser = session_lifetime)]
    idle_lifetime: Option<OwnLength>,
    /// How long a session lives at most, 0s for no limit; or default.
    #[arg(long, value_name = "LENGTH", value_parser = session_lifetime)]
    absolute_lifetime: Option<OwnLength>,
    /// The typ header of its access tokens: at+jwt (RFC 9068), or JWT for resource servers that refuse any other.
    #[arg(long, value_name = "at+jwt|JWT", value_parser = token_typ)]
    token_typ: Option<TokenTyp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rotation {
    On,
    Off,
}

impl Lifetimes {
    /// The options, for a group of which one must be given.
    pub const ALL: [&str; 7] =
        ["access_lifetime", "rotation", "reuse_window", "recovery", "idle_lifetime", "absolute_lifetime", "token_typ"];

    pub fn change(&self) -> ClientChange {
        let own = |given: Option<OwnLength>| given.map(|OwnLength(length)| length);
        ClientChange {
            access_lifetime: own(self.access_lifetime),
            rotation: self.rotation.map(|rotation| rotation == Rotation::On),
            reuse_window: own(self.reuse_window),
            recovery: self.recovery,
            idle_lifetime: own(self.idle_lifetime),
            absolute_lifetime: own(self.absolute_lifetime),
            token_typ: self.token_typ,
            ..ClientChange::default()
        }
    }
}

fn recovery(text: &str) -> Result<Recovery, &'static str> {
    Recovery::from_word(text).ok_or("must be on or strict")
}

fn token_typ(text: &str) -> Result<TokenTyp, &'static str> {
    TokenTyp::from_word(text).ok_or("must be at+jwt or JWT")
}
