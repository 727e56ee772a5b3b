//! Bad input: whatever is sent, the answer is the status and JSON that the contract has for it, and the session and the
//! refresh token that the request was about lose nothing.

mod content_types;
mod framing;
mod json;
mod limits;
mod methods;
mod parameters;
mod raw_http;
mod tokens;
mod valid;
