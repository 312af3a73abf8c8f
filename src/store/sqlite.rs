//! The SQLite database: opening, migrating, transactions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::artifacts::Artifacts;
use super::error::StoreError;
use super::url::sqlite_file;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Set by the first migration; "AT2S".
const APPLICATION_ID: i64 = 1_096_036_947;

/// Pause between two tries to open a store that another program is creating.
const TURN: Duration = Duration::from_millis(20);

/// What a test wants to control and a user does not.
#[derive(Clone)]
pub struct StoreOptions {
    /// How long a call waits for another program's lock.
    pub busy_timeout: Duration,
    /// Milliseconds since 1970.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(10), clock: Arc::new(system_clock) }
    }
}

fn system_clock() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// Connections for the statements that workers write most. A pool asks a connection that comes back whether it still works,
/// which takes as long as such a statement, and hands out another one the next time, which knows nothing of what the last one
/// has read.
#[derive(Default)]
struct Single {
    synced: OnceCell<Mutex<SqliteConnection>>,
    unsynced: OnceCell<Mutex<SqliteConnection>>,
}

async fn lock_connection<'a>(
    cell: &'a OnceCell<Mutex<SqliteConnection>>,
    of: &SqlitePool,
) -> Result<MutexGuard<'a, SqliteConnection>, StoreError> {
    let connect = async || Ok::<_, StoreError>(Mutex::new(of.connect_options().connect().await?));
    Ok(cell.get_or_try_init(connect).await?.lock().await)
}

/// An open store. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pub(super) pool: SqlitePool,
    /// Whose commits wait for no disk.
    unsynced: SqlitePool,
    single: Arc<Single>,
    pub(super) path: PathBuf,
    pub(super) artifacts: Artifacts,
    pub(super) options: StoreOptions,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens `sqlite:PATH`, creating the file and its folder when missing, and brings it to the current schema.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, true, StoreOptions::default()).await
    }

    /// Opens a store that must exist; creates no file.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, false, StoreOptions::default()).await
    }

    /// Opens with other options.
    pub async fn open_with(url: &str, create: bool, options: StoreOptions) -> Result<Self, StoreError> {
        let path = sqlite_file(url)?;
        if !create && !path.is_file() {
            return Err(StoreError::Missing { path });
        }
        match Self::connect_in_turn(&path, create, options).await {
            Err(error @ (StoreError::NotAStore { .. } | StoreError::Newer { .. })) => Err(error),
            Err(error) => Err(StoreError::Open { path, source: Box::new(error) }),
            Ok(store) => Ok(store),
        }
    }

    /// Connects, again and again within the busy time-out while another program creates the same store: SQLite does
    /// not wait by itself for the change to WAL mode.
    async fn connect_in_turn(path: &Path, create: bool, options: StoreOptions) -> Result<Self, StoreError> {
        let begun = Instant::now();
        loop {
            match Self::connect(path, create, options.clone()).await {
                Err(StoreError::Locked(_)) if begun.elapsed() < options.busy_timeout => {
                    tokio::time::sleep(TURN).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn connect(path: &Path, create: bool, options: StoreOptions) -> Result<Self, StoreError> {
        let io = |error| StoreError::from(sqlx::Error::Io(error));
        if let (true, Some(folder)) = (create, path.parent()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(options.busy_timeout);
        let found = if path.exists() { schema_version(&plain, path).await? } else { None };
        let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            // The database's own time-out must be the one that speaks.
            .acquire_timeout(options.busy_timeout * 3)
            // A connection to a file does not get lost.
            .test_before_acquire(false);
        let connect = plain
            .create_if_missing(create)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is one synced write for minutes of training: losing a finished trial to a power cut would cost more
            // than all syncs of a study.
            .synchronous(SqliteSynchronous::Full);
        let unsynced = pool.clone().connect_lazy_with(connect.clone().synchronous(SqliteSynchronous::Normal));
        let pool = pool.connect_with(connect).await?;
        let artifacts = Artifacts::beside(path).map_err(io)?;
        let single = Arc::default();
        let store = Self { pool, unsynced, single, path: path.to_owned(), artifacts, options };
        // Opening a current store takes no write lock, so that it never waits for a writer.
        if found != Some(known) {
            store.migrate().await?;
        }
        Ok(store)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        // One transaction around all: of two processes that open a new store, one finds it done.
        let mut transaction = connection.begin_with("begin immediate").await?;
        MIGRATIONS.run(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The folder of checkpoints, models and logs.
    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// The URL that opens this store from any folder.
    pub fn url(&self) -> String {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        format!("sqlite:{}", absolute.display())
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        (self.options.clock)()
    }

    /// Begins a transaction that holds the write lock from the start: nothing it read can be outdated when it
    /// writes.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("begin immediate").await?)
    }

    /// The same for what is done again in the same way where a power cut takes it, and nothing was trained for. The next synced
    /// commit makes it as safe, in its place in the order of all.
    pub(super) async fn write_unsynced(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.unsynced.begin_with("begin immediate").await?)
    }

    /// The connection for single statements, each of which is a transaction by itself.
    pub(super) async fn single(&self) -> Result<MutexGuard<'_, SqliteConnection>, StoreError> {
        lock_connection(&self.single.synced, &self.pool).await
    }

    /// The same for what [`Self::write_unsynced`] is for.
    pub(super) async fn single_unsynced(&self) -> Result<MutexGuard<'_, SqliteConnection>, StoreError> {
        lock_connection(&self.single.unsynced, &self.unsynced).await
    }

    /// Begins a transaction that sees one state of the database throughout.
    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin().await?)
    }

    /// Closes all connections; what was committed stays.
    pub async fn close(&self) {
        self.unsynced.close().await;
        self.pool.close().await;
    }
}

/// The schema version of a file, `None` for an empty one. Changes nothing: the file may be another program's.
async fn schema_version(options: &SqliteConnectOptions, path: &Path) -> Result<Option<i64>, StoreError> {
    let mut connection = options.connect().await?;
    let id = match sqlx::query_scalar::<_, i64>("pragma application_id").fetch_one(&mut connection).await {
        Ok(id) => id,
        // "file is not a database", said at the first read, whatever was asked.
        Err(error) if error.as_database_error().and_then(|e| e.code()).as_deref() == Some("26") => {
            return Err(StoreError::NotAStore { path: path.to_owned() });
        }
        Err(error) => return Err(error.into()),
    };
    let version = if id == APPLICATION_ID {
        let newest = "select max(version) from _sqlx_migrations where success";
        sqlx::query_scalar(newest).fetch_one(&mut connection).await?
    } else {
        let tables = "select count(*) from sqlite_master";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await?;
        if tables > 0 {
            return Err(StoreError::NotAStore { path: path.to_owned() });
        }
        None
    };
    connection.close().await?;
    Ok(version)
}
