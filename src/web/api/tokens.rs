//! API tokens, for administrators. `slipway tokens` creates and revokes them without the API.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, Json};
use super::enums::Role;
use super::extract::{NoParameters, Query};
use crate::web::Shared;
use crate::web::access::Admin;
use crate::web::problem::AdminProblems;

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// Name of the token.
    name: String,
    /// The role of the token.
    role: Role,
    /// The sources that the token covers; empty if it covers all sources.
    sources: Vec<String>,
    /// Time at which the token was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Time at which the token expires; null if it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Time at which the token was revoked; null if it was not revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<slipway_store::Token> for Token {
    fn from(token: slipway_store::Token) -> Self {
        let slipway_store::Token { name, role, sources, created_at, expires_at, revoked_at } = token;
        let sources = sources.into_iter().map(String::from).collect();
        Self { name, role: role.into(), sources, created_at, expires_at, revoked_at }
    }
}

/// The tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenList {
    /// The tokens, by name.
    tokens: Vec<Token>,
}

/// Lists tokens by name, including revoked ones.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "listTokens",
    tag = "administration",
    responses((status = 200, description = "The tokens.", body = TokenList), AdminProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Admin: Admin,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<TokenList> {
    let tokens = shared.store.tokens().await?;
    Ok(Json(TokenList { tokens: tokens.into_iter().map(Token::from).collect() }))
}
