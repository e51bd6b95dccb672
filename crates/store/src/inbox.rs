//! Storage of deliveries: many senders share a commit, and each is answered only after its own commit.

use lz4_flex::block::{compress_prepend_size, decompress};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Row as _};

use super::database::{Database, in_steps, millis, places, stored};
use super::group_commit::Write;
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{Delivery, Receipt};

/// Bodies shorter than this number of bytes are not compressed.
const WORTH_PACKING: usize = 256;
/// The most deliveries that are one statement, whatever their number: most batches are no larger.
const ONE_STATEMENT: usize = 16;
/// Number of columns of an inserted delivery.
const COLUMNS: usize = 8;
/// The largest accepted size of a decompressed body; no larger body was ever stored.
const MAX_BODY_BYTES: usize = 1 << 30;

/// A delivery as inserted.
pub(super) struct Arrival {
    source: String,
    id: String,
    event: String,
    headers: String,
    encoding: &'static str,
    body: Vec<u8>,
    received_at: i64,
}

impl Write for Arrival {
    type Answer = Receipt;

    fn rows(&self) -> usize {
        1
    }

    async fn commit(database: &Database, together: &[Self]) -> Result<Vec<Receipt>, StoreError> {
        let fresh = commit(database, together).await?;
        Ok(fresh.into_iter().map(|fresh| if fresh { Receipt::Stored } else { Receipt::Duplicate }).collect())
    }
}

impl Store {
    /// Stores a delivery on disk before it returns.
    pub async fn record_delivery(&self, delivery: &Delivery) -> Result<Receipt, StoreError> {
        let (encoding, body) = pack(&delivery.body);
        let arrival = Arrival {
            source: delivery.source.as_str().to_owned(),
            id: text(&*delivery.id),
            event: text(&*delivery.event),
            headers: serde_json::to_string(&delivery.headers).expect("headers are texts"),
            encoding,
            body,
            received_at: millis(delivery.received_at),
        };
        self.inbox.write(arrival).await
    }
}

/// Writes deliveries in one transaction. Returns for each whether it was new.
async fn commit(database: &Database, together: &[Arrival]) -> Result<Vec<bool>, StoreError> {
    let mut fresh = Vec::with_capacity(together.len());
    if together.len() <= ONE_STATEMENT {
        insert(database.autocommit().await?.connection(), together, &mut fresh).await?;
        return Ok(fresh);
    }
    let mut transaction = database.begin().await?;
    for rows in in_steps(together) {
        insert(&mut transaction, rows, &mut fresh).await?;
    }
    transaction.commit().await?;
    Ok(fresh)
}

async fn insert(connection: &mut AnyConnection, rows: &[Arrival], fresh: &mut Vec<bool>) -> Result<(), StoreError> {
    let values: Vec<String> = (0..rows.len()).map(|row| places(row * COLUMNS + 1, COLUMNS)).collect();
    let statement = sqlx::AssertSqlSafe(format!(
        "INSERT INTO deliveries (source, id, event, headers, encoding, body, size, received_at) VALUES {}
         ON CONFLICT (source, id) DO NOTHING RETURNING source, id",
        values.join(", ")
    ));
    let query = rows.iter().fold(sqlx::query(statement), bind);
    let mut written: Vec<(String, String)> = Vec::with_capacity(rows.len());
    for row in query.fetch_all(connection).await? {
        written.push((row.try_get("source")?, row.try_get("id")?));
    }
    for row in rows {
        // Of two equal deliveries in one commit the first is new.
        let place = written.iter().position(|(source, id)| *source == row.source && *id == row.id);
        fresh.push(place.map(|place| written.swap_remove(place)).is_some());
    }
    Ok(())
}

fn bind<'q>(query: Query<'q, Any, AnyArguments>, row: &Arrival) -> Query<'q, Any, AnyArguments> {
    query
        .bind(row.source.clone())
        .bind(row.id.clone())
        .bind(row.event.clone())
        .bind(row.headers.clone())
        .bind(row.encoding)
        .bind(row.body.clone())
        .bind(stored(row.body.len() as u64))
        .bind(row.received_at)
}

/// A body as stored: compressed if that makes it smaller. LZ4 takes a tenth of the time of the signature check, and reduces JSON
/// to a third or a quarter of its size.
fn pack(body: &[u8]) -> (&'static str, Vec<u8>) {
    if body.len() >= WORTH_PACKING {
        let packed = compress_prepend_size(body);
        if packed.len() < body.len() {
            return ("lz4", packed);
        }
    }
    ("plain", body.to_vec())
}

/// The size of a body as it arrived, by what its row states.
pub(super) fn unpacked_bytes(encoding: &str, body: &[u8]) -> usize {
    match body.first_chunk() {
        Some(size) if encoding == "lz4" => usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX),
        _ => body.len(),
    }
}

/// The body as it arrived.
pub(super) fn unpack(encoding: &str, body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let broken = |why: String| StoreError::Unreadable(format!("the body of a delivery: {why}"));
    match encoding {
        "plain" => Ok(body),
        "lz4" => {
            let (size, packed) = body.split_first_chunk().ok_or_else(|| broken("it is truncated".to_owned()))?;
            let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
            if size > MAX_BODY_BYTES {
                return Err(broken(format!("its stated length is {size} bytes, which exceeds the limit")));
            }
            decompress(packed, size).map_err(|error| broken(error.to_string()))
        }
        other => Err(broken(format!("it is compressed with `{other}`, which this Slipway does not know"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_byte_for_byte() {
        let long = br#"{"ref": "refs/heads/main"}"#.repeat(100);
        let noise: Vec<u8> = (0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for body in [Vec::new(), b"{}".to_vec(), long.clone(), noise] {
            let (encoding, packed) = pack(&body);
            assert!(packed.len() <= body.len());
            assert_eq!(unpack(encoding, packed).expect("unpacked"), body);
        }
        assert!(pack(&long).1.len() * 5 < long.len());
    }

    #[test]
    fn a_body_that_lies_about_its_size_is_an_error_and_takes_no_memory() {
        let error = unpack("lz4", vec![0xff; 12]).expect_err("broken");
        assert!(error.to_string().contains("4294967295 bytes"), "{error}");
        assert!(unpack("lz4", vec![1]).is_err());
        assert!(unpack("brotli", Vec::new()).is_err());
    }
}
