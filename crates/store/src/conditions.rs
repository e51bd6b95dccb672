//! Conditions of a list query. The statement contains only the requested conditions: a condition such as `$1 IS NULL OR source =
//! $1` prevents both databases from using an index.

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// A value of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Conditions that must all hold, with the values of their placeholders.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Conditions without values.
    pub(super) fn new<const N: usize>(fixed: [&str; N]) -> Self {
        Self { conditions: fixed.into_iter().map(str::to_owned).collect(), values: Vec::new() }
    }

    /// Adds a condition without a value.
    pub(super) fn fixed(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// Adds: the column equals this value, if there is one.
    pub(super) fn equal(&mut self, column: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            let place = self.place(value.into());
            self.conditions.push(format!("{column} = {place}"));
        }
    }

    /// Adds: a column of `whole` hexadecimal digits (and dashes) begins with these digits, if there are any. It does not use
    /// `LIKE`, for which neither database uses an index.
    pub(super) fn begin(&mut self, column: &str, digits: Option<&str>, whole: usize) {
        match digits {
            Some(digits) if digits.len() < whole => {
                self.compare([column], '>', [digits.to_owned().into()]);
                // The letter after the last hexadecimal digit.
                self.compare([column], '<', [format!("{digits}g").into()]);
            }
            whole => self.equal(column, whole.map(str::to_owned)),
        }
    }

    /// Adds: the columns as a row have this relation (`<` or `>`) to these values.
    pub(super) fn compare<const N: usize>(&mut self, columns: [&str; N], relation: char, values: [Value; N]) {
        let places: Vec<String> = values.into_iter().map(|value| self.place(value)).collect();
        let [columns, places] = [columns.join(", "), places.join(", ")];
        self.conditions.push(match N {
            1 => format!("{columns} {relation} {places}"),
            _ => format!("({columns}) {relation} ({places})"),
        });
    }

    /// Adds a value and returns its placeholder.
    pub(super) fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// `WHERE …`, or nothing.
    pub(super) fn clause(&self) -> String {
        if self.conditions.is_empty() { String::new() } else { format!("WHERE {}", self.conditions.join(" AND ")) }
    }

    /// Binds the values to their placeholders.
    pub(super) fn bind_to(self, query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_stands_in_the_statement() {
        assert_eq!(Conditions::default().clause(), "");
        let mut conditions = Conditions::new(["active = 1"]);
        conditions.equal("source", Some("a".to_owned()));
        conditions.equal("model", None::<String>);
        conditions.compare(["created_at", "id"], '<', [7.into(), "b".to_owned().into()]);
        assert_eq!(conditions.clause(), "WHERE active = 1 AND source = $1 AND (created_at, id) < ($2, $3)");
        assert_eq!(conditions.place(Value::Number(1)), "$4");
        let mut beginning = Conditions::default();
        beginning.begin("head", Some("0123"), 40);
        beginning.begin("id", Some(&"0".repeat(36)), 36);
        beginning.begin("lane", None, 36);
        assert_eq!(beginning.clause(), "WHERE head > $1 AND head < $2 AND id = $3");
    }
}
