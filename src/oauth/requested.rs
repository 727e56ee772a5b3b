//! The scope and the resources that a request asks for, and what it is granted of them. Decided against a registration, and decided again
//! when the registration has changed meanwhile.

use std::borrow::Cow;

use super::params::{InvalidParameters, Params};
use super::refusal::{InvalidGrant, Refusal};
use super::{audience, scope};
use crate::config::Config;
use crate::domain::{Client, Scope};

/// What a request asks for.
#[derive(Clone, Debug, Default)]
pub struct Requested<'a> {
    /// `scope`, RFC 6749 §3.3.
    pub scope: Option<&'a str>,
    /// `resource`, RFC 8707 §2.
    pub resources: Vec<&'a str>,
}

/// What it is granted.
#[derive(Debug, PartialEq)]
pub struct Granted<'s> {
    /// The scope of the access token.
    pub scope: Cow<'s, Scope>,
    /// The audience of the access token; never empty.
    pub audience: Vec<String>,
}

impl<'a> Requested<'a> {
    /// Reads the parameters of a request.
    pub fn read(params: &'a Params) -> Result<Self, InvalidParameters> {
        Ok(Self { scope: params.get("scope")?, resources: params.all("resource")? })
    }

    /// Whether it asks for everything that it may have.
    pub fn is_for_all(&self) -> bool {
        self.scope.is_none() && self.resources.is_empty()
    }

    /// What a new session, or a client's own token, is granted.
    pub fn grant(&self, client: &Client, config: &Config) -> Result<Granted<'static>, Refusal> {
        let scope = scope::requested(self.scope, client)?;
        let audience = audience::requested(&self.resources, &audience::allowed(client, config))?;
        let audience = audience::with_own_endpoints(audience, &scope, &self.resources, config.issuer.as_str());
        Ok(Granted { scope: Cow::Owned(scope), audience })
    }

    /// What a refresh is granted of a session's scope and audience: never more than either, nor than what the client may have by now.
    /// When the client has lost the whole audience, no other request would do better: the user has to sign in again.
    pub fn narrow<'s>(
        &self,
        scope: &'s Scope,
        audience: &[String],
        client: &Client,
        config: &Config,
    ) -> Result<Granted<'s>, Refusal> {
        let scope = scope::refreshed(self.scope, scope, client)?;
        let mut allowed = audience::allowed(client, config);
        allowed.push(config.issuer.as_str().to_owned());
        let kept: Vec<String> = audience.iter().filter(|name| allowed.contains(name)).cloned().collect();
        if kept.is_empty() {
            return Err(InvalidGrant::NoAudience.into());
        }
        Ok(Granted { scope, audience: audience::requested(&self.resources, &kept)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ClientAuthentication;

    const API: &str = "https://api.example.com";
    const OTHER: &str = "https://other.example.com";

    fn config() -> Config {
        Config::from_toml("issuer = \"https://auth.example.com\"\n").unwrap()
    }

    fn client(scope: &str, audience: &[&str]) -> Client {
        let audience = audience.iter().map(|&name| name.to_owned()).collect();
        let bare = Client::without_rights("web".parse().unwrap(), ClientAuthentication::Public, 0);
        Client { scope: scope.parse().unwrap(), audience, ..bare }
    }

    fn audience_of(granted: Result<Granted<'_>, Refusal>) -> Vec<String> {
        granted.unwrap().audience
    }

    #[test]
    fn without_a_wish_everything_is_granted_and_userinfo_with_openid() {
        let (config, web) = (config(), client("openid read", &[API]));
        let granted = Requested::default().grant(&web, &config).unwrap();
        assert_eq!(granted.scope.to_string(), "openid read");
        assert_eq!(granted.audience, [API, "https://auth.example.com"]);
        let read = Requested { scope: Some("read"), ..Requested::default() };
        assert_eq!(audience_of(read.grant(&web, &config)), [API]);
    }

    #[test]
    fn more_than_is_registered_is_refused() {
        let (config, web) = (config(), client("read", &[API]));
        let write = Requested { scope: Some("write"), ..Requested::default() };
        assert!(matches!(write.grant(&web, &config), Err(Refusal::InvalidScope)));
        let other = Requested { resources: vec![OTHER], ..Requested::default() };
        assert!(matches!(other.grant(&web, &config), Err(Refusal::InvalidTarget)));
    }

    #[test]
    fn it_can_be_decided_again_when_the_registration_has_changed() {
        let (config, wish) = (config(), Requested { scope: Some("read"), resources: vec![API] });
        assert!(wish.grant(&client("read", &[API, OTHER]), &config).is_ok());
        assert!(matches!(wish.grant(&client("write", &[API]), &config), Err(Refusal::InvalidScope)));
        assert!(matches!(wish.grant(&client("read", &[OTHER]), &config), Err(Refusal::InvalidTarget)));
    }

    #[test]
    fn a_refresh_has_what_is_left_of_the_session() {
        let config = config();
        let (scope, audience) = ("read write".parse().unwrap(), [API.to_owned(), OTHER.to_owned()]);
        let narrow = |wish: &Requested<'_>, web| {
            wish.narrow(&scope, &audience, &web, &config).map(|granted| (granted.scope.to_string(), granted.audience))
        };
        let all = Requested::default();
        assert_eq!(narrow(&all, client("", &[API, OTHER])).unwrap(), ("read write".to_owned(), audience.to_vec()));
        assert_eq!(narrow(&all, client("", &[API])).unwrap().1, [API]);
        let lost = narrow(&all, client("", &["https://third.example.com"]));
        assert!(matches!(lost, Err(Refusal::InvalidGrant(InvalidGrant::NoAudience))));
        let one = Requested { scope: Some("read"), resources: vec![OTHER] };
        assert_eq!(narrow(&one, client("", &[API, OTHER])).unwrap(), ("read".to_owned(), vec![OTHER.to_owned()]));
        assert!(matches!(narrow(&one, client("", &[API])), Err(Refusal::InvalidTarget)));
    }
}
