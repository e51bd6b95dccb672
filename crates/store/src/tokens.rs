//! API tokens: permitted callers, their roles and their sources. Only the hashes of tokens are stored.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::database::{millis, time_of, timestamp};
use super::written::text;
use super::{Store, StoreError, quarantine};
use slipway_domain::SourceName;

/// The prefix of every token, by which secret scanners recognise it.
const PREFIX: &str = "slipway_";

/// The rights of a token's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and controls runs and deliveries.
    Operator,
    /// All rights, including the audit log.
    Admin,
}

impl Role {
    /// All roles, in ascending order of rights.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name in the store, in the API and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is not a role, expected `viewer`, `operator` or `admin`"))
    }
}

/// A token's secret, shown once at its creation.
pub struct TokenSecret(String);

impl TokenSecret {
    /// Generates a secret with 256 random bits.
    fn draw() -> Result<Self, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::Unreadable(format!("no random numbers from the system: {error}")))?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The text for `Authorization: Bearer …`.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(hidden)")
    }
}

/// A token as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its name, which identifies the holder.
    pub name: String,
    /// The rights of its holder.
    pub role: Role,
    /// The sources it is valid for; if empty, all sources.
    pub sources: Vec<SourceName>,
    /// Time of its creation.
    pub created_at: Timestamp,
    /// Time of its expiry.
    pub expires_at: Option<Timestamp>,
    /// Time of its revocation.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is valid at a time.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it is valid for a source.
    pub fn covers(&self, source: &SourceName) -> bool {
        self.sources.is_empty() || self.sources.contains(source)
    }
}

/// The stored hash of a secret. The secret has 256 random bits, so a fast hash is sufficient.
fn hash(secret: &str) -> String {
    Digest::of(secret.as_bytes()).to_string()
}

fn read(row: &AnyRow) -> Result<Token, StoreError> {
    let unreadable = |error: String| StoreError::Unreadable(format!("a token: {error}"));
    let end = |column| -> Result<Option<Timestamp>, StoreError> {
        row.try_get::<Option<i64>, _>(column)?.map(timestamp).transpose()
    };
    let sources: String = row.try_get("sources")?;
    Ok(Token {
        name: row.try_get("name")?,
        role: row.try_get::<String, _>("role")?.parse().map_err(unreadable)?,
        sources: serde_json::from_str(&sources).map_err(|error| unreadable(error.to_string()))?,
        created_at: time_of(row, "created_at")?,
        expires_at: end("expires_at")?,
        revoked_at: end("revoked_at")?,
    })
}

impl Store {
    /// Creates a token. Its secret is returned and stored nowhere.
    pub async fn create_token(
        &self,
        name: &str,
        role: Role,
        sources: &[SourceName],
        expires_at: Option<Timestamp>,
    ) -> Result<TokenSecret, StoreError> {
        let secret = TokenSecret::draw()?;
        let insert = "INSERT INTO tokens (name, hash, role, sources, created_at, expires_at)
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
        let done = sqlx::query(insert)
            .bind(text(name))
            .bind(hash(secret.reveal()))
            .bind(role.as_str())
            .bind(serde_json::to_string(sources).expect("names are texts"))
            .bind(millis(Timestamp::now()))
            .bind(expires_at.map(millis))
            .execute(&self.database.pool)
            .await?;
        if done.rows_affected() == 1 { Ok(secret) } else { Err(StoreError::TokenExists { name: name.to_owned() }) }
    }

    /// Revokes a token permanently.
    pub async fn revoke_token(&self, name: &str) -> Result<(), StoreError> {
        let update = "UPDATE tokens SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL";
        let done = sqlx::query(update).bind(millis(Timestamp::now())).bind(text(name));
        let done = done.execute(&self.database.pool).await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NoSuchToken { name: name.to_owned() }) }
    }

    /// The token with this secret, valid or not. The lookup uses the hash of the secret, so that the response time reveals
    /// nothing about the secret.
    pub async fn token_of(&self, secret: &str) -> Result<Option<Token>, StoreError> {
        let select =
            "SELECT name AS key, name, role, sources, created_at, expires_at, revoked_at FROM tokens WHERE hash = $1";
        let rows = sqlx::query(select).bind(hash(secret)).fetch_all(&self.database.pool).await?;
        // An unreadable token, for example with a role that only a newer server knows, is not valid.
        Ok(self.readable_of(quarantine::TOKEN, &rows, read).await?.into_iter().next())
    }

    /// All tokens by name, including revoked ones.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let select =
            "SELECT name AS key, name, role, sources, created_at, expires_at, revoked_at FROM tokens ORDER BY name";
        let rows = sqlx::query(select).fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::TOKEN, &rows, read).await
    }
}
