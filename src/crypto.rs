//! SHA-256, HMAC-SHA-256 and the comparison in constant time: the one place where tags and digests are computed. Knows nothing of the
//! rest of the crate.

use std::iter;

use aws_lc_rs::{constant_time, digest, hmac};

/// A key of HMAC-SHA-256.
#[derive(Clone, Debug)]
pub struct HmacKey(hmac::Key);

impl HmacKey {
    /// From the bytes of the key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The first `N` bytes of the tag of all parts together. Where one part ends must follow from the parts themselves.
    pub fn tag<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        let mut tag = [0; N];
        self.write_tag(parts, &mut tag);
        tag
    }

    /// As [`Self::tag`], for a tag that is itself a secret: into memory that its owner wipes.
    pub fn write_tag<const N: usize>(&self, parts: &[&[u8]], tag: &mut [u8; N]) {
        const { assert!(N <= digest::SHA256_OUTPUT_LEN) };
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        for (kept, byte) in iter::zip(tag, context.sign().as_ref()) {
            *kept = *byte;
        }
    }
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut hash = [0; digest::SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Whether they are equal. How long it takes says nothing of where they differ.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.2, and FIPS 180-2 §B.1.
    #[test]
    fn tags_and_digests_are_those_of_the_standards() {
        // The key of the first case is shorter than 32 bytes; HMAC fills it up with zeros.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let key = HmacKey::new(&key);
        assert_eq!(key.tag::<4>(&[b"Hi There"]), [0xb0, 0x34, 0x4c, 0x61]);
        assert_eq!(key.tag::<32>(&[b"Hi ", b"", b"There"]), key.tag::<32>(&[b"Hi There"]));
        assert_eq!(sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert!(equal(b"abc", b"abc") && !equal(b"abc", b"abd") && !equal(b"abc", b"ab"));
    }
}
