//! The run of a command: its identifier, or its first digits if they match one run. The server resolves the digits.

use std::fmt;
use std::str::FromStr;

use super::client::Server;
use super::exit::{self, Failure};
use super::output::text;
use slipway_domain::RunId;

/// Minimum number of digits that name a run.
const MIN_DIGITS: usize = 8;
/// Number of digits of an identifier.
const ALL_DIGITS: usize = 32;

/// A run's identifier, or its first digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunName(String);

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().filter(|byte| *byte != b'-').count();
        let is_name = (MIN_DIGITS..=ALL_DIGITS).contains(&digits)
            && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        let shown: String = text.chars().take(80).collect();
        let expected =
            format!("expected a run's identifier as `slipway runs list` shows it, or its first {MIN_DIGITS}");
        if is_name {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!("`{shown}` is not an identifier of a run: {expected} digits or more"))
        }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunName {
    /// Returns the full identifier of the only run with these digits.
    pub(super) fn whole(&self, server: &Server) -> Result<RunId, Failure> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let run = server.call("GET", &format!("runs/{self}"))?;
        text(&run, "id").parse().map_err(|_| exit::unreachable("the server's response contains no run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_eight_digits_or_more() {
        let named = |text: &str| text.parse::<RunName>().map(|name| name.to_string());
        assert_eq!(named("01990D3E"), Ok("01990d3e".to_owned()));
        assert_eq!(named("01990d3e-5c7a"), Ok("01990d3e-5c7a".to_owned()));
        let whole = RunId::new().to_string();
        assert_eq!(named(&whole), Ok(whole.clone()));
        for wrong in ["", "01990d3", "0199-0d3", "latest", "01990d3g", &"0".repeat(33), "../../x0", "01990d3e?a=b"] {
            assert!(named(wrong).expect_err(wrong).contains("its first 8 digits or more"), "{wrong}");
        }
    }
}
