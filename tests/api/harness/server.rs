//! A server of its own for each test, and the requests that tests make of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use tokend::app::App;
use tokend::clock::Clock;
use tokend::config::{Config, SecretSource};
use tokend::domain::{PlainSecret, SessionId, SigningAlgorithm, UserId};
use tokend::http;
use tokend::http::server::{Limits, Server};
use tokend::keys::{MasterSecrets, SigningKey};
use tokend::store::{PoolSize, Store};
use tokio::sync::oneshot;

use super::Answer;
use super::canary;
use super::database::{Database, Engine};
use super::fixtures::{self, BOBS_PASSWORD, P1, PASSWORD, START};

/// The master secret of every test.
pub const MASTER_SECRET: &str = "a-master-secret-of-the-tests-long-enough";

/// What a test may want otherwise.
pub struct Settings {
    /// The configuration file's text.
    pub toml: String,
}

impl Default for Settings {
    fn default() -> Self {
        let toml = r#"
            issuer = "https://auth.example.com"
            secret = "a-master-secret-of-the-tests-long-enough"
            [passwords]
            memory_kib = 64
            iterations = 1
            [throttle]
            enabled = false
            [claims]
            access_token = ["roles"]
            [http]
            allowed_origins = ["https://app.example.com"]
        "#;
        Self { toml: toml.to_owned() }
    }
}

impl Settings {
    /// The usual ones, and over them what `toml` sets.
    pub fn with(toml: &str) -> Self {
        let mut all: toml::Table = Self::default().toml.parse().expect("TOML");
        for (key, value) in toml.parse::<toml::Table>().expect("TOML") {
            match (all.get_mut(&key), value) {
                (Some(toml::Value::Table(section)), toml::Value::Table(more)) => section.extend(more),
                (_, value) => drop(all.insert(key, value)),
            }
        }
        Self { toml: all.to_string() }
    }

    /// The same with other master secrets, the first of which is used.
    pub fn with_secret(&self, secrets: &str) -> Self {
        Self { toml: self.toml.replace(MASTER_SECRET, secrets) }
    }

    /// The same with another issuer.
    pub fn with_issuer(&self, issuer: &str) -> Self {
        Self { toml: self.toml.replace("https://auth.example.com", issuer) }
    }
}

/// A running server. It stops when this is dropped.
pub struct TestServer {
    pub app: Arc<App>,
    pub clock: Clock,
    pub database: Arc<Database>,
    pub base: String,
    pub alice: UserId,
    pub bob: UserId,
    http: reqwest::Client,
    heard: Option<Arc<Mutex<Vec<Answer>>>>,
    _node: Option<Node>,
}

impl TestServer {
    /// A server with the users alice and bob and the clients of the fixtures, at the time [`START`].
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, Settings::default()).await
    }

    pub async fn start_with(engine: Engine, settings: Settings) -> Self {
        let database = Arc::new(Database::new(engine).await);
        let secrets = MasterSecrets::new(&[PlainSecret::new(MASTER_SECRET.to_owned())]).expect("a master secret");
        for client in fixtures::clients() {
            database.store.by(super::operator()).clients().insert(&client).await.expect("a client is added");
        }
        let key = SigningKey::generate(SigningAlgorithm::Es256, START, START).expect("a key is made");
        database
            .store
            .by(super::operator())
            .signing_keys()
            .insert(&key.seal(&secrets).expect("it is sealed"))
            .await
            .expect("a key is added");
        let clock = Clock::manual(START);
        let node = Node::start(&database, &clock, &settings).await;
        let add = |name, password| fixtures::add_user(&database.store, &node.app.hasher, name, password);
        let (alice, bob) = (add("alice", PASSWORD).await, add("bob", BOBS_PASSWORD).await);
        let (app, base) = (Arc::clone(&node.app), node.base.clone());
        Self { app, base, clock, database, alice, bob, http: client(), heard: None, _node: Some(node) }
    }

    /// Another node on the same database.
    pub async fn another_node(&self) -> Node {
        self.another_node_with(&Settings::default()).await
    }

    /// Another node on the same database, configured otherwise.
    pub async fn another_node_with(&self, settings: &Settings) -> Node {
        Node::start(&self.database, &self.clock, settings).await
    }

    /// Another node, which reaches the same PostgreSQL at another address.
    pub async fn another_node_at(&self, url: &str, pool: PoolSize, settings: &Settings) -> Node {
        let store = Store::open_postgres(url, pool).await.expect("PostgreSQL opens");
        Node::start_on(store, &self.clock, settings).await
    }

    /// The same users and requests, sent to another node.
    pub fn at(&self, node: &Node) -> Self {
        Self { app: Arc::clone(&node.app), ..self.behind(node.base.clone()) }
    }

    /// The same users and requests, sent to another address than the server's own.
    pub fn behind(&self, base: String) -> Self {
        Self {
            app: Arc::clone(&self.app),
            base,
            clock: self.clock.clone(),
            database: Arc::clone(&self.database),
            alice: self.alice,
            bob: self.bob,
            http: self.http.clone(),
            heard: self.heard.clone(),
            _node: None,
        }
    }

    /// From here on all answers are kept, for [`Self::heard`].
    pub fn listen(&mut self) {
        self.heard = Some(Arc::default());
    }

    /// The answers since [`Self::listen`].
    pub fn heard(&self) -> Vec<Answer> {
        self.heard.as_ref().map(|heard| heard.lock().expect("nobody panicked").clone()).unwrap_or_default()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// A request for a path of the host, wherever the issuer's own path is.
    pub fn request_at_root(&self, method: Method, path: &str) -> RequestBuilder {
        let root = self.base.strip_suffix(self.app.config.issuer.path_prefix()).expect("the base ends with the path");
        self.http.request(method, format!("{root}{path}"))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = Answer::read(canary::noted(request).send().await.expect("the server answers")).await;
        if let Some(heard) = &self.heard {
            heard.lock().expect("nobody panicked").push(answer.clone());
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).form(form)).await
    }

    /// Posts a form as a confidential client, by Basic.
    pub async fn post_as(&self, (id, secret): (&str, &str), path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).basic_auth(id, Some(secret)).form(form)).await
    }

    /// Posts a text of a content type.
    pub async fn post_text(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// Gets something with an access token.
    pub async fn get_with(&self, path: &str, access_token: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(access_token)).await
    }

    /// Alice signs in on the first-party public client.
    pub async fn login(&self) -> Answer {
        self.login_on(P1).await
    }

    /// Alice signs in on a public client.
    pub async fn login_on(&self, client: &str) -> Answer {
        self.post("/login", &[("username", "alice"), ("password", PASSWORD), ("client_id", client)]).await
    }

    /// Alice signs in on a confidential client, at `/token`.
    pub async fn login_as(&self, client: (&str, &str)) -> Answer {
        let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
        self.post_as(client, "/token", &form).await
    }

    /// Alice signs in on the first-party public client and asks for something.
    pub async fn login_asking(&self, more: &[(&str, &str)]) -> Answer {
        self.post("/login", &[&[("username", "alice"), ("password", PASSWORD), ("client_id", P1)], more].concat()).await
    }

    /// Bob signs in on the first-party public client.
    pub async fn bobs_login(&self) -> Answer {
        self.post("/login", &[("username", "bob"), ("password", BOBS_PASSWORD)]).await
    }

    /// A confidential client exchanges a refresh token at `/token`.
    pub async fn exchange_as(&self, client: (&str, &str), token: &str) -> Answer {
        self.post_as(client, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A confidential client gets a token for itself, and asks for something.
    pub async fn own_token(&self, client: (&str, &str), more: &[(&str, &str)]) -> Answer {
        self.post_as(client, "/token", &[&[("grant_type", "client_credentials")], more].concat()).await
    }

    /// A public client exchanges a refresh token at `/refresh`.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/refresh", &[("refresh_token", token)]).await
    }

    /// The resource server of [`fixtures::API`] asks about an access token, an administrator about a refresh token.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.post_as(fixtures::who_sees(token), "/introspect", &[("token", token)]).await
    }

    /// Nothing of a session works any more: not its refresh tokens, not its access token, at no endpoint.
    pub async fn assert_dead(&self, access_token: &str, refresh_tokens: &[&str]) {
        self.introspect(access_token).await.inactive();
        self.get_with("/userinfo", access_token).await.refused(401, "invalid_token");
        for token in refresh_tokens {
            self.introspect(token).await.inactive();
            self.refresh(token).await.refused(401, "invalid_grant");
        }
    }

    /// The session that an access token belongs to, as the resource server of [`API`] sees it.
    pub async fn session_of(&self, access_token: &str) -> SessionId {
        self.introspect(access_token).await.active().text_at("sid").parse().expect("a session id")
    }

    /// How many refresh tokens a session has had.
    pub async fn generation(&self, session: SessionId) -> i64 {
        let found = self.app.store.sessions().find(session).await.expect("the store answers");
        found.expect("the session is there").session.generation
    }
}

/// One server process's worth, without the database.
pub struct Node {
    pub app: Arc<App>,
    pub base: String,
    _stop: oneshot::Sender<()>,
}

impl Node {
    pub async fn start(database: &Database, clock: &Clock, settings: &Settings) -> Self {
        Self::start_on(database.open_again().await, clock, settings).await
    }

    pub async fn start_on(store: Store, clock: &Clock, settings: &Settings) -> Self {
        let mut config = Config::from_toml(&settings.toml).expect("the test's configuration is valid");
        // The cluster that tests/run.sh starts doesn't wait for the disk.
        config.database_rules.unsafe_durability = true;
        let SecretSource::Inline(secrets) = &config.master_secrets else { panic!("the test names its master secrets") };
        for secret in secrets {
            canary::note(secret.reveal());
        }
        let secrets = MasterSecrets::new(secrets).expect("master secrets");
        let app = App::build(config, clock.clone(), store, secrets).await.expect("the parts come together");
        let limits = Limits {
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(1),
            max_connections: 1000,
        };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits, None).await.expect("a port is free");
        let base = format!("http://{}{}", server.local_addr(), app.config.issuer.path_prefix());
        let (stop, stopped) = oneshot::channel::<()>();
        let router = http::router(&app);
        tokio::spawn(server.run(router, async {
            let _ = stopped.await;
        }));
        let (polled, watched) = (Arc::clone(&app), Arc::clone(&app));
        tokio::spawn(async move { polled.registry.poll().await });
        tokio::spawn(async move { watched.watch_store().await });
        Self { app, base, _stop: stop }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        canary::keep(canary::Text::Metrics, self.app.render_metrics().as_bytes());
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .build()
        .expect("an HTTP client")
}
