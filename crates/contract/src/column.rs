//! The typed columns of a table.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::table::date_format::DateFormat;

/// A column of a table that a model learns from: its type, and the spellings of its values.
///
/// In `slipway.yaml` it is the name of a type (`number`), or an object (`{type: number, missing: [NA]}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The type of its values.
    pub kind: ColumnType,
    /// The texts that stand for a missing value. An empty cell is always a missing value.
    pub missing: Vec<String>,
    /// The two values of a binary column; the first is encoded as -1, the second as 1. By default they are the two values of the
    /// training rows in rising order.
    pub values: Option<Vec<String>>,
    /// The form of the dates of a column of dates. By default they are those of ISO 8601.
    pub format: Option<DateFormat>,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Finite decimal numbers.
    Number,
    /// Texts, of which each distinct one is a value of its own.
    Category,
    /// Texts of which there are exactly two.
    Binary,
    /// Dates, or dates with a time of day.
    Date,
}

/// The written form of a column with options.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The type of the column's values.
    #[serde(rename = "type")]
    kind: ColumnType,
    /// The texts that stand for a missing value. An empty cell is always a missing value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// The two values of a binary column; the first is encoded as -1, the second as 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 2))]
    values: Option<Vec<String>>,
    /// The form of the dates of a column of type `date`, such as `DD/MM/YYYY`. By default they are those of ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<DateFormat>,
}

impl ColumnType {
    /// Its name in `slipway.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Binary => "binary",
            Self::Date => "date",
        }
    }
}

impl From<ColumnType> for Column {
    fn from(kind: ColumnType) -> Self {
        Self { kind, missing: Vec::new(), values: None, format: None }
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kind, missing, values, format } = self.clone();
        if missing.is_empty() && values.is_none() && format.is_none() {
            return kind.serialize(serializer);
        }
        Options { kind, missing, values, format }.serialize(serializer)
    }
}

// Not an untagged enum: serde would then say only that no form matches, and not which type is unknown.
impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type (`number`, `category`, `binary` or `date`), or `{type: …, missing: […]}`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Column, E> {
                ColumnType::deserialize(serde::de::value::StrDeserializer::new(name)).map(Column::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
                let Options { kind, missing, values, format } = Options::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Column { kind, missing, values, format })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Column {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Column".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, options) = (generator.subschema_for::<ColumnType>(), generator.subschema_for::<Options>());
        json_schema!({
            "description": "A column of a table: the name of its type, or an object with the type and the spellings of its values.",
            "anyOf": [name, options]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(value: serde_json::Value) -> Result<Column, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_column_is_a_type_or_an_object_and_is_written_in_its_shortest_form() {
        for written in [
            serde_json::json!("category"),
            serde_json::json!({"type": "number", "missing": ["NA", "-1"]}),
            serde_json::json!({"type": "binary", "values": ["no", "yes"]}),
            serde_json::json!({"type": "date", "format": "DD/MM/YYYY"}),
        ] {
            let read = column(written.clone()).expect("a column");
            assert_eq!(serde_json::to_value(&read).expect("written"), written);
        }
        let plain = column(serde_json::json!({"type": "number"})).expect("a column");
        assert_eq!(serde_json::to_value(&plain).expect("written"), serde_json::json!("number"));
    }

    #[test]
    fn an_unknown_type_or_option_is_named_with_the_known_ones() {
        let fault = column(serde_json::json!("nubmer")).expect_err("unknown");
        assert!(fault.contains("nubmer") && fault.contains("number"), "{fault}");
        let fault = column(serde_json::json!({"type": "number", "mising": []})).expect_err("unknown");
        assert!(fault.contains("mising") && fault.contains("missing"), "{fault}");
        assert!(column(serde_json::json!({"missing": ["NA"]})).expect_err("no type").contains("type"));
    }
}
