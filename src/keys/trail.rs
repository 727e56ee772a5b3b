//! The keys that seal the audit trail. Each comes from a master secret, and is stored, sealed, since what it sealed has to be
//! verified for longer than that secret is configured.

use zeroize::Zeroizing;

use super::master::{MasterSecrets, SealingFailed};
use crate::crypto::sha256;
use crate::domain::StoredAuditKey;

/// A key of the audit trail.
pub type AuditKey = Zeroizing<[u8; 32]>;

/// Those of the configured secrets, the one in use first, and then what else is stored and can be opened.
pub fn audit_keys(master: &MasterSecrets, stored: &[StoredAuditKey]) -> Vec<AuditKey> {
    let mut keys = master.audit_keys();
    for key in stored.iter().filter_map(|stored| open(stored, master)) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The key to store, encrypted under the first master secret.
pub fn seal(key: &AuditKey, master: &MasterSecrets) -> Result<StoredAuditKey, SealingFailed> {
    let id = id(key);
    let sealed = master.seal(&associated_data(&id), key.as_slice())?;
    Ok(StoredAuditKey { id, sealed })
}

/// Whether it is stored, and sealed under the first master secret.
pub fn is_stored(key: &AuditKey, master: &MasterSecrets, stored: &[StoredAuditKey]) -> bool {
    let id = id(key);
    let in_use = master.in_use();
    stored.iter().any(|stored| stored.id == id && open(stored, &in_use).is_some())
}

/// `None` when it was sealed under a secret that isn't configured, or altered.
fn open(stored: &StoredAuditKey, master: &MasterSecrets) -> Option<AuditKey> {
    let opened = master.open(&associated_data(&stored.id), &stored.sealed).ok()?;
    let key = AuditKey::new(opened.as_slice().try_into().ok()?);
    (id(&key) == stored.id).then_some(key)
}

/// The id of the key that comes from the master secret in use.
pub fn id_in_use(master: &MasterSecrets) -> Option<Vec<u8>> {
    master.audit_keys().first().map(id)
}

fn id(key: &AuditKey) -> Vec<u8> {
    sha256(key.as_slice()).to_vec()
}

fn associated_data(id: &[u8]) -> Vec<u8> {
    [b"audit key", id].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(texts: &str) -> MasterSecrets {
        MasterSecrets::parse(texts).unwrap()
    }

    const OLD: &str = "the-old-master-secret-of-these-tests";
    const NEW: &str = "the-new-master-secret-of-these-tests";

    #[test]
    fn a_key_outlives_its_secret() {
        let (old, both, new) = (master(OLD), master(&format!("{NEW}\n{OLD}")), master(NEW));
        let [key] = &old.audit_keys()[..] else { panic!("one") };
        let first = [seal(key, &old).unwrap()];
        assert!(is_stored(key, &old, &first) && !is_stored(key, &both, &first));
        assert_eq!(audit_keys(&new, &first), new.audit_keys(), "it isn't opened");
        let again = [seal(key, &both).unwrap()];
        assert!(is_stored(key, &both, &again) && again[0].id == first[0].id);
        assert_eq!(audit_keys(&new, &again), both.audit_keys());
    }

    #[test]
    fn a_key_under_another_name_is_not_opened() {
        let master = master(OLD);
        let mut stored = seal(&master.audit_keys()[0], &master).unwrap();
        stored.id[0] ^= 1;
        assert!(open(&stored, &master).is_none());
    }
}
