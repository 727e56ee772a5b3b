//! Why a token or a session is accepted, or isn't.

use serde::Serialize;
use uuid::Uuid;

use super::{Admin, Error, master_secrets};
use crate::app::App;
use crate::domain::ClientId;
use crate::explain::{self, Answered, Explanation, is_explainable};
use crate::oauth::Refusal;

/// How many events of its history are shown.
const HISTORY: i64 = 50;

/// The answer; first, if that was asked, how a client would be answered at /introspect.
#[derive(Debug, Serialize)]
pub(crate) struct ExplanationView {
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_because: Option<String>,
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Refuses what can't be explained, at all or for a client.
pub(crate) fn require_explainable(text: &str, for_client: bool) -> Result<(), Error> {
    if !is_explainable(text) {
        return Err(Error::invalid("this is no token, no id of a session and no jti of an access token"));
    }
    if for_client && text.parse::<Uuid>().is_ok() {
        return Err(Error::invalid("--for needs the token itself, not an id: clients introspect tokens"));
    }
    Ok(())
}

/// Explains an access token, a refresh token, or the id of a session or of an access token. Changes nothing.
pub(crate) async fn explain(admin: &Admin, text: &str, client: Option<ClientId>) -> Result<ExplanationView, Error> {
    require_explainable(text, client.is_some())?;
    let secrets = master_secrets::load(&admin.config, &admin.store).await?;
    let config = (*admin.config).clone();
    let app = App::build(config, admin.clock.clone(), admin.store.clone().into(), secrets).await;
    let app = app.map_err(Error::failed)?;
    let refused = |refusal: Refusal| Error::failed(refusal.to_string());
    let explanation = explain::explain(&app, text, HISTORY).await.map_err(refused)?;
    let Some(id) = client else {
        return Ok(ExplanationView { client, active: None, active_because: None, explanation });
    };
    let Answered { active, because } = explain::answered(&app, text, &id, &explanation).await.map_err(refused)?;
    Ok(ExplanationView { client: Some(id), active: Some(active), active_because: Some(because), explanation })
}
