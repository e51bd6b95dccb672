//! Says which rows of a table are for training, for validation and for testing, as `split` asks. The same rows, settings and seed
//! give the same parts.

use std::collections::HashMap;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, Place, date, number, position};
use slipway_contract::{Decimal, Fault, FaultKind, Split, SplitBy, counted};

use super::TableName;
use super::faults::Faults;
use super::file::Source;
use super::opened::{Next, Tables};
use super::row_digests::first_bytes;
use super::table::MAX_ROWS;

/// The part of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

/// What the rows say about their parts.
enum Said {
    /// Nothing. The number of rows.
    Rows(usize),
    /// The group or class of each row, as an index into the names.
    Groups { of_row: Vec<u32>, names: Vec<String> },
    /// The time of each row.
    Times(Vec<f64>),
    /// The part of each row.
    Parts(Vec<Part>),
}

/// The part of every row of the training file, or of the file that is split, in their order; or all faults.
pub(super) fn parts_of(tables: &Tables<'_>, source: &Source) -> Result<Rc<[Part]>, Vec<Fault>> {
    let Some(split) = &tables.spec.split else { return Ok(Rc::from([])) };
    let by = split.by.clone().unwrap_or(if tables.is_classification { SplitBy::Stratified } else { SplitBy::Random });
    let said = read(tables, source, &by)?;
    let has_test = tables.spec.rows.is_some();
    let parts = match said {
        Said::Rows(rows) => at_random(rows, split),
        Said::Groups { of_row, names } if by == SplitBy::Stratified => stratified(&of_row, &names, split),
        Said::Groups { of_row, names } => by_group(&of_row, &names, split),
        Said::Times(times) => by_time(&times, split),
        Said::Parts(parts) => complete(parts, has_test),
    };
    parts.map(Rc::from).map_err(|fault| vec![fault])
}

/// Reads what the rows say about their parts. A row that cannot be read is reported where all of its columns are read.
fn read(tables: &Tables<'_>, source: &Source, by: &SplitBy) -> Result<Said, Vec<Fault>> {
    let mut opened = tables.open_whole(source, TableName::Train).map_err(|fault| vec![fault])?;
    let (column, key) = match by {
        SplitBy::Random => (None, ""),
        SplitBy::Stratified => (Some(tables.spec.label.as_str()), "spec.data.label"),
        SplitBy::Group(column) | SplitBy::Time(column) | SplitBy::Column(column) => {
            (Some(column.as_str()), "spec.data.split.by")
        }
    };
    let name = opened.file().to_owned();
    let at = column.map(|column| position(opened.header(), column, key, &name)).transpose();
    let at = at.map_err(|fault| vec![fault])?;
    let path = tables.path(TableName::Train).map_or("", |(_, path)| path);
    let mut faults = Faults::of(path, opened.key);
    let mut said = match by {
        SplitBy::Random => Said::Rows(0),
        SplitBy::Stratified | SplitBy::Group(_) => Said::Groups { of_row: Vec::new(), names: Vec::new() },
        SplitBy::Time(_) => Said::Times(Vec::new()),
        SplitBy::Column(_) => Said::Parts(Vec::new()),
    };
    let mut codes = HashMap::new();
    let mut rows = 0;
    while let Some(next) = opened.next_row().map_err(|fault| vec![fault])? {
        rows += 1;
        if rows > MAX_ROWS {
            return Err(vec![table::fault(path, format!("more than {MAX_ROWS} rows"))]);
        }
        let (text, place, file) = match &next {
            Next::Row { values, place, file, .. } => {
                (at.and_then(|at| values.get(at)).unwrap_or_default().trim(), *place, *file)
            }
            Next::Broken(_) => ("", Place::Line(0), ""),
        };
        let is_broken = matches!(next, Next::Broken(_));
        let fault = said.add(text, by, is_broken, tables.decimal(), tables.spec.rows.is_some(), &mut codes);
        if let Err((message, help)) = fault {
            let column = table::shown(column.unwrap_or_default());
            let message = format!("{place}, column `{column}`: {message}");
            faults.add(|| table::fault_at(file, place, message).help(help));
        }
    }
    if rows == 0 {
        faults.add(|| table::no_rows(path));
    }
    if faults.is_empty() { Ok(said) } else { Err(faults.into_all()) }
}

impl Said {
    /// Adds what a row says; or the message and the help text of its fault. Nothing is said about a row that is broken.
    fn add(
        &mut self,
        text: &str,
        by: &SplitBy,
        is_broken: bool,
        decimal: Decimal,
        has_test: bool,
        codes: &mut HashMap<String, u32>,
    ) -> Result<(), (String, &'static str)> {
        match self {
            Self::Rows(rows) => *rows += 1,
            Self::Groups { of_row, names } => {
                // A missing label is reported where all labels are read.
                if text.is_empty() && !is_broken && matches!(by, SplitBy::Group(_)) {
                    return Err(("no group, expected one in every row".to_owned(), "write the group of the row"));
                }
                let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
                let code = *codes.entry(text.to_owned()).or_insert_with(|| {
                    names.push(text.to_owned());
                    next
                });
                of_row.push(code);
            }
            Self::Times(times) => {
                let time = decimal.with_point(text).and_then(|text| number::parse(&text));
                let time = time.or_else(|| date::iso(text).map(|moment| moment.elapsed));
                match time {
                    Some(time) => times.push(time),
                    None if is_broken => times.push(0.0),
                    None => {
                        let message = format!(
                            "`{}` is no time, expected a number, or a date such as `2024-01-31` or `2024-01-31T09:30:00`",
                            table::shown(text)
                        );
                        return Err((message, "write dates in the form of ISO 8601: year, month, day"));
                    }
                }
            }
            Self::Parts(parts) => parts.push(match text {
                "train" => Part::Train,
                "validation" => Part::Validation,
                "test" if has_test => Part::Test,
                "test" => {
                    let message = "`test` in the rows for training, expected `train` or `validation`".to_owned();
                    return Err((
                        message,
                        "move the rows to the file for testing, or name the whole file in `spec.data.rows`",
                    ));
                }
                _ if is_broken => Part::Train,
                text => {
                    let found =
                        if text.is_empty() { "an empty cell".to_owned() } else { format!("`{}`", table::shown(text)) };
                    let message = format!("found {found}, expected `train`, `validation` or `test`");
                    return Err((message, "write the part of each row in this column"));
                }
            }),
        }
        Ok(())
    }
}

fn impossible(message: String, help: &str) -> Fault {
    Fault::new(FaultKind::Specification, message).key("spec.data.split").help(help)
}

/// The parts that are held out, in the order in which they are chosen, with their shares of the rows that are left.
fn shares(split: &Split) -> Vec<(Part, f64)> {
    let shares = [(Part::Test, split.test), (Part::Validation, split.validation)];
    shares.into_iter().filter_map(|(part, share)| Some((part, share.filter(|share| *share > 0.0)?))).collect()
}

fn at_random(rows: usize, split: &Split) -> Result<Vec<Part>, Fault> {
    let mut parts = vec![Part::Train; rows];
    let all: Vec<usize> = (0..rows).collect();
    let needed = shares(split).len() + 1;
    if rows < needed {
        let message = format!("{} cannot be split into {needed} parts", counted(rows, "row"));
        return Err(impossible(message, "add rows, or hold out fewer parts"));
    }
    hold_out(&all, split, &mut parts);
    Ok(parts)
}

fn stratified(of_row: &[u32], names: &[String], split: &Split) -> Result<Vec<Part>, Fault> {
    let mut parts = vec![Part::Train; of_row.len()];
    let needed = shares(split).len() + 1;
    let mut rows_of: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    for (row, class) in of_row.iter().enumerate() {
        rows_of[*class as usize].push(row);
    }
    // Rows without a label are reported where all labels are read.
    let labels = || names.iter().zip(&rows_of).filter(|(name, _)| !table::is_missing(name));
    let rare: Vec<String> = labels().filter(|(_, rows)| rows.len() < needed).map(|(name, _)| name.clone()).collect();
    if !rare.is_empty() {
        let message = format!(
            "{} of the labels have fewer than {needed} rows ({}), and the split needs one of each label in {needed} parts",
            rare.len(),
            table::first_of(&rare)
        );
        return Err(impossible(message, "add rows with these labels, remove them, or split `by: random`"));
    }
    for (_, rows) in labels() {
        hold_out(rows, split, &mut parts);
    }
    Ok(parts)
}

/// Holds out shares of some rows at random. There are enough of them for every part.
fn hold_out(rows: &[usize], split: &Split, parts: &mut [Part]) {
    let mut order: Vec<(u64, usize)> = rows.iter().map(|row| (mixed(split.seed, *row as u64), *row)).collect();
    order.sort_unstable();
    let mut left = order.as_slice();
    let shares = shares(split);
    for (place, (part, share)) in shares.iter().enumerate() {
        // The parts that follow need a row each.
        let most = left.len() - (shares.len() - place);
        let (held_out, others) = left.split_at(rounded(left.len(), *share).clamp(1, most));
        for (_, row) in held_out {
            parts[*row] = *part;
        }
        left = others;
    }
}

fn by_group(of_row: &[u32], names: &[String], split: &Split) -> Result<Vec<Part>, Fault> {
    let shares = shares(split);
    if names.len() <= shares.len() {
        let (groups, needed) = (counted(names.len(), "group"), shares.len() + 1);
        let message = format!("{groups} cannot be split into {needed} parts, each with groups of its own");
        return Err(impossible(message, "add rows of other groups, or hold out fewer parts"));
    }
    let mut sizes = vec![0_usize; names.len()];
    for group in of_row {
        sizes[*group as usize] += 1;
    }
    // The order depends on the names alone, so that a group stays where it is while its rows change.
    let digest = |name: &String| mixed(split.seed, first_bytes(Sha256::new_with_prefix(name)));
    let mut left: Vec<usize> = (0..names.len()).collect();
    left.sort_by_key(|group| (digest(&names[*group]), names[*group].clone()));
    let mut part_of = vec![Part::Train; names.len()];
    for (place, (part, share)) in shares.iter().enumerate() {
        let rows: usize = left.iter().map(|group| sizes[*group]).sum();
        let wanted = rounded(rows, *share).max(1);
        let most = left.len() - (shares.len() - place);
        let (mut taken, mut groups) = (0, Vec::new());
        for group in &left {
            if taken + sizes[*group] <= wanted && groups.len() < most {
                taken += sizes[*group];
                groups.push(*group);
            }
        }
        if groups.is_empty() {
            groups.extend(left.iter().copied().min_by_key(|group| sizes[*group]));
        }
        for group in &groups {
            part_of[*group] = *part;
        }
        left.retain(|group| !groups.contains(group));
    }
    Ok(of_row.iter().map(|group| part_of[*group as usize]).collect())
}

fn by_time(times: &[f64], split: &Split) -> Result<Vec<Part>, Fault> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut parts = vec![Part::Train; times.len()];
    let mut end = sorted.len();
    for (part, share) in shares(split) {
        let cut = end - rounded(end, share).clamp(1, end.max(1));
        // Rows of one time stay together, with the later part if that leaves earlier rows.
        let begin = sorted[..end].partition_point(|time| *time < sorted[cut]);
        let begin = if begin > 0 { begin } else { sorted[..end].partition_point(|time| *time <= sorted[0]) };
        if begin == end {
            let message = "too few different times: no rows are left to train on".to_owned();
            return Err(impossible(message, "add rows of other times, or hold out smaller shares"));
        }
        let (from, to) = (sorted[begin], sorted[end - 1]);
        for (row, time) in times.iter().enumerate() {
            if (from..=to).contains(time) {
                parts[row] = part;
            }
        }
        end = begin;
    }
    Ok(parts)
}

/// Refuses parts that the rows name if a part that is needed has no row.
fn complete(parts: Vec<Part>, has_test: bool) -> Result<Vec<Part>, Fault> {
    let lacks = |part| !parts.contains(&part);
    let missing = if lacks(Part::Train) {
        "train"
    } else if has_test && lacks(Part::Test) {
        "test"
    } else {
        return Ok(parts);
    };
    let message = format!("no row of the column names the part `{missing}`, expected at least one");
    Err(impossible(message, "the column contains `train`, `validation` or `test` in each row"))
}

/// A number that looks random and depends on the seed and on another number alone: `SplitMix64` (Steele, Lea and Flood, "Fast
/// Splittable Pseudorandom Number Generators", 2014, figure 17).
fn mixed(seed: u32, number: u64) -> u64 {
    let finish = |mut mixed: u64| {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    finish(
        finish(u64::from(seed).wrapping_add(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    )
}

/// A share of a number of rows, rounded to whole rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a row count"
)]
fn rounded(rows: usize, share: f64) -> usize {
    (rows as f64 * share).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(test: f64, validation: f64, seed: u32) -> Split {
        Split { by: None, test: Some(test), validation: Some(validation), seed }
    }

    fn count(parts: &[Part]) -> [usize; 3] {
        [Part::Train, Part::Validation, Part::Test].map(|part| parts.iter().filter(|found| **found == part).count())
    }

    #[test]
    fn random_parts_have_their_shares_and_depend_on_the_seed_alone() {
        let parts = at_random(1_000, &split(0.2, 0.25, 7)).expect("parts");
        assert_eq!(count(&parts), [600, 200, 200]);
        assert_eq!(at_random(1_000, &split(0.2, 0.25, 7)).expect("parts"), parts);
        assert_ne!(at_random(1_000, &split(0.2, 0.25, 8)).expect("parts"), parts);
        assert_eq!(count(&at_random(3, &split(0.01, 0.9, 0)).expect("parts")), [1, 1, 1]);
        assert!(at_random(2, &split(0.2, 0.2, 0)).is_err());
    }

    #[test]
    fn every_class_is_in_every_part_by_its_share() {
        let of_row: Vec<u32> = (0..200).map(|row| u32::from(row % 10 == 0)).collect();
        let names = ["a", "b"].map(str::to_owned);
        let parts = stratified(&of_row, &names, &split(0.2, 0.25, 1)).expect("parts");
        let rare: Vec<Part> =
            parts.iter().zip(&of_row).filter(|(_, class)| **class == 1).map(|(part, _)| *part).collect();
        assert_eq!((count(&parts), count(&rare)), ([120, 40, 40], [12, 4, 4]));
        let fault = stratified(&[0, 0, 0, 1, 1], &names, &split(0.2, 0.2, 1)).expect_err("a fault");
        assert!(fault.message.starts_with("1 of the labels have fewer than 3 rows (`b`)"), "{fault}");
    }

    #[test]
    fn no_group_is_in_two_parts_and_a_group_stays_where_it_is() {
        let names: Vec<String> = (0..40).map(|group| format!("g{group}")).collect();
        let of_row: Vec<u32> = (0..400).map(|row| row % 40).collect();
        let parts = by_group(&of_row, &names, &split(0.2, 0.25, 3)).expect("parts");
        assert_eq!(count(&parts), [240, 80, 80]);
        for group in 0..40 {
            let own: Vec<Part> = (0..400).filter(|row| of_row[*row] == group).map(|row| parts[row]).collect();
            assert!(own.iter().all(|part| *part == own[0]));
        }
        let turned: Vec<u32> = of_row.iter().rev().copied().collect();
        let other = by_group(&turned, &names, &split(0.2, 0.25, 3)).expect("parts");
        assert_eq!(other.iter().rev().copied().collect::<Vec<_>>(), parts);
        assert_eq!(count(&by_group(&[0, 0, 0, 1, 2], &names[..3], &split(0.1, 0.1, 0)).expect("parts"))[1..], [1, 1]);
        let fault = by_group(&[0, 1, 0], &names[..2], &split(0.2, 0.2, 0)).expect_err("a fault");
        assert!(fault.message.starts_with("2 groups cannot be split into 3 parts"), "{fault}");
    }

    #[test]
    fn the_last_rows_are_for_testing_and_rows_of_one_time_stay_together() {
        let times: Vec<f64> = (0..10).rev().map(f64::from).collect();
        let parts = by_time(&times, &split(0.2, 0.25, 0)).expect("parts");
        let expected = [Part::Test, Part::Test, Part::Validation, Part::Validation];
        assert_eq!((&parts[..4], count(&parts)), (&expected[..], [6, 2, 2]));
        let parts = by_time(&[1.0, 2.0, 2.0, 2.0], &split(0.25, 0.0, 0)).expect("parts");
        assert_eq!(parts, [Part::Train, Part::Test, Part::Test, Part::Test]);
        let parts = by_time(&[1.0, 1.0, 1.0, 2.0], &split(0.5, 0.0, 0)).expect("parts");
        assert_eq!(parts, [Part::Train, Part::Train, Part::Train, Part::Test]);
        assert!(by_time(&[1.0, 1.0], &split(0.5, 0.0, 0)).is_err());
        assert!(by_time(&[1.0, 2.0], &split(0.5, 0.5, 0)).is_err());
    }
}
