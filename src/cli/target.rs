//! The model and the environment of a command, in this order. The reverse order is accepted as well, because the server knows the
//! names of environments.

use std::collections::BTreeSet;

use clap::Args;
use jiff::Timestamp;

use super::client::{Query, Server, encoded};
use super::exit::{self, Failure};
use super::output::{self, text};
use slipway_domain::{OfDay, parse_moment};

/// A model in an environment.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The model
    model: String,
    /// The environment
    environment: String,
}

/// A model in an environment, or a whole environment.
#[derive(Debug, Args)]
pub(super) struct WholeOrModel {
    /// The model and the environment; the environment alone means all its models
    #[arg(required = true, num_args = 1..=2, value_name = "[MODEL] ENVIRONMENT")]
    words: Vec<String>,
}

/// A model in an environment, in the right order.
pub(super) struct Meant {
    pub(super) model: String,
    pub(super) environment: String,
}

impl Target {
    /// Returns the model and the environment in the right order.
    pub(super) fn meant(self, server: &Server) -> Result<Meant, Failure> {
        in_order(self.model, self.environment, server)
    }
}

impl WholeOrModel {
    /// Returns the environment, and the model if one is named.
    pub(super) fn meant(self, server: &Server) -> Result<(String, Option<String>), Failure> {
        let mut words = self.words.into_iter();
        match (words.next(), words.next()) {
            (Some(first), Some(second)) => {
                let Meant { model, environment } = in_order(first, second, server)?;
                Ok((environment, Some(model)))
            }
            (first, _) => Ok((first.unwrap_or_default(), None)),
        }
    }
}

impl Meant {
    /// Returns the path of an action on the model in the environment.
    pub(super) fn path(&self, what: &str) -> String {
        let Self { model, environment } = self;
        format!("environments/{}/models/{}/{what}", encoded(environment), encoded(model))
    }
}

fn in_order(model: String, environment: String, server: &Server) -> Result<Meant, Failure> {
    let answer = server.call("GET", "environments")?;
    let names: BTreeSet<&str> = output::things(&answer, "environments").iter().map(|one| text(one, "name")).collect();
    if is_swapped(&model, &environment, &names) {
        output::note(&format!(
            "the arguments are used as `{environment} {model}`: the model comes first, then the environment"
        ));
        return Ok(Meant { model: environment, environment: model });
    }
    Ok(Meant { model, environment })
}

fn is_swapped(model: &str, environment: &str, environments: &BTreeSet<&str>) -> bool {
    !environments.contains(environment) && environments.contains(model)
}

/// Parses a future time: a time, a day, which means its end in UTC, or a duration from now.
pub(super) fn time_to_come(text: &str) -> Result<Timestamp, String> {
    time_of(text).or_else(|expected| {
        let or_duration = || format!("{expected}; or how long from now, such as `2h` or `3d`");
        let duration = super::tokens::duration(text).map_err(|_| or_duration())?;
        Timestamp::now().checked_add(duration).map_err(|_| or_duration())
    })
}

/// Parses a time, or a day, which means its last second in UTC.
pub(super) fn time_of(text: &str) -> Result<Timestamp, String> {
    parse_moment(text, OfDay::End)
}

/// A digest, or its first digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DigestPrefix(String);

/// Minimum number of digits of an artifact. Fewer digits could soon match another artifact.
const MIN_DIGITS: usize = 6;
/// Maximum number of runs whose artifacts are searched.
const MAX_RUNS: usize = 5_000;

impl std::str::FromStr for DigestPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let digits = lower.strip_prefix("sha256:").unwrap_or(&lower);
        let is_digest =
            (MIN_DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let shown: String = text.chars().take(80).collect();
        let expected = format!("expected `sha256:` and 64 hexadecimal digits, or the first {MIN_DIGITS} or more");
        if is_digest { Ok(Self(digits.to_owned())) } else { Err(format!("`{shown}` is not a digest: {expected}")) }
    }
}

impl DigestPrefix {
    /// Returns the full digest of the only artifact of a model's runs that begins with these digits.
    pub(super) fn of_model(&self, server: &Server, source: Option<&str>, model: &str) -> Result<String, Failure> {
        let Self(digits) = self;
        if digits.len() == 64 {
            return Ok(format!("sha256:{digits}"));
        }
        let filters = Query::default().with("source", source).with("model", Some(model));
        let answer = server.list("runs", &filters, "runs", MAX_RUNS)?;
        let artifacts = output::things(&answer, "runs").iter().filter_map(|run| run["artifact"].as_str());
        self.one_of(artifacts).map_err(|reason| exit::invalid(format!("`{model}`: {reason}")))
    }

    fn one_of<'a>(&self, artifacts: impl Iterator<Item = &'a str>) -> Result<String, String> {
        let Self(digits) = self;
        let begins = |artifact: &&str| artifact.trim_start_matches("sha256:").starts_with(digits.as_str());
        let found: BTreeSet<&str> = artifacts.filter(begins).collect();
        let mut all = found.iter();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok((*only).to_owned()),
            (None, _) => Err(format!("no artifact has a digest that begins with `{digits}`")),
            (Some(_), Some(_)) => {
                let names: Vec<&str> = found.iter().map(|artifact| &artifact[..artifact.len().min(23)]).collect();
                Err(format!(
                    "`{digits}` matches the digests of {} artifacts ({}, …): write more digits",
                    found.len(),
                    names.join("…, ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_last_moment() {
        let at = |text: &str| time_of(text).map(|time| time.to_string());
        assert_eq!(at("2026-11-24"), Ok("2026-11-24T23:59:59Z".to_owned()));
        assert_eq!(at("2026-11-24T12:00:00+01:00"), Ok("2026-11-24T11:00:00Z".to_owned()));
        assert!(at("yesterday").expect_err("no time").contains("such as `2026-12-24`"));
    }

    #[test]
    fn a_time_to_come_may_be_so_long_from_now() {
        let before = Timestamp::now();
        let two_hours = time_to_come("2h").expect("a time").duration_since(before).as_secs();
        assert!((7_200..7_260).contains(&two_hours), "{two_hours}");
        assert_eq!(
            time_to_come("2026-12-01T08:00:00Z").map(|time| time.to_string()),
            Ok("2026-12-01T08:00:00Z".to_owned())
        );
        let refused = time_to_come("soon").expect_err("no time");
        for form in ["`2026-12-24`", "`2026-12-24T18:00:00Z`", "`2h` or `3d`", "came `soon`"] {
            assert!(refused.contains(form), "{refused}");
        }
        assert!(time_to_come("-2h").is_err());
    }

    #[test]
    fn swapped_words_are_recognised_where_one_names_an_environment() {
        let environments = BTreeSet::from(["staging", "production"]);
        assert!(is_swapped("production", "churn", &environments));
        assert!(!is_swapped("churn", "production", &environments));
        assert!(!is_swapped("staging", "production", &environments), "a model may have the name of an environment");
        assert!(!is_swapped("churn", "digits", &environments));
    }

    #[test]
    fn a_short_digest_names_the_one_artifact_that_begins_so() {
        let artifacts = ["sha256:0123456789ab", "sha256:0123456fffff", "sha256:0123456789ab"];
        let one_of =
            |digits: &str| digits.parse::<DigestPrefix>().and_then(|prefix| prefix.one_of(artifacts.into_iter()));
        assert_eq!(one_of("01234567"), Ok("sha256:0123456789ab".to_owned()));
        assert_eq!(one_of("SHA256:0123456789AB"), Ok("sha256:0123456789ab".to_owned()));
        assert_eq!(one_of("0123456F"), Ok("sha256:0123456fffff".to_owned()));
        assert!(one_of("sha256:012345").expect_err("two").contains("2 artifacts"));
        assert!(one_of("abcdef").expect_err("none").contains("no artifact"));
        for wrong in ["0123", "sha256:", "0123456X", &"0".repeat(65)] {
            assert!(wrong.parse::<DigestPrefix>().is_err(), "{wrong}");
        }
    }
}
