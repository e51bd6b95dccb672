//! Finds the class that a value stands for. Classes are texts in `report.json`, but columns may hold numbers or truth values.

use std::collections::HashMap;

use super::cell::Cell;

/// The classes of a report by each of their spellings.
pub(super) struct Classes<'report> {
    texts: HashMap<&'report [u8], u32>,
    numbers: HashMap<i128, u32>,
    /// `false`, then `true`.
    truths: [Option<u32>; 2],
}

impl<'report> Classes<'report> {
    /// The spellings of these classes. A whole number matches the class that is its decimal spelling, so `1` and never `01`; a
    /// truth value matches `true` or `True`, `false` or `False`, unless the report names both.
    pub(super) fn of(classes: &'report [String]) -> Self {
        let numbered = || classes.iter().zip(0..);
        let number = |class: &str| class.parse::<i128>().ok().filter(|number| number.to_string() == class);
        let truth = |spellings: [&str; 2]| {
            let mut found = numbered().filter(|(class, _)| spellings.contains(&class.as_str()));
            let first = found.next().map(|(_, index)| index);
            first.filter(|_| found.next().is_none())
        };
        Self {
            texts: numbered().map(|(class, index)| (class.as_bytes(), index)).collect(),
            numbers: numbered().filter_map(|(class, index)| Some((number(class)?, index))).collect(),
            truths: [truth(["false", "False"]), truth(["true", "True"])],
        }
    }

    /// How many classes there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The place of the class that a value stands for. A text is compared as it is; a cell of CSV may also stand for a whole
    /// number (`1.0` for `1`) or a truth value.
    pub(super) fn find(&self, cell: Cell<'_>) -> Option<u32> {
        let exact = match cell {
            Cell::Text(bytes) => return self.texts.get(bytes).copied(),
            Cell::Written(text) => self.texts.get(text.as_bytes()).copied(),
            _ => None,
        };
        exact.or_else(|| self.numbers.get(&cell.whole()?).copied()).or_else(|| self.truths[usize::from(cell.truth()?)])
    }
}
