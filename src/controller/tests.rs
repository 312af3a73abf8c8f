//! Studies carried out on a real store by workers that train nothing: they report made-up scores.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::*;
use crate::engine::{Engine, EngineError};
use crate::ids::TrialId;
use crate::search::snapshot::{CurvePoint, Scores, Snapshot, Verdict};
use crate::search::state::{StudyState, TrialState};
use crate::search::{self, SearchSpace, TrialView};
use crate::store::{Claim, Finish, NewWorker, Store, Study, host_name};

const SPACE: &str = include_str!("../../tests/fixtures/space/three_stages.json");

/// What the workers of a test have in common.
#[derive(Clone)]
struct Shared {
    store: Store,
    study: Study,
    space: Arc<SearchSpace>,
    /// Epochs until a worker drops dead.
    fuel: Arc<AtomicI64>,
    died: Arc<tokio::sync::Notify>,
    trained: Arc<Mutex<Vec<(TrialId, u32)>>>,
}

struct FakeEngine {
    shared: Shared,
    tasks: Vec<JoinHandle<()>>,
}

impl Engine for FakeEngine {
    fn start(&mut self) -> Result<(), EngineError> {
        let workers = self.shared.study.settings.workers;
        self.tasks.extend((0..workers).map(|_| tokio::spawn(work(self.shared.clone()))));
        Ok(())
    }

    fn alive(&mut self) -> Result<usize, EngineError> {
        self.tasks.retain(|task| !task.is_finished());
        Ok(self.tasks.len())
    }

    async fn stop(&mut self, grace: Duration) {
        for mut task in self.tasks.drain(..) {
            if tokio::time::timeout(grace, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

async fn work(shared: Shared) {
    let Shared { store, study, .. } = &shared;
    let folder = store.artifacts().workers();
    std::fs::create_dir_all(&folder).unwrap();
    let lock = tempfile::NamedTempFile::new_in(&folder).unwrap();
    lock.as_file().lock().unwrap();
    let worker = NewWorker {
        study: study.id,
        host: host_name(),
        pid: 1,
        device: "cpu".into(),
        lock_file: lock.path().to_owned(),
    };
    let worker = store.register_worker(&worker).await.unwrap();
    while store.study_state(study.id).await.unwrap() == StudyState::Running {
        match store.claim(study.id, worker, Duration::from_secs(60)).await.unwrap() {
            Some(claim) => train(&shared, &claim).await,
            None => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    store.worker_ended(worker).await.unwrap();
}

async fn train(shared: &Shared, claim: &Claim) {
    let Shared { store, study, space, .. } = shared;
    let (trial, attempt) = (claim.trial, claim.attempt);
    let folder = store.artifacts().attempt(trial, attempt);
    std::fs::create_dir_all(&folder).unwrap();
    for epoch in claim.epochs_done + 1..=claim.epochs {
        if shared.fuel.fetch_sub(1, Ordering::SeqCst) <= 0 {
            shared.died.notify_one();
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let scores = Scores { seld: Some(score(claim, epoch)), ..Scores::default() };
        let point = CurvePoint { epoch, train_loss: 1.0, val_loss: 1.0, scores, seconds: 0.01 };
        shared.trained.lock().unwrap().push((trial, epoch));
        let receipt = store.report_epoch(trial, attempt, &point, &folder).await.unwrap();
        let snapshot = store.snapshot(study.id).await.unwrap();
        let end = if epoch == claim.epochs {
            Finish::Complete { scores, best_epoch: epoch, model: folder.clone() }
        } else if let Verdict::Prune { reason } = search::verdict(space, &snapshot, trial) {
            Finish::Pruned { reason }
        } else if receipt.study != StudyState::Running {
            return store.release(trial, attempt).await.unwrap();
        } else {
            continue;
        };
        return store.finish(trial, attempt, &end).await.unwrap();
    }
}

/// Falls with the epochs; depends on the candidate and the seed alone.
fn score(claim: &Claim, epoch: u32) -> f64 {
    let number = |path: &str| claim.architecture.pointer(path).and_then(|v| v.as_f64()).unwrap();
    let width = (number("/encoder/width") / 32.0 - 1.0).powi(2);
    let luck = (claim.seed % 101) as f64 * 1e-4;
    0.9 + 0.1 * width + 0.1 * number("/tracks/dropout") + luck - 0.02 * f64::from(epoch)
}

#[derive(Default)]
struct Told(Vec<String>);

impl Watch for Told {
    fn notice(&mut self, notice: &Notice) {
        self.0.push(notice.to_string());
    }
}

/// A folder with a dataset, a space file and a store.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("space.json"), SPACE).unwrap();
        for room in 1..=2 {
            write_recording(&folder.path().join("data"), &format!("fold1_room{room}_mix001"));
        }
        Self(folder)
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.0.path().join("at2seld.db").display())
    }

    fn options(&self, study: &str, workers: usize) -> Launch {
        Launch {
            space: SpaceSource::File(self.0.path().join("space.json")),
            data: self.0.path().join("data"),
            layout: None,
            study: study.into(),
            workers,
            devices: vec!["cpu".into()],
            seed: 7,
        }
    }

    async fn launch(&self, workers: usize) -> Opened {
        launch(&self.url(), &self.options("s", workers), &|_, _| ()).await.unwrap()
    }

    async fn resume(&self) -> Opened {
        resume(&self.url(), Some("s"), None, &|_, _| ()).await.unwrap().1.unwrap()
    }
}

fn write_recording(root: &Path, name: &str) {
    let folders = [root.join("foa_dev/dev-train-synth"), root.join("metadata_dev/dev-train-synth")];
    folders.iter().for_each(|folder| std::fs::create_dir_all(folder).unwrap());
    let spec = hound::WavSpec {
        channels: 4,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(folders[0].join(name).with_extension("wav"), spec).unwrap();
    (0..4 * 4800).for_each(|sample| wav.write_sample(sample % 100).unwrap());
    wav.finalize().unwrap();
    std::fs::write(folders[1].join(name).with_extension("csv"), "0,0,0,10,20,150\n").unwrap();
}

/// A run of the controller that may be killed with its workers.
struct Run {
    told: Told,
    trained: Arc<Mutex<Vec<(TrialId, u32)>>>,
    /// `None` when it was killed.
    ending: Option<Ending>,
}

async fn carry_out(opened: Opened, fuel: i64) -> Run {
    let shared = Shared {
        store: opened.store.clone(),
        study: opened.study.clone(),
        space: Arc::new(opened.space.clone()),
        fuel: Arc::new(AtomicI64::new(fuel)),
        died: Arc::default(),
        trained: Arc::default(),
    };
    let (trained, died) = (shared.trained.clone(), shared.died.clone());
    let mut engine = FakeEngine { shared, tasks: Vec::new() };
    let mut told = Told::default();
    let mut interrupts = Interrupts::listen().unwrap();
    let ending = tokio::select! {
        ending = run(&opened, &mut engine, &mut interrupts, &mut told) => Some(ending.unwrap()),
        () = died.notified() => None,
    };
    engine.stop(Duration::ZERO).await;
    Run { told, trained, ending }
}

/// Stage, number, parameters, state, score and repeat of all trials, and the winners.
fn leaderboard(snapshot: &Snapshot) -> Vec<String> {
    let mut rows = Vec::new();
    for stage in &snapshot.stages {
        for t in &stage.trials {
            let row = (t.id, t.number, &t.parameters, t.state, t.scores, t.repeat, t.curve.len());
            rows.push(format!("{} {row:?}", stage.name));
        }
        rows.push(format!("{} won by {:?}", stage.name, stage.winner));
    }
    rows
}

async fn final_leaderboard(place: &Place) -> Vec<String> {
    let store = Store::open_existing(&place.url()).await.unwrap();
    let study = store.study("s").await.unwrap();
    assert_eq!(study.state, StudyState::Complete);
    leaderboard(&store.snapshot(study.id).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_ends_the_same_wherever_it_was_killed() {
    let place = Place::new();
    let undisturbed = carry_out(place.launch(1).await, i64::MAX).await;
    assert_eq!(undisturbed.ending, Some(Ending::Complete));
    let expected = final_leaderboard(&place).await;
    assert!(expected.iter().any(|row| row.contains("Pruned")), "{expected:#?}");
    let epochs = undisturbed.trained.lock().unwrap().len();

    let disturbed = Place::new();
    let mut trained = Vec::new();
    let mut run = carry_out(disturbed.launch(1).await, 0).await;
    let mut lives = 0;
    loop {
        trained.append(&mut run.trained.lock().unwrap());
        if run.ending == Some(Ending::Complete) {
            break;
        }
        lives += 1;
        run = carry_out(disturbed.resume().await, 3 + lives % 4).await;
    }
    assert!(lives > 5, "killed {lives} times");
    assert_eq!(final_leaderboard(&disturbed).await, expected);
    assert_eq!(trained.len(), epochs, "no epoch was trained twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn constraints_hold_for_the_networks_that_would_be_trained() {
    let place = Place::new();
    let space = |constraints: &str| {
        format!(
            r#"{{"fixed": {{"backbone.name": "none", "fusion.placement": []}}, "stages": [{{"name": "one", "constraints": {constraints},
                "space": {{"encoder.width": {{"choice": [4, 8, 16, 32, 64]}}}}, "budget": {{"trials": 5, "epochs": 1}}}}]}}"#
        )
    };
    let widths = async |study: &str, constraints: &str| {
        std::fs::write(place.0.path().join("space.json"), space(constraints)).unwrap();
        let opened = launch(&place.url(), &place.options(study, 1), &|_, _| ()).await.unwrap();
        let (store, id) = (opened.store.clone(), opened.study.id);
        carry_out(opened, i64::MAX).await;
        let trials = store.snapshot(id).await.unwrap().stages.remove(0).trials;
        let width = |trial: &TrialView| trial.parameters["encoder.width"].as_i64().unwrap();
        let mut widths: Vec<i64> = trials.iter().map(width).collect();
        widths.sort_unstable();
        widths
    };
    assert_eq!(widths("all", "{}").await, [4, 8, 16, 32, 64]);
    assert_eq!(widths("small", r#"{"params": {"max": 2e5}}"#).await, [4, 8]);
    assert_eq!(widths("soon", r#"{"latency": {"max": 60}}"#).await, [4, 8, 16, 32, 64]);
    assert!(widths("at once", r#"{"latency": {"max": 1e-9}}"#).await.is_empty());
    assert!(widths("none", r#"{"memory": {"max": 1}}"#).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_score_every_candidate_as_one_does() {
    let (one, two) = (Place::new(), Place::new());
    carry_out(one.launch(1).await, i64::MAX).await;
    carry_out(two.launch(2).await, i64::MAX).await;
    let mut scores = Vec::new();
    for place in [&one, &two] {
        let store = Store::open_existing(&place.url()).await.unwrap();
        let snapshot = store.snapshot(store.study("s").await.unwrap().id).await.unwrap();
        let trials = snapshot.stages.into_iter().flat_map(|stage| stage.trials);
        let complete = trials.filter(|trial| trial.state == TrialState::Complete);
        scores.push(
            complete.map(|t| ((t.architecture.as_str().to_owned(), t.repeat), t.scores)).collect::<Vec<_>>(),
        );
    }
    let shared = scores[0].iter().filter_map(|(key, score)| {
        scores[1].iter().find(|(other, _)| other == key).map(|(_, other)| (score, other))
    });
    let pairs: Vec<_> = shared.collect();
    assert!(pairs.len() >= 3);
    assert!(pairs.iter().all(|(a, b)| a == b));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_study_of_the_same_space_trains_nothing() {
    let place = Place::new();
    carry_out(place.launch(1).await, i64::MAX).await;
    let again = launch(&place.url(), &place.options("again", 1), &|_, _| ()).await.unwrap();
    let run = carry_out(again, i64::MAX).await;
    assert_eq!(run.ending, Some(Ending::Complete));
    let trained = run.trained.lock().unwrap();
    // Pruned candidates have no result to take over.
    assert!(run.told.0.iter().any(|line| line.contains("same candidate as trial 1")), "{:#?}", run.told.0);
    let pruned: Vec<&String> = run.told.0.iter().filter(|line| line.contains("pruned after")).collect();
    assert!(
        trained.iter().all(|(id, _)| pruned.iter().any(|line| line.starts_with(&format!("trial {id}:"))))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_request_lets_trials_checkpoint_and_the_study_go_on_later() {
    let place = Place::new();
    let opened = place.launch(1).await;
    let (store, id) = (opened.store.clone(), opened.study.id);
    let stopper = tokio::spawn(async move {
        while store.snapshot(id).await.unwrap().stages.len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.request_stop(id).await.unwrap();
    });
    let run = carry_out(opened, i64::MAX).await;
    stopper.await.unwrap();
    assert_eq!(run.ending, Some(Ending::Stopped));
    let store = Store::open_existing(&place.url()).await.unwrap();
    assert_eq!(store.study_state(id).await.unwrap(), StudyState::Stopped);
    let snapshot = store.snapshot(id).await.unwrap();
    assert!(snapshot.stages.iter().flat_map(|s| &s.trials).all(|t| t.state != TrialState::Running));
    assert_eq!(carry_out(place.resume().await, i64::MAX).await.ending, Some(Ending::Complete));
    let (study, opened) = resume(&place.url(), None, None, &|_, _| ()).await.unwrap();
    assert_eq!((study.state, opened.is_none()), (StudyState::Complete, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_may_begin_with_a_trial_of_another_study_that_has_weights() {
    let place = Place::new();
    carry_out(place.launch(1).await, i64::MAX).await;
    let launch_from = async |study: &str, trial: i64| {
        let document = serde_json::json!({
            "fixed": {"backbone.name": "none", "fusion.placement": []},
            "stages": [{"name": "on", "init_from": trial, "budget": {"trials": 1, "epochs": 2}}],
        });
        let space = SpaceSource::Document("made".into(), document);
        launch(&place.url(), &Launch { space, ..place.options(study, 1) }, &|_, _| ()).await
    };
    let opened = launch_from("on", 1).await.unwrap();
    let (store, id) = (opened.store.clone(), opened.study.id);
    assert_eq!(carry_out(opened, i64::MAX).await.ending, Some(Ending::Complete));
    let first = store.snapshot(id).await.unwrap().winner().unwrap();
    // The same candidate from the weights of another trial is another.
    let opened = launch_from("other", 2).await.unwrap();
    let id = opened.study.id;
    carry_out(opened, i64::MAX).await;
    let second = store.snapshot(id).await.unwrap().winner().unwrap();
    assert_ne!(store.trial(first).await.unwrap().key, store.trial(second).await.unwrap().key);

    let unknown = launch_from("unknown", 999).await.unwrap_err();
    assert!(unknown.is_input() && unknown.to_string().contains("999"), "{unknown}");
    let model = store.trial(TrialId(1)).await.unwrap().model.unwrap();
    std::fs::remove_dir_all(model).unwrap();
    let gone = launch_from("gone", 1).await.unwrap_err();
    assert!(gone.is_input() && gone.to_string().contains("trial 1, which is complete"), "{gone}");
    assert!(store.study("gone").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_is_carried_out_by_one_process_on_the_data_it_began_with() {
    let place = Place::new();
    let opened = place.launch(1).await;
    let error = resume(&place.url(), Some("s"), None, &|_, _| ()).await.unwrap_err();
    assert!(matches!(error, ControllerError::Busy { .. }), "{error}");
    let error = launch(&place.url(), &place.options("s", 1), &|_, _| ()).await.unwrap_err();
    assert!(error.is_input() && error.to_string().contains("resume s"), "{error}");
    drop(opened);
    write_recording(&place.0.path().join("data"), "fold1_room3_mix001");
    let error = resume(&place.url(), Some("s"), None, &|_, _| ()).await.unwrap_err();
    assert!(error.is_input() && error.to_string().contains("has changed"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_are_told() {
    let place = Place::new();
    let mut lines = carry_out(place.launch(1).await, i64::MAX).await.told.0;
    // How many of these there are depends on the clock.
    lines.retain(|line| !line.contains(": epoch ") && !line.contains(" left"));
    insta::assert_snapshot!(lines.join("\n"));
}
