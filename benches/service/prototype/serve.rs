//! Its three routes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use sqlx::types::Uuid;
use tokend::clock::Clock;
use tokio::net::TcpListener;

use super::answer::{Introspection, Tokens, UserInfo, json, rotated};
use super::lane::{Lane, Sizes};
use super::rows::{Read, Rotate, Rotation};
use super::token::{Claims, Key, hash, refresh_token, session_of};
use crate::batches;
use crate::failure::Failure;

const ACCESS_LIFETIME: i64 = 86_400;

/// All that a request needs.
struct Prototype {
    key: Key,
    rotations: Lane<Rotate>,
    reads: Lane<Read>,
    /// Tokens whose signature was right, as the server remembers them.
    verified: RwLock<HashMap<String, Arc<Claims>>>,
    rotation_sizes: Sizes,
    read_sizes: Sizes,
}

/// Serves from the database at `url` on a free port of the loopback interface, and prints its address.
pub async fn run(url: &str) -> Result<(), Failure> {
    let (rotation_sizes, read_sizes) = (Sizes::default(), Sizes::default());
    let prototype = Prototype {
        key: Key::generate()?,
        rotations: Lane::start(Rotate::connect(url).await?, Arc::clone(&rotation_sizes)),
        reads: Lane::start(Read::connect(url).await?, Arc::clone(&read_sizes)),
        verified: RwLock::default(),
        rotation_sizes,
        read_sizes,
    };
    let routes = Router::new()
        .route("/token", post(refresh))
        .route("/introspect", post(introspect))
        .route("/userinfo", get(user_info))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(prototype));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn refresh(State(prototype): State<Arc<Prototype>>, form: String) -> Response {
    prototype.refresh(&form).await.unwrap_or_else(|| StatusCode::BAD_REQUEST.into_response())
}

async fn introspect(State(prototype): State<Arc<Prototype>>, form: String) -> Response {
    let claims = match form.strip_prefix("token=") {
        Some(token) => prototype.living(token).await,
        None => None,
    };
    claims.map_or_else(refused, |claims| json(&Introspection::of(&claims)))
}

async fn user_info(State(prototype): State<Arc<Prototype>>, headers: HeaderMap) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let claims = match token {
        Some(token) => prototype.living(token).await,
        None => None,
    };
    claims.map_or_else(refused, |claims| {
        json(&UserInfo {
            sub: claims.sub.to_string(),
            name: "Alice Example",
            email: "alice@example.com",
            email_verified: true,
            preferred_username: "alice",
        })
    })
}

/// The sizes of its batches, in the server's form but exactly.
async fn metrics(State(prototype): State<Arc<Prototype>>) -> String {
    let lanes = [("rotations", &prototype.rotation_sizes), ("tokens", &prototype.read_sizes)];
    lanes.map(|(name, sizes)| batches::written(name, &sizes.lock().unwrap_or_else(PoisonError::into_inner))).concat()
}

fn refused() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

impl Prototype {
    async fn refresh(&self, form: &str) -> Option<Response> {
        let token = form.split('&').find_map(|pair| pair.strip_prefix("refresh_token="))?;
        let session = session_of(token)?;
        let next = refresh_token(session);
        let rotation = Rotation { session, current: hash(token), next: hash(&next) };
        if !self.rotations.ask(rotation).await? {
            return None;
        }
        let claims = Claims::of(session, Clock::System.now(), ACCESS_LIFETIME);
        let access_token = self.key.sign(&claims).ok()?;
        Some(rotated(&Tokens {
            access_token: &access_token,
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME,
            refresh_token: &next,
            scope: &claims.scope,
        }))
    }

    /// The claims of an access token whose session lives.
    async fn living(&self, token: &str) -> Option<Arc<Claims>> {
        let claims = self.verified(token)?;
        self.session_lives(claims.sid).await.then_some(claims)
    }

    async fn session_lives(&self, session: Uuid) -> bool {
        matches!(self.reads.ask(session).await, Some(Some(_)))
    }

    fn verified(&self, token: &str) -> Option<Arc<Claims>> {
        if let Some(claims) = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return Some(Arc::clone(claims));
        }
        let claims = Arc::new(self.key.verify(token)?);
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        verified.insert(token.to_owned(), Arc::clone(&claims));
        Some(claims)
    }
}
