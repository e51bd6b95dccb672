//! Tests of tokens: found by their hash, and valid until they expire or are revoked.

use jiff::{SignedDuration, Timestamp};

use super::{World, name, on_both_databases};
use crate::{Role, StoreError};

on_both_databases! {
    async fn a_token_is_known_by_its_secret_alone_and_revoked_for_good(world: World) {
        let secret = world.store.create_token("kim", Role::Operator, &[name("models")], None).await.expect("made");
        assert!(secret.reveal().starts_with("slipway_") && secret.reveal().len() > 40);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        let token = world.store.token_of(secret.reveal()).await.expect("asked").expect("known");
        assert_eq!((token.name.as_str(), token.role), ("kim", Role::Operator));
        assert!(token.is_valid(Timestamp::now()) && token.covers(&name("models")) && !token.covers(&name("other")));
        assert_eq!(world.store.token_of("slipway_guessed").await.expect("asked"), None);
        let again = world.store.create_token("kim", Role::Admin, &[], None).await;
        assert!(matches!(again, Err(StoreError::TokenExists { .. })), "{again:?}");
        world.store.revoke_token("kim").await.expect("revoked");
        let revoked = world.store.token_of(secret.reveal()).await.expect("asked").expect("known");
        assert!(!revoked.is_valid(Timestamp::now()));
        let twice = world.store.revoke_token("kim").await;
        assert!(matches!(twice, Err(StoreError::NoSuchToken { .. })), "{twice:?}");
        assert_eq!(world.store.tokens().await.expect("listed"), [revoked]);
    }

    async fn a_token_ends_when_it_was_to_end(world: World) {
        let end = Timestamp::now() + SignedDuration::from_hours(1);
        let secret = world.store.create_token("ci", Role::Viewer, &[], Some(end)).await.expect("made");
        let token = world.store.token_of(secret.reveal()).await.expect("asked").expect("known");
        assert!(token.is_valid(Timestamp::now()) && token.covers(&name("anything")));
        assert!(!token.is_valid(end + SignedDuration::from_secs(1)));
    }
}
