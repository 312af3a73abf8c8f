//! The contract of the store, through its public face, on a file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::ids::{Attempt, StageId, StudyId, TrialId, WorkerId};
use crate::search::snapshot::{CurvePoint, Proposal, Scores};
use crate::search::state::{StudyState, TrialState};

mod adding;
mod events;
mod interleaved;
mod snapshot;
mod upgrade;

const LEASE: Duration = Duration::from_secs(60);

struct Fixture {
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    store: Store,
    study: StudyId,
    stage: StageId,
    worker: WorkerId,
}

fn new_study(name: &str) -> NewStudy {
    NewStudy {
        name: name.into(),
        space: json!({"stages": [{"name": "a", "budget": {"trials": 4, "epochs": 3}}, {"name": "b"}]}),
        settings: Settings {
            data: "/data".into(),
            layout: None,
            devices: vec!["cpu".into()],
            workers: 2,
            threads: 1,
            validation: 0.25,
        },
        seed: u64::MAX,
        data_fingerprint: "d".into(),
        version: "0".into(),
        stages: vec!["a".into(), "b".into()],
    }
}

fn proposal(number: u32) -> Proposal {
    Proposal {
        number,
        parameters: [("encoder.width".to_owned(), json!(number))].into(),
        architecture: json!({"encoder": {"width": number}}),
        seed: 7,
        repeat: 0,
        repeat_of: None,
        epochs: 3,
        init_from: None,
        again_of: None,
        enqueued: None,
    }
}

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("s.db").display())
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(1_000));
        let hands = clock.clone();
        let options = StoreOptions {
            busy_timeout: Duration::from_secs(5),
            clock: Arc::new(move || hands.load(Ordering::SeqCst)),
        };
        let store = Store::open_with(&url(folder.path()), true, options).await.unwrap();
        let study = store.create_study(new_study("one")).await.unwrap();
        let stage = store.begin_stage(study, 0, &[]).await.unwrap();
        let lock_file = store.artifacts().workers().join("w.lock");
        let new = NewWorker { study, host: "h".into(), pid: 1, device: "cpu".into(), lock_file };
        let worker = store.register_worker(&new).await.unwrap();
        Self { folder, clock, store, study, stage, worker }
    }

    async fn add(&self, number: u32, key: &str) -> TrialId {
        self.add_after(number, key, None).await
    }

    async fn add_after(&self, number: u32, key: &str, init_from: Option<TrialId>) -> TrialId {
        let proposal = Proposal { init_from, ..proposal(number) };
        self.store.add_trials(self.stage, &[NewTrial { proposal: &proposal, key }]).await.unwrap()[0]
    }

    async fn claim(&self) -> Option<Claim> {
        self.store.claim(self.study, self.worker, LEASE).await.unwrap()
    }

    async fn report(&self, claim: &Claim, epoch: u32) -> Result<EpochReceipt, StoreError> {
        let checkpoint =
            self.store.artifacts().attempt(claim.trial, claim.attempt).join(format!("epoch-{epoch}"));
        crate::fs::write_bytes(&checkpoint, b"state").unwrap();
        self.store.report_epoch(claim.trial, claim.attempt, &point(epoch), &checkpoint).await
    }

    async fn complete(&self, claim: &Claim, seld: f64) {
        let model = self.store.artifacts().attempt(claim.trial, claim.attempt).join("model");
        std::fs::create_dir_all(&model).unwrap();
        let scores = Scores { seld: Some(seld), ..Scores::default() };
        let end = Finish::Complete { scores, best_epoch: 1, model };
        self.store.finish(claim.trial, claim.attempt, &end).await.unwrap();
    }

    fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }
}

fn point(epoch: u32) -> CurvePoint {
    CurvePoint {
        epoch,
        train_loss: 1.0 / f64::from(epoch),
        val_loss: 0.1 + 0.2,
        scores: Scores { seld: Some(0.9 / f64::from(epoch)), ..Scores::default() },
        seconds: 2.0,
    }
}

#[tokio::test]
async fn a_trial_lives_from_proposal_to_leaderboard() {
    let f = Fixture::new().await;
    let id = f.add(0, "k0").await;
    let claim = f.claim().await.unwrap();
    assert_eq!((claim.trial, claim.attempt, claim.epochs_done), (id, Attempt(1), 0));
    assert_eq!(claim.architecture, json!({"encoder": {"width": 0}}));
    f.store.report_started(id, claim.attempt, 10, 20).await.unwrap();
    assert_eq!(f.report(&claim, 1).await.unwrap().study, StudyState::Running);
    f.report(&claim, 2).await.unwrap();
    f.complete(&claim, 0.4).await;
    let snapshot = f.store.snapshot(f.study).await.unwrap();
    assert_eq!(snapshot.seed, u64::MAX);
    assert_eq!(snapshot.stages.len(), 1, "a waiting stage is not begun");
    let trial = &snapshot.stages[0].trials[0];
    assert_eq!(trial.curve, vec![point(1), point(2)], "floats come back to the last bit");
    assert_eq!(trial.scores.unwrap().seld, Some(0.4));
    let details = f.store.trial(id).await.unwrap();
    assert_eq!((details.params, details.macs, details.seconds), (Some(10), Some(20), 4.0));
    let rows =
        f.store.query("select study, stage, rank, trial, state, epochs from leaderboard").await.unwrap();
    assert_eq!(
        rows.rows,
        vec![vec![json!("one"), json!("a"), json!(1), json!(id), json!("complete"), json!(2)]]
    );
    f.store.end_stage(f.stage, id, "best").await.unwrap();
    let rows = f.store.query("select stage, state, trials, complete, winner from stages order by position");
    assert_eq!(rows.await.unwrap().rows[0][3], json!(1));
    let status = f.store.status(&f.store.study("one").await.unwrap()).await.unwrap();
    assert_eq!(status.stages[0].planned, Some(4));
    assert_eq!(status.best.unwrap().trial, id);
}

#[tokio::test]
async fn views_have_the_columns_of_the_contract() {
    let f = Fixture::new().await;
    for (view, columns) in [
        (
            "leaderboard",
            "study stage rank trial state seld er20 f20 le_cd lr_cd params macs seconds epochs architecture",
        ),
        ("curves", "study stage trial epoch train_loss val_loss seld er20 f20 le_cd lr_cd seconds"),
        ("parameters", "study stage trial name value"),
        ("stages", "study stage position state trials complete pruned failed best_seld winner"),
    ] {
        let table = f.store.query(&format!("select * from {view}")).await.unwrap();
        assert_eq!(table.columns.join(" "), columns);
    }
}

#[tokio::test]
async fn eight_claimers_get_every_trial_once() {
    let f = Fixture::new().await;
    for number in 0..24 {
        f.add(number, &format!("k{number}")).await;
    }
    let claimers: Vec<_> = (0..8)
        .map(|_| {
            let (store, study, worker) = (f.store.clone(), f.study, f.worker);
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                while let Some(claim) = store.claim(study, worker, LEASE).await.unwrap() {
                    claimed.push(claim.number);
                }
                claimed
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..24).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_ended_lease_frees_the_trial_and_shuts_out_its_old_holder() {
    let f = Fixture::new().await;
    let id = f.add(0, "k").await;
    let old = f.claim().await.unwrap();
    f.report(&old, 1).await.unwrap();
    f.pass(LEASE / 2);
    f.store.extend_lease(id, old.attempt, LEASE).await.unwrap();
    f.pass(LEASE / 2);
    assert_eq!(f.claim().await, None, "the lease was extended");
    f.pass(LEASE);
    let new = f.claim().await.unwrap();
    assert_eq!((new.attempt, new.epochs_done), (Attempt(2), 1));
    assert!(new.resume_from.as_ref().unwrap().exists());
    assert!(f.store.extend_lease(id, old.attempt, LEASE).await.unwrap_err().is_stale());
    assert!(f.report(&old, 2).await.unwrap_err().is_stale());
    assert!(f.store.release(id, old.attempt).await.unwrap_err().is_stale());
    assert!(f.store.crash(id, old.attempt, "late", 3).await.unwrap_err().is_stale());
    let end = Finish::Pruned { reason: "late".into() };
    assert!(f.store.finish(id, old.attempt, &end).await.unwrap_err().is_stale());
    f.complete(&new, 0.5).await;
    let before = f.store.trial(id).await.unwrap();
    assert!(f.report(&new, 2).await.unwrap_err().is_stale(), "a finished trial never changes");
    assert_eq!(f.store.trial(id).await.unwrap(), before);
}

#[tokio::test]
async fn an_epoch_counts_once_and_only_with_its_checkpoint() {
    let f = Fixture::new().await;
    f.add(0, "k").await;
    let first = f.claim().await.unwrap();
    f.report(&first, 1).await.unwrap();
    assert!(matches!(f.report(&first, 1).await, Err(StoreError::EpochOrder { expected: 2, got: 1, .. })));
    assert!(matches!(f.report(&first, 3).await, Err(StoreError::EpochOrder { .. })));
    f.report(&first, 2).await.unwrap();
    f.report(&first, 3).await.unwrap();
    assert!(matches!(f.report(&first, 4).await, Err(StoreError::EpochOrder { budget: 3, .. })));
    f.store.release(first.trial, first.attempt).await.unwrap();
    let second = f.claim().await.unwrap();
    assert_eq!(second.epochs_done, 3);
    f.store.release(second.trial, second.attempt).await.unwrap();
    std::fs::remove_dir_all(f.store.artifacts().root()).unwrap();
    let third = f.claim().await.unwrap();
    assert_eq!((third.epochs_done, third.resume_from), (0, None));
    assert_eq!(f.store.trial(third.trial).await.unwrap().curve, vec![]);
}

#[tokio::test]
async fn a_known_candidate_is_never_trained_twice() {
    let f = Fixture::new().await;
    f.add(0, "same").await;
    let running = f.claim().await.unwrap();
    let waiting = f.add(1, "same").await;
    assert_eq!(f.claim().await, None, "its twin is being trained");
    f.report(&running, 1).await.unwrap();
    f.complete(&running, 0.3).await;
    assert_eq!(f.claim().await, None);
    let at_once = f.add(2, "same").await;
    for id in [waiting, at_once] {
        let trial = f.store.trial(id).await.unwrap();
        assert_eq!((trial.state, trial.reused_from), (TrialState::Complete, Some(running.trial)));
        assert_eq!((trial.scores.seld, trial.curve.len(), trial.seconds), (Some(0.3), 1, 2.0));
        assert_eq!(trial.model, f.store.trial(running.trial).await.unwrap().model);
    }
    std::fs::remove_dir_all(f.store.artifacts().root()).unwrap();
    let lost = f.add(3, "same").await;
    assert_eq!(f.store.trial(lost).await.unwrap().state, TrialState::Pending, "its model is gone");
}

#[tokio::test]
async fn a_trial_that_begins_with_the_weights_of_another_is_told_where_they_are() {
    let f = Fixture::new().await;
    let first = f.add(0, "first").await;
    let claim = f.claim().await.unwrap();
    assert_eq!(claim.init_from, None);
    f.report(&claim, 1).await.unwrap();
    f.complete(&claim, 0.3).await;
    f.add_after(1, "second", Some(first)).await;
    let model = f.store.trial(first).await.unwrap().model;
    let claim = f.claim().await.unwrap();
    assert_eq!((claim.init_from, claim.resume_from), (model, None));
    f.store.release(claim.trial, claim.attempt).await.unwrap();
    assert!(f.claim().await.unwrap().init_from.is_some(), "also in a later attempt");
}

#[tokio::test]
async fn crashes_are_retried_to_a_limit() {
    let f = Fixture::new().await;
    let id = f.add(0, "k").await;
    for (attempt, state) in [(1, TrialState::Pending), (2, TrialState::Failed)] {
        let claim = f.claim().await.unwrap();
        assert_eq!(claim.attempt, Attempt(attempt));
        assert_eq!(f.store.crash(id, claim.attempt, "signal 11", 2).await.unwrap(), state);
    }
    assert_eq!(f.claim().await, None);
    assert_eq!(f.store.trial(id).await.unwrap().error.as_deref(), Some("signal 11"));
}

#[tokio::test]
async fn a_dead_worker_is_one_whose_lock_is_free() {
    let f = Fixture::new().await;
    let id = f.add(0, "k").await;
    let path = f.store.artifacts().workers().join("w.lock");
    crate::fs::write_bytes(&path, b"").unwrap();
    let lock = std::fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    f.claim().await.unwrap();
    assert_eq!(f.store.release_dead_workers(f.study, "h").await.unwrap(), vec![]);
    assert_eq!(f.store.workers(f.study).await.unwrap()[0].trial, Some(id));
    drop(lock);
    assert_eq!(f.store.release_dead_workers(f.study, "other").await.unwrap(), vec![]);
    assert_eq!(f.store.release_dead_workers(f.study, "h").await.unwrap(), vec![f.worker]);
    assert_eq!(f.store.workers(f.study).await.unwrap(), vec![]);
    assert_eq!(f.claim().await.unwrap().attempt, Attempt(2));
}

#[tokio::test]
async fn nothing_is_claimed_unless_the_study_runs() {
    let f = Fixture::new().await;
    f.add(0, "k").await;
    assert_eq!(f.store.request_stop(f.study).await.unwrap(), StudyState::Stopping);
    assert_eq!(f.claim().await, None);
    f.store.set_study_state(f.study, StudyState::Running).await.unwrap();
    assert!(f.claim().await.is_some());
}

#[tokio::test]
async fn stages_go_forward_only() {
    let f = Fixture::new().await;
    assert_eq!(f.store.begin_stage(f.study, 0, &[]).await.unwrap(), f.stage, "asking again is allowed");
    let pending = f.add(0, "k").await;
    assert!(f.store.end_stage(f.stage, pending, "no").await.is_err(), "the winner must be complete");
    f.store.fail_stage(f.stage, "all trials failed").await.unwrap();
    assert!(matches!(f.store.begin_stage(f.study, 0, &[]).await, Err(StoreError::Transition { .. })));
    assert!(matches!(f.store.fail_stage(f.stage, "again").await, Err(StoreError::Transition { .. })));
    let taken = f.store.create_study(new_study("one")).await;
    assert!(matches!(taken, Err(StoreError::StudyExists { .. })));
    let unknown = f.store.study("two").await.unwrap_err();
    assert_eq!(unknown.to_string(), "no study \"two\" in the store: it has one");
}

#[tokio::test]
async fn only_reading_queries_run() {
    let f = Fixture::new().await;
    for sql in [
        "delete from events",
        "with x as (select 1) delete from events",
        "attach ':memory:' as m",
        "pragma query_only = 0",
        "select 1; delete from events",
        "select nonsense from nowhere",
        "select load_extension('x')",
    ] {
        assert!(f.store.query(sql).await.unwrap_err().is_input(), "{sql}");
    }
    let table = f.store.query("select 1 as a, 2.5 as b, null as c, 'x' as d, x'0a' as e").await.unwrap();
    assert_eq!(table.columns, ["a", "b", "c", "d", "e"]);
    assert_eq!(table.rows, vec![vec![json!(1), json!(2.5), json!(null), json!("x"), json!("0a")]]);
    let empty = f.store.query("select name from workers_none_such, events").await;
    assert!(empty.is_err());
    assert_eq!(
        f.store.query("select id as i from trials").await.unwrap().columns,
        ["i"],
        "also without rows"
    );
}

#[tokio::test]
async fn a_locked_store_is_an_error_after_the_time_out() {
    let f = Fixture::new().await;
    let options = StoreOptions { busy_timeout: Duration::from_millis(50), ..StoreOptions::default() };
    let other = Store::open_with(&url(f.folder.path()), false, options).await.unwrap();
    let held = f.store.write().await.unwrap();
    let error = other.set_study_state(f.study, StudyState::Stopping).await.unwrap_err();
    assert!(error.is_transient() && !error.is_input(), "{error}");
    assert!(error.to_string().contains("locked"));
    assert!(other.snapshot(f.study).await.is_ok(), "reading goes on beside a writer");
    drop(held);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let missing = url(folder.path());
    assert!(matches!(Store::open_existing(&missing).await, Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file is created");
    let text = folder.path().join("s.db");
    std::fs::write(&text, "not a database, but longer than the header of one: ".repeat(9)).unwrap();
    assert!(matches!(Store::open(&missing).await, Err(StoreError::NotAStore { .. })));
    std::fs::remove_file(&text).unwrap();
    let other = sqlx::sqlite::SqliteConnectOptions::new().filename(&text).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&other).await.unwrap();
    sqlx::query("create table theirs (x)").execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let before = std::fs::read(&text).unwrap();
    assert!(matches!(Store::open(&missing).await, Err(StoreError::NotAStore { .. })));
    assert_eq!(std::fs::read(&text).unwrap(), before);
}

#[tokio::test]
async fn two_processes_may_create_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path());
    let opened = tokio::join!(Store::open(&url), Store::open(&url), Store::open(&url));
    assert!(opened.0.is_ok() && opened.1.is_ok() && opened.2.is_ok(), "{opened:?}");
    assert!(Store::open_existing(&url).await.is_ok());
}

#[tokio::test]
async fn settings_keep_a_layout_and_those_of_older_stores_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&url(folder.path())).await.unwrap();
    let mut new = new_study("named");
    new.settings.layout = Some(crate::dataset::Layout::Starss22);
    store.create_study(new.clone()).await.unwrap();
    assert_eq!(store.study("named").await.unwrap().settings, new.settings);
    let old = r#"{"data":"/data","devices":["cpu"],"workers":2,"threads":1,"validation":0.25}"#;
    assert_eq!(serde_json::from_str::<Settings>(old).unwrap(), new_study("old").settings);
    assert_eq!(serde_json::to_string(&new_study("old").settings).unwrap(), old);
}
