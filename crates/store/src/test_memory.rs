//! Limits of the stored digests of a model's test rows. Beyond them the oldest digests are removed, but none of the set that was
//! just used.

use sqlx::AnyConnection;

use super::StoreError;
use super::test_sets::NewUse;
use super::written::text;

/// Maximum number of stored rows of a model. Servers of earlier versions have the same limit and count the rows in `test_rows`.
pub(super) const MAX_ROWS: usize = 8_000_000;
/// Maximum number of their other digests. A set with the maximum number of distinguished rows adds at most six million.
pub(super) const MAX_FORMS: usize = 16_000_000;

/// A part and its number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartSize {
    pub(super) part: i64,
    pub(super) rows: usize,
}

/// Other digests that were stored together: their number, part and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormSize {
    pub(super) number: i64,
    pub(super) part: i64,
    pub(super) digests: usize,
}

/// The stored digests of a model, in the order of insertion.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) parts: Vec<PartSize>,
    pub(super) forms: Vec<FormSize>,
}

/// Numbers of parts, and of other digests, to remove.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forgotten {
    parts: Vec<i64>,
    forms: Vec<i64>,
}

impl Remembered {
    /// Removes the oldest rows and other digests, after `added` of each were inserted for a set with the parts `used`.
    pub(super) async fn forget(
        &self,
        connection: &mut AnyConnection,
        new: &NewUse<'_>,
        added: (usize, usize),
        used: &[i64],
    ) -> Result<(), StoreError> {
        let Forgotten { parts, forms } = self.beyond((MAX_ROWS, MAX_FORMS), added, used);
        let of_parts = "DELETE FROM test_rows WHERE source = $1 AND model = $2 AND part = $3";
        let of_forms = "DELETE FROM test_row_forms WHERE source = $1 AND model = $2 AND number = $3";
        for (delete, numbers) in [(of_parts, parts), (of_forms, forms)] {
            for number in numbers {
                let delete = sqlx::query(delete).bind(new.source.as_str().to_owned()).bind(text(new.model));
                delete.bind(number).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    /// The digests beyond both limits. Other digests of a removed part are removed with it; after that, those of parts that the
    /// set does not contain are removed first.
    fn beyond(&self, most: (usize, usize), added: (usize, usize), used: &[i64]) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let mut rows = self.parts.iter().map(|part| part.rows).sum::<usize>() + added.0;
        for PartSize { part, rows: of_part } in self.parts.iter().filter(|part| !used.contains(&part.part)) {
            if rows <= most.0 {
                break;
            }
            rows -= of_part;
            forgotten.parts.push(*part);
        }
        let (gone, left): (Vec<FormSize>, Vec<FormSize>) =
            self.forms.iter().partition(|form| forgotten.parts.contains(&form.part));
        forgotten.forms.extend(gone.iter().map(|form| form.number));
        let mut digests = left.iter().map(|form| form.digests).sum::<usize>() + added.1;
        let (used, others): (Vec<FormSize>, Vec<FormSize>) =
            left.into_iter().partition(|form| used.contains(&form.part));
        for FormSize { number, digests: of_form, .. } in others.into_iter().chain(used) {
            if digests <= most.1 {
                break;
            }
            digests -= of_form;
            forgotten.forms.push(number);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(parts: &[(i64, usize)], forms: &[(i64, i64, usize)]) -> Remembered {
        Remembered {
            parts: parts.iter().map(|(part, rows)| PartSize { part: *part, rows: *rows }).collect(),
            forms: forms
                .iter()
                .map(|(number, part, digests)| FormSize { number: *number, part: *part, digests: *digests })
                .collect(),
        }
    }

    #[test]
    fn the_oldest_parts_are_forgotten_with_their_other_digests_and_none_of_the_set() {
        let all = remembered(&[(1, 40), (2, 30), (3, 30)], &[(1, 1, 5), (2, 2, 5), (3, 3, 5)]);
        assert_eq!(all.beyond((100, 100), (0, 0), &[]), Forgotten::default(), "as many as there may be");
        assert_eq!(all.beyond((100, 100), (1, 0), &[9]), Forgotten { parts: vec![1], forms: vec![1] });
        assert_eq!(all.beyond((100, 100), (1, 0), &[1, 9]), Forgotten { parts: vec![2], forms: vec![2] });
        assert_eq!(all.beyond((10, 100), (1, 0), &[1, 2, 3]), Forgotten::default());
    }

    #[test]
    fn of_other_digests_those_of_other_parts_are_forgotten_first_and_then_the_oldest_of_the_same() {
        let all = remembered(&[(1, 1), (2, 1)], &[(1, 1, 40), (2, 2, 30), (3, 1, 30)]);
        let forms = |added, used: &[i64]| all.beyond((100, 100), (0, added), used).forms;
        assert_eq!(forms(0, &[1]), [0; 0]);
        assert_eq!(forms(30, &[1]), [2]);
        assert_eq!(forms(31, &[1]), [2, 1]);
        assert_eq!(forms(100, &[1, 2]), [1, 2, 3], "what was added is no part of these");
    }
}
