//! Finds test rows that are training rows as well. A policy's check `leakage` judges the same share after training.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use slipway_contract::table::{self, Place};
use slipway_contract::{Fault, FaultKind};

use super::Rows;

/// The most pairs of rows that the warning names.
const MAX_NAMED: usize = 3;

/// The warning about test rows that are training rows as well; `None` if there are none. Eight bytes are held for every row, and
/// eight more for every training row.
pub(super) fn warning(training: &Rows, test: &Rows) -> Result<Option<Fault>, Fault> {
    let (of_training, of_test) = (digests(training)?, digests(test)?);
    let mut known = of_training.clone();
    known.sort_unstable();
    let is_known = |digest: &u64| known.binary_search(digest).is_ok();
    let shared: Vec<usize> =
        of_test.iter().enumerate().filter(|(_, digest)| is_known(digest)).map(|(row, _)| row).collect();
    let Some(first) = shared.first() else { return Ok(None) };
    let named: Vec<(usize, usize)> = shared
        .iter()
        .take(MAX_NAMED)
        .filter_map(|row| Some((*row, of_training.iter().position(|digest| *digest == of_test[*row])?)))
        .collect();
    let [is, training_rows] = if shared.len() == 1 { ["is", "a training row"] } else { ["are", "training rows"] };
    let message = format!(
        "{} of {} test rows {is} also {training_rows}: {}{}{}",
        shared.len(),
        test.len(),
        describe(training, test, &named),
        if shared.len() > named.len() { ", …" } else { "" },
        by_chance(&known),
    );
    let fault = match &test.origin {
        Some(origin) => {
            let (place, file) = origin.place(*first);
            table::fault_at(file, place, message).key(&origin.key)
        }
        None => Fault::new(FaultKind::Data, message).key("spec.data.test"),
    };
    let help = "figures on rows that were learnt from are too good: take copied rows out of one of the files; \
                `leakage: {at_most: 0}` in the policy refuses such a model";
    Ok(Some(fault.help(help)))
}

/// A digest of the content of every row.
fn digests(rows: &Rows) -> Result<Vec<u64>, Fault> {
    let mut digests = Vec::with_capacity(rows.len());
    rows.each_content(|label, values, inexact| {
        let mut hasher = DefaultHasher::new();
        (label, inexact).hash(&mut hasher);
        hasher.write(values);
        digests.push(hasher.finish());
    })?;
    Ok(digests)
}

/// Test rows, each with the first training row that equals it. Rows without lines in a file are counted from one.
fn describe(training: &Rows, test: &Rows, pairs: &[(usize, usize)]) -> String {
    let place = |rows: &Rows, row: usize| match &rows.origin {
        Some(origin) => origin.place(row).0,
        None => Place::Row(row as u64 + 1),
    };
    let mut last = None;
    let pairs = pairs.iter().map(|(judged, learnt)| {
        let file = training.origin.as_ref().map(|origin| origin.place(*learnt).1);
        let named = file.filter(|file| last.replace(*file) != Some(*file));
        let named = named.map_or_else(String::new, |file| format!(" of `{file}`"));
        format!("{} is {}{named}", place(test, *judged), place(training, *learnt))
    });
    pairs.collect::<Vec<_>>().join(", ")
}

/// A remark if training rows equal each other as well, from their digests in rising order. Rows of few different values do, and
/// then test rows equal them by chance.
fn by_chance(known: &[u64]) -> String {
    let repeated: usize = known.chunk_by(|one, other| one == other).map(<[u64]>::len).filter(|rows| *rows > 1).sum();
    if repeated == 0 {
        return String::new();
    }
    format!(" ({repeated} of {} training rows equal another training row as well, so it may be chance)", known.len())
}
