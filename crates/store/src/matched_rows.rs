//! Matching of a test set's rows with stored digests: the part of each row, and the digests that are not stored yet.

use super::test_sets::Alike;

/// Number of bytes in a row's digest.
pub(super) const DIGEST_BYTES: usize = 8;

/// Digests as stored: the number of their part, and the packed digests in ascending order.
pub(super) type Stored = (i64, Vec<u8>);

/// The parts of the rows of a set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// The parts in the order of their first rows; `None` is a new part, for rows that are not stored.
    pub(super) parts: Vec<Option<i64>>,
    /// The part of each row, as an index into `parts`.
    pub(super) of_row: Vec<u32>,
}

impl Matched {
    /// Finds the part of each row, by its own digest or else by a digest that it shares with a row of another form. `stored` is
    /// in the order of parts: if several parts contain a digest, the oldest one counts.
    pub(super) fn of(stored: &[Stored], rows: &[u64], alike: &Alike) -> Self {
        let mut found: Vec<Option<i64>> = vec![None; rows.len()];
        // The most specific digests come first. The less specific ones are used only for rows that no other digest finds.
        for digests in std::iter::once(rows).chain(alike.kept.iter().chain(&alike.sought).map(Vec::as_slice)) {
            find(stored, digests, &mut found);
        }
        Self::in_order(found)
    }

    /// Returns the same result with a part for the rows that have none.
    pub(super) fn or(self, part: i64) -> Self {
        let of_row = self.of_row.iter().map(|place| self.parts[*place as usize].or(Some(part)));
        Self::in_order(of_row.collect())
    }

    fn in_order(found: Vec<Option<i64>>) -> Self {
        let (mut parts, mut of_row) = (Vec::new(), Vec::with_capacity(found.len()));
        for part in found {
            let place = parts.iter().position(|known| *known == part).unwrap_or_else(|| {
                parts.push(part);
                parts.len() - 1
            });
            of_row.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        Self { parts, of_row }
    }

    /// The packed digests of the rows that are not stored, in ascending order; `None` if all are stored.
    pub(super) fn unseen(&self, rows: &[u64]) -> Option<Vec<u8>> {
        let place = self.parts.iter().position(Option::is_none)?;
        let unseen = rows.iter().zip(&self.of_row).filter(|(_, of)| **of as usize == place);
        Some(packed(unseen.map(|(digest, _)| *digest).collect()))
    }

    /// For each part the packed digests of its rows that are not stored, in ascending order. A row that was found by a shared
    /// digest has further digests of its own, which are needed to find it after another change. For a new part the rows' own
    /// digests are stored with the part.
    pub(super) fn forms(&self, stored: &[Stored], rows: &[u64], alike: &Alike) -> Vec<Vec<u8>> {
        let mut forms: Vec<Vec<u64>> = vec![Vec::new(); self.parts.len()];
        let lists = std::iter::once(rows).chain(alike.kept.iter().map(Vec::as_slice));
        for (list, digests) in lists.enumerate() {
            let mut is_stored = vec![false; self.of_row.len()];
            visit(stored, &in_rising_order(digests), |_, row| {
                if let Some(is_stored) = is_stored.get_mut(row as usize) {
                    *is_stored = true;
                }
            });
            for ((digest, place), is_stored) in digests.iter().zip(&self.of_row).zip(is_stored) {
                let is_with_part = list == 0 && self.parts[*place as usize].is_none();
                if !is_stored && !is_with_part {
                    forms[*place as usize].push(*digest);
                }
            }
        }
        forms.into_iter().map(packed).collect()
    }
}

/// Finds the parts of the rows that have none yet.
fn find(stored: &[Stored], digests: &[u64], found: &mut [Option<i64>]) {
    let mut missing = in_rising_order(digests);
    missing.retain(|(_, row)| found.get(*row as usize) == Some(&None));
    visit(stored, &missing, |part, row| {
        found[row as usize].get_or_insert(part);
    });
}

/// Each digest with the number of its row.
fn in_rising_order(digests: &[u64]) -> Vec<(u64, u32)> {
    let mut sorted: Vec<(u64, u32)> = digests.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted
}

/// Calls `show` for each row whose digest is stored, with its part. Both sides are sorted, so one pass over the stored digests
/// suffices.
fn visit(stored: &[Stored], rows: &[(u64, u32)], mut show: impl FnMut(i64, u32)) {
    for (part, digests) in stored {
        let mut rest = rows;
        for digest in digests.chunks_exact(DIGEST_BYTES).map(unpacked) {
            if rest.is_empty() {
                break;
            }
            rest = &rest[before(rest, digest)..];
            let same = rest.iter().take_while(|(row, _)| *row == digest).count();
            for (_, row) in &rest[..same] {
                show(*part, *row);
            }
            rest = &rest[same..];
        }
    }
}

/// Number of rows below a digest. The search doubles its step: the next row is near if most rows match, and far if a part
/// contains few of the rows.
fn before(rows: &[(u64, u32)], digest: u64) -> usize {
    let mut step = 1;
    while rows.get(step).is_some_and(|(row, _)| *row < digest) {
        step *= 2;
    }
    rows[..rows.len().min(step + 1)].partition_point(|(row, _)| *row < digest)
}

fn packed(mut digests: Vec<u64>) -> Vec<u8> {
    digests.sort_unstable();
    digests.dedup();
    digests.into_iter().flat_map(u64::to_be_bytes).collect()
}

fn unpacked(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(digests: impl IntoIterator<Item = u64>) -> Vec<u8> {
        super::packed(digests.into_iter().collect())
    }

    #[test]
    fn each_row_is_found_in_its_part_and_those_that_are_new_are_one_more() {
        let stored = [(3, packed([0, 5, u64::MAX])), (7, packed([2, 9])), (8, Vec::new())];
        let rows = [9, 4, u64::MAX, 4, 0, 1, 2];
        let matched = Matched::of(&stored, &rows, &Alike::default());
        assert_eq!(matched.parts, [Some(7), None, Some(3)]);
        assert_eq!(matched.of_row, [0, 1, 2, 1, 2, 1, 0]);
        assert_eq!(matched.unseen(&rows), Some(packed([1, 4])));
        let old = Matched::of(&stored, &[2, 9], &Alike::default());
        assert_eq!((old.unseen(&[2, 9]), old.parts, old.of_row), (None, vec![Some(7)], vec![0, 0]));
    }

    #[test]
    fn rows_without_a_part_are_given_one() {
        let matched = Matched::of(&[(7, packed([2, 9]))], &[2, 5, 9], &Alike::default()).or(3);
        assert_eq!((matched.parts, matched.of_row), (vec![Some(7), Some(3)], vec![0, 1, 0]));
    }

    #[test]
    fn parts_far_larger_and_far_smaller_than_a_set_are_gone_through() {
        let stored = [(1, packed((0..10_000).map(|row| row * 2))), (2, packed([1, 19_999]))];
        let rows: Vec<u64> = (0..20_000).rev().collect();
        let matched = Matched::of(&stored, &rows, &Alike::default());
        assert_eq!(matched.parts, [Some(2), Some(1), None]);
        let of_part = |part| matched.of_row.iter().filter(|place| **place == part).count();
        assert_eq!([0, 1, 2].map(of_part), [2, 10_000, 9_998]);
        let few = Matched::of(&stored, &[19_998, 19_999, 6], &Alike::default());
        assert_eq!((few.parts, few.of_row), (vec![Some(1), Some(2)], vec![0, 1, 0]));
    }

    #[test]
    fn of_several_parts_that_have_a_digest_the_oldest_counts() {
        let stored = [(1, packed([4])), (2, packed([4, 5])), (3, packed([5]))];
        let matched = Matched::of(&stored, &[5, 4], &Alike::default());
        assert_eq!(matched.parts, [Some(2), Some(1)]);
    }

    #[test]
    fn a_row_that_is_written_otherwise_is_found_by_what_it_shares_and_its_other_digests_are_to_be_stored() {
        let stored = [(3, packed([10])), (3, packed([20, 30, 40]))];
        let alike = Alike { kept: vec![vec![20, 50], vec![21, 60]], sought: vec![vec![99, 98]] };
        let rows = [11, 12];
        let matched = Matched::of(&stored, &rows, &alike);
        assert_eq!((&matched.parts, &matched.of_row), (&vec![Some(3), None], &vec![0, 1]));
        assert_eq!(matched.unseen(&rows), Some(packed([12])));
        let forms = matched.forms(&stored, &rows, &alike);
        assert_eq!(forms, [packed([11, 21]), packed([50, 60])], "what is only sought is not stored");

        let sought = Alike { kept: Vec::new(), sought: vec![vec![99, 98], vec![40, 97]] };
        let matched = Matched::of(&stored, &rows, &sought);
        assert_eq!(matched.parts, [Some(3), None]);
        assert_eq!(matched.forms(&stored, &rows, &sought), [packed([11]), Vec::new()]);
    }
}
