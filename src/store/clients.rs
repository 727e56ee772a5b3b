//! The `clients` table. Every change also counts up the registry's version, so that each node reads it again.

use super::engine::{from_row, sql};
use super::journal::entries::Revoked;
use super::revoked_tokens::CLOCK_SLACK;
use super::sessions::endings::{end_of_client, end_without_right};
use super::table::table;
use super::{StoreError, column, registry, users};
use crate::audit::EventKind;
use crate::clock::UnixTime;
use crate::domain::{
    Client, ClientAuthentication, ClientId, Grant, Grants, Recovery, RevokedReason, RightsLost, SecretHash, TokenTyp,
    User,
};

table!(clients: Clients, ActingClients);

from_row! {
    struct ClientRow {
        id: String,
        name: String,
        secret_hash: Option<Vec<u8>>,
        grants: String,
        scope: String,
        audience: String,
        serves: String,
        first_party: bool,
        may_introspect: bool,
        admin: bool,
        access_lifetime: Option<i64>,
        rotation: bool,
        reuse_window: Option<i64>,
        recovery: String,
        idle_lifetime: Option<i64>,
        absolute_lifetime: Option<i64>,
        allowed_origins: String,
        token_typ: String,
        version: i64,
        tokens_revoked_at: i64,
        created_at: i64,
        disabled_at: Option<i64>,
    }
    columns = client_columns;
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        let authentication = match row.secret_hash {
            None => ClientAuthentication::Public,
            Some(hash) => ClientAuthentication::Secret(column::hash(&hash, "clients.secret_hash")?),
        };
        let grants: Result<Grants, _> =
            column::words(&row.grants).iter().map(|word| column::parse::<Grant>(word, "clients.grants")).collect();
        Ok(Self {
            id: column::parse(&row.id, "clients.id")?,
            name: row.name,
            authentication,
            grants: grants?,
            scope: column::parse(&row.scope, "clients.scope")?,
            audience: column::words(&row.audience),
            serves: column::words(&row.serves),
            first_party: row.first_party,
            may_introspect: row.may_introspect,
            admin: row.admin,
            access_lifetime: row.access_lifetime,
            rotation: row.rotation,
            reuse_window: row.reuse_window,
            recovery: Recovery::from_word(&row.recovery).ok_or(StoreError::Unreadable("clients.recovery"))?,
            idle_lifetime: row.idle_lifetime,
            absolute_lifetime: row.absolute_lifetime,
            allowed_origins: column::words(&row.allowed_origins),
            token_typ: TokenTyp::from_word(&row.token_typ).ok_or(StoreError::Unreadable("clients.token_typ"))?,
            tokens_revoked_at: row.tokens_revoked_at,
            version: row.version,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
        })
    }
}

const LIST: &str = concat!("SELECT ", client_columns!(), " FROM clients ORDER BY id");

const FIND: &str = concat!("SELECT ", client_columns!(), " FROM clients WHERE id = $1");

/// Tokens of a removed client must not become valid again when its id is registered anew: they are revoked up to the
/// registration, and beyond it where they may be dated ahead. The first version is random, so that a sign-in that was
/// decided on the removed client isn't stored for the new one.
const INSERT: &str = "INSERT INTO clients (id, name, secret_hash, grants, scope, audience, serves, first_party, \
     may_introspect, admin, access_lifetime, rotation, reuse_window, recovery, idle_lifetime, absolute_lifetime, \
     created_at, disabled_at, allowed_origins, token_typ, tokens_revoked_at, version) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
     (SELECT COALESCE(MAX(r.tokens_revoked_at), $17) FROM removed_clients r WHERE r.id = $1 AND r.tokens_revoked_at > $17), $21)";

const UPDATE: &str = "UPDATE clients SET name = $2, secret_hash = $3, grants = $4, scope = $5, audience = $6, \
     serves = $7, first_party = $8, may_introspect = $9, admin = $10, access_lifetime = $11, rotation = $12, \
     reuse_window = $13, recovery = $14, idle_lifetime = $15, absolute_lifetime = $16, created_at = $17, \
     disabled_at = $18, allowed_origins = $19, token_typ = $20, tokens_revoked_at = $21, version = version + 1 \
     WHERE id = $1 AND version = $22";

/// What the audit event of a change distinguishes.
const BEFORE: &str = "SELECT secret_hash, disabled_at FROM clients WHERE id = $1";

/// Never goes back, whatever the nodes' clocks say, and covers tokens of a second that has just begun on another node.
/// Never goes far ahead: the next token is dated after it, and every node must accept that token.
const REVOKE_TOKENS: &str = "UPDATE clients SET tokens_revoked_at = CASE WHEN tokens_revoked_at > $2 \
     THEN tokens_revoked_at + 1 ELSE $2 + 1 END, version = version + 1 WHERE id = $1 AND tokens_revoked_at < $2 + 2 \
     RETURNING tokens_revoked_at";

const REMOVE: &str = "DELETE FROM clients WHERE id = $1 RETURNING tokens_revoked_at";

const REMEMBER_REMOVED: &str = "INSERT INTO removed_clients (id, tokens_revoked_at) VALUES ($1, $2) \
     ON CONFLICT (id) DO UPDATE SET tokens_revoked_at = excluded.tokens_revoked_at";

const PURGE_REMOVED: &str = "DELETE FROM removed_clients WHERE tokens_revoked_at <= $1";

/// Runs a statement whose first twenty parameters are a client's columns.
macro_rules! with_client {
    ($unit:expr, $sql:expr, $client:expr $(, $more:expr)*) => {{
        let client: &Client = $client;
        let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
        sql!(
            $unit, execute, $sql,
            client.id.as_str(), client.name.as_str(), secret_hash(client), grants.join(" "), client.scope.to_string(),
            column::joined(&client.audience), column::joined(&client.serves), client.first_party, client.may_introspect,
            client.admin, client.access_lifetime, client.rotation, client.reuse_window, client.recovery.as_str(),
            client.idle_lifetime, client.absolute_lifetime, client.created_at, client.disabled_at,
            column::joined(&client.allowed_origins), client.token_typ.as_str() $(, $more)*
        )
    }};
}

fn secret_hash(client: &Client) -> Option<&[u8]> {
    match &client.authentication {
        ClientAuthentication::Public => None,
        ClientAuthentication::Secret(hash) => Some(SecretHash::as_bytes(hash)),
    }
}

impl Clients<'_> {
    /// Every client that this version can read, in the order of their ids.
    pub async fn list(self) -> Result<Vec<Client>, StoreError> {
        let rows = self.store.db.again(|| async { sql!(self.store.db.read().await?, all ClientRow, LIST) }).await?;
        Ok(rows.into_iter().filter_map(readable).collect())
    }

    /// The client of that id, disabled or not.
    pub async fn find(self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let row =
            self.store.db.again(|| async { sql!(self.store.db.read().await?, optional ClientRow, FIND, id.as_str()) });
        row.await?.map(Client::try_from).transpose()
    }

    /// Forgets removed clients whose last token is no longer dated ahead of any node's clock: a registration made today
    /// revokes it anyway.
    pub async fn purge_removed(self, now: UnixTime) -> Result<u64, StoreError> {
        let before = now.saturating_sub(CLOCK_SLACK);
        self.store.db.again(|| async { sql!(self.store.db.write().await?, execute, PURGE_REMOVED, before) }).await
    }
}

impl ActingClients<'_> {
    /// Registers a client. [`StoreError::Exists`] when the id is taken.
    pub async fn insert(self, client: &Client) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin().await?;
        with_client!(unit, INSERT, client, registry::another_version())?;
        registry::change(&mut unit).await?;
        self.store.commit(unit, [self.acting.event(EventKind::ClientAdded).client(&client.id)]).await
    }

    /// Adds the first clients and the first user, in one. [`StoreError::Exists`] when one of them is there.
    pub async fn insert_first(self, clients: &[Client], user: &User, password_hash: &str) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin().await?;
        for client in clients {
            with_client!(unit, INSERT, client, registry::another_version())?;
        }
        users::insert(&mut unit, user, Some(password_hash)).await?;
        registry::change(&mut unit).await?;
        let added = clients.iter().map(|client| self.acting.event(EventKind::ClientAdded).client(&client.id));
        let event = self.acting.event(EventKind::UserAdded).user(user.id).of(user.username.to_string());
        self.store.commit(unit, added.chain([event])).await
    }

    /// Stores a changed registration and ends the sessions that lost what they rest on, in one.
    ///
    /// The number of sessions that ended; `None` when the registration isn't at `client.version`, so somebody else
    /// changed or removed it meanwhile.
    pub async fn update(self, client: &Client, lost: &RightsLost, now: UnixTime) -> Result<Option<u64>, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let before = sql!(unit, optional BeforeRow, BEFORE, client.id.as_str())?;
        if with_client!(unit, UPDATE, client, client.tokens_revoked_at, client.version)? == 0 {
            return Ok(None);
        }
        let ended = end_without_right(&mut unit, &client.id, lost, now).await?;
        registry::change(&mut unit).await?;
        let event = self.acting.event(EventKind::ClientChanged).client(&client.id).counting(ended);
        self.store.commit(unit, [event.because(what_changed(before, client))]).await?;
        Ok(Some(ended))
    }

    /// Ends every session of the client and revokes its tokens without a session, in one. The number of sessions.
    /// [`StoreError::TokensJustRevoked`], and nothing is done, when its tokens were revoked more than once within this second.
    pub async fn revoke(self, id: &ClientId, now: UnixTime) -> Result<u64, StoreError> {
        let (ended, tokens_until) = self.store.db.again(|| self.end_client(id, now)).await?;
        self.store.note_revoked(Revoked::Client { id: id.clone(), tokens_until }, RevokedReason::Admin, now);
        Ok(ended)
    }

    /// The number of sessions that ended, and up to when its tokens are revoked.
    async fn end_client(self, id: &ClientId, now: UnixTime) -> Result<(u64, UnixTime), StoreError> {
        let mut unit = self.store.db.begin().await?;
        let revoked = sql!(unit, value UnixTime, REVOKE_TOKENS, id.as_str(), now)?;
        if revoked.is_none() && sql!(unit, optional BeforeRow, BEFORE, id.as_str())?.is_some() {
            return Err(StoreError::TokensJustRevoked);
        }
        let ended = end_of_client(&mut unit, id, RevokedReason::Admin, now).await?;
        registry::change(&mut unit).await?;
        let event = self.acting.event(EventKind::SessionsRevoked).client(id).counting(ended);
        self.store.commit(unit, [event.because(RevokedReason::Admin.as_str())]).await?;
        Ok((ended, revoked.unwrap_or(now)))
    }

    /// Removes a client and, by the foreign key, its sessions. False when there is no such client.
    pub async fn remove(self, id: &ClientId, now: UnixTime) -> Result<bool, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let Some(tokens_revoked_at) = sql!(unit, value UnixTime, REMOVE, id.as_str())? else { return Ok(false) };
        // Beyond its last token, as when all of them are revoked.
        let tokens_until = tokens_revoked_at.max(now).saturating_add(1);
        sql!(unit, execute, REMEMBER_REMOVED, id.as_str(), tokens_until)?;
        registry::change(&mut unit).await?;
        self.store.commit(unit, [self.acting.event(EventKind::ClientRemoved).client(id)]).await?;
        Ok(true)
    }
}

from_row! {
    struct BeforeRow {
        secret_hash: Option<Vec<u8>>,
        disabled_at: Option<i64>,
    }
}

/// For the audit trail.
fn what_changed(before: Option<BeforeRow>, client: &Client) -> &'static str {
    let Some(before) = before else { return "registration" };
    match (before.disabled_at, client.disabled_at) {
        (None, Some(_)) => "disabled",
        (Some(_), None) => "enabled",
        _ if before.secret_hash.as_deref() != secret_hash(client) => "secret",
        _ => "registration",
    }
}

/// Leaves out a client that only a newer version can read, so that all others go on working.
fn readable(row: ClientRow) -> Option<Client> {
    let id = row.id.clone();
    Client::try_from(row).inspect_err(|error| tracing::error!(client = id, %error, "a client is left out")).ok()
}
