//! Group commit: writes that arrive while one commit is synced go into the next one. Many writes share the cost of a sync, and
//! each is answered only after its own commit.

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::StoreError;
use super::database::Database;

/// Number of writes that can wait for their commit; further callers wait for a free place.
const WAITING: usize = 1024;
/// Maximum number of writes per commit.
const TOGETHER: usize = 256;
/// Maximum number of rows per commit that contains more than one write.
const ROWS: usize = 1_000;

/// A write that shares commits with others of its kind.
pub(super) trait Write: Send + Sync + Sized + 'static {
    /// The answer after the write is on disk.
    type Answer: Send + 'static;

    /// Its number of rows.
    fn rows(&self) -> usize;

    /// Writes all in one transaction, and returns an answer for each, in their order.
    fn commit(
        database: &Database,
        together: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

type Waiting<W> = (W, oneshot::Sender<Result<<W as Write>::Answer, StoreError>>);

/// The queue of writes of one kind.
pub(super) struct GroupCommit<W: Write> {
    waiting: mpsc::Sender<Waiting<W>>,
    _writer: JoinSet<()>,
}

impl<W: Write> GroupCommit<W> {
    /// Starts the writer task, which ends when this value is dropped.
    pub(super) fn start(database: Database) -> Self {
        let (waiting, arrivals) = mpsc::channel(WAITING);
        let mut writer = JoinSet::new();
        writer.spawn(write(database, arrivals));
        Self { waiting, _writer: writer }
    }

    /// Writes, and returns once the write is on disk.
    pub(super) async fn write(&self, what: W) -> Result<W::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.waiting.send((what, answer)).await.map_err(|_| StoreError::Closing)?;
        answered.await.map_err(|_| StoreError::Closing)?
    }
}

/// How many of the first writes fit into a commit: at least one.
fn fitting(rows: impl Iterator<Item = usize>) -> usize {
    let mut so_far = 0_usize;
    let fits = rows.take_while(|rows| {
        so_far = so_far.saturating_add(*rows);
        so_far <= ROWS
    });
    fits.count().max(1)
}

async fn write<W: Write>(database: Database, mut arrivals: mpsc::Receiver<Waiting<W>>) {
    let mut arrived: Vec<Waiting<W>> = Vec::with_capacity(TOGETHER);
    // Writes that did not fit into the last commit come first in the next one.
    while !arrived.is_empty() || arrivals.recv_many(&mut arrived, TOGETHER).await > 0 {
        let count = fitting(arrived.iter().map(|(what, _)| what.rows()));
        let (together, waiting): (Vec<W>, Vec<_>) = arrived.drain(..count).unzip();
        match W::commit(&database, &together).await {
            Ok(answers) => {
                for (waiting, answer) in waiting.into_iter().zip(answers) {
                    let _ = waiting.send(Ok(answer));
                }
            }
            // One row that the database refuses must not prevent the others: each write is retried alone. This does not help if
            // the database is unreachable.
            Err(StoreError::Database(sqlx::Error::Database(_))) if together.len() > 1 => {
                for (what, waiting) in together.iter().zip(waiting) {
                    let alone = W::commit(&database, std::slice::from_ref(what)).await;
                    let answer = alone.and_then(|answers| answers.into_iter().next().ok_or(StoreError::Closing));
                    let _ = waiting.send(answer);
                }
            }
            Err(error) => {
                let reason = error.to_string();
                for waiting in waiting {
                    let _ = waiting.send(Err(StoreError::NotWritten { reason: reason.clone() }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_a_thousand_rows_at_most_but_for_one_write_that_is_larger() {
        assert_eq!(fitting([1; 256].into_iter()), 256);
        assert_eq!(fitting([600, 400, 1].into_iter()), 2);
        assert_eq!(fitting([5_000, 1].into_iter()), 1);
        assert_eq!(fitting([1, 5_000].into_iter()), 1);
        assert_eq!(fitting([usize::MAX, 1].into_iter()), 1);
    }
}
