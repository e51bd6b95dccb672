//! The parts of a test set's rows. Millions of rows are loaded and matched before the write lock is taken. Under the lock the
//! result is only validated, and new rows are inserted.

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::database::millis;
use super::matched_rows::{DIGEST_BYTES, Matched, Stored};
use super::test_memory::{FormSize, PartSize, Remembered};
use super::test_sets::{Alike, NewUse};
use super::written::text;
use super::{Store, StoreError};

/// The result of a lookup of a set's rows.
#[derive(Debug)]
pub(super) struct RowLookup {
    /// The parts of the set, if it is known.
    known: Vec<i64>,
    /// The stored digests of the model, if some are added.
    seen: Option<Remembered>,
    /// New rows, packed and in ascending order; they form a new part.
    fresh: Option<Vec<u8>>,
    /// For each part the digests of its rows that are not stored; `None` if none must be stored.
    forms: Option<Vec<Vec<u8>>>,
    /// The parts of the rows, and the part of each row; empty if all belong to the first part.
    matched: Matched,
}

/// The stored digests of a model: its parts in ascending order, and other digests of their rows with their numbers.
struct Loaded {
    parts: Vec<Stored>,
    forms: Vec<(i64, Stored)>,
}

impl Store {
    /// Looks up the parts of a set's rows without a change of the store.
    pub(super) async fn look_up_rows(&self, new: &NewUse<'_>) -> Result<RowLookup, StoreError> {
        let mut connection = self.database.pool.acquire().await?;
        let known = known_parts(&mut connection, new).await?;
        let has_forms = !new.rows.is_empty() && *new.alike != Alike::default();
        // A known set can have been recorded by a server that stored no other digests of its rows.
        let lacks_forms = has_forms && (known.is_empty() || !forms_are_stored(&mut connection, new).await?);
        if !lacks_forms && (known.len() == 1 || (new.rows.is_empty() && !known.is_empty())) {
            let parts = known.iter().copied().map(Some).collect();
            let matched = Matched { parts, of_row: Vec::new() };
            return Ok(RowLookup { known, seen: None, fresh: None, forms: None, matched });
        }
        let loaded =
            Loaded { parts: parts_of(&mut connection, new).await?, forms: forms_of(&mut connection, new).await? };
        drop(connection);
        let (rows, alike) = (new.rows.to_vec(), new.alike.clone());
        let looked = tokio::task::spawn_blocking(move || RowLookup::of(known, loaded, &rows, &alike, lacks_forms));
        looked.await.map_err(|error| StoreError::Unreadable(format!("rows of a test set: {error}")))
    }
}

impl RowLookup {
    /// Matches the rows with all stored digests. `with_forms` states whether their other digests must be stored.
    fn of(known: Vec<i64>, loaded: Loaded, rows: &[u64], alike: &Alike, with_forms: bool) -> Self {
        let Loaded { parts, forms } = loaded;
        let seen = (known.is_empty() || with_forms).then(|| Remembered {
            parts: parts.iter().map(|(part, rows)| PartSize { part: *part, rows: rows.len() / DIGEST_BYTES }).collect(),
            forms: forms
                .iter()
                .map(|(number, (part, digests))| FormSize {
                    number: *number,
                    part: *part,
                    digests: digests.len() / DIGEST_BYTES,
                })
                .collect(),
        });
        let mut stored = parts;
        stored.extend(forms.into_iter().map(|(_, form)| form));
        stored.sort_by_key(|(part, _)| *part);
        let mut matched = Matched::of(&stored, rows, alike);
        let mut fresh = None;
        if let Some(oldest) = known.first() {
            // Rows that were removed since then belong to the oldest part.
            matched = matched.or(*oldest);
        } else if rows.is_empty() {
            // A set without distinguished rows is a part without rows.
            (matched.parts, fresh) = (vec![None], Some(Vec::new()));
        } else {
            fresh = matched.unseen(rows);
        }
        let forms = with_forms.then(|| matched.forms(&stored, rows, alike));
        Self { known, seen, fresh, forms, matched }
    }

    /// Inserts new rows under the write lock and returns the parts of the set; `None` if another server added or removed rows
    /// since the lookup, which must then be repeated.
    pub(super) async fn store_rows(
        &self,
        connection: &mut AnyConnection,
        new: &NewUse<'_>,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        if known_parts(connection, new).await? != self.known {
            return Ok(None);
        }
        let Some(seen) = &self.seen else {
            return Ok(Some(self.matched.parts.iter().flatten().copied().collect()));
        };
        // The content of a number never changes, and no number is reused.
        let parts = numbers(connection, new, PART_NUMBERS).await?;
        let forms = numbers(connection, new, FORM_NUMBERS).await?;
        if !parts.iter().eq(seen.parts.iter().map(|part| &part.part))
            || !forms.iter().eq(seen.forms.iter().map(|form| &form.number))
        {
            return Ok(None);
        }
        let mut number = 0;
        if let Some(fresh) = &self.fresh {
            number = next_part(connection, new).await?;
            insert_part(connection, new, number, fresh).await?;
        }
        let parts: Vec<i64> = self.matched.parts.iter().map(|part| part.unwrap_or(number)).collect();
        for part in &parts {
            let insert = "INSERT INTO test_set_parts (source, model, digest, part) VALUES ($1, $2, $3, $4)
                          ON CONFLICT (source, model, digest, part) DO NOTHING";
            let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model));
            insert.bind(new.set.to_string()).bind(*part).execute(&mut *connection).await?;
        }
        let added_forms = self.insert_forms(connection, new, &parts).await?;
        let added_rows = self.fresh.as_ref().map_or(0, Vec::len) / DIGEST_BYTES;
        seen.forget(connection, new, (added_rows, added_forms), &parts).await?;
        Ok(Some(parts))
    }

    /// Stores the other digests of the rows, by which a row in another form is found, and returns their number. The entry of the
    /// first part is always inserted: it marks the digests of the set as stored.
    async fn insert_forms(
        &self,
        connection: &mut AnyConnection,
        new: &NewUse<'_>,
        parts: &[i64],
    ) -> Result<usize, StoreError> {
        let Some(forms) = &self.forms else { return Ok(0) };
        let mut added = 0;
        for (place, (part, digests)) in parts.iter().zip(forms).enumerate() {
            if place > 0 && digests.is_empty() {
                continue;
            }
            let number = next_form(connection, new).await?;
            let insert = "INSERT INTO test_row_forms (source, model, number, digest, part, hashes, at)
                          VALUES ($1, $2, $3, $4, $5, $6, $7)";
            let insert = sqlx::query(insert).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(number);
            let insert = insert.bind(new.set.to_string()).bind(*part).bind(digests.clone());
            insert.bind(millis(Timestamp::now())).execute(&mut *connection).await?;
            added += digests.len() / DIGEST_BYTES;
        }
        Ok(added)
    }

    /// The part of each row, as an index into the parts of the set; empty if all belong to the first part.
    pub(super) fn into_of_row(self) -> Vec<u32> {
        self.matched.of_row
    }
}

async fn known_parts(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT part FROM test_set_parts WHERE source = $1 AND model = $2 AND digest = $3 ORDER BY part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(new.set.to_string());
    rows.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("part")?)).collect()
}

/// Whether the other digests of the set's rows are stored.
async fn forms_are_stored(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<bool, StoreError> {
    let select = "SELECT number FROM test_row_forms WHERE source = $1 AND model = $2 AND digest = $3 LIMIT 1";
    let row = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model)).bind(new.set.to_string());
    Ok(row.fetch_optional(connection).await?.is_some())
}

const PART_NUMBERS: &str = "SELECT part AS number FROM test_rows WHERE source = $1 AND model = $2 ORDER BY part";
const FORM_NUMBERS: &str = "SELECT number FROM test_row_forms WHERE source = $1 AND model = $2 ORDER BY number";

async fn numbers(
    connection: &mut AnyConnection,
    new: &NewUse<'_>,
    select: &'static str,
) -> Result<Vec<i64>, StoreError> {
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    rows.fetch_all(connection).await?.iter().map(|row| Ok(row.try_get("number")?)).collect()
}

async fn parts_of(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<Stored>, StoreError> {
    let select = "SELECT part, hashes FROM test_rows WHERE source = $1 AND model = $2 ORDER BY part";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let rows = rows.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("part")?, row.try_get("hashes")?))).collect()
}

async fn forms_of(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<Vec<(i64, Stored)>, StoreError> {
    let select = "SELECT number, part, hashes FROM test_row_forms WHERE source = $1 AND model = $2 ORDER BY number";
    let rows = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    let rows = rows.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("number")?, (row.try_get("part")?, row.try_get("hashes")?)))).collect()
}

/// A number that no part of the model ever had, including removed parts.
async fn next_part(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<i64, StoreError> {
    let select = "SELECT COALESCE(MAX(part), 0) + 1 AS next FROM (
                      SELECT part FROM test_rows WHERE source = $1 AND model = $2
                      UNION ALL SELECT part FROM test_set_parts WHERE source = $1 AND model = $2) AS parts";
    let row = sqlx::query(select).bind(new.source.as_str().to_owned()).bind(text(new.model));
    Ok(row.fetch_one(connection).await?.try_get("next")?)
}

/// A number that no other digests of the model ever had: the latest ones are never removed.
async fn next_form(connection: &mut AnyConnection, new: &NewUse<'_>) -> Result<i64, StoreError> {
    let select = "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM test_row_forms WHERE source = $1 AND model = $2";
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
