//! What a sign-in says of the device that it comes from.

use axum::http::header::USER_AGENT;

use super::error::OAuthError;
use super::submitted::Submitted;
use crate::domain::Device;

/// The longest name that an app may give a device, in characters.
const MAX_NAME: usize = 128;

/// As much of a `User-Agent` as is kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// The device of a sign-in.
pub fn device(request: &Submitted) -> Result<Device, OAuthError> {
    let name = request.params.get("device_name");
    if name.is_some_and(|name| name.chars().count() > MAX_NAME || name.chars().any(char::is_control)) {
        let description = "The device_name is longer than 128 characters or has control characters.";
        return Err(OAuthError::invalid_request(description));
    }
    let user_agent = request.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Ok(Device {
        name: name.map(str::to_owned),
        user_agent: user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
        ip: Some(request.address.to_string()),
    })
}
