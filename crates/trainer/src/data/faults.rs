//! Collects the faults of one data file: the first of them in full, the others as a count.

use slipway_contract::table;
use slipway_contract::{Fault, counted};

/// The most faults of one file that are reported in full.
const MAX_REPORTED: usize = 10;

/// The faults of one file.
pub(crate) struct Faults {
    file: String,
    /// The key of the specification that names the file.
    key: String,
    reported: Vec<Fault>,
    more: u64,
}

impl Faults {
    /// No faults.
    pub(crate) fn of(file: &str, key: &str) -> Self {
        Self { file: file.to_owned(), key: key.to_owned(), reported: Vec::new(), more: 0 }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.reported.is_empty()
    }

    /// Adds a fault. It is constructed only if it is reported.
    pub(crate) fn add(&mut self, fault: impl FnOnce() -> Fault) {
        if self.reported.len() < MAX_REPORTED {
            self.reported.push(fault());
        } else {
            self.more += 1;
        }
    }

    /// All faults, each with the key that names the file. The last one contains the number of the others.
    pub(crate) fn into_all(self) -> Vec<Fault> {
        let Self { file, key, mut reported, more } = self;
        if more > 0 {
            reported.push(table::fault(&file, format!("and {} of this file", counted(more, "more fault"))));
        }
        let keyed = |fault: Fault| if fault.key.is_none() { fault.key(&key) } else { fault };
        reported.into_iter().map(keyed).collect()
    }
}
