//! `slipway tokens`: manages API tokens directly in the server's store, so that a token can be created before a server runs.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::beside::{SettingsArgs, failed, work};
use super::exit::{self, Exit, Failure};
use super::form::Format;
use super::output;
use crate::config::Settings;
use crate::web::SETTINGS_TOKEN;
use slipway_domain::{Actor, SourceName, parse_duration};
use slipway_store::{NewAuditEntry, Role, Store, StoreError, Token};

/// Maximum length of a name.
const MAX_NAME_LENGTH: usize = 63;

/// Create, revoke and list API tokens, directly in the server's store.
#[derive(Debug, Args)]
pub(super) struct Tokens {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    beside: SettingsArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a token; its secret is written to standard output once and is not stored
    Create(Create),
    /// Revoke a token permanently
    Revoke {
        /// The token's name
        name: String,
    },
    /// List all tokens, without their secrets
    List(Format),
}

#[derive(Debug, Args)]
struct Create {
    /// The token's name: for whom it is created
    name: String,
    /// Permissions of the token: `viewer` reads, `operator` also performs actions, `admin` also reads the audit log and the
    /// tokens
    #[arg(long, default_value = "viewer")]
    role: Role,
    /// A source that the token covers; may be repeated. The default is all sources
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// How long the token is valid, such as `90d` or `12h`; by default until it is revoked
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<SignedDuration>,
}

pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    let duration = parse_duration(text)?;
    if duration.is_positive() { Ok(duration) } else { Err("expected a time in the future".to_owned()) }
}

impl Tokens {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.beside.settings()?;
        match self.action {
            Action::Create(create) => {
                let wish = create.check(&settings)?;
                let secret = work(&settings, async |store| wish.make(store).await)?;
                output::note(&format!("the token `{}` was created; it is shown only this time", wish.name));
                output::say(&secret);
            }
            Action::Revoke { name } => {
                work(&settings, async |store| revoke(store, &name).await)?;
                output::note(&format!("the token `{name}` is revoked"));
            }
            Action::List(format) => {
                let tokens = work(&settings, async |store| store.tokens().await.map_err(failed))?;
                show(&tokens, &format)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// A token to create.
struct Wish {
    name: String,
    role: Role,
    sources: Vec<SourceName>,
    expires_at: Option<Timestamp>,
}

impl Create {
    fn check(self, settings: &Settings) -> Result<Wish, Failure> {
        let Self { name, role, sources: names, expires_in } = self;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(good) {
            return Err(exit::invalid(format!(
                "`{name}` is not a valid name of a token: expected 1 to {MAX_NAME_LENGTH} of the characters A-Z a-z \
                 0-9 - _ . @"
            )));
        }
        if name == SETTINGS_TOKEN {
            return Err(exit::invalid(format!(
                "`{name}` is the name of the token in the server's settings: choose another name"
            )));
        }
        if role == Role::Admin && !names.is_empty() {
            return Err(exit::invalid("the role `admin` covers all sources\n  help: remove `--source`"));
        }
        let mut sources = Vec::new();
        for name in names {
            let known = settings.sources.keys().find(|source| source.as_str() == name);
            let known = known.ok_or_else(|| {
                let all: Vec<&str> = settings.sources.keys().map(SourceName::as_str).collect();
                exit::invalid(format!("the server's settings contain no source `{name}`, only {}", all.join(", ")))
            })?;
            sources.push(known.clone());
        }
        let expires_at = expires_in.map(|time| Timestamp::now().checked_add(time)).transpose();
        let expires_at = expires_at.map_err(|error| exit::invalid(format!("`--expires-in`: {error}")))?;
        Ok(Wish { name, role, sources, expires_at })
    }
}

impl Wish {
    /// Creates the token and returns its secret. The entry in the audit log precedes the token.
    async fn make(&self, store: &Store) -> Result<String, Failure> {
        let Self { name, role, sources, expires_at } = self;
        let covers = cover(sources);
        let end = expires_at.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {end}"));
        let detail = format!("role {}, {covers}, valid {end}", role.as_str());
        let entry = entry("token.create", name, detail);
        if store.tokens().await.map_err(failed)?.iter().any(|token| token.name == *name) {
            let refusal = StoreError::TokenExists { name: name.clone() };
            store.audit(&entry.refused(&refusal.to_string())).await.map_err(failed)?;
            return Err(failed(refusal));
        }
        store.audit(&entry).await.map_err(failed)?;
        let secret = store.create_token(name, *role, sources, *expires_at).await.map_err(failed)?;
        Ok(secret.reveal().to_owned())
    }
}

async fn revoke(store: &Store, name: &str) -> Result<(), Failure> {
    let entry = entry("token.revoke", name, String::new());
    match store.revoke_token(name).await {
        Ok(()) => store.audit(&entry).await.map_err(failed),
        Err(refusal) => {
            store.audit(&entry.refused(&refusal.to_string())).await.map_err(failed)?;
            Err(failed(refusal))
        }
    }
}

fn entry(action: &str, name: &str, detail: String) -> NewAuditEntry {
    NewAuditEntry { actor: Actor::command_line(), action: action.to_owned(), target: name.to_owned(), detail }
}

fn cover(sources: &[SourceName]) -> String {
    let names: Vec<&str> = sources.iter().map(SourceName::as_str).collect();
    if names.is_empty() { "all sources".to_owned() } else { names.join(", ") }
}

fn show(tokens: &[Token], format: &Format) -> Result<(), Failure> {
    let now = Timestamp::now();
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            let state = match (token.revoked_at, token.is_valid(now)) {
                (Some(_), _) => "revoked",
                (None, true) => "good",
                (None, false) => "expired",
            };
            let end = token.expires_at.map_or_else(|| "–".to_owned(), |end| end.to_string());
            let row = [&*token.name, token.role.as_str(), &cover(&token.sources), state, &end];
            row.map(str::to_owned).into()
        })
        .collect();
    format.show(&serde_json::json!({ "tokens": tokens }), |_, _| {
        output::table(&["TOKEN", "ROLE", "SOURCES", "STATE", "EXPIRES"], &rows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("90d"), Ok(SignedDuration::from_hours(90 * 24)));
        assert_eq!(duration("12h 30m"), Ok(SignedDuration::from_mins(750)));
        for wrong in ["", "0s", "-1d", "soon", "1 month"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
