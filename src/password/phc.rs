//! PHC strings, the form of most stored hashes: `$scheme$parameters$salt$output`.

use argon2::password_hash::phc::PasswordHash;

use super::error::ImportError;
use crate::crypto::equal;

/// The parts of a PHC string.
pub(super) fn read(text: &str) -> Result<PasswordHash, ImportError> {
    PasswordHash::new(text).map_err(|_| ImportError::Malformed)
}

/// passlib's PBKDF2 strings as PHC strings: it leaves out the name of the iterations and writes `+` as `.`.
pub(super) fn passlib(text: &str) -> String {
    match text.split('$').collect::<Vec<_>>().as_slice() {
        ["", scheme, iterations, salt, output] if iterations.bytes().all(|b| b.is_ascii_digit()) => {
            format!("${scheme}$i={iterations}${salt}${output}").replace('.', "+")
        }
        _ => text.to_owned(),
    }
}

/// The parameters `names` of a PHC string, if it has these, as decimals, and no others.
pub(super) fn decimals<const N: usize>(phc: &PasswordHash, names: [&str; N]) -> Result<[u32; N], ImportError> {
    if phc.params.iter().count() != N {
        return Err(ImportError::Malformed);
    }
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = phc.params.get_decimal(name).ok_or(ImportError::Malformed)?;
    }
    Ok(values)
}

/// Whether two outputs are equal, in constant time.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    !one.is_empty() && equal(one, other)
}
