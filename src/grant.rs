//! Grants: a file a `grant_type`, each check by check as its RFC has it, and a line in the table of `domain::grant`. Knows nothing of HTTP.

mod client_credentials;
pub mod password;
pub mod refresh_token;
mod request;
#[cfg(test)]
mod tests;

pub use request::TokenRequest;
#[cfg(test)]
use tests::told;

use crate::app::App;
use crate::domain::Grant;
use crate::domain::grant::grants;
use crate::oauth::{Issued, Refusal};

macro_rules! carry_out {
    ($($(#[$meta:meta])* $grant:ident $file:ident $name:literal $clients:ident $yields:ident,)*) => {
        /// Carries out a token request by the file of its grant.
        pub async fn carry_out(app: &App, grant: Grant, request: TokenRequest<'_>) -> Result<Issued, Refusal> {
            match grant {
                $($(#[$meta])* Grant::$grant => $file::carry_out(app, request).await,)*
            }
        }
    };
}
grants!(carry_out);
