//! The repository of each source at its forge, by the permanent identifier that a rename or a move does not change. Also whether
//! pull requests and merge groups contain content of a fork.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::{millis, stored, time_of};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, ForgeId, Repository, SourceName};

/// How the repository of a source became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// From the server's settings.
    Settings,
    /// From the forge's API.
    Api,
    /// From the first delivery under the source's name.
    Delivery,
    /// From a person who accepted it.
    Person,
}

impl Learned {
    /// The name in the store, in the API and for display.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Api => "api",
            Self::Delivery => "delivery",
            Self::Person => "person",
        }
    }

    /// A value that only a newer version knows counts as `Person`.
    fn from_name(word: &str) -> Self {
        [Self::Settings, Self::Api, Self::Delivery].into_iter().find(|one| one.as_str() == word).unwrap_or(Self::Person)
    }
}

/// The repository of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedRepository {
    /// The source.
    pub source: SourceName,
    /// The repository: its identifier and its latest name.
    pub repository: Repository,
    /// How it became known.
    pub learned: Learned,
    /// Time of the record.
    pub at: Timestamp,
    /// Another repository that was found under the source's name and that no person has accepted.
    pub refused: Option<ForgeId>,
    /// The previous repository of the source.
    pub former: Option<ForgeId>,
}

const COLUMNS: &str = "source, id, full_name, learned, at, refused, former";

fn read_id(text: &str) -> Result<ForgeId, StoreError> {
    text.parse().map_err(|error| StoreError::Unreadable(format!("the identifier of a repository: {error}")))
}

fn read(row: &AnyRow) -> Result<PinnedRepository, StoreError> {
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let optional = |column: &str| text(column)?.as_deref().map(read_id).transpose();
    Ok(PinnedRepository {
        source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
        repository: Repository { id: read_id(&row.try_get::<String, _>("id")?)?, full_name: row.try_get("full_name")? },
        learned: Learned::from_name(&row.try_get::<String, _>("learned")?),
        at: time_of(row, "at")?,
        refused: optional("refused")?,
        former: optional("former")?,
    })
}

impl Store {
    /// The repository of a source; `None` if it is not known yet.
    pub async fn repository_of(&self, source: &SourceName) -> Result<Option<PinnedRepository>, StoreError> {
        let select = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM repositories WHERE source = $1"));
        let row = sqlx::query(select).bind(source.as_str().to_owned()).fetch_optional(&self.database.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The sources with this repository.
    pub async fn sources_of_repository(&self, id: &ForgeId) -> Result<Vec<SourceName>, StoreError> {
        let select = sqlx::query("SELECT source FROM repositories WHERE id = $1 ORDER BY source");
        let rows = select.bind(id.as_str().to_owned()).fetch_all(&self.database.pool).await?;
        let name =
            |row: &AnyRow| SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable);
        rows.iter().map(name).collect()
    }

    /// Records the repository of a source, unless one is known. Returns the known one.
    pub async fn pin_repository(
        &self,
        source: &SourceName,
        repository: &Repository,
        learned: Learned,
    ) -> Result<PinnedRepository, StoreError> {
        let insert = "INSERT INTO repositories (source, id, full_name, learned, at) VALUES ($1, $2, $3, $4, $5)
                      ON CONFLICT (source) DO NOTHING";
        sqlx::query(insert)
            .bind(source.as_str().to_owned())
            .bind(repository.id.as_str().to_owned())
            .bind(text(&*repository.full_name))
            .bind(learned.as_str())
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        let known = self.repository_of(source).await?;
        known.ok_or_else(|| StoreError::Unreadable(format!("the repository of `{source}` was removed in the meantime")))
    }

    /// Replaces the repository of a source.
    pub async fn accept_repository(
        &self,
        source: &SourceName,
        repository: &Repository,
        learned: Learned,
    ) -> Result<(), StoreError> {
        let put = "INSERT INTO repositories (source, id, full_name, learned, at) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (source) DO UPDATE SET
                       former = CASE WHEN repositories.id = $2 THEN repositories.former ELSE repositories.id END,
                       id = $2, full_name = $3, learned = $4, at = $5, refused = NULL";
        sqlx::query(put)
            .bind(source.as_str().to_owned())
            .bind(repository.id.as_str().to_owned())
            .bind(text(&*repository.full_name))
            .bind(learned.as_str())
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Records the new name of a source's repository.
    pub async fn rename_repository(&self, source: &SourceName, repository: &Repository) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE repositories SET full_name = $3 WHERE source = $1 AND id = $2");
        let update = update.bind(source.as_str().to_owned()).bind(repository.id.as_str().to_owned());
        update.bind(text(&*repository.full_name)).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Records that another repository was found under the name of a source with the repository `pinned`; `None` clears the
    /// record.
    pub async fn refuse_repository(
        &self,
        source: &SourceName,
        pinned: &ForgeId,
        other: Option<&ForgeId>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE repositories SET refused = $3 WHERE source = $1 AND id = $2");
        let update = update.bind(source.as_str().to_owned()).bind(pinned.as_str().to_owned());
        update.bind(other.map(|other| other.as_str().to_owned())).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Records whether the branch of a pull request is in a fork.
    pub async fn record_pull_request(&self, source: &SourceName, number: u64, fork: bool) -> Result<(), StoreError> {
        let put = "INSERT INTO pull_request_origins (source, change_id, fork) VALUES ($1, $2, $3)
                   ON CONFLICT (source, change_id) DO UPDATE SET fork = $3";
        let put = sqlx::query(put).bind(source.as_str().to_owned()).bind(stored(number)).bind(i64::from(fork));
        put.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Whether the branch of a pull request is in a fork; `None` if no delivery reported it.
    pub async fn is_from_fork(&self, source: &SourceName, number: u64) -> Result<Option<bool>, StoreError> {
        let select = sqlx::query("SELECT fork FROM pull_request_origins WHERE source = $1 AND change_id = $2");
        let select = select.bind(source.as_str().to_owned()).bind(stored(number));
        read_fork(select.fetch_optional(&self.database.pool).await?.as_ref())
    }

    /// Records whether a merge group contains content of a fork. Removes groups that are older than a month.
    pub async fn record_merge_group(
        &self,
        source: &SourceName,
        head: &CommitSha,
        fork: bool,
    ) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let put = "INSERT INTO merge_groups (source, head, fork, at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (source, head) DO UPDATE SET fork = $3, at = $4";
        let put = sqlx::query(put).bind(source.as_str().to_owned()).bind(head.as_str().to_owned());
        put.bind(i64::from(fork)).bind(millis(now)).execute(&self.database.pool).await?;
        let forget = sqlx::query("DELETE FROM merge_groups WHERE source = $1 AND at < $2");
        let forget = forget.bind(source.as_str().to_owned()).bind(millis(now) - GROUPS_KEPT);
        forget.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Whether the merge group of a commit contains content of a fork; `None` if no such group is known.
    pub async fn group_is_from_fork(&self, source: &SourceName, head: &CommitSha) -> Result<Option<bool>, StoreError> {
        let select = sqlx::query("SELECT fork FROM merge_groups WHERE source = $1 AND head = $2");
        let select = select.bind(source.as_str().to_owned()).bind(head.as_str().to_owned());
        read_fork(select.fetch_optional(&self.database.pool).await?.as_ref())
    }
}

/// How long a merge group is kept, in milliseconds.
const GROUPS_KEPT: i64 = 30 * 24 * 3_600 * 1_000;

fn read_fork(row: Option<&AnyRow>) -> Result<Option<bool>, StoreError> {
    Ok(row.map(|row| row.try_get::<i64, _>("fork")).transpose()?.map(|fork| fork != 0))
}

/// Removes the origin of a closed pull request.
pub(super) async fn forget_pull_request(
    connection: &mut AnyConnection,
    source: &SourceName,
    number: u64,
) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM pull_request_origins WHERE source = $1 AND change_id = $2");
    delete.bind(source.as_str().to_owned()).bind(stored(number)).execute(connection).await?;
    Ok(())
}
