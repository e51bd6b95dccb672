//! The cells of a table's columns: how the text of a cell becomes a number.

use std::collections::{HashMap, HashSet};

use slipway_contract::table::date_format::{DateFormat, not_a_date};
use slipway_contract::table::{self, Place, date, number};
use slipway_contract::{Architecture, Column, ColumnEncoding, ColumnType, Decimal, Fault, TableSpec};

/// The most distinct texts of a column.
const MAX_TEXTS: usize = 1_000_000;

/// A column to read, and how.
#[derive(Clone)]
pub(super) struct WantedColumn {
    pub(super) name: String,
    pub(super) cells: Cells,
}

/// How the cells of a column are read.
#[derive(Clone)]
pub(super) enum Cells {
    /// Each is a number.
    Numbers,
    /// Each is a number or missing.
    NumbersOrMissing(Missing),
    /// Each is a date or missing. Its value is the days since 1970-01-01.
    Dates(Missing, Option<DateFormat>),
    /// Each is a text or missing.
    Texts(Missing),
}

/// The spellings of a missing value, besides the empty one.
#[derive(Clone, Default)]
pub(super) struct Missing {
    texts: HashSet<String>,
    /// The spellings that are numbers, in canonical form, so that `-1` also stands for `-1.0`.
    numbers: HashSet<String>,
}

impl Missing {
    fn of(spellings: &[String]) -> Self {
        let texts: HashSet<String> = spellings.iter().map(|text| text.trim().to_owned()).collect();
        let numbers = texts.iter().filter_map(|text| number::canonical(text)).collect();
        Self { texts, numbers }
    }

    fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.texts.contains(text)
    }

    fn is_missing_number(&self, text: &str) -> bool {
        self.is_missing(text)
            || (!self.numbers.is_empty()
                && number::canonical(text).is_some_and(|canonical| self.numbers.contains(&canonical)))
    }
}

/// The distinct texts of a column, in the order of their first rows.
#[derive(Default)]
pub(super) struct Dictionary {
    codes: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Dictionary {
    fn code(&mut self, text: &str) -> Option<f64> {
        if let Some(code) = self.codes.get(text) {
            return Some(f64::from(*code));
        }
        if self.texts.len() == MAX_TEXTS {
            return None;
        }
        let code = u32::try_from(self.texts.len()).ok()?;
        self.codes.insert(text.to_owned(), code);
        self.texts.push(text.to_owned());
        Some(f64::from(code))
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}

/// Why a cell has no value.
pub(super) enum CellFault {
    /// It is neither a number (or a date) nor missing: the message and the help text.
    NotANumber(String, String),
    /// Its column has too many distinct texts.
    TooManyTexts,
}

impl CellFault {
    /// The fault at its place.
    pub(super) fn at(self, file: &str, place: Place, column: &str) -> Fault {
        let column = table::shown(column);
        match self {
            Self::NotANumber(message, help) => {
                table::fault_at(file, place, format!("{place}, column `{column}`: {message}")).help(help)
            }
            Self::TooManyTexts => {
                let message = format!("{place}, column `{column}`: more than {MAX_TEXTS} different values");
                table::fault_at(file, place, message).help("is it an identifier? List it in `spec.data.ignore`")
            }
        }
    }
}

impl Cells {
    /// The value of a cell: its number, the code of its text, or NaN if it is missing.
    pub(super) fn value(&self, text: &str, decimal: Decimal, dictionary: &mut Dictionary) -> Result<f64, CellFault> {
        match self {
            Self::Numbers => number::parse_with(text, decimal).ok_or_else(|| {
                let (message, help) = number::not_a_number(text, decimal);
                CellFault::NotANumber(message, help)
            }),
            Self::NumbersOrMissing(missing) => {
                let text = text.trim();
                // Most cells are numbers, so that the spellings of a missing value are compared only where there are some.
                if missing.is_missing_number(text) {
                    return Ok(f64::NAN);
                }
                number::parse_with(text, decimal).ok_or_else(|| {
                    let (message, help) = number::not_a_number(text, decimal);
                    let help = if number::is_missing_spelling(text) {
                        format!("list it: `{{type: number, missing: [\"{}\"]}}`", table::shown(text))
                    } else {
                        help
                    };
                    CellFault::NotANumber(message, help)
                })
            }
            Self::Dates(missing, format) => {
                let text = text.trim();
                if missing.is_missing(text) {
                    return Ok(f64::NAN);
                }
                let moment = format.as_ref().map_or_else(|| date::iso(text), |format| format.parse(text));
                moment.map(date::Moment::written_days).ok_or_else(|| {
                    let (message, help) = not_a_date(text, format.as_ref());
                    CellFault::NotANumber(message, help)
                })
            }
            Self::Texts(missing) => {
                let text = text.trim();
                if missing.is_missing(text) {
                    return Ok(f64::NAN);
                }
                dictionary.code(text).ok_or(CellFault::TooManyTexts)
            }
        }
    }

    /// Whether the column has texts.
    pub(super) fn has_texts(&self) -> bool {
        matches!(self, Self::Texts(_))
    }

    /// Whether every cell has to be a number.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Numbers)
    }
}

/// The columns that a specification names to train on; `None` if they are all columns of the table that are not excluded.
pub(super) fn wanted_by_specification(table: &TableSpec) -> Option<Vec<WantedColumn>> {
    if let Some(columns) = &table.columns {
        let wanted = |(name, column): (&String, &Column)| {
            let missing = Missing::of(&column.missing);
            let cells = match column.kind {
                ColumnType::Number => Cells::NumbersOrMissing(missing),
                ColumnType::Date => Cells::Dates(missing, column.format.clone()),
                ColumnType::Category | ColumnType::Binary => Cells::Texts(missing),
            };
            WantedColumn { name: name.clone(), cells }
        };
        return Some(columns.iter().map(wanted).collect());
    }
    let plain = |name: &String| WantedColumn { name: name.clone(), cells: Cells::Numbers };
    table.features.as_ref().map(|features| features.iter().map(plain).collect())
}

/// The columns that an artifact was trained on; `None` if it was not trained on a table.
pub(super) fn wanted_by_artifact(architecture: &Architecture) -> Option<Vec<WantedColumn>> {
    let columns = architecture.columns.as_ref()?;
    let cells = |place: usize| match architecture.encodings.as_ref().and_then(|encodings| encodings.get(place)) {
        None => Cells::Numbers,
        Some(encoding) if matches!(encoding, ColumnEncoding::Number { .. }) => {
            Cells::NumbersOrMissing(Missing::of(encoding.missing()))
        }
        Some(ColumnEncoding::Date { missing, format, .. }) => Cells::Dates(Missing::of(missing), format.clone()),
        Some(encoding) => Cells::Texts(Missing::of(encoding.missing())),
    };
    Some(
        columns
            .iter()
            .enumerate()
            .map(|(place, name)| WantedColumn { name: name.clone(), cells: cells(place) })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(cells: &Cells, text: &str, dictionary: &mut Dictionary) -> Option<f64> {
        cells.value(text, Decimal::Point, dictionary).ok()
    }

    #[test]
    fn a_missing_number_is_empty_or_spelt_as_listed_whatever_its_form() {
        let missing = ["NA", "-1"].map(str::to_owned);
        let cells = Cells::NumbersOrMissing(Missing::of(&missing));
        let mut dictionary = Dictionary::default();
        for text in ["", "  ", "NA", " NA ", "-1", "-1.0", "-1e0"] {
            assert!(value(&cells, text, &mut dictionary).is_some_and(f64::is_nan), "{text:?}");
        }
        assert_eq!(value(&cells, " 1.5 ", &mut dictionary), Some(1.5));
        for text in ["na", "?", "inf", "1,5"] {
            assert_eq!(value(&cells, text, &mut dictionary), None, "{text:?}");
        }
        let Err(CellFault::NotANumber(_, help)) = cells.value("?", Decimal::Point, &mut dictionary) else {
            panic!("`?` is no number")
        };
        assert!(help.contains("missing: [\"?\"]"), "{help}");
    }

    #[test]
    fn texts_get_codes_in_the_order_of_their_first_rows() {
        let cells = Cells::Texts(Missing::of(&["NA".to_owned()]));
        let mut dictionary = Dictionary::default();
        let values = ["rent", " own ", "rent", "", "NA", "Rent"].map(|text| value(&cells, text, &mut dictionary));
        assert_eq!(values[..3], [Some(0.0), Some(1.0), Some(0.0)]);
        assert!(values[3..5].iter().all(|value| value.is_some_and(f64::is_nan)));
        assert_eq!(values[5], Some(2.0));
        assert_eq!(dictionary.into_texts(), ["rent", "own", "Rent"]);
    }
}
