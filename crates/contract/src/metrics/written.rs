//! The written forms of metrics: `accuracy`, `recall(class="shirt")` as a key, `{recall: {class: shirt}}` in a file.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::keys::Keys;
use super::name::{FORMS, MAX, keys_of_name, takes_text};
use super::{Metric, NAMES, NotAMetric};

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, keys) = self.parts();
        f.write_str(&name)?;
        let Ok(serde_json::Value::Object(keys)) = serde_json::to_value(&keys) else {
            return Err(fmt::Error);
        };
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if keys.is_empty() { Ok(()) } else { write!(f, "({})", keys.join(", ")) }
    }
}

impl FromStr for Metric {
    type Err = NotAMetric;

    fn from_str(text: &str) -> Result<Self, NotAMetric> {
        let Some((name, rest)) = text.split_once('(') else {
            return Self::of_keys(text, Keys::default());
        };
        Self::of_keys(name, keys_of(rest).ok_or_else(|| NotAMetric::Unknown(text.chars().take(80).collect()))?)
    }
}

/// Parses `key=value, …)`, with each value as JSON.
fn keys_of(mut rest: &str) -> Option<Keys> {
    let mut keys = serde_json::Map::new();
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, end) = value_of(after)?;
        if keys.insert(key.trim().to_owned(), value).is_some() {
            return None;
        }
        rest = &after[end..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    (rest == ")").then(|| serde_json::from_value(serde_json::Value::Object(keys)).ok())?
}

/// The value at the beginning of a text, and its end.
fn value_of(text: &str) -> Option<(serde_json::Value, usize)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        return Some((values.next()?.ok()?, values.byte_offset()));
    }
    let end = text.find([',', ')'])?;
    Some((serde_json::from_str(&text[..end]).ok()?, end))
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Reader {
    fn complaint<E: serde::de::Error>(mistake: NotAMetric) -> E {
        match mistake {
            NotAMetric::Unknown(name) => E::unknown_variant(&name, &NAMES),
            NotAMetric::Keys(message) => E::custom(message),
        }
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Metric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metric's name, or a mapping of it such as `{recall: {class: shirt}}`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Metric, E> {
        text.parse().map_err(Self::complaint)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom("an empty mapping, expected a metric's name with its keys"));
        };
        if !NAMES.contains(&name.as_str()) {
            return Err(A::Error::unknown_variant(&name, &NAMES));
        }
        let keys = map.next_value_seed(KeysOf(&name))?;
        if let Some(more) = map.next_key::<String>()? {
            return Err(A::Error::custom(format!("expected one metric, found `{name}` and `{more}`")));
        }
        Metric::of_keys(&name, keys).map_err(Self::complaint)
    }
}

/// Reads the keys of the metric with this name.
struct KeysOf<'name>(&'name str);

impl<'de> DeserializeSeed<'de> for KeysOf<'_> {
    type Value = Keys;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Keys, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeysOf<'_> {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = if takes_text(self.0) { "the name of a column, or " } else { "" };
        write!(f, "{or}a mapping of the keys of `{}`", self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Keys, E> {
        Keys::of_text(self.0, text).ok_or_else(|| E::invalid_type(Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keys, A::Error> {
        Keys::deserialize(MapAccessDeserializer::new(Known { map, name: self.0 }))
    }
}

/// A mapping of the keys of one metric. Keys of other metrics are unknown in it.
struct Known<'name, A> {
    map: A,
    name: &'name str,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Known<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.map.next_key::<String>()? else { return Ok(None) };
        let known = keys_of_name(self.name);
        // The same form as serde's messages, so that code that parses those can parse this.
        let expected = match known.as_slice() {
            [] => return Err(A::Error::custom(format!("`{}` has no key `{key}`", self.name))),
            [one] => format!("`{one}`"),
            [one, other] => format!("`{one}` or `{other}`"),
            many => format!("one of `{}`", many.join("`, `")),
        };
        if known.contains(&key.as_str()) {
            return seed.deserialize(key.into_deserializer()).map(Some);
        }
        Err(A::Error::custom(format!("unknown field `{key}`, expected {expected}")))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain: Vec<&str> =
            FORMS.iter().filter(|(_, needed, _)| needed.is_empty()).map(|(name, ..)| *name).collect();
        let type_of = |key: &str| match key {
            "k" | "bins" => serde_json::json!({"type": "integer", "minimum": 1, "maximum": MAX}),
            "class" | "by" | "actual" | "predicted" => serde_json::json!({"type": "string"}),
            "of" => serde_json::json!({"enum": ["actual", "all"]}),
            "without_relevant" => serde_json::json!({"enum": ["skip", "zero"]}),
            "column" | "query" | "relevance" | "score" | "series" | "scale" => {
                serde_json::json!({"type": "string", "minLength": 1})
            }
            "better" => serde_json::json!({"enum": ["higher", "lower"]}),
            _ => serde_json::json!({"type": "number", "exclusiveMinimum": 0}),
        };
        let with_keys = FORMS.iter().filter(|(_, needed, allowed)| !needed.is_empty() || !allowed.is_empty());
        let properties: serde_json::Map<String, serde_json::Value> = with_keys
            .map(|(name, needed, allowed)| {
                let keys: serde_json::Map<String, serde_json::Value> =
                    needed.iter().chain(*allowed).map(|key| ((*key).to_owned(), type_of(key))).collect();
                let form = serde_json::json!({
                    "type": "object", "properties": keys, "required": needed, "additionalProperties": false,
                });
                let text = serde_json::json!({"type": "string", "minLength": 1});
                let form = if takes_text(name) { serde_json::json!({"anyOf": [text, form]}) } else { form };
                ((*name).to_owned(), form)
            })
            .collect();
        json_schema!({
            "description": "What can be measured of a candidate.",
            "anyOf": [
                {"type": "string", "enum": plain},
                {"type": "string", "pattern": r"^[a-z0-9_]+\(.*\)$"},
                {
                    "type": "object", "properties": properties, "additionalProperties": false,
                    "minProperties": 1, "maxProperties": 1,
                },
            ],
        })
    }
}
