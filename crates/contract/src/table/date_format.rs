//! The forms in which the cells of a column write dates.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::date::{self, Moment};

/// The form of a date: `YYYY`, `MM` and `DD` in some order, with one separator between them or with none, such as `DD/MM/YYYY`. A
/// time of day may follow, as in ISO 8601. Days and months without a leading zero are read if there is a separator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^(YYYY|MM|DD)([-/. ]?)(YYYY|MM|DD)([-/. ]?)(YYYY|MM|DD)$"))]
pub struct DateFormat {
    order: [Part; 3],
    separator: Option<char>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
}

impl Part {
    const ALL: [Self; 3] = [Self::Year, Self::Month, Self::Day];

    fn text(self) -> &'static str {
        match self {
            Self::Year => "YYYY",
            Self::Month => "MM",
            Self::Day => "DD",
        }
    }
}

/// A text that is not a form of dates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a form of dates: expected `YYYY`, `MM` and `DD`, each once, with one separator, such as `DD/MM/YYYY`"
)]
pub struct NotADateFormat(String);

/// The separators between the parts of a date.
const SEPARATORS: [char; 4] = ['-', '/', '.', ' '];

impl DateFormat {
    /// The date, or date and time, of a text in this form.
    pub fn parse(&self, text: &str) -> Option<Moment> {
        let text = text.trim();
        // A date without spaces ends at the first space or `T`; one with spaces has no time of day.
        let (day, time) = match text.find(['T', ' ']).filter(|_| self.separator != Some(' ')) {
            Some(place) => (&text[..place], Some(&text[place + 1..])),
            None => (text, None),
        };
        let parts: Vec<&str> = if let Some(separator) = self.separator {
            day.split(separator).collect()
        } else {
            let mut rest = day;
            let mut cut = |part: &Part| {
                let (head, tail) = rest.split_at_checked(part.text().len())?;
                rest = tail;
                Some(head)
            };
            let parts: Option<Vec<&str>> = self.order.iter().map(&mut cut).collect();
            parts.filter(|_| rest.is_empty())?
        };
        let [year, month, day] = Part::ALL.map(|wanted| {
            let place = self.order.iter().position(|part| *part == wanted)?;
            let text = parts.get(place).filter(|_| parts.len() == 3)?;
            let is_short = self.separator.is_some() && wanted != Part::Year && text.len() == 1;
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && (is_short || text.len() == wanted.text().len())).then(|| text.parse::<i64>().ok())?
        });
        date::of_parts(year?, month?, day?, time)
    }
}

impl FromStr for DateFormat {
    type Err = NotADateFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || NotADateFormat(text.chars().take(40).collect());
        let (mut rest, mut order, mut separators) = (text, Vec::new(), Vec::new());
        while let Some(part) = Part::ALL.into_iter().find(|part| rest.starts_with(part.text())) {
            order.push(part);
            rest = &rest[part.text().len()..];
            match rest.chars().next().filter(|next| SEPARATORS.contains(next)) {
                Some(separator) => {
                    separators.push(separator);
                    rest = &rest[1..];
                }
                None if !rest.is_empty() => separators.push('\0'),
                None => {}
            }
        }
        let order: [Part; 3] = order.try_into().map_err(|_| error())?;
        let has_all = Part::ALL.iter().all(|part| order.contains(part));
        match separators.as_slice() {
            [one, other] if rest.is_empty() && has_all && one == other => {
                Ok(Self { order, separator: Some(*one).filter(|separator| *separator != '\0') })
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.order.iter().enumerate() {
            if let Some(separator) = self.separator.filter(|_| place > 0) {
                write!(f, "{separator}")?;
            }
            f.write_str(part.text())?;
        }
        Ok(())
    }
}

impl TryFrom<String> for DateFormat {
    type Error = NotADateFormat;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DateFormat> for String {
    fn from(format: DateFormat) -> Self {
        format.to_string()
    }
}

/// The message and the help text for a cell that is no date of the form of its column, or of ISO 8601 if the column has none.
pub fn not_a_date(text: &str, format: Option<&DateFormat>) -> (String, String) {
    let shown = super::shown(text);
    if let Some(format) = format {
        return (format!("`{shown}` is not a date of the form {format}"), "correct the cell, or the format".to_owned());
    }
    let message = format!("`{shown}` is not a date of ISO 8601, such as 2024-01-31 or 2024-01-31T09:30");
    let forms =
        ["DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY", "MM.DD.YYYY", "YYYY/MM/DD", "YYYYMMDD", "DD-MM-YYYY", "MM-DD-YYYY"];
    let fits = |form: &&&str| form.parse::<DateFormat>().is_ok_and(|format| format.parse(text).is_some());
    let help = match forms.iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [] => "list it in `missing` if it stands for no value, or set the `format`, such as `DD/MM/YYYY`".to_owned(),
        [form] => format!("set the format: `{{type: date, format: {form}}}`"),
        [one, other, ..] => {
            format!(
                "it can be {one} or {other}, which nothing here decides; set the format: `{{type: date, format: {one}}}`"
            )
        }
    };
    (message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(format: &str, text: &str) -> Option<String> {
        format.parse::<DateFormat>().expect("a form").parse(text).map(|moment| moment.date.to_string())
    }

    #[test]
    fn dates_are_read_in_the_form_that_is_stated_and_in_no_other() {
        for (format, text) in [
            ("DD/MM/YYYY", "03/04/2024"),
            ("DD/MM/YYYY", " 3/4/2024 09:30 "),
            ("MM/DD/YYYY", "04/03/2024"),
            ("YYYYMMDD", "20240403"),
            ("DD.MM.YYYY", "3.4.2024"),
            ("YYYY MM DD", "2024 04 03"),
        ] {
            assert_eq!(day(format, text).as_deref(), Some("2024-04-03"), "{format}: {text}");
        }
        for (format, text) in [
            ("DD/MM/YYYY", "04/13/2024"),
            ("DD/MM/YYYY", "2024-04-03"),
            ("DD/MM/YYYY", "03/04/24"),
            ("DD/MM/YYYY", "03/04/2024/1"),
            ("YYYYMMDD", "2024040"),
            ("YYYYMMDD", "202404031"),
            ("MM/DD/YYYY", "02/30/2024"),
            ("DD/MM/YYYY", "+3/04/2024"),
            ("YYYYMMDD", "2024é03"),
        ] {
            assert_eq!(day(format, text), None, "{format}: {text}");
        }
    }

    #[test]
    fn forms_have_every_part_once_and_are_written_as_they_are_read() {
        for text in ["DD/MM/YYYY", "YYYYMMDD", "MM DD YYYY"] {
            assert_eq!(text.parse::<DateFormat>().expect("a form").to_string(), text);
        }
        for text in ["", "DD/MM", "DD/MM/YY", "DD/DD/YYYY", "DD/MM-YYYY", "DD/MMYYYY", "DD/MM/YYYY ", "dd/mm/yyyy"] {
            assert!(text.parse::<DateFormat>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_that_can_have_two_orders_is_refused_with_both() {
        let (message, help) = not_a_date("03/04/2024", None);
        assert!(message.contains("`03/04/2024` is not a date of ISO 8601"), "{message}");
        assert!(help.contains("DD/MM/YYYY or MM/DD/YYYY"), "{help}");
        assert!(not_a_date("13/04/2024", None).1.contains("format: DD/MM/YYYY}"));
        assert!(not_a_date("soon", None).1.contains("missing"));
    }
}
