//! The values of a tensor in JSON: one list in row-major order, or lists in lists as the shape says.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::tensor::{DataType, Values};

/// One value in JSON.
enum Scalar<'text> {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'text str),
}

/// A value of a tensor, from JSON.
trait Element: Sized {
    /// What is expected, for messages.
    const EXPECTED: &'static str;
    /// The value; `None` if it is of another type or out of range.
    fn of(scalar: &Scalar<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($kind:ty, $expected:literal);*) => {
        $(impl Element for $kind {
            const EXPECTED: &'static str = $expected;
            fn of(scalar: &Scalar<'_>) -> Option<Self> {
                match scalar {
                    Scalar::Integer(value) => Self::try_from(*value).ok(),
                    _ => None,
                }
            }
        })*
    };
}
integers! {
    u8, "a whole number from 0 to 255"; u16, "a whole number from 0 to 65535"; u32, "a whole number of 32 bits from 0";
    u64, "a whole number of 64 bits from 0"; i8, "a whole number from -128 to 127";
    i16, "a whole number from -32768 to 32767"; i32, "a whole number of 32 bits"; i64, "a whole number of 64 bits"
}

impl Element for f64 {
    const EXPECTED: &'static str = "a finite number, or null for NaN";
    #[expect(clippy::cast_precision_loss, reason = "JSON has one kind of numbers: the nearest float is meant")]
    fn of(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(Self::NAN),
            Scalar::Integer(value) => Some(*value as Self),
            Scalar::Float(value) => Some(*value).filter(|value| value.is_finite()),
            Scalar::Bool(_) | Scalar::Text(_) => None,
        }
    }
}

impl Element for f32 {
    const EXPECTED: &'static str = "a number in the range of 32-bit floats, or null for NaN";
    #[expect(clippy::cast_possible_truncation, reason = "the nearest float is meant; values out of range are refused")]
    fn of(scalar: &Scalar<'_>) -> Option<Self> {
        let value = f64::of(scalar)?;
        Some(value as Self).filter(|near| near.is_finite() || value.is_nan())
    }
}

impl Element for bool {
    const EXPECTED: &'static str = "true or false";
    fn of(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl Element for String {
    const EXPECTED: &'static str = "a text without the character U+0000";
    fn of(scalar: &Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Some((*text).to_owned()).filter(|text| !text.contains('\0')),
            _ => None,
        }
    }
}

/// What the lists of a tensor hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Values,
    Lists,
}

/// Reads one list, or one value in it, and appends the values.
struct Reader<'a, T> {
    shape: &'a [usize],
    /// How many lists are around this place.
    depth: usize,
    total: usize,
    values: &'a mut Vec<T>,
}

/// What was read: a value, or a list.
struct One<'a, T>(Reader<'a, T>);

impl<'de, T: Element> DeserializeSeed<'de> for One<'_, T> {
    type Value = Content;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T: Element> One<'_, T> {
    fn value<E: Error>(self, scalar: &Scalar<'_>) -> Result<Content, E> {
        let Reader { shape, depth, total, values } = self.0;
        if depth == 0 {
            return Err(E::custom("expected a list of values"));
        }
        if depth != 1 && depth != shape.len() {
            return Err(E::custom("expected lists in lists as the shape says, or one list of all values"));
        }
        if values.len() == total {
            return Err(E::custom(format_args!("expected {total} values as the shape says, found more")));
        }
        let value = T::of(scalar).ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)))?;
        values.push(value);
        Ok(Content::Values)
    }
}

impl<'de, T: Element> Visitor<'de> for One<'_, T> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_unit<E: Error>(self) -> Result<Content, E> {
        self.value(&Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Content, E> {
        self.value(&Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Content, E> {
        self.value(&Scalar::Integer(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Content, E> {
        self.value(&Scalar::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Content, E> {
        self.value(&Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
        self.value(&Scalar::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let Reader { shape, depth, total, values } = self.0;
        if depth >= shape.len().max(1) {
            return Err(A::Error::custom("expected no more lists in lists than the shape has dimensions"));
        }
        let (mut entries, mut content) = (0_usize, None);
        while let Some(found) =
            list.next_element_seed(One(Reader { shape, depth: depth + 1, total, values: &mut *values }))?
        {
            if content.replace(found).is_some_and(|before| before != found) {
                return Err(A::Error::custom("expected only values or only lists within a list"));
            }
            entries += 1;
        }
        let is_flat = depth == 0 && content != Some(Content::Lists);
        let expected = if is_flat { total } else { shape[depth] };
        if entries != expected {
            return Err(A::Error::custom(format_args!(
                "expected {expected} entries as the shape says, found {entries}"
            )));
        }
        Ok(Content::Lists)
    }
}

fn list<T: Element>(json: &str, shape: &[usize], total: usize) -> Result<Vec<T>, String> {
    // Not more than the text can hold, whatever the shape says.
    let mut values: Vec<T> = Vec::with_capacity(total.min(json.len() / 2));
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let whole = Reader { shape, depth: 0, total, values: &mut values };
    One(whole).deserialize(&mut deserializer).map_err(|error| plain(&error))?;
    Ok(values)
}

/// The message without the position, which counts from the beginning of the tensor and not of the body.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Reads the values of a tensor of `total` values, the product of the sizes.
pub(super) fn read(json: &str, data_type: DataType, shape: &[usize], total: usize) -> Result<Values, String> {
    Ok(match data_type {
        DataType::Bool => Values::Bool(list(json, shape, total)?),
        DataType::Uint8 => Values::Uint8(list(json, shape, total)?),
        DataType::Uint16 => Values::Uint16(list(json, shape, total)?),
        DataType::Uint32 => Values::Uint32(list(json, shape, total)?),
        DataType::Uint64 => Values::Uint64(list(json, shape, total)?),
        DataType::Int8 => Values::Int8(list(json, shape, total)?),
        DataType::Int16 => Values::Int16(list(json, shape, total)?),
        DataType::Int32 => Values::Int32(list(json, shape, total)?),
        DataType::Int64 => Values::Int64(list(json, shape, total)?),
        DataType::Fp32 => Values::Fp32(list(json, shape, total)?),
        DataType::Fp64 => Values::Fp64(list(json, shape, total)?),
        DataType::Bytes => Values::Bytes(list(json, shape, total)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_fp32(json: &str) -> Result<Vec<f32>, String> {
        list(json, &[2, 2], 4)
    }

    #[test]
    fn one_list_and_lists_in_lists_are_the_same_tensor() {
        assert_eq!(read_fp32("[1, 2.5, -3, 4e0]"), Ok(vec![1.0, 2.5, -3.0, 4.0]));
        assert_eq!(read_fp32("[[1, 2.5], [-3, 4e0]]"), Ok(vec![1.0, 2.5, -3.0, 4.0]));
        assert!(list::<f64>("[[null]]", &[1, 1], 1).expect("a value")[0].is_nan());
        assert_eq!(list::<f64>("[]", &[0, 3], 0), Ok(Vec::new()));
        assert_eq!(list::<i64>("[7]", &[], 1), Ok(vec![7]), "a tensor without dimensions has one value");
    }

    #[test]
    fn what_does_not_fit_the_shape_is_refused() {
        for (json, problem) in [
            ("1", "a list of values"),
            ("[1, 2, 3]", "expected 4 entries as the shape says, found 3"),
            ("[1, 2, 3, 4, 5]", "expected 4 values as the shape says, found more"),
            ("[[1, 2, 3], [4]]", "expected 2 entries as the shape says, found 3"),
            ("[[1, 2], [3, 4], [5, 6]]", "found more"),
            ("[[1, 2], 3, 4]", "only values or only lists"),
            ("[[[1, 2]], [[3, 4]]]", "no more lists in lists than the shape has dimensions"),
            ("{}", "invalid type: map"),
        ] {
            let refused = read_fp32(json).expect_err("refused");
            assert!(refused.contains(problem), "{json}: {refused}");
        }
        let deep = list::<f32>("[1, 2]", &[1, 1, 2], 2);
        assert_eq!(deep, Ok(vec![1.0, 2.0]));
        assert!(list::<f32>("[[1, 2]]", &[1, 1, 2], 2).is_err(), "neither one list nor as deep as the shape");
    }

    #[test]
    fn values_of_another_type_and_out_of_range_are_refused() {
        assert!(list::<u8>("[256]", &[1], 1).is_err());
        assert!(list::<u8>("[-1]", &[1], 1).is_err());
        assert!(list::<u8>("[1.5]", &[1], 1).is_err());
        assert!(list::<i64>("[9223372036854775808]", &[1], 1).is_err());
        assert!(list::<f32>("[1e39]", &[1], 1).is_err());
        assert!(list::<f32>("[\"1\"]", &[1], 1).is_err());
        assert!(list::<f64>("[true]", &[1], 1).is_err());
        assert!(list::<bool>("[1]", &[1], 1).is_err());
        assert!(list::<String>("[1]", &[1], 1).is_err());
        assert!(list::<String>("[\"a\\u0000b\"]", &[1], 1).is_err());
        assert_eq!(list::<String>("[\"日本\\n\"]", &[1], 1), Ok(vec!["日本\n".to_owned()]));
    }
}
