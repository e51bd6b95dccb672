//! A stateful GitHub: what of its API Slipway uses, over real repositories.

/// The private key of the App that the double knows; made for tests, and used nowhere else.
pub const APP_KEY: &str = include_str!("app-key.pem");
