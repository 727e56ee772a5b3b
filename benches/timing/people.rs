//! Users of every kind: all of them fail to sign in, and none in a time of its own.

use std::time::Duration;

use tokend::domain::{Claims, Profile, User, UserId};
use tokend::password::{HashParameters, Hasher, PlainPassword};
use tokend::store::ActingStore;

use crate::failure::Failure;

/// What signs the first of them in.
pub const PASSWORD: &str = "the right password of everybody here";

/// A bcrypt hash of nothing that is tried here, of the cost that many have.
const BCRYPT: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// Adds a user of each kind.
pub async fn add_all(store: &ActingStore) -> Result<(), Failure> {
    let hash = async |memory_kib| {
        let parameters = HashParameters { memory_kib, iterations: 2, parallelism: 1 };
        let hasher = Hasher::start(parameters, 1, Duration::from_secs(10), 0)?;
        let password = PlainPassword::chosen(PASSWORD)?;
        Ok::<_, Failure>(hasher.hash(password).await.map_err(|_| "the hasher is busy")?.as_str().to_owned())
    };
    let (current, light) = (hash(19_456).await?, hash(9_216).await?);
    for (name, hash, disabled_at) in [
        ("known", Some(current.as_str()), None),
        ("disabled", Some(&current), Some(1)),
        ("without-password", None, None),
        ("light-hash", Some(&light), None),
        ("bcrypt", Some(BCRYPT), None),
    ] {
        let user = User {
            id: UserId::generate(),
            username: name.parse()?,
            profile: Profile::new(None, Claims::new()),
            credentials_version: 1,
            created_at: 1,
            disabled_at,
        };
        store.users().insert(&user, hash).await?;
        if disabled_at.is_some() {
            store.users().disable(user.id, 1).await?;
        }
    }
    Ok(())
}
