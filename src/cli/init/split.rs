//! Splits rows into training and test rows: the same share of every class, decided by the rows themselves and not by their order.
//! Equal rows stay on one side as long as both sides have rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, number};
use slipway_contract::{Decimal, Fault};

use super::table::{Input, shown};

/// The share of test rows of large tables, the wanted number of test rows of smaller tables, and the maximum share of these.
const DEFAULT_SHARE: f64 = 0.2;
const WANTED_ROWS: f64 = 200.0;
const MAX_SHARE: f64 = 0.4;
/// Minimum number of rows of each class: one to learn from, and one to be judged on.
const MIN_OF_A_CLASS: usize = 2;

/// The labels of a table.
pub(super) struct Labels {
    /// The classes in order, each with its number of rows. Empty if the labels are numbers to predict.
    pub(super) classes: Vec<(String, usize)>,
    /// The distribution of the labels, if they are numbers to predict.
    pub(super) numbers: Option<Numbers>,
    /// For each row: a number that equal rows share, and the class. Rows with numbers to predict have the class 0.
    rows: Vec<(u64, u32)>,
}

/// The distribution of numbers to predict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbers {
    /// The median.
    pub(super) median: f64,
    /// The mean distance from the median: the mean absolute error of a model that always answers the median.
    pub(super) deviation: f64,
}

impl Numbers {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let median = f64::midpoint(*values.get((values.len() - 1) / 2)?, *values.get(values.len() / 2)?);
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let rows = values.len() as f64;
        let deviation = values.iter().map(|value| (value - median).abs() / rows).sum();
        Some(Self { median, deviation })
    }
}

/// Separate test rows, compared with the training rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnTest {
    /// Number of rows of each learned class, in the order of the classes.
    pub(super) classes: Vec<usize>,
    /// Number of rows whose features also occur in a training row.
    pub(super) in_both: usize,
    /// Whether they are the training rows, in any order.
    pub(super) is_the_same: bool,
}

/// One side of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Train,
    Test,
}

impl Labels {
    /// Reads the labels of a table: classes, or numbers to predict. Rows with equal `features` are equal.
    pub(super) fn of(input: &Input<'_>, label: &str, features: &[String]) -> Result<Self, Fault> {
        let opened = input.open()?;
        let (name, decimal) = (input.name, input.decimal());
        let (label_at, places) = places(opened.header(), name, label, features)?;
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let mut rows = Vec::new();
        // The numbers of all rows, as long as every label is one.
        let mut values = Some(Vec::new());
        opened.each(|place, row| {
            let class = row.get(label_at).unwrap_or_default().trim();
            if table::is_missing(class) {
                return Err(table::missing_label(name, place, label, class).message);
            }
            values = values.take().zip(number::parse_with(class, decimal)).map(|(mut values, value)| {
                values.push(value);
                values
            });
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let class = match numbers.get(class) {
                Some(class) => *class,
                // Classes beyond the limit are only counted as too many.
                None if numbers.len() > table::MAX_CLASSES => next,
                None => *numbers.entry(class.to_owned()).or_insert(next),
            };
            rows.push((digest(places.iter().map(|place| row.get(*place).unwrap_or_default().trim()), decimal), class));
            Ok(())
        })?;
        Self::sorted(&numbers, values, rows, name)
    }

    fn sorted(
        numbers: &BTreeMap<String, u32>,
        values: Option<Vec<f64>>,
        mut rows: Vec<(u64, u32)>,
        name: &str,
    ) -> Result<Self, Fault> {
        let mut classes: Vec<String> = numbers.keys().cloned().collect();
        table::sort_classes(&mut classes);
        // One class and too many classes are refused with the messages of a training.
        if let [only] = &classes[..] {
            return Err(Fault { key: None, ..table::one_label(&shown(only)) }.file(name));
        }
        if table::are_measured(&classes, rows.len() as u64)
            && let Some(numbers) = values.and_then(Numbers::of)
        {
            for (_, class) in &mut rows {
                *class = 0;
            }
            return Ok(Self { classes: Vec::new(), numbers: Some(numbers), rows });
        }
        if classes.len() > table::MAX_CLASSES {
            return Err(Fault { key: None, ..table::too_many_classes(classes.len()) }.file(name));
        }
        let places: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let mut moved: Vec<u32> = vec![0; numbers.len()];
        for (class, number) in numbers {
            moved[*number as usize] = places[class.as_str()];
        }
        let mut counts = vec![0; classes.len()];
        for (_, class) in &mut rows {
            *class = moved[*class as usize];
            counts[*class as usize] += 1;
        }
        Ok(Self { classes: classes.into_iter().zip(counts).collect(), numbers: None, rows })
    }

    /// The number of rows of each class, or of all rows if the labels are numbers to predict.
    pub(super) fn groups(&self) -> Vec<usize> {
        match self.numbers {
            Some(_) => vec![self.rows.len()],
            None => self.classes.iter().map(|(_, rows)| *rows).collect(),
        }
    }

    /// Refuses classes with too few rows for both sides.
    pub(super) fn check_split(&self, name: &str, label: &str) -> Result<(), Fault> {
        if self.numbers.is_some() && self.rows.len() < MIN_OF_A_CLASS {
            let message =
                format!("one row, expected at least {MIN_OF_A_CLASS}: one to learn from, and one to be judged on");
            return Err(table::fault(name, message));
        }
        let rare: Vec<String> =
            self.classes.iter().filter(|(_, rows)| *rows < MIN_OF_A_CLASS).map(|(class, _)| shown(class)).collect();
        if rare.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} of the labels in `{label}` have only one row ({}), expected at least {MIN_OF_A_CLASS}: one for \
             training, and one for the test",
            rare.len(),
            table::first_of(&rare)
        );
        Err(table::fault(name, message).help("add rows with these labels, or remove them"))
    }

    /// Returns the number of test rows of each class for a split of these rows, in the order of the classes, and how many of them
    /// are among the training rows.
    pub(super) fn test_rows(&self, sides: &[Side]) -> (Vec<usize>, usize) {
        let of =
            |wanted: Side| self.rows.iter().zip(sides).filter(move |(_, side)| **side == wanted).map(|(row, _)| *row);
        let learnt: HashSet<u64> = of(Side::Train).map(|(digest, _)| digest).collect();
        let (mut counts, mut in_both) = (vec![0; self.groups().len()], 0);
        for (digest, class) in of(Side::Test) {
            counts[class as usize] += 1;
            in_both += usize::from(learnt.contains(&digest));
        }
        (counts, in_both)
    }

    /// Compares separate test rows with the training rows.
    pub(super) fn compare(&self, input: &Input<'_>, label: &str, features: &[String]) -> Result<OwnTest, Fault> {
        let opened = input.open()?;
        let decimal = input.decimal();
        let (label_at, places) = places(opened.header(), input.name, label, features)?;
        let known: HashMap<&str, u32> = self.classes.iter().map(|(class, _)| class.as_str()).zip(0..).collect();
        let (mut classes, mut rows) = (vec![0; self.groups().len()], Vec::new());
        opened.each(|_, row| {
            // A class that is not learned is reported when the data is checked.
            let class = known.get(row.get(label_at).unwrap_or_default().trim()).copied();
            let class = class.unwrap_or(if self.numbers.is_some() { 0 } else { u32::MAX });
            if let Some(count) = classes.get_mut(class as usize) {
                *count += 1;
            }
            rows.push((digest(places.iter().map(|place| row.get(*place).unwrap_or_default().trim()), decimal), class));
            Ok(())
        })?;
        let learnt: HashSet<u64> = self.rows.iter().map(|(digest, _)| *digest).collect();
        let in_both = rows.iter().filter(|(digest, _)| learnt.contains(digest)).count();
        let is_the_same = rows.len() == self.rows.len() && in_both == rows.len() && {
            let mut own = self.rows.clone();
            own.sort_unstable();
            rows.sort_unstable();
            own == rows
        };
        Ok(OwnTest { classes, in_both, is_the_same })
    }

    /// Returns the side of each row.
    #[expect(clippy::cast_precision_loss, reason = "a share of a number of rows")]
    pub(super) fn split(&self) -> Vec<Side> {
        let mut sides = vec![Side::Train; self.rows.len()];
        let rows = self.rows.len() as f64;
        let share = (WANTED_ROWS / rows).clamp(DEFAULT_SHARE, MAX_SHARE);
        let distinct: HashSet<u64> = self.rows.iter().map(|(digest, _)| *digest).collect();
        // If few rows differ, equal rows cannot all stay together.
        let keep_together = distinct.len() * 2 >= self.rows.len();
        for (class, count) in self.groups().into_iter().enumerate() {
            let own = self.rows.iter().enumerate().filter(|(_, (_, of))| *of as usize == class);
            let mut own: Vec<(u64, usize)> = own.map(|(row, (digest, _))| (*digest, row)).collect();
            own.sort_unstable();
            let wanted = whole(count as f64 * share).clamp(1, count.saturating_sub(1));
            for row in chosen(&own, wanted, keep_together) {
                sides[row] = Side::Test;
            }
        }
        sides
    }
}

/// Returns the positions of the label and the features in a header.
fn places(header: &[String], name: &str, label: &str, features: &[String]) -> Result<(usize, Vec<usize>), Fault> {
    let place = |column: &str| table::position(header, column, "", name).map_err(|fault| Fault { key: None, ..fault });
    Ok((place(label)?, features.iter().map(|feature| place(feature)).collect::<Result<_, _>>()?))
}

/// Chooses about `wanted` rows of a class, in the order of their digests.
fn chosen(own: &[(u64, usize)], wanted: usize, keep_together: bool) -> Vec<usize> {
    let mut taken = Vec::with_capacity(wanted);
    if keep_together {
        for group in own.chunk_by(|one, other| one.0 == other.0) {
            if taken.len() + group.len() <= wanted {
                taken.extend(group.iter().map(|(_, row)| *row));
            }
        }
    }
    if taken.is_empty() {
        // Takes one row in every `step`, so that a group larger than the wanted number is on both sides.
        let step = own.len() / wanted.max(1);
        taken.extend(own.iter().step_by(step.max(1)).take(wanted).map(|(_, row)| *row));
    }
    taken
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of rows")]
fn whole(rows: f64) -> usize {
    rows.round() as usize
}

/// Returns a number that equal values share. Numbers are equal if the check `leakage` of a policy takes them as equal.
fn digest<'a>(values: impl Iterator<Item = &'a str>, decimal: Decimal) -> u64 {
    let mut hasher = Sha256::new();
    for value in values {
        let value = match number::parse_with(value, decimal) {
            // Adding zero turns -0.0 into 0.0.
            Some(parsed) if number::lost_digits(value, parsed).is_none() => Cow::Owned((parsed + 0.0).to_string()),
            _ => Cow::Borrowed(value),
        };
        hasher.update((value.len() as u64).to_le_bytes());
        hasher.update(value.as_bytes());
    }
    let bytes: [u8; 32] = hasher.finalize().into();
    u64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use slipway_contract::{Dialect, TableFormat};

    use super::*;

    fn input(path: &Path) -> Input<'_> {
        Input { path, name: "t.csv", format: TableFormat::Csv(Dialect::default()) }
    }

    fn labels(table: &str, features: &[&str]) -> Result<Labels, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, table).expect("written");
        let features: Vec<String> = features.iter().map(|feature| (*feature).to_owned()).collect();
        Input::of(&path, "t.csv")
            .and_then(|input| Labels::of(&input, "y", &features))
            .map_err(|fault| fault.to_string())
    }

    fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
        (0..count).map(|index| row(index) + "\n").collect()
    }

    #[test]
    fn every_class_is_on_both_sides_by_its_share_whatever_the_order_of_rows() {
        let lines: Vec<String> =
            (0..1_000).map(|row| format!("{row},{}", if row % 50 == 0 { "rare" } else { "usual" })).collect();
        let of = |lines: &[String]| {
            let found = labels(&format!("x,y\n{}\n", lines.join("\n")), &["x"]).expect("labels");
            assert_eq!(found.classes, [("rare".to_owned(), 20), ("usual".to_owned(), 980)]);
            let sides = found.split();
            let mut test: Vec<String> =
                lines.iter().zip(sides).filter(|(_, side)| *side == Side::Test).map(|(line, _)| line.clone()).collect();
            test.sort();
            test
        };
        let test = of(&lines);
        assert_eq!((test.len(), test.iter().filter(|line| line.ends_with("rare")).count()), (200, 4));
        let turned: Vec<String> = lines.iter().rev().cloned().collect();
        assert_eq!(of(&turned), test);
    }

    #[test]
    fn equal_rows_stay_on_one_side_while_that_leaves_both_something() {
        let found = labels(&format!("x,y\n{}", rows(600, |row| format!("{},{}", row / 2, (row / 2) % 2))), &["x"])
            .expect("labels");
        let sides = found.split();
        assert!(sides.chunks(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(found.test_rows(&sides).1, 0);
        assert!(sides.contains(&Side::Test));
        let few =
            labels(&format!("x,y\n{}", rows(100, |row| format!("{},{}", row % 2, row % 2))), &["x"]).expect("labels");
        assert_eq!(few.test_rows(&few.split()), (vec![20, 20], 40), "all of them on both sides, and told of");
    }

    #[test]
    fn rows_to_be_judged_on_are_compared_with_those_to_learn_from() {
        let found = labels("x,n,y\n1,p,a\n2,q,b\n3,r,a\n3,s,a\n", &["x"]).expect("labels");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        let compare = |test: &str| {
            std::fs::write(&path, test).expect("written");
            found.compare(&input(&path), "y", &["x".to_owned()]).expect("compared")
        };
        let own =
            |classes: [usize; 2], in_both, is_the_same| OwnTest { classes: classes.to_vec(), in_both, is_the_same };
        assert_eq!(
            compare("y,x\nb,7\na,2\nc,9\n"),
            own([1, 1], 1, false),
            "another order of columns, a class that is new"
        );
        assert_eq!(compare("x,y\n3,a\n2,b\n3,a\n1,a\n"), own([3, 1], 4, true), "another order of rows");
        assert_eq!(compare("x,y\n3,a\n2,b\n3,a\n1,b\n"), own([2, 2], 4, false), "another class");
        assert_eq!(compare("x,y\n3.0,a\n+2,b\n1e0,a\n4,a\n"), own([3, 1], 3, false), "another spelling");
        assert_eq!(compare("x,y\n"), own([0, 0], 0, false));
        std::fs::write(&path, "z,y\n1,a\n").expect("written");
        assert!(found.compare(&input(&path), "y", &["x".to_owned()]).is_err());
    }

    #[test]
    fn numbers_are_predicted_and_split_without_classes() {
        let found = labels(&format!("x,y\n{}", rows(301, |row| format!("{row},{row}.5"))), &["x"]).expect("labels");
        let numbers = found.numbers.expect("numbers");
        assert!((numbers.median - 150.5).abs() < 1e-9, "{numbers:?}");
        // The mean of |row - 150| for 0 to 300: 2 (1 + … + 150) / 301.
        assert!((numbers.deviation - 22_650.0 / 301.0).abs() < 1e-9, "{numbers:?}");
        found.check_split("t.csv", "y").expect("enough rows");
        let (counts, in_both) = found.test_rows(&found.split());
        assert_eq!((found.classes.len(), counts, in_both), (0, vec![120], 0));
        let many = labels(&format!("x,y\n{}", rows(20_000, |row| format!("{row},{row}.25"))), &["x"]).expect("labels");
        assert!(many.numbers.is_some(), "more distinct numbers than a model may have classes");
    }

    #[test]
    fn what_no_classes_can_be_made_of_is_refused_as_training_would() {
        let said = |row: &dyn Fn(usize) -> String| {
            labels(&format!("x,y\n{}", rows(300, row)), &["x"]).err().unwrap_or_default()
        };
        let one = said(&|row| format!("{row},a"));
        assert!(one.starts_with("t.csv: all rows have one label (a), expected at least two classes"), "{one}");
        let none = said(&|row| format!("{row},{}", if row == 7 { "" } else { "a" }));
        assert!(none.contains("line 9 has no label: the column `y` is empty"), "{none}");
        let rare = labels("x,y\n1,a\n2,a\n3,b\n", &["x"]).expect("labels").check_split("t.csv", "y").expect_err("rare");
        assert!(rare.to_string().contains("1 of the labels in `y` have only one row (`b`)"), "{rare}");
        assert_eq!(said(&|row| format!("{row},{}", row % 12)), "", "numbers that are classes");
    }
}
