//! The values of a Parquet column as texts of a table, as a CSV file would contain them.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;
use slipway_contract::table::date::Civil;

/// What the whole numbers of a column stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// Themselves.
    Signed,
    /// Numbers without a sign.
    Unsigned,
    /// Days since 1970-01-01.
    Date,
    /// Parts of a second since 1970-01-01; so many are a second.
    Moment(i64),
    /// Numbers with so many digits behind the point.
    Decimal(u32),
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Truth,
    Whole32(Whole),
    Whole64(Whole),
    Single,
    Double,
    Text,
}

/// The type of a column; or its name, if its values are not read.
pub(super) fn kind_of(column: &ColumnDescriptor) -> Result<Kind, String> {
    if column.max_rep_level() > 0 || column.path().parts().len() != 1 {
        return Err("lists or structures".to_owned());
    }
    let logical = column.logical_type_ref();
    match (column.physical_type(), logical, column.converted_type()) {
        (Type::BOOLEAN, _, _) => Ok(Kind::Truth),
        (Type::INT32, logical, converted) => whole(logical, converted).map(Kind::Whole32),
        (Type::INT64, logical, converted) => whole(logical, converted).map(Kind::Whole64),
        (Type::FLOAT, None, _) => Ok(Kind::Single),
        (Type::DOUBLE, None, _) => Ok(Kind::Double),
        (
            Type::BYTE_ARRAY,
            None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json),
            ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON,
        ) => Ok(Kind::Text),
        (_, Some(logical), _) => {
            Err(format!("{logical:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_owned())
        }
        (_, None, ConvertedType::NONE) => Err(column.physical_type().to_string()),
        (_, None, converted) => Err(converted.to_string()),
    }
}

fn whole(logical: Option<&LogicalType>, converted: ConvertedType) -> Result<Whole, String> {
    use ConvertedType as Converted;
    match (logical, converted) {
        (Some(LogicalType::Integer(kind)), _) if kind.is_signed => Ok(Whole::Signed),
        (Some(LogicalType::Date), _) | (None, Converted::DATE) => Ok(Whole::Date),
        (Some(LogicalType::Timestamp(kind)), _) => Ok(Whole::Moment(match kind.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        })),
        (None, Converted::TIMESTAMP_MILLIS) => Ok(Whole::Moment(1_000)),
        (None, Converted::TIMESTAMP_MICROS) => Ok(Whole::Moment(1_000_000)),
        (Some(LogicalType::Decimal(kind)), _) => {
            u32::try_from(kind.scale).map(Whole::Decimal).map_err(|_| "DECIMAL".to_owned())
        }
        (None, Converted::NONE | Converted::INT_8 | Converted::INT_16 | Converted::INT_32 | Converted::INT_64) => {
            Ok(Whole::Signed)
        }
        (Some(LogicalType::Integer(_)), _)
        | (None, Converted::UINT_8 | Converted::UINT_16 | Converted::UINT_32 | Converted::UINT_64) => {
            Ok(Whole::Unsigned)
        }
        (Some(logical), _) => Err(format!("{logical:?}")),
        (None, converted) => Err(converted.to_string()),
    }
}

/// The text of a whole number; `None` if it is a date that no calendar has.
pub(super) fn text_of_whole(value: i64, whole: Whole) -> Option<String> {
    match whole {
        Whole::Signed | Whole::Decimal(0) => Some(value.to_string()),
        Whole::Unsigned => Some(value.cast_unsigned().to_string()),
        Whole::Date => Civil::of_days(value).map(|date| date.to_string()),
        Whole::Moment(per_second) => {
            let (seconds, part) = (value.div_euclid(per_second), value.rem_euclid(per_second));
            let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let date = Civil::of_days(day)?;
            let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
            let digits = per_second.ilog10() as usize;
            let part = if part == 0 { String::new() } else { format!(".{part:0digits$}") };
            Some(format!("{date}T{clock}{part}"))
        }
        Whole::Decimal(scale) => {
            let digits = format!("{:0width$}", value.unsigned_abs(), width = scale as usize + 1);
            let (before, behind) = digits.split_at(digits.len() - scale as usize);
            Some(format!("{}{before}.{behind}", if value < 0 { "-" } else { "" }))
        }
    }
}

/// The text of a float, from which the same float is read. NaN is a missing value, as pandas writes it.
pub(super) fn text_of_float(value: f64) -> String {
    const LARGE: f64 = 1e15;
    const SMALL: f64 = 1e-5;
    if value.is_nan() {
        String::new()
    } else if value == 0.0 || (SMALL..LARGE).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_decimals_have_the_texts_of_a_csv_file() {
        assert_eq!(text_of_whole(19_782, Whole::Date).as_deref(), Some("2024-02-29"));
        assert_eq!(text_of_whole(-1, Whole::Date).as_deref(), Some("1969-12-31"));
        assert_eq!(text_of_whole(i64::MAX, Whole::Date), None);
        assert_eq!(text_of_whole(-1, Whole::Moment(1_000)).as_deref(), Some("1969-12-31T23:59:59.999"));
        assert_eq!(text_of_whole(86_400_000_000, Whole::Moment(1_000_000)).as_deref(), Some("1970-01-02T00:00:00"));
        assert_eq!(text_of_whole(-5, Whole::Decimal(2)).as_deref(), Some("-0.05"));
        assert_eq!(text_of_whole(12_345, Whole::Decimal(2)).as_deref(), Some("123.45"));
        assert_eq!(text_of_whole(-1, Whole::Unsigned).as_deref(), Some("18446744073709551615"));
    }

    #[test]
    fn the_text_of_a_float_is_read_as_the_same_float() {
        for value in [0.1, -0.0, 1.0, 1e300, 5e-324, 1.0 / 3.0, 123_456_789.25, f64::from(0.1_f32)] {
            let text = text_of_float(value);
            assert_eq!(text.parse::<f64>().expect("a number").to_bits(), value.to_bits(), "{text}");
            assert!(text.len() < 25, "{text}");
        }
        assert_eq!((text_of_float(f64::NAN), text_of_float(3.0)), (String::new(), "3".to_owned()));
    }
}
