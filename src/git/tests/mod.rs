//! Behaviour of the module against real git servers.
