//! Parses moments in the settings: a day, such as `2026-12-24`, or a time with its zone.

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use slipway_domain::{OfDay, parse_duration, parse_moment};

/// For `#[serde(deserialize_with)]`: a day means its beginning.
pub(super) fn beginning<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| read(&text, OfDay::Beginning).map_err(D::Error::custom)).transpose()
}

/// For `#[serde(deserialize_with)]`: a day means its end.
pub(super) fn end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read(&String::deserialize(deserializer)?, OfDay::End).map_err(D::Error::custom)
}

/// A duration has no beginning here, because settings are read again and again.
fn read(text: &str, of_day: OfDay) -> Result<Timestamp, String> {
    parse_moment(text, of_day).map_err(|expected| match parse_duration(text) {
        Ok(_) => format!("{expected}; `slipway hold ENVIRONMENT --until {text}` holds for so long from now"),
        Err(_) => expected,
    })
}
