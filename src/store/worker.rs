//! Worker processes: who is at work, and who died without a word.

use std::path::Path;

use sqlx::Row;

use super::error::StoreError;
use super::host::host_name;
use super::sqlite::Store;
use super::types::{NewWorker, WorkerRow};
use super::{event, lease};
use crate::ids::{StudyId, TrialId, WorkerId};

/// A worker of another machine that has given no sign of life for longer is taken for dead when people ask;
/// its trial is freed by the lease alone.
const SILENCE_MS: i64 = 120_000;

impl Store {
    /// Registers a worker, which holds its lock file locked already.
    pub async fn register_worker(&self, new: &NewWorker) -> Result<WorkerId, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let id = sqlx::query_scalar(
            "insert into workers (study_id, host, pid, device, lock_file, started, last_seen)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?6) returning id",
        )
        .bind(new.study.0)
        .bind(&new.host)
        .bind(new.pid)
        .bind(&new.device)
        .bind(self.artifacts.relative(&new.lock_file))
        .bind(now)
        .fetch_one(&mut *write)
        .await?;
        let text = format!("worker {id} on {} ({}, process {})", new.host, new.device, new.pid);
        event::insert(&mut write, now, Some(new.study), None, "worker", &text).await?;
        write.commit().await?;
        Ok(WorkerId(id))
    }

    /// The worker is alive.
    pub async fn worker_seen(&self, worker: WorkerId) -> Result<(), StoreError> {
        sqlx::query("update workers set last_seen = ? where id = ?")
            .bind(self.now())
            .bind(worker.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The worker leaves; it holds no trial any more.
    pub async fn worker_ended(&self, worker: WorkerId) -> Result<(), StoreError> {
        sqlx::query("update workers set ended = ?1, last_seen = ?1 where id = ?2 and ended is null")
            .bind(self.now())
            .bind(worker.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Workers of a study that have not ended as far as the store knows, with the trial that each holds.
    pub async fn workers(&self, study: StudyId) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = sqlx::query(
            "select workers.*, (select max(id) from trials
                 where trials.worker_id = workers.id and trials.state = 'running') as trial
             from workers where study_id = ? and ended is null order by id",
        )
        .bind(study.0)
        .fetch_all(&self.pool)
        .await?;
        let here = host_name();
        let now = self.now();
        rows.iter()
            .map(|row| {
                let host: String = row.try_get("host")?;
                let lock_file: String = row.try_get("lock_file")?;
                let unseen_ms = now - row.try_get::<i64, _>("last_seen")?;
                let alive = if host == here {
                    is_locked(&self.artifacts.resolve(&lock_file))
                } else {
                    unseen_ms < SILENCE_MS
                };
                Ok(WorkerRow {
                    alive,
                    id: WorkerId(row.try_get("id")?),
                    host,
                    pid: row.try_get("pid")?,
                    device: row.try_get("device")?,
                    started_ms: row.try_get("started")?,
                    last_seen_ms: row.try_get("last_seen")?,
                    trial: row.try_get::<Option<i64>, _>("trial")?.map(TrialId),
                })
            })
            .collect()
    }

    /// Finds workers of this host that died without a word, and makes their trials pending at once instead of
    /// when their leases end. Returns them.
    ///
    /// A worker is dead when its lock file can be locked: the kernel drops a lock when its holder dies, however
    /// it dies, and process ids are used again.
    pub async fn release_dead_workers(
        &self,
        study: StudyId,
        host: &str,
    ) -> Result<Vec<WorkerId>, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let rows = sqlx::query(
            "select id, lock_file from workers where study_id = ? and host = ? and ended is null",
        )
        .bind(study.0)
        .bind(host)
        .fetch_all(&mut *write)
        .await?;
        let mut dead = Vec::new();
        for row in rows {
            let lock_file: String = row.try_get("lock_file")?;
            if is_locked(&self.artifacts.resolve(&lock_file)) {
                continue;
            }
            let worker = WorkerId(row.try_get("id")?);
            sqlx::query("update workers set ended = ? where id = ?")
                .bind(now)
                .bind(worker.0)
                .execute(&mut *write)
                .await?;
            let held: Vec<i64> =
                sqlx::query_scalar("select id from trials where worker_id = ? and state = 'running'")
                    .bind(worker.0)
                    .fetch_all(&mut *write)
                    .await?;
            for trial in held.into_iter().map(TrialId) {
                lease::release_row(&mut write, trial).await?;
                let text = format!("released: worker {worker} died");
                event::insert(&mut write, now, Some(study), Some(trial), "worker", &text).await?;
            }
            dead.push(worker);
        }
        write.commit().await?;
        Ok(dead)
    }
}

/// Whether a living process holds the lock. A file that is gone is nobody's; one that cannot be opened for
/// another reason counts as held, since its lease will end anyway.
fn is_locked(path: &Path) -> bool {
    match std::fs::File::open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}
