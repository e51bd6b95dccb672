//! The parts that a test set's rows belong to. Millions of rows are loaded and lined up before the write lock is taken; under it
//! is only seen whether that still holds, and what is new is added.

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::database::millis;
use super::test_sets::{Alike, NewUse};
use super::written::text;
use super::{Store, StoreError};

/// Digests of rows of a model that are remembered, three a row of a table; the oldest parts beyond them are forgotten.
const MOST_ROWS: usize = 24_000_000;

/// Bytes of a row's digest.
const ROW_BYTES: usize = 8;

/// A part as it is stored: its number, and its rows in rising order, packed.
type Stored = (i64, Vec<u8>);

/// Where the rows of a set belong, as far as was known when it was looked up.
#[derive(Debug)]
pub(super) struct Look {
    /// The parts of the set, where it is known.
    known: Vec<i64>,
    /// All parts of the model and how many rows they have, where a set that is not known was compared with them.
    seen: Option<Vec<(i64, usize)>>,
    /// Rows that were never seen, packed and in rising order: a part of their own.
    fresh: Option<Vec<u8>>,
    /// The parts that the rows belong to in the order of their first rows; none is what `fresh` becomes.
    parts: Vec<Option<i64>>,
    /// The part of each row, as an index into `parts`; empty if all belong to the first.
    of_row: Vec<u32>,
}

impl Store {
    /// Looks up where the rows of a set belong. Changes nothing.
    pub(super) async fn look_up_rows(&self, new: &NewUse<'_>) -> Result<Look, StoreError> {
        let mut connection = self.database.pool.acquire().await?;
        let known = known_parts(&mut connection, new).await?;
        if known.len() == 1 || (new.rows.is_empty() && !known.is_empty()) {
            let parts = known.iter().copied().map(Some).collect();
            return Ok(Look { known, seen: None, fresh: None, parts, of_row: Vec::new() });
        }
        let stored = stored_parts(&mut connection, new).await?;
        drop(connection);
        let (rows, alike) = (new.rows.to_vec(), new.alike.clone());
        let lined_up = tokio::task::spawn_blocking(move || line_up(known, &stored, &rows, &alike));
        lined_up.await.map_err(|error| StoreError::Unreadable(format!("rows of a test set: {error}")))
    }
}

impl Look {
    /// Adds what is new under the write lock, and answers the parts of the set; nothing if others have added or forgotten rows
    /// since, so that it has to be looked up again.
    pub(super) async fn settle(
        &self,
        connection: &mut AnyConnection,
        new: &NewUse<'_>,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        if known_parts(connection, new).await? != self.known {
            return Ok(None);
        }
        let Some(seen) = &self.seen else {
            return Ok(Some(self.parts.iter().flatten().copied().collect()));
        };
        // A part never changes and no number is given twice: the same numbers are the same rows.
        if !part_numbers(connection, new).await?.iter().eq(seen.iter().map(|(number, _)| number)) {
            return Ok(None);
        }
        let mut number = 0;
        if let Some(fresh) = &self.fresh {
            number = next_part(connection, new).await?;
            insert_part(connection, new, number, fresh).await?;
        }
        let parts: Vec<i64> = self.parts.iter().map(|part| part.unwrap_or(number)).collect();
        for part in &parts {
            let insert = "INSERT INTO test_set_parts (source, model, digest, part) VALUES ($1, $2, $3, $4)
                          ON CONFLICT (source, model, digest, part) DO NOTHING";
            let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model));
            insert.bind(new.set.to_string()).bind(*part).execute(&mut *connection).await?;
        }
        let added = self.fresh.as_ref().map_or(0, Vec::len) / ROW_BYTES;
        forget(connection, new, seen, added, &parts).await?;
        Ok(Some(parts))
    }

    /// The part of each row, as an index into the parts of the set; empty if all belong to the first.
    pub(super) fn into_of_row(self) -> Vec<u32> {
        self.of_row
    }
}

/// Finds the part of each row, by its own digest or else by one that it shares with a row that was written otherwise.
fn line_up(known: Vec<i64>, stored: &[Stored], rows: &[u64], alike: &Alike) -> Look {
    let mut found: Vec<Option<i64>> = vec![None; rows.len()];
    // The digests that say most first: those by which a row is only taken for another are for rows that no other finds.
    for digests in std::iter::once(rows).chain(alike.kept.iter().chain(&alike.sought).map(Vec::as_slice)) {
        find(stored, digests, &mut found);
    }

    let (mut fresh, mut seen) = (None, None);
    if known.is_empty() {
        seen = Some(stored.iter().map(|(number, hashes)| (*number, hashes.len() / ROW_BYTES)).collect());
        let digests = std::iter::once(rows).chain(alike.kept.iter().map(Vec::as_slice));
        let unseen = digests.flat_map(|digests| digests.iter().zip(&found).filter(|(_, part)| part.is_none()));
        let mut unseen: Vec<u64> = unseen.map(|(hash, _)| *hash).collect();
        unseen.sort_unstable();
        unseen.dedup();
        // A set whose rows are not told apart is a part without rows.
        let is_part = !unseen.is_empty() || rows.is_empty();
        fresh = is_part.then(|| unseen.iter().flat_map(|hash| hash.to_be_bytes()).collect());
    } else {
        // Rows that were forgotten since were in the oldest part.
        for part in &mut found {
            *part = part.or(known.first().copied());
        }
    }
    let (mut parts, mut of_row) = (Vec::new(), Vec::with_capacity(rows.len()));
    for part in found {
        let place = parts.iter().position(|known| *known == part).unwrap_or_else(|| {
            parts.push(part);
            parts.len() - 1
        });
        of_row.push(u32::try_from(place).unwrap_or(u32::MAX));
    }
    if parts.is_empty() {
        parts.push(None);
    }
    Look { known, seen, fresh, parts, of_row }
}

/// Finds the parts of those rows that have none yet. Both sides are sorted, so that each part is gone through once.
fn find(stored: &[Stored], rows: &[u64], found: &mut [Option<i64>]) {
    let missing = rows.iter().copied().zip(0_u32..).filter(|(_, row)| found.get(*row as usize) == Some(&None));
    let mut sorted: Vec<(u64, u32)> = missing.collect();
    sorted.sort_unstable();
    for (number, hashes) in stored {
        let mut rest = sorted.as_slice();
        for hash in hashes.chunks_exact(ROW_BYTES).map(unpacked) {
            rest = &rest[before(rest, hash)..];
            let same = rest.iter().take_while(|(row, _)| *row == hash).count();
            for (_, row) in &rest[..same] {
                found[*row as usize] = Some(*number);
            }
            rest = &rest[same..];
            if rest.is_empty() {
                break;
            }
        }
    }
}

/// How many of the rows are below a hash. Looks ahead in growing steps: the next one is near where much is the same, and far
/// where a part has few of the rows.
fn before(rows: &[(u64, u32)], hash: u64) -> usize {
    let mut step = 1;
    while rows.get(step).is_some_and(|(row, _)| *row < hash) {
        step *= 2;
    }
    rows[..rows.len().min(step + 1)].partition_point(|(row, _)| *row < hash)
}

fn unpacked(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

async fn known_parts(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT part FROM test_set_parts WHERE source = $1 AND model = $2 AND digest = $3 ORDER BY part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(new.set.to_string());
    rows.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("part")?)).collect()
}

async fn part_numbers(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT part FROM test_rows WHERE source = $1 AND model = $2 ORDER BY part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    rows.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("part")?)).collect()
}

async fn stored_parts(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<Stored>, StoreError> {
    let select = "SELECT part, hashes FROM test_rows WHERE source = $1 AND model = $2 ORDER BY part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let rows = rows.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("part")?, row.try_get("hashes")?))).collect()
}

/// A number that no part of the model ever had, those that were forgotten among them.
async fn next_part(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<i64, StoreError> {
    let select = "SELECT COALESCE(MAX(part), 0) + 1 AS next FROM (
                      SELECT part FROM test_rows WHERE source = $1 AND model = $2
                      UNION ALL SELECT part FROM test_set_parts WHERE source = $1 AND model = $2) AS parts";
    let row = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    Ok(row.fetch_one(connection).await?.try_get("next")?)
}

async fn insert_part(
    connection: &mut AnyConnection,
    new: &NewUse<'_>,
    number: i64,
    hashes: &[u8],
) -> Result<(), StoreError> {
    let insert = "INSERT INTO test_rows (source, model, part, hashes, at) VALUES ($1, $2, $3, $4, $5)";
    let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(number);
    insert.bind(hashes.to_vec()).bind(millis(Timestamp::now())).execute(connection).await?;
    Ok(())
}

/// Forgets the oldest parts that the set has no rows of, until no more rows than are remembered are left.
async fn forget(
    connection: &mut AnyConnection,
    new: &NewUse<'_>,
    stored: &[(i64, usize)],
    added: usize,
    used: &[i64],
) -> Result<(), StoreError> {
    let mut rows = stored.iter().map(|(_, rows)| rows).sum::<usize>() + added;
    for (part, forgotten) in stored.iter().filter(|(part, _)| !used.contains(part)) {
        if rows <= MOST_ROWS {
            return Ok(());
        }
        rows -= forgotten;
        let delete = "DELETE FROM test_rows WHERE source = $1 AND model = $2 AND part = $3";
        let delete = sqlx::query(delete).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(*part);
        delete.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(hashes: impl IntoIterator<Item = u64>) -> Vec<u8> {
        hashes.into_iter().flat_map(u64::to_be_bytes).collect()
    }

    #[test]
    fn each_row_is_found_in_its_part_and_those_that_are_new_are_one_more() {
        let stored = [(3, packed([0, 5, u64::MAX])), (7, packed([2, 9])), (8, Vec::new())];
        let look = line_up(Vec::new(), &stored, &[9, 4, u64::MAX, 4, 0, 1, 2], &Alike::default());
        assert_eq!((look.parts, look.of_row), (vec![Some(7), None, Some(3)], vec![0, 1, 2, 1, 2, 1, 0]));
        assert_eq!((look.fresh, look.seen), (Some(packed([1, 4])), Some(vec![(3, 3), (7, 2), (8, 0)])));
        let old = line_up(Vec::new(), &stored, &[2, 9], &Alike::default());
        assert_eq!((old.parts, old.of_row, old.fresh), (vec![Some(7)], vec![0, 0], None));
    }

    #[test]
    fn rows_that_were_forgotten_are_as_old_as_the_oldest_of_their_set() {
        let look = line_up(vec![3, 7], &[(7, packed([2, 9]))], &[2, 5, 9], &Alike::default());
        assert_eq!((look.parts, look.of_row, look.fresh), (vec![Some(7), Some(3)], vec![0, 1, 0], None));
    }

    #[test]
    fn parts_far_larger_and_far_smaller_than_a_set_are_gone_through() {
        let stored = [(1, packed((0..10_000).map(|row| row * 2))), (2, packed([1, 19_999]))];
        let rows: Vec<u64> = (0..20_000).rev().collect();
        let look = line_up(Vec::new(), &stored, &rows, &Alike::default());
        assert_eq!(look.parts, [Some(2), Some(1), None]);
        let of_part = |part| look.of_row.iter().filter(|place| **place == part).count();
        assert_eq!([0, 1, 2].map(of_part), [2, 10_000, 9_998]);
        let few = line_up(Vec::new(), &stored, &[19_998, 19_999, 6], &Alike::default());
        assert_eq!((few.parts, few.of_row), (vec![Some(1), Some(2)], vec![0, 1, 0]));
    }

    #[test]
    fn a_row_that_is_written_otherwise_is_found_by_what_it_shares_and_new_rows_keep_all_of_their_digests() {
        let stored = [(3, packed([10, 20, 30, 40]))];
        let alike = Alike { kept: vec![vec![20, 50], vec![21, 60]], sought: vec![vec![99, 98]] };
        let look = line_up(Vec::new(), &stored, &[11, 12], &alike);
        assert_eq!((look.parts, look.of_row), (vec![Some(3), None], vec![0, 1]));
        assert_eq!(look.fresh, Some(packed([12, 50, 60])), "what is only sought is not kept");
        let sought = Alike { kept: Vec::new(), sought: vec![vec![99, 98], vec![40, 97]] };
        let look = line_up(Vec::new(), &stored, &[11, 12], &sought);
        assert_eq!((look.parts, look.fresh), (vec![Some(3), None], Some(packed([12]))));
    }
}
