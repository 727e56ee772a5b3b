//! What a sign-in says of the device that it comes from.

use super::error::OAuthError;
use super::origin;
use super::submitted::Submitted;
use crate::config::Config;
use crate::domain::Device;

/// The longest name that an app may give a device, in characters.
const MAX_NAME: usize = 128;

/// The device of a sign-in.
pub fn device(request: &Submitted) -> Result<Device, OAuthError> {
    let name = request.params.get("device_name")?.map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > MAX_NAME || name.chars().any(char::is_control)) {
        let description = "The device_name is longer than 128 characters or has control characters.";
        return Err(OAuthError::invalid_request(description));
    }
    Ok(Device {
        name: name.map(str::to_owned),
        user_agent: request.requester.user_agent.clone(),
        ip: Some(request.address().to_string()),
    })
}

/// The token of an earlier sign-in on the same device: in the body, or in a browser app's cookie.
pub fn device_token(request: &Submitted, config: &Config) -> Result<Option<String>, OAuthError> {
    let in_body = request.params.word("device_token")?.map(str::to_owned);
    Ok(in_body.or_else(|| origin::device_cookie(&request.headers, config)))
}
