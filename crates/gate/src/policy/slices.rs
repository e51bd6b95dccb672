//! Cuts rows into the slices that a check judges one by one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use slipway_contract::metrics::{Attribute, PREDICTION, View, Wanted, rows_meeting};

use crate::evaluation::{Evaluation, listed};

/// The most slices of a check. Each is measured, and each makes the others harder to pass.
const MAX_SLICES: usize = 1_000;

/// How a check cuts the rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slicing {
    /// One slice for every combination of values of these columns.
    By {
        /// The columns.
        columns: Vec<String>,
        /// A slice with fewer rows than this is undecided.
        minimum_rows: u64,
    },
    /// One slice: the rows that meet a condition.
    Where {
        /// The condition's name, if it has one.
        name: Option<String>,
        /// Each column with its values.
        values: BTreeMap<String, Vec<String>>,
        /// A slice with fewer rows than this is undecided.
        minimum_rows: u64,
    },
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    /// Its name as a phrase, such as ``label `shirt` ``.
    pub(super) name: String,
    /// The indexes of its rows.
    pub(super) rows: Vec<u32>,
}

impl Slicing {
    /// The columns that it needs.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        let (by, conditions) = match self {
            Self::By { columns, .. } => (columns.as_slice(), None),
            Self::Where { values, .. } => (&[][..], Some(values)),
        };
        by.iter().chain(conditions.into_iter().flat_map(BTreeMap::keys)).map(String::as_str)
    }

    /// The classes in its condition, as labels or as predictions.
    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        let conditions = match self {
            Self::By { .. } => None,
            Self::Where { values, .. } => Some(values),
        };
        let of_classes = ["label", PREDICTION].into_iter().filter_map(move |column| conditions?.get(column));
        of_classes.flatten().map(String::as_str)
    }

    /// The fewest rows at which a slice is decided.
    pub(super) fn minimum_rows(&self) -> u64 {
        match self {
            Self::By { minimum_rows, .. } | Self::Where { minimum_rows, .. } => *minimum_rows,
        }
    }

    /// Describes the cut as a phrase.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::By { columns, .. } => format!("by {}", columns.join(" and ")),
            Self::Where { name, values, .. } => name.clone().unwrap_or_else(|| condition(values)),
        }
    }

    /// The slices of an evaluation in a fixed order, or why there are none.
    pub(super) fn cut(&self, evaluation: &Evaluation) -> Result<Vec<Slice>, String> {
        match self {
            Self::By { columns, .. } => by_values(evaluation, columns),
            Self::Where { name, values, .. } => Ok(vec![meeting(evaluation, name.as_deref(), values)?]),
        }
    }
}

fn condition<'values>(values: impl IntoIterator<Item = (&'values String, &'values Vec<String>)>) -> String {
    let of_column = |(column, values): (&String, &Vec<String>)| format!("{column} `{}`", values.join("` or `"));
    values.into_iter().map(of_column).collect::<Vec<_>>().join(" and ")
}

/// A column that rows can be grouped by. Labels and predicted classes are columns too.
pub(super) fn attribute<'evaluation>(
    evaluation: &'evaluation Evaluation,
    column: &str,
) -> Result<Cow<'evaluation, Attribute>, String> {
    if let Some(attribute) = evaluation.attributes.get(column) {
        return Ok(Cow::Borrowed(attribute));
    }
    match (evaluation.table.view(), column) {
        (View::Classes(table), "label") => {
            Ok(Cow::Owned(Attribute { values: table.classes.clone(), of_row: table.labels.clone() }))
        }
        (View::Classes(table), "prediction") => {
            Ok(Cow::Owned(Attribute { values: table.classes.clone(), of_row: table.predictions.clone() }))
        }
        _ => Err(format!("the predictions have no column `{column}`")),
    }
}

fn by_values(evaluation: &Evaluation, columns: &[String]) -> Result<Vec<Slice>, String> {
    let attributes = columns.iter().map(|column| attribute(evaluation, column)).collect::<Result<Vec<_>, String>>()?;
    let mut places: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut slices: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
    let too_many = || format!("{} have more than {MAX_SLICES} values together", columns.join(" and "));
    if let [attribute] = attributes.as_slice() {
        if attribute.values.len() > MAX_SLICES {
            return Err(too_many());
        }
        // For a single column every known value is a slice, even one without rows.
        for value in 0..u32::try_from(attribute.values.len()).unwrap_or(u32::MAX) {
            places.insert(vec![value], slices.len());
            slices.push((vec![value], Vec::new()));
        }
    }
    let mut key = Vec::with_capacity(attributes.len());
    for row in 0..u32::try_from(evaluation.table.len()).unwrap_or(u32::MAX) {
        key.clear();
        key.extend(attributes.iter().map(|attribute| attribute.of_row[row as usize]));
        let place = if let Some(place) = places.get(&key) {
            *place
        } else {
            if slices.len() == MAX_SLICES {
                return Err(too_many());
            }
            places.insert(key.clone(), slices.len());
            slices.push((key.clone(), Vec::new()));
            slices.len() - 1
        };
        slices[place].1.push(row);
    }
    let name = |key: &[u32]| {
        let values = key.iter().zip(&attributes).zip(columns);
        let describe =
            values.map(|((value, attribute), column)| format!("{column} `{}`", attribute.values[*value as usize]));
        describe.collect::<Vec<_>>().join(" and ")
    };
    let mut slices: Vec<Slice> = slices.into_iter().map(|(key, rows)| Slice { name: name(&key), rows }).collect();
    if attributes.len() > 1 {
        slices.extend(without_rows(columns, &attributes).take(MAX_SLICES));
    }
    Ok(slices)
}

/// A slice without rows for each value that no row has. With several columns only existing combinations are slices, so a class
/// without any row would otherwise go unnoticed.
fn without_rows<'work>(
    columns: &'work [String],
    attributes: &'work [Cow<'work, Attribute>],
) -> impl Iterator<Item = Slice> + 'work {
    columns.iter().zip(attributes).flat_map(|(column, attribute)| {
        let mut occurs = vec![false; attribute.values.len()];
        for value in &attribute.of_row {
            occurs[*value as usize] = true;
        }
        let missing = attribute.values.iter().zip(occurs).filter(|(_, occurs)| !occurs);
        missing.map(move |(value, _)| Slice { name: format!("{column} `{value}`"), rows: Vec::new() })
    })
}

fn meeting(
    evaluation: &Evaluation,
    name: Option<&str>,
    values: &BTreeMap<String, Vec<String>>,
) -> Result<Slice, String> {
    let attributes = values.keys().map(|column| attribute(evaluation, column)).collect::<Result<Vec<_>, String>>()?;
    let wanted = values.iter().zip(&attributes).map(|((column, values), found)| Wanted { column, values, found });
    let (predicted, given): (Vec<Wanted<'_>>, Vec<Wanted<'_>>) = wanted.partition(|wanted| wanted.column == PREDICTION);
    // A value without rows would otherwise pass together with the others. For predictions this is no mistake of the rows, because
    // a model may never predict a class.
    let rows = rows_meeting(&given, evaluation.table.len());
    if rows.is_empty() && !given.is_empty() {
        let of_rows = values.iter().filter(|(column, _)| *column != PREDICTION);
        return Err(format!("no row has {}", condition(of_rows)));
    }
    given.iter().try_for_each(|wanted| all_occur(wanted, &rows))?;
    predicted.iter().try_for_each(|wanted| all_are_classes(wanted, evaluation))?;
    let rows = rows_meeting(&[given, predicted].concat(), evaluation.table.len());
    let name = name.map_or_else(|| condition(values), |name| format!("{name} ({})", condition(values)));
    Ok(Slice { name, rows })
}

/// Rejects values in a condition that none of its rows has.
fn all_occur(wanted: &Wanted<'_>, rows: &[u32]) -> Result<(), String> {
    let missing = wanted.without_rows(rows);
    if missing.is_empty() {
        return Ok(());
    }
    let (column, missing) = (wanted.column, listed(&missing, "or"));
    Err(format!(
        "no row of the condition has {column} {missing}; add test rows that have it, or take it out of the condition"
    ))
}

/// Rejects predictions that no model can make, such as a misspelt class.
fn all_are_classes(wanted: &Wanted<'_>, evaluation: &Evaluation) -> Result<(), String> {
    let View::Classes(table) = evaluation.table.view() else { return Ok(()) };
    let unknown: Vec<&String> = wanted.values.iter().filter(|value| table.class(value).is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!("the model has no class {}; its classes are {}", listed(&unknown, "or"), listed(&table.classes, "and")))
}
