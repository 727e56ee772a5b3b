//! The sections of the configuration, each with its bounds.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::bounds::{ACCESS_LIFETIME, DAY, HOUR, MINUTE, REUSE_WINDOW, SESSION_LIFETIME};
use super::settings::Settings;
use super::{
    Audit, ClaimRules, DatabaseRules, ForwardedHeader, Http, Log, LogFormat, Login, Passwords, Postgres, Sessions, Tls,
    Tokens, text,
};
use crate::clock::Seconds;
use crate::password::HashParameters;

/// The most passes over the memory of a password hash.
const MAX_ITERATIONS: i64 = 100;
/// The lowest priority that Linux has. Raising a priority takes rights that a server shouldn't have.
const MAX_NICENESS: i64 = 19;
/// The shortest time limit: with 0, every request would time out.
const INSTANT: Duration = Duration::from_millis(1);
/// Waits that may be 0: for a database, and of a server that stops.
const WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(HOUR);
/// The time limits of requests and connections.
const TIMEOUT: RangeInclusive<Duration> = INSTANT..=Duration::from_secs(HOUR);
/// How long a request may wait for a hashing thread or a connection to PostgreSQL.
const QUEUE: RangeInclusive<Duration> = INSTANT..=Duration::from_secs(MINUTE);

pub(super) fn database(settings: &mut Settings) -> Option<DatabaseRules> {
    Some(DatabaseRules {
        file: settings.path("database_file"),
        wait: settings.duration("database.wait", WAIT)?,
        unsafe_durability: settings.boolean("database.unsafe_durability"),
    })
}

pub(super) fn tokens(settings: &mut Settings) -> Option<Tokens> {
    Some(Tokens {
        access_lifetime: settings.seconds("tokens.access_lifetime", ACCESS_LIFETIME)?,
        signing_algorithm: settings.parse("tokens.signing_algorithm", str::parse)?,
        key_lead_time: settings.seconds("tokens.key_lead_time", 0..=30 * DAY)?,
    })
}

pub(super) fn sessions(settings: &mut Settings, access_lifetime: Seconds) -> Option<Sessions> {
    let idle_lifetime = settings.lifetime("sessions.idle_lifetime", SESSION_LIFETIME)?;
    if (1..access_lifetime).contains(&idle_lifetime) {
        let reason = "is less than tokens.access_lifetime: a session would end while its access token is still used";
        settings.refuse_beside("sessions.idle_lifetime", "tokens.access_lifetime", reason);
    }
    Some(Sessions {
        reuse_window: settings.seconds("sessions.reuse_window", REUSE_WINDOW)?,
        idle_lifetime,
        absolute_lifetime: settings.lifetime("sessions.absolute_lifetime", SESSION_LIFETIME)?,
        retention: settings.seconds("sessions.retention", SESSION_LIFETIME)?,
    })
}

pub(super) fn login(settings: &mut Settings) -> Option<Login> {
    Some(Login { client: settings.parse("login.client", str::parse)? })
}

pub(super) fn passwords(settings: &mut Settings) -> Option<Passwords> {
    let hash = hash(settings)?;
    let mut threads = settings.number("passwords.threads", 0..=1024)?;
    if threads == 0 {
        threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        settings.show("passwords.threads", threads);
    }
    Some(Passwords {
        hash,
        threads,
        queue: settings.duration("passwords.queue", QUEUE)?,
        niceness: settings.number("passwords.niceness", 0..=MAX_NICENESS)?,
    })
}

fn hash(settings: &mut Settings) -> Option<HashParameters> {
    let parallelism = settings.number("passwords.parallelism", 1..=16)?;
    // RFC 9106 §3.1: at least 8 KiB a lane.
    let memory = 8 * i64::from(parallelism)..=i64::from(HashParameters::MAX_MEMORY_KIB);
    let memory_kib = settings.number("passwords.memory_kib", memory)?;
    let iterations = settings.number("passwords.iterations", 1..=MAX_ITERATIONS)?;
    let most = HashParameters::MAX_WORK_KIB;
    if u64::from(memory_kib) * u64::from(iterations) > most {
        let reason = format!("times passwords.memory_kib, {memory_kib}, must be at most {most}");
        settings.refuse_beside("passwords.iterations", "passwords.memory_kib", reason);
    }
    Some(HashParameters { memory_kib, iterations, parallelism })
}

pub(super) fn audit(settings: &mut Settings) -> Option<Audit> {
    Some(Audit { retention: settings.lifetime("audit.retention", SESSION_LIFETIME)? })
}

pub(super) fn claims(settings: &mut Settings) -> ClaimRules {
    let access_token = settings.parse_each("claims.access_token", text::claim);
    let key = "claims.scopes";
    let scopes = settings.lists(key);
    for (scope, claims) in &scopes {
        if let Err(reason) = text::scope_token(scope) {
            settings.refuse(key, scope, reason);
        }
        for claim in claims {
            if let Err(reason) = text::claim(claim) {
                settings.refuse(key, claim, reason);
            }
        }
    }
    ClaimRules { access_token, scopes }
}

pub(super) fn http(settings: &mut Settings) -> Option<Http> {
    Some(Http {
        allowed_origins: settings.parse_each("http.allowed_origins", text::origin),
        allowed_headers: settings.parse_each("http.allowed_headers", text::header),
        trusted_proxies: settings.parse_each("http.trusted_proxies", text::network),
        forwarded_header: settings.parse("http.forwarded_header", |text| {
            ForwardedHeader::from_word(text).ok_or("must be X-Forwarded-For or Forwarded")
        })?,
        metrics_from: settings.parse_each("http.metrics_from", text::network),
        verify_from: settings.parse_each("http.verify_from", text::network),
        header_timeout: settings.duration("http.header_timeout", TIMEOUT)?,
        idle_timeout: settings.duration("http.idle_timeout", TIMEOUT)?,
        request_timeout: settings.duration("http.request_timeout", TIMEOUT)?,
        drain: settings.duration("http.drain", WAIT)?,
        shutdown_timeout: settings.duration("http.shutdown_timeout", WAIT)?,
        max_connections: settings.number("http.max_connections", 1..=1_000_000)?,
        tls: tls(settings),
    })
}

fn tls(settings: &mut Settings) -> Option<Tls> {
    let missing = match (settings.path("http.tls_certificate"), settings.path("http.tls_key")) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => return Some(Tls { certificate, key }),
        (Some(_), None) => "http.tls_key",
        (None, Some(_)) => "http.tls_certificate",
    };
    settings.refuse(missing, "", "must be set too: TLS needs a certificate and its key");
    None
}

pub(super) fn postgres(settings: &mut Settings) -> Option<Postgres> {
    Some(Postgres {
        max_connections: settings.number("postgres.max_connections", 1..=10_000)?,
        acquire_timeout: settings.duration("postgres.acquire_timeout", QUEUE)?,
    })
}

pub(super) fn log(settings: &mut Settings) -> Option<Log> {
    let format = |text: &str| LogFormat::from_word(text).ok_or("must be one of auto, human, json");
    Some(Log { format: settings.parse("log.format", format)?, filter: settings.parse("log.filter", text::log_filter)? })
}
