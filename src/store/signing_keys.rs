//! The `signing_keys` table. Private keys are sealed under the master secret before they get here.

use super::engine::{Unit, from_row, sql};
use super::table::table;
use super::{StoreError, column, registry};
use crate::audit::EventKind;
use crate::clock::UnixTime;
use crate::domain::StoredKey;

table!(signing_keys: SigningKeys, ActingSigningKeys);

from_row! {
    struct SigningKeyRow {
        kid: String,
        algorithm: String,
        sealed_private: Vec<u8>,
        created_at: i64,
        signs_from: i64,
    }
    columns = signing_key_columns;
}

impl TryFrom<SigningKeyRow> for StoredKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            algorithm: column::parse(&row.algorithm, "signing_keys.algorithm")?,
            kid: row.kid,
            sealed_private: row.sealed_private,
            created_at: row.created_at,
            signs_from: row.signs_from,
        })
    }
}

const LIST: &str = concat!("SELECT ", signing_key_columns!(), " FROM signing_keys ORDER BY signs_from, kid");

const INSERT: &str = "INSERT INTO signing_keys (kid, algorithm, sealed_private, created_at, signs_from) \
     VALUES ($1, $2, $3, $4, $5)";

/// The keys that haven't begun to sign at $1 get the moment $2 at which key $3 begins. Of keys with one moment the last one made
/// signs, so they never do.
const REPLACE_PENDING: &str =
    "UPDATE signing_keys SET signs_from = $2 WHERE signs_from > $1 AND kid <> $3 RETURNING kid";

const RESEAL: &str = "UPDATE signing_keys SET sealed_private = $3 WHERE kid = $1 AND sealed_private = $2";

const REMOVE: &str = "DELETE FROM signing_keys WHERE kid = $1";

impl SigningKeys<'_> {
    /// Every signing key.
    pub async fn list(self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self.store.db.again(|| async { sql!(self.store.db.read().await?, all SigningKeyRow, LIST) }).await?;
        rows.into_iter().map(StoredKey::try_from).collect()
    }

    /// Stores a key as another master secret seals it, if it is still as `from` has it. False when it isn't.
    ///
    /// The key itself is the same, so no node has to read it again.
    pub async fn reseal(self, from: &StoredKey, to: &StoredKey) -> Result<bool, StoreError> {
        let (old, new) = (&from.sealed_private, &to.sealed_private);
        Ok(sql!(self.store.db.write().await?, execute, RESEAL, from.kid.as_str(), old, new)? == 1)
    }
}

impl ActingSigningKeys<'_> {
    /// Adds a signing key in place of those that haven't begun to sign by `now`, if the registry is still at this version: what was decided
    /// on then is still so. False when it isn't.
    ///
    /// The keys that it replaces stay published: a node that hasn't heard of it may begin to sign with one of them.
    pub async fn insert_at(self, version: i64, key: &StoredKey, now: UnixTime) -> Result<bool, StoreError> {
        let mut unit = self.store.db.begin().await?;
        if !registry::change_from(&mut unit, version).await? {
            return Ok(false);
        }
        insert(&mut unit, key).await?;
        let replaced = sql!(unit, values String, REPLACE_PENDING, now, key.signs_from, key.kid.as_str())?;
        let event = self.acting.event(EventKind::KeyAdded).of(key.kid.clone());
        let event = match replaced.as_slice() {
            [] => event,
            kids => event.because(&format!("in place of {}", kids.join(" "))),
        };
        self.store.commit(unit, [event]).await?;
        Ok(true)
    }

    /// Adds a signing key.
    pub async fn insert(self, key: &StoredKey) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin().await?;
        insert(&mut unit, key).await?;
        registry::change(&mut unit).await?;
        self.store.commit(unit, [self.acting.event(EventKind::KeyAdded).of(key.kid.clone())]).await
    }

    /// Removes a signing key. False when there is no such key.
    pub async fn remove(self, kid: &str) -> Result<bool, StoreError> {
        let mut unit = self.store.db.begin().await?;
        if sql!(unit, execute, REMOVE, kid)? == 0 {
            return Ok(false);
        }
        registry::change(&mut unit).await?;
        self.store.commit(unit, [self.acting.event(EventKind::KeyRemoved).of(kid.to_owned())]).await?;
        Ok(true)
    }
}

async fn insert(unit: &mut Unit, key: &StoredKey) -> Result<(), StoreError> {
    let (kid, algorithm) = (key.kid.as_str(), key.algorithm.as_str());
    sql!(unit, execute, INSERT, kid, algorithm, &key.sealed_private, key.created_at, key.signs_from)?;
    Ok(())
}
