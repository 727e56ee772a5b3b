//! However a sign-in ends, what was counted for it is settled by that, and by nothing else.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::app::fixture::{self, NOW, request_from};
use crate::domain::{Client, ClientAuthentication};
use crate::oauth::InvalidGrant;

const ONE_FAILURE: &str =
    "[throttle]\naccount_failures = 1\ndevice_failures = 2\nfirst_delay = \"60s\"\naddress_failures = \"1/10m\"\n";

fn client() -> Client {
    Client::without_rights("web".parse().unwrap(), ClientAuthentication::Public, 0)
}

async fn app(directory: &TempDir) -> Arc<App> {
    fixture::app(directory, ONE_FAILURE, &client()).await.0
}

fn withdrawn() -> Result<(), Refusal> {
    Err(Refusal::Unavailable("the database is away".to_owned()))
}

/// Whether a failure is remembered of the address, and of the account.
async fn remembered(app: &App) -> (bool, bool) {
    let (client, here, elsewhere) = (client(), request_from(1), request_from(2));
    let mut again = SignInAttempt::new(app, &client.id, &here, "alice");
    let address = again.admit_source().await.is_err();
    again.settle(&withdrawn()).await;
    let mut other = SignInAttempt::new(app, &client.id, &elsewhere, "alice");
    let account = other.reserve(None).await.is_err();
    other.settle(&withdrawn()).await;
    (address, account)
}

#[tokio::test]
async fn each_way_out_settles_the_address_and_the_account_alike() {
    let wrong = |reason: InvalidGrant| Some(Err(reason.into()));
    let ends: [(Option<Result<(), Refusal>>, bool); 8] = [
        (Some(Ok(())), false),
        (wrong(InvalidGrant::WrongPassword), true),
        (wrong(InvalidGrant::UnknownUser), true),
        (wrong(InvalidGrant::UserDisabled), true),
        (Some(Err(Refusal::Busy { retry_after: 1 })), false),
        (Some(Err(Refusal::Throttled { what: Failures::Account, retry_after: 1 })), false),
        (Some(withdrawn()), false),
        // Its client went away.
        (None, true),
    ];
    for (end, counted) in ends {
        let directory = TempDir::new().unwrap();
        let app = app(&directory).await;
        let (client, here) = (client(), request_from(1));
        let mut attempt = SignInAttempt::new(&app, &client.id, &here, "alice");
        attempt.admit_source().await.unwrap();
        attempt.reserve(None).await.unwrap();
        match &end {
            Some(outcome) => attempt.settle(outcome).await,
            None => drop(attempt),
        }
        assert_eq!(remembered(&app).await, (counted, counted), "{end:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_got_no_further_than_its_address_is_withdrawn_too() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory).await;
    let (client, here) = (client(), request_from(1));
    let mut attempt = SignInAttempt::new(&app, &client.id, &here, "alice");
    attempt.admit_source().await.unwrap();
    attempt.settle(&withdrawn()).await;
    assert_eq!(remembered(&app).await, (false, false));
}

#[tokio::test]
async fn a_device_that_signs_in_starts_anew() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory).await;
    let (client, here) = (client(), request_from(1));
    let device = KnownDevice { user_id: UserId(Uuid::nil()), device_id: Uuid::from_u128(1), issued_at: NOW };
    let wrong = || Err(InvalidGrant::WrongPassword.into());
    for outcome in [wrong(), Ok(()), wrong(), Ok(())] {
        let mut attempt = SignInAttempt::new(&app, &client.id, &here, "alice");
        attempt.reserve(Some(device)).await.unwrap();
        attempt.settle(&outcome).await;
    }
    assert_eq!(remembered(&app).await, (false, false), "a known device is counted by itself");
}
