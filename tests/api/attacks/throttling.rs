//! Guessers are kept out, and owners are not: 34, 68, 84, 86, 88, 90, 96, 114, and parallel guesses.

mod devices;
mod guesses;
mod misses;
mod rule;
mod sources;

use reqwest::Method;

use crate::harness::{Answer, Engine, P1, PASSWORD, Settings, TestServer};

/// A server that refuses, believes a proxy on this machine, and has `limits` that differ from the defaults.
async fn server(engine: Engine, limits: &str) -> TestServer {
    TestServer::start_with(engine, settings(limits)).await
}

fn settings(limits: &str) -> Settings {
    Settings::with(&format!("[throttle]\nenabled = true\n{limits}\n[http]\ntrusted_proxies = ['127.0.0.1']"))
}

impl TestServer {
    /// A sign-in from an address, as a proxy reports it.
    async fn login_from(&self, address: &str, username: &str, password: &str) -> Answer {
        self.login_with(address, username, password, &[]).await
    }

    async fn login_with(&self, address: &str, username: &str, password: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("username", username), ("password", password), ("client_id", P1)], more].concat();
        self.send(self.request(Method::POST, "/login").header("x-forwarded-for", address).form(&form)).await
    }

    /// Alice's own sign-in on a device that she used before.
    async fn login_on_device(&self, address: &str, device_token: &str) -> Answer {
        self.login_with(address, "alice", PASSWORD, &[("device_token", device_token)]).await
    }
}

impl Answer {
    /// Refused for what failed before, and the seconds after which to come back.
    #[track_caller]
    fn throttled(&self) -> i64 {
        self.refused(429, "temporarily_unavailable");
        let seconds: i64 = self.header("retry-after").parse().expect("Retry-After is a number of seconds");
        assert!(seconds >= 1, "{self:?}");
        seconds
    }
}

/// An address of its own for each attempt, in a network of its own: an attacker with a botnet.
fn far_away(n: usize) -> String {
    format!("{}.{}.{}.7", 20 + n / 60_000, n / 250 % 240, n % 250)
}
