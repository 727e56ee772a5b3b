//! What the operator is told of the first start: the secrets, and lines to try the server with.

use crate::admin::first_start::{API, APP, FirstStart, USER};
use crate::config::{Config, Database, SecretSource};

/// What to tell the operator: the secrets, and lines to paste into a shell. At most 15 lines, so that they fit any window.
pub(super) fn describe(first: &FirstStart, config: &Config) -> String {
    let (base, version, data) = (config.local_url(), env!("CARGO_PKG_VERSION"), data(config));
    let (password, secret) = (first.password.reveal(), first.api_secret.reveal());
    format!(
        r#"tokend {version} runs at {base} until you press Ctrl-C. It made, for you to try:
  {USER}  a user
  {APP}    a public client: an app that signs users in
  {API}    a back-end client: an API that checks tokens

In another terminal (the password and the secret are shown only now):

export B={base} PASSWORD={password} \
       SECRET={secret}
curl -w '\n' $B/login -d username={USER} -d password=$PASSWORD
TOKEN=$(curl -s $B/login -d username={USER} -d password=$PASSWORD | cut -d'"' -f4)
curl -w '\n' -u {API}:$SECRET $B/introspect -d token=$TOKEN

Next: README.md, "An app of your own". All guides: docs/README.md.
Data: {data}.
"#
    )
}

/// Where the data is, in words.
fn data(config: &Config) -> String {
    let database = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        url @ Database::Postgres(_) => url.to_string(),
    };
    match &config.master_secrets {
        SecretSource::File(path) => format!("{database}, with its master secret in {}", path.display()),
        SecretSource::Inline(_) => database,
    }
}
