//! The sections of the configuration, each with its bounds.

use std::collections::BTreeMap;
use std::num::NonZero;
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
/// The shortest time limit: one of nothing would refuse everybody.
const INSTANT: Duration = Duration::from_millis(1);

pub(super) fn database(settings: &mut Settings) -> Option<DatabaseRules> {
    let wait = settings.duration("database.wait", Duration::ZERO..=Duration::from_secs(HOUR))?;
    let unsafe_durability = settings.boolean("database.unsafe_durability");
    Some(DatabaseRules { file: settings.path("database_file"), wait, unsafe_durability })
}

pub(super) fn tokens(settings: &mut Settings) -> Option<Tokens> {
    let access_lifetime = settings.seconds("tokens.access_lifetime", ACCESS_LIFETIME);
    let signing_algorithm = settings.parse("tokens.signing_algorithm", str::parse);
    let key_lead_time = settings.seconds("tokens.key_lead_time", 0..=30 * DAY);
    Some(Tokens {
        access_lifetime: access_lifetime?,
        signing_algorithm: signing_algorithm?,
        key_lead_time: key_lead_time?,
    })
}

/// `access_lifetime`: what `tokens.access_lifetime` is, if it is sound.
pub(super) fn sessions(settings: &mut Settings, access_lifetime: Option<Seconds>) -> Option<Sessions> {
    let reuse_window = settings.seconds("sessions.reuse_window", REUSE_WINDOW);
    let idle_lifetime = settings.seconds("sessions.idle_lifetime", SESSION_LIFETIME);
    if let (Some(idle), Some(access)) = (idle_lifetime, access_lifetime)
        && (1..access).contains(&idle)
    {
        let text = settings.text("sessions.idle_lifetime");
        let reason = "is less than tokens.access_lifetime: a session would end while its access token is still used";
        settings.refuse("sessions.idle_lifetime", &text, reason);
    }
    let absolute_lifetime = settings.seconds("sessions.absolute_lifetime", SESSION_LIFETIME);
    let retention = settings.seconds("sessions.retention", SESSION_LIFETIME);
    Some(Sessions {
        reuse_window: reuse_window?,
        idle_lifetime: idle_lifetime?,
        absolute_lifetime: absolute_lifetime?,
        retention: retention?,
    })
}

pub(super) fn login(settings: &mut Settings) -> Option<Login> {
    Some(Login { client: settings.parse("login.client", str::parse)? })
}

pub(super) fn passwords(settings: &mut Settings) -> Option<Passwords> {
    let parallelism: Option<u32> = settings.number("passwords.parallelism", 1..=16);
    // RFC 9106 §3.1: at least 8 KiB a lane.
    let least = 8 * i64::from(parallelism.unwrap_or(1));
    let memory_kib: Option<u32> =
        settings.number("passwords.memory_kib", least..=i64::from(HashParameters::MAX_MEMORY_KIB));
    let iterations: Option<u32> = settings.number("passwords.iterations", 1..=MAX_ITERATIONS);
    let threads = settings.number("passwords.threads", 0..=1024).map(|threads: usize| match threads {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    });
    let queue = settings.duration("passwords.queue", INSTANT..=Duration::from_secs(MINUTE));
    let niceness = settings.number("passwords.niceness", 0..=MAX_NICENESS);
    if let (Some(memory_kib), Some(iterations)) = (memory_kib, iterations)
        && u64::from(memory_kib) * u64::from(iterations) > HashParameters::MAX_WORK_KIB
    {
        let most = HashParameters::MAX_WORK_KIB;
        let reason = format!("times passwords.memory_kib, {memory_kib}, must be at most {most}");
        settings.refuse("passwords.iterations", &iterations.to_string(), reason);
    }
    Some(Passwords {
        memory_kib: memory_kib?,
        iterations: iterations?,
        parallelism: parallelism?,
        threads: threads?,
        queue: queue?,
        niceness: niceness?,
    })
}

pub(super) fn audit(settings: &mut Settings) -> Option<Audit> {
    Some(Audit { retention: settings.seconds("audit.retention", SESSION_LIFETIME)? })
}

pub(super) fn claims(settings: &mut Settings) -> Option<ClaimRules> {
    let access_token = settings.parse_each("claims.access_token", text::claim);
    let key = "claims.scopes";
    let mut scopes = BTreeMap::new();
    for (scope, claims) in settings.lists(key) {
        if let Err(reason) = text::scope_token(&scope) {
            settings.refuse(key, &scope, reason);
        }
        for claim in &claims {
            if let Err(reason) = text::claim(claim) {
                settings.refuse(key, claim, reason);
            }
        }
        scopes.insert(scope, claims);
    }
    Some(ClaimRules { access_token: access_token?, scopes })
}

pub(super) fn http(settings: &mut Settings) -> Option<Http> {
    let limit = INSTANT..=Duration::from_secs(HOUR);
    let allowed_origins = settings.parse_each("http.allowed_origins", text::origin);
    let allowed_headers = settings.parse_each("http.allowed_headers", text::header);
    let trusted_proxies = settings.parse_each("http.trusted_proxies", text::network);
    let forwarded_header = settings.parse("http.forwarded_header", |text| match text {
        _ if text.eq_ignore_ascii_case("X-Forwarded-For") => Ok(ForwardedHeader::XForwardedFor),
        _ if text.eq_ignore_ascii_case("Forwarded") => Ok(ForwardedHeader::Forwarded),
        _ => Err("must be X-Forwarded-For or Forwarded"),
    });
    let metrics_from = settings.parse_each("http.metrics_from", text::network);
    let verify_from = settings.parse_each("http.verify_from", text::network);
    let header_timeout = settings.duration("http.header_timeout", limit.clone());
    let idle_timeout = settings.duration("http.idle_timeout", limit.clone());
    let request_timeout = settings.duration("http.request_timeout", limit);
    let drain = settings.duration("http.drain", Duration::ZERO..=Duration::from_secs(HOUR));
    let shutdown_timeout = settings.duration("http.shutdown_timeout", Duration::ZERO..=Duration::from_secs(HOUR));
    let max_connections = settings.number("http.max_connections", 1..=1_000_000);
    let tls = match (settings.path("http.tls_certificate"), settings.path("http.tls_key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
        (certificate, _) => {
            let missing = if certificate.is_some() { "http.tls_key" } else { "http.tls_certificate" };
            settings.refuse(missing, "", "must be set too: TLS needs a certificate and its key");
            return None;
        }
    };
    Some(Http {
        allowed_origins: allowed_origins?,
        allowed_headers: allowed_headers?,
        trusted_proxies: trusted_proxies?,
        forwarded_header: forwarded_header?,
        metrics_from: metrics_from?,
        verify_from: verify_from?,
        header_timeout: header_timeout?,
        idle_timeout: idle_timeout?,
        request_timeout: request_timeout?,
        drain: drain?,
        shutdown_timeout: shutdown_timeout?,
        max_connections: max_connections?,
        tls,
    })
}

pub(super) fn postgres(settings: &mut Settings) -> Option<Postgres> {
    let max_connections = settings.number("postgres.max_connections", 1..=10_000);
    let acquire_timeout = settings.duration("postgres.acquire_timeout", INSTANT..=Duration::from_secs(MINUTE));
    Some(Postgres { max_connections: max_connections?, acquire_timeout: acquire_timeout? })
}

pub(super) fn log(settings: &mut Settings) -> Option<Log> {
    let format = settings.parse("log.format", |text| match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be one of auto, human, json"),
    });
    let filter = settings.parse("log.filter", text::log_filter);
    Some(Log { format: format?, filter: filter? })
}
