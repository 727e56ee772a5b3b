//! A server and the program on the same database.

use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::RequestBuilder;
use tokend::clock::Clock;
use tokend::domain::{PlainSecret, SigningAlgorithm, Username};
use tokend::keys::{MasterSecrets, SigningKey};

use crate::harness::{Answer, Database, Engine, MASTER_SECRET, Node, Outcome, Program, Settings, canary, operator};

/// The one that the databases of the tests were sealed under.
pub const SECRET: &str = MASTER_SECRET;
const ISSUER: &str = "https://auth.example.com";

pub const PASSWORD: &str = "correct horse battery staple";

/// The program, and a server that sees at once what the program did.
pub struct Rig {
    pub program: Program,
    pub node: Node,
    pub database: Database,
    clock: Clock,
    ahead: AtomicI64,
    /// The key that the server began with.
    pub kid: String,
    http: reqwest::Client,
}

impl Rig {
    pub async fn new(engine: Engine) -> Self {
        let database = Database::new(engine).await;
        let now = Clock::System.now();
        let key = SigningKey::generate(SigningAlgorithm::Es256, now - 3600, now - 3600).unwrap();
        database.store.by(operator()).signing_keys().insert(&key.seal(&secrets(&[SECRET])).unwrap()).await.unwrap();
        let toml = format!(
            "issuer = '{ISSUER}'\nsecret = '{SECRET}'\n[passwords]\nmemory_kib = 64\niterations = 1\nthreads = 1\n"
        );
        let clock = Clock::manual(now);
        let node = Node::start(&database, &clock, &Settings { toml }).await;
        let program = program_on(&database);
        let http = reqwest::Client::new();
        Self { program, node, database, clock, ahead: AtomicI64::new(0), kid: key.kid().to_owned(), http }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.program.run(arguments);
        outcome.ok();
        outcome
    }

    /// A user alice with [`PASSWORD`], and a public first-party client `app` that may read and write.
    pub fn with_alice(self) -> Self {
        self.program.run_with(&["user", "add", "alice", "--password-stdin"], PASSWORD).ok();
        self.run(&[
            "client",
            "add",
            "app",
            "--name",
            "App",
            "--public",
            "--first-party",
            "--grant",
            "password",
            "--grant",
            "refresh_token",
            "--scope",
            "openid read write",
        ]);
        self
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.node.base)).form(form)).await
    }

    /// Posts a form as a confidential client.
    pub async fn post_as(&self, (id, secret): (&str, &str), path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.node.base)).basic_auth(id, Some(secret)).form(form)).await
    }

    /// A client asks for a token for itself.
    pub async fn client_token(&self, client: (&str, &str)) -> Answer {
        self.post_as(client, "/token", &[("grant_type", "client_credentials")]).await
    }

    pub async fn userinfo(&self, access_token: &str) -> Answer {
        self.send(self.http.get(format!("{}/userinfo", self.node.base)).bearer_auth(access_token)).await
    }

    pub async fn jwks_kids(&self) -> Vec<String> {
        let answer = self.send(self.http.get(format!("{}/jwks.json", self.node.base))).await;
        let json = answer.ok().json();
        json["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn login(&self, user: &str, password: &str) -> Answer {
        self.post("/login", &[("username", user), ("password", password)]).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/refresh", &[("refresh_token", token)]).await
    }

    /// A sign-in of alice must work.
    pub async fn alice(&self) -> Answer {
        let answer = self.login("alice", PASSWORD).await;
        answer.ok();
        answer
    }

    /// Nothing of that sign-in may work any more.
    pub async fn assert_dead(&self, tokens: &Answer) {
        self.userinfo(&tokens.access_token()).await.refused(401, "invalid_token");
        self.refresh(&tokens.refresh_token()).await.refused(401, "invalid_grant");
    }

    /// That sign-in must work still.
    pub async fn assert_alive(&self, tokens: &Answer) {
        self.userinfo(&tokens.access_token()).await.ok();
    }

    /// From here on it is later for the server, but not for the program.
    pub fn later(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Adds a key that has signed for a few seconds, so that the first one retires. Its `kid`.
    pub async fn succeed_key(&self) -> String {
        let now = Clock::System.now();
        let key = SigningKey::generate(SigningAlgorithm::Es256, now - 20, now - 10).unwrap();
        self.database
            .store
            .by(operator())
            .signing_keys()
            .insert(&key.seal(&secrets(&[SECRET])).unwrap())
            .await
            .unwrap();
        key.kid().to_owned()
    }

    /// Whether there is a user of that name.
    pub async fn has_user(&self, name: &str) -> bool {
        let name: Username = name.parse().unwrap();
        self.database.store.users().find_credentials(&name).await.unwrap().is_some()
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        // The program goes by the real time, and so does the server, as long as a test doesn't say otherwise.
        let time = Clock::System.now() + self.ahead.load(Ordering::SeqCst);
        self.clock.advance(time - self.clock.now());
        self.node.app.registry.refresh().await.expect("the registry can be read");
        Answer::read(canary::noted(request).send().await.expect("the server answers")).await
    }
}

/// The program on that database.
pub fn program_on(database: &Database) -> Program {
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0").set("TOKEND_DATABASE", &database.url);
    program.set("TOKEND_SECRET", SECRET).set("TOKEND_ISSUER", ISSUER)
}

pub fn secrets(texts: &[&str]) -> MasterSecrets {
    let texts: Vec<_> = texts.iter().map(|text| PlainSecret::new((*text).to_owned())).collect();
    MasterSecrets::new(&texts).expect("master secrets")
}
