//! A grant that isn't one of the RFCs', to show what a grant takes: a file, and a line in the table.

pub(super) mod told;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::app::App;
use crate::app::fixture::{self, NOW};
use crate::domain::{Client, ClientAuthentication, Grant, Grants};
use crate::http::router;
use crate::http::server::{Handler as _, Peer};
use crate::store::sessions::SessionFilter;

fn client(grants: &[Grant]) -> Client {
    Client {
        grants: grants.iter().copied().collect::<Grants>(),
        scope: "read".parse().unwrap(),
        ..Client::without_rights("web".parse().unwrap(), ClientAuthentication::Public, 0)
    }
}

async fn ask(app: &Arc<App>, request: Request) -> (u16, Value) {
    let peer = Peer(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1));
    let answer = router(app).answer(request, peer).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn token(app: &Arc<App>, parameters: &str) -> (u16, Value) {
    let body = format!("client_id=web&grant_type={}{parameters}", Grant::Told.as_str());
    let request = Request::post("/token").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    ask(app, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_grant_of_the_table_begins_a_session_at_the_token_endpoint() {
    let directory = TempDir::new().unwrap();
    let (app, alice) = fixture::app(&directory, "", &client(&[Grant::Told, Grant::RefreshToken])).await;
    let (status, tokens) = token(&app, "&user=Alice&scope=read").await;
    assert_eq!((status, &tokens["scope"]), (200, &Value::from("read")), "{tokens}");
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("tkr_"));
    assert_eq!(tokens.get("device_token"), None);
    let sessions = app.store.sessions().list(&SessionFilter::default(), NOW, 2).await.unwrap();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    assert_eq!((session.user_id, session.grant_type.as_str()), (alice.id, Grant::Told.as_str()));
    assert_eq!(session.amr, ["otp", "mfa"]);
    assert_eq!((session.auth_time, session.created_at), (NOW - told::AGO, NOW), "when the user was authenticated");
}

#[tokio::test]
async fn its_refusals_are_those_of_every_grant() {
    let directory = TempDir::new().unwrap();
    let (app, _) = fixture::app(&directory, "", &client(&[Grant::Told])).await;
    for (parameters, error) in
        [("", "invalid_request"), ("&user=bob", "invalid_grant"), ("&user=alice&scope=write", "invalid_scope")]
    {
        let (status, answer) = token(&app, parameters).await;
        assert_eq!((status, &answer["error"]), (400, &Value::from(error)), "{parameters}");
    }
    let directory = TempDir::new().unwrap();
    let (app, _) = fixture::app(&directory, "", &client(&[Grant::Password])).await;
    assert_eq!(token(&app, "&user=alice").await.1["error"], "unauthorized_client");
}

#[tokio::test]
async fn the_metadata_name_every_grant_of_the_table() {
    let directory = TempDir::new().unwrap();
    let (app, _) = fixture::app(&directory, "", &client(&[])).await;
    let request = Request::get("/.well-known/oauth-authorization-server").body(Body::empty()).unwrap();
    let (_, metadata) = ask(&app, request).await;
    assert_eq!(metadata["grant_types_supported"], Value::from(Grant::ALL.map(Grant::as_str).to_vec()));
}
