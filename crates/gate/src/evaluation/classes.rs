//! Finds the class that a value represents. Classes are texts in `report.json`, but a column may contain numbers or truth values.

use std::collections::HashMap;

use super::cell::Cell;

/// The classes of a report, by each of their spellings.
pub(super) struct Classes<'report> {
    texts: HashMap<&'report [u8], u32>,
    numbers: HashMap<i128, u32>,
    /// The classes of `false` and `true`, in this order.
    truths: [Option<u32>; 2],
}

impl<'report> Classes<'report> {
    /// The spellings of these classes. A whole number matches the class that is its decimal spelling, so `1` but not `01`. A
    /// truth value matches `true` or `True`, `false` or `False`, unless the report names both spellings.
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

    /// The number of classes.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The index of the class that a value represents. A text must equal the class. A cell of CSV may also represent a whole
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
