//! Device tokens: they say that a user has signed in on this device before, and give access to nothing. Failed sign-ins with one
//! are counted apart, so that guesses by strangers don't lock the owner out. Pure.
//!
//! `tkd_` + base64url of `version(1) | user id(16) | device id(16) | issued at(8) | tag(16)`. Nothing is stored of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::crypto::{HmacKey, equal};
use crate::domain::{PlainSecret, UserId};

/// What every device token begins with.
pub const PREFIX: &str = "tkd_";
const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 1 + 16 + 16 + 8;
const TAG_BYTES: usize = 16;
const BYTES: usize = SIGNED_BYTES + TAG_BYTES;

/// A device on which a user has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// Whose device it is.
    pub user_id: UserId,
    /// Which one: the same as long as the device shows its token at each sign-in.
    pub device_id: Uuid,
    /// When the user last signed in on it.
    pub issued_at: UnixTime,
}

/// The keys of device tokens, one a master secret: the first makes tokens, all verify them.
#[derive(Clone)]
pub struct DeviceKeys(Vec<HmacKey>);

impl DeviceKeys {
    /// From the keys that the master secrets derive.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Self {
        Self(keys.into_iter().map(HmacKey::new).collect())
    }

    /// The token of `device`; `None` without any key.
    pub fn seal(&self, device: &KnownDevice) -> Option<PlainSecret> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(device.user_id.0.as_bytes());
        bytes.extend_from_slice(device.device_id.as_bytes());
        bytes.extend_from_slice(&device.issued_at.to_be_bytes());
        let tag: [u8; TAG_BYTES] = self.0.first()?.tag(&[&bytes]);
        bytes.extend_from_slice(&tag);
        Some(PlainSecret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The device that `text` speaks of, if one of the keys made it.
    pub fn open(&self, text: &str) -> Option<KnownDevice> {
        let mut bytes = [0; BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        let (signed, presented) = bytes.split_at_checked(SIGNED_BYTES)?;
        let made = |key: &HmacKey| equal(&key.tag::<TAG_BYTES>(&[signed]), presented);
        if length != BYTES || !self.0.iter().any(made) {
            return None;
        }
        let (version, rest) = signed.split_first()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (device_id, rest) = rest.split_first_chunk::<16>()?;
        let issued_at = i64::from_be_bytes(*rest.first_chunk::<8>()?);
        (*version == VERSION).then_some(KnownDevice {
            user_id: UserId(Uuid::from_bytes(*user_id)),
            device_id: Uuid::from_bytes(*device_id),
            issued_at,
        })
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKeys({} of them)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const OTHER: [u8; 32] = [2; 32];

    fn device() -> KnownDevice {
        KnownDevice { user_id: UserId(Uuid::from_u128(7)), device_id: Uuid::from_u128(9), issued_at: 1_800_000_000 }
    }

    #[test]
    fn a_token_names_its_device_as_long_as_its_key_is_known() {
        let token = DeviceKeys::new([&KEY]).seal(&device()).unwrap();
        assert_eq!(DeviceKeys::new([&KEY]).open(token.reveal()), Some(device()));
        assert_eq!(DeviceKeys::new([&OTHER, &KEY]).open(token.reveal()), Some(device()), "an older key");
        assert_eq!(DeviceKeys::new([&OTHER]).open(token.reveal()), None);
    }

    #[test]
    fn a_token_that_differs_in_any_character_is_none() {
        let keys = DeviceKeys::new([&KEY]);
        let token = keys.seal(&device()).unwrap();
        for at in 0..token.reveal().len() {
            let mut altered = token.reveal().as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(keys.open(std::str::from_utf8(&altered).unwrap()), None, "character {at}");
        }
        for text in ["", "tkd_", "tkr_AAAA", &format!("{}A", token.reveal()), &format!("{}=", token.reveal())] {
            assert_eq!(keys.open(text), None, "{text}");
        }
    }
}
