//! What the engine costs beside the training: seconds from a decision to a stored trial, in studies that have many trials
//! already, with SQLite on disk; and trials that train nothing from their proposal to their end, for eight workers at a time,
//! beside Optuna's RDB storage. With the pruner `curve`, nine of ten trials were pruned, and the verdict on a trial counts too.
//!
//! `cargo bench --bench overhead`. Optuna's row needs a Python with optuna, named by `OPTUNA_PYTHON`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use at2seld::ids::{StageId, StudyId, WorkerId};
use at2seld::search::snapshot::{CurvePoint, Decision, Proposal, Scores};
use at2seld::search::{SearchSpace, Snapshot, decide, verdict};
use at2seld::store::{Finish, NewStudy, NewTrial, NewWorker, Settings, Store};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

/// Trials that are timed,
const TIMED: u32 = 40;
/// after so many that are not: the first look reads all that was there, and each connection of the store has memory to put in
/// order after it.
const UNTIMED: u32 = 5;
/// Trials that train nothing, from an empty study on.
const NOTHING: u32 = 2000;
/// How often that is done; the median counts.
const RUNS: usize = 5;
/// Workers that they are for.
const WORKERS: u32 = 8;
const SAMPLERS: [&str; 6] = ["random", "evolution", "auto", "gp", "tpe", "nsga2"];
const PRUNERS: [&str; 2] = ["none", "curve"];
/// Epochs of a trial, and of one that was pruned.
const EPOCHS: u32 = 10;
const PRUNED: u32 = 3;

/// Twelve parameters, as in the peers' figures.
fn space(sampler: &str, pruner: &str) -> Value {
    json!({"stages": [{"name": "a", "sampler": {"kind": sampler}, "pruner": {"kind": pruner},
        "budget": {"trials": 1_000_000, "epochs": EPOCHS}, "space": {
        "encoder.width": {"int": {"low": 8, "high": 128}},
        "encoder.blocks": {"choice": [1, 2, 3]},
        "encoder.dropout": {"float": {"low": 0.0, "high": 0.5}},
        "encoder.output": {"int": {"low": 32, "high": 512}},
        "temporal.hidden": {"int": {"low": 16, "high": 256}},
        "temporal.layers": {"choice": [1, 2]},
        "tracks.width": {"int": {"low": 16, "high": 128}},
        "tracks.dropout": {"float": {"low": 0.0, "high": 0.5}},
        "loss.doa_weight": {"float": {"low": 0.1, "high": 10.0, "log": true}},
        "train.learning_rate": {"float": {"low": 1e-4, "high": 1e-2, "log": true}},
        "train.weight_decay": {"float": {"low": 1e-5, "high": 1e-1, "log": true}},
        "backbone.dropout": {"float": {"low": 0.0, "high": 0.5}}}}]})
}

struct Bench {
    space: SearchSpace,
    store: Store,
    study: StudyId,
    stage: StageId,
    worker: WorkerId,
}

impl Bench {
    async fn new(folder: &Path, sampler: &str, pruner: &str, filled: u32) -> Self {
        let file = folder.join(format!("{sampler}-{pruner}-{filled}.db"));
        let store = Store::open(&format!("sqlite:{}", file.display())).await.expect("a store");
        let document = space(sampler, pruner);
        let new = NewStudy {
            name: "bench".into(),
            space: document.clone(),
            settings: Settings {
                data: "/data".into(),
                layout: None,
                devices: vec!["cpu".into()],
                workers: 1,
                threads: 1,
                validation: 0.2,
            },
            seed: 1,
            data_fingerprint: "d".into(),
            version: "0".into(),
            stages: vec!["a".into()],
        };
        let study = store.create_study(new).await.expect("a study");
        let stage = store.begin_stage(study, 0, &[]).await.expect("a stage");
        let lock_file = store.artifacts().workers().join("w.lock");
        let new = NewWorker { study, host: "here".into(), pid: 1, device: "cpu".into(), lock_file };
        let worker = store.register_worker(&new).await.expect("a worker");
        let space = SearchSpace::from_document("bench", &document).expect("a space");
        let bench = Self { space, store, study, stage, worker };
        if filled > 0 {
            let snapshot = bench.store.snapshot(study).await.expect("a snapshot");
            let first = &bench.decide(&snapshot, 1)[0];
            let pruned = if pruner == "none" { 0 } else { 9 };
            fill(&file, (study, stage), &first.architecture, filled, pruned).await;
        }
        bench
    }

    /// What is decided when so many trials may be open.
    fn decide(&self, snapshot: &Snapshot, capacity: u32) -> Vec<Proposal> {
        let proposal = |decision| match decision {
            Decision::Propose(proposal) => proposal,
            other => panic!("{other:?}"),
        };
        decide(&self.space, snapshot, capacity as usize, &()).into_iter().map(proposal).collect()
    }

    async fn propose(&self, snapshot: &mut Snapshot, capacity: u32) {
        self.store.refresh(self.study, snapshot).await.expect("a snapshot");
        let proposals = self.decide(snapshot, capacity);
        let keys: Vec<String> = proposals.iter().map(|p| format!("{}-{}", self.stage, p.number)).collect();
        let new: Vec<NewTrial<'_>> =
            proposals.iter().zip(&keys).map(|(proposal, key)| NewTrial { proposal, key }).collect();
        self.store.add_trials(self.stage, &new).await.expect("trials");
    }

    /// What a worker does that trains nothing, and asks once whether it should.
    async fn work(&self, trial: u32, seen: Option<&mut Snapshot>) {
        let lease = Duration::from_secs(60);
        let claim =
            self.store.claim(self.study, self.worker, lease).await.expect("a claim").expect("a trial");
        if let Some(snapshot) = seen {
            let scores = Scores { seld: Some(0.9), ..Scores::default() };
            let point = CurvePoint { epoch: 1, train_loss: 1.0, val_loss: 1.0, scores, seconds: 1.0 };
            let checkpoint = Path::new("/c");
            self.store.report_epoch(claim.trial, claim.attempt, &point, checkpoint).await.expect("an epoch");
            self.store.refresh(self.study, snapshot).await.expect("a snapshot");
            std::hint::black_box(verdict(&self.space, snapshot, claim.trial));
        }
        let scores = Scores { seld: Some(f64::from(trial * 7919 % 1000) / 1000.0), ..Scores::default() };
        let end = Finish::Complete { scores, best_epoch: 1, model: "/m".into() };
        self.store.finish(claim.trial, claim.attempt, &end).await.expect("an end");
    }

    /// Seconds from a look at the store to a stored trial, and to its end, the means of `trials`.
    async fn run(&self, trials: u32) -> (f64, f64) {
        let mut snapshot = self.store.snapshot(self.study).await.expect("a snapshot");
        let (mut proposing, mut ending) = (Duration::ZERO, Duration::ZERO);
        for trial in 0..UNTIMED + trials {
            let begun = Instant::now();
            self.propose(&mut snapshot, 1).await;
            let proposed = begun.elapsed();
            self.work(trial, Some(&mut snapshot)).await;
            if trial >= UNTIMED {
                proposing += proposed;
                ending += begun.elapsed();
            }
        }
        (proposing.as_secs_f64() / f64::from(trials), ending.as_secs_f64() / f64::from(trials))
    }

    /// Trials a second that train nothing, proposed for several workers at once.
    async fn rate(&self, trials: u32, workers: u32) -> f64 {
        let mut snapshot = self.store.snapshot(self.study).await.expect("a snapshot");
        let begun = Instant::now();
        for trial in 0..trials {
            if trial % workers == 0 {
                self.propose(&mut snapshot, workers).await;
            }
            self.work(trial, None).await;
        }
        f64::from(trials) / begun.elapsed().as_secs_f64()
    }
}

/// Writes finished trials with drawn parameters and curves at once, so many of ten of them pruned.
async fn fill(
    file: &Path,
    (study, stage): (StudyId, StageId),
    architecture: &Value,
    count: u32,
    pruned: u32,
) {
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_secs(60))
        .connect()
        .await
        .expect("a file");
    let unit = "(abs(random() % 1000000) / 1000000.0)";
    let parameters = [
        ("encoder.width", "8 + abs(random() % 121)".to_owned()),
        ("encoder.blocks", "1 + abs(random() % 3)".to_owned()),
        ("encoder.dropout", format!("0.5 * {unit}")),
        ("encoder.output", "32 + abs(random() % 481)".to_owned()),
        ("temporal.hidden", "16 + abs(random() % 241)".to_owned()),
        ("temporal.layers", "1 + abs(random() % 2)".to_owned()),
        ("tracks.width", "16 + abs(random() % 113)".to_owned()),
        ("tracks.dropout", format!("0.5 * {unit}")),
        ("loss.doa_weight", format!("0.1 + 9.9 * {unit}")),
        ("train.learning_rate", format!("0.0001 + 0.0099 * {unit}")),
        ("train.weight_decay", format!("0.00001 + 0.09 * {unit}")),
        ("backbone.dropout", format!("0.5 * {unit}")),
    ];
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("'{name}', {value}")).collect();
    let sql = format!(
        "with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n + 1 < ?4)
         insert into trials (study_id, stage_id, number, key, architecture, seed, epochs_budget, state, seld, best_epoch,
                             model, created, parameters)
         select ?1, ?2, n, 'old-' || n, json_set(?3, '$.train.seed', n), 1, {EPOCHS},
                iif(n % 10 < ?5, 'pruned', 'complete'), iif(n % 10 < ?5, null, abs(random() % 100000) / 100000.0),
                1, '/m', 0, json_object({}) from numbers",
        parameters.join(", ")
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(study.0)
        .bind(stage.0)
        .bind(architecture.to_string())
        .bind(count)
        .bind(pruned)
        .execute(&mut connection)
        .await
        .expect("trials");
    if pruned > 0 {
        sqlx::query(
            "with recursive epochs(n) as (select 1 union all select n + 1 from epochs where n < ?1)
             insert into trial_curves (trial_id, epoch, train_loss, val_loss, seld, seconds)
             select id, n, 1.0, 1.0, coalesce(seld, 2.0) + (0.5 + abs(random() % 100000) / 100000.0) / n, 1.0
             from trials, epochs where state = 'complete' or n <= ?2",
        )
        .bind(EPOCHS)
        .bind(PRUNED)
        .execute(&mut connection)
        .await
        .expect("curves");
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    println!("milliseconds from a look at the store to a stored trial; to its end in brackets\n");
    println!(
        "{:<10} {:<6} {:>18} {:>18} {:>18}",
        "sampler", "pruner", "100 trials", "10,000 trials", "100,000 trials"
    );
    for (pruner, sampler) in PRUNERS.iter().flat_map(|pruner| SAMPLERS.map(|sampler| (pruner, sampler))) {
        let mut cells = Vec::new();
        for filled in [100, 10_000, 100_000] {
            let bench = Bench::new(folder.path(), sampler, pruner, filled).await;
            let (proposed, ended) = bench.run(TIMED).await;
            cells.push(format!("{:.2} ({:.2})", 1e3 * proposed, 1e3 * ended));
        }
        println!("{sampler:<10} {pruner:<6} {:>18} {:>18} {:>18}", cells[0], cells[1], cells[2]);
    }
    println!("\n{NOTHING} trials that train nothing, drawn at random");
    let mut own = 0.0;
    for workers in [1, WORKERS] {
        let mut rates = Vec::new();
        for run in 0..RUNS {
            let folder = folder.path().join(format!("{workers}-{run}"));
            rates.push(Bench::new(&folder, "random", "none", 0).await.rate(NOTHING, workers).await);
        }
        rates.sort_by(f64::total_cmp);
        own = rates[RUNS / 2];
        println!("for {workers} workers: {own:.0} a second, from {:.0} to {:.0}", rates[0], rates[RUNS - 1]);
    }
    if let Ok(python) = std::env::var("OPTUNA_PYTHON") {
        let storage = format!("sqlite:///{}", folder.path().join("optuna.db").display());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/overhead_optuna.py");
        let arguments = [script, &storage, &NOTHING.to_string()];
        let output = Command::new(python).args(arguments).output().expect("a Python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
        println!(
            "Optuna's RDB storage (SQLite), the same: {theirs:.1} a second; {:.0} times fewer",
            own / theirs
        );
    }
}
