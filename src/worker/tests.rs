//! A worker with trainers that are shell scripts: what it does with whatever they do.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::ids::{StageId, StudyId, TrialId, WorkerId};
use crate::search::snapshot::{Proposal, Verdict};
use crate::search::state::{StudyState, TrialState};
use crate::store::{NewStudy, NewTrial, Settings, Store, TrialDetails};

/// Speaks the protocol: `spec` waits for a trial and sets $folder and $first, `epoch N` reports one and waits
/// for the answer, `finish` completes the trial.
const LIBRARY: &str = r#"
spec() {
    read -r line || exit 0
    folder=$(printf '%s' "$line" | sed 's/.*"folder":"\([^"]*\)".*/\1/')
    first=1
    case "$line" in *'"resume_from":"'*)
        first=$(printf '%s' "$line" | sed 's/.*"resume_from":"[^"]*epoch-\([0-9]*\)".*/\1/')
        first=$((first + 1));;
    esac
    mkdir -p "$folder"
    echo 'a library prints this'
    echo '{"event":"started","parameters":12,"macs_per_second":34}'
}
epoch() {
    touch "$folder/epoch-$1"
    printf '{"event":"epoch","epoch":%s,"train_loss":1.5,"val_loss":0.5,"scores":{"seld":0.%s,"er20":1,"f20":0,"le_cd":null,"lr_cd":0},"seconds":0.01,"checkpoint":"%s"}\n' "$1" "$((9 - $1))" "$folder/epoch-$1"
    read -r answer || exit 1
}
end() { printf '{"event":"finished","outcome":{"outcome":"%s"}}\n' "$1"; }
finish() {
    mkdir -p "$folder/model"
    printf '{"event":"finished","outcome":{"outcome":"complete","scores":{"seld":0.5,"er20":1,"f20":0,"le_cd":null,"lr_cd":0},"best_epoch":2,"model":"%s"}}\n' "$folder/model"
}
train() {
    n=$first
    while [ "$n" -le 3 ]; do
        epoch "$n"
        case $answer in '"prune"') end pruned; return;; '"stop"') end stopped; return;; esac
        n=$((n + 1))
    done
    finish
}
"#;

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    study: StudyId,
    stage: StageId,
    config: WorkerConfig,
    stop: watch::Sender<Stop>,
}

impl Bench {
    async fn new(script: &str, trials: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("s.db").display())).await.unwrap();
        let new = NewStudy {
            name: "s".into(),
            space: json!({}),
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
        let study = store.create_study(new).await.unwrap();
        let stage = store.begin_stage(study, 0, &[]).await.unwrap();
        let mut config = WorkerConfig::new(store.study("s").await.unwrap(), "cpu".into(), 2).unwrap();
        config.trainer = TrainerCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), format!("{LIBRARY}\n{script}")],
        };
        config.poll = Duration::from_millis(5);
        let (stop, _) = watch::channel(Stop::No);
        let bench = Self { _folder: folder, store, study, stage, config, stop };
        for number in 0..trials {
            bench.add(number).await;
        }
        bench
    }

    async fn add(&self, number: u32) -> TrialId {
        let proposal = Proposal {
            number,
            parameters: [].into(),
            architecture: json!({}),
            seed: 1,
            repeat: 0,
            repeat_of: None,
            epochs: 3,
            init_from: None,
            again_of: None,
            enqueued: None,
        };
        self.store
            .add_trials(self.stage, &[NewTrial { proposal: &proposal, key: &number.to_string() }])
            .await
            .unwrap()[0]
    }

    /// Works until nothing is left to do, or `wanted` ends the study sooner.
    async fn work(&self, judge: Judge) -> Result<Ended, WorkerError> {
        let worker = run(&self.store, &self.config, &judge, self.stop.subscribe());
        tokio::select! {
            ended = worker => ended,
            () = self.close_when_done() => unreachable!(),
        }
    }

    /// Does what a controller does at the end; never returns.
    async fn close_when_done(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let trials = self.trials().await;
            if trials.iter().all(|trial| trial.state.is_finished()) {
                self.store.set_study_state(self.study, StudyState::Complete).await.unwrap();
            }
        }
    }

    async fn trials(&self) -> Vec<TrialDetails> {
        let mut trials = Vec::new();
        for trial in &self.store.snapshot(self.study).await.unwrap().stages[0].trials {
            trials.push(self.store.trial(trial.id).await.unwrap());
        }
        trials
    }

    async fn until(&self, wanted: impl Fn(&[TrialDetails]) -> bool) {
        while !wanted(&self.trials().await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn never() -> Judge {
    Box::new(|_, _| Verdict::Continue)
}

#[tokio::test]
async fn one_trainer_trains_one_trial_after_another() {
    let bench = Bench::new("while spec; do train; done", 2).await;
    let ended = bench.work(never()).await.unwrap();
    assert_eq!(ended, Ended::StudyOver(StudyState::Complete));
    for trial in bench.trials().await {
        assert_eq!((trial.state, trial.curve.len(), trial.best_epoch), (TrialState::Complete, 3, Some(2)));
        assert_eq!((trial.params, trial.macs, trial.scores.seld), (Some(12), Some(34), Some(0.5)));
        assert!(trial.model.unwrap().is_dir());
    }
    assert_eq!(bench.store.workers(bench.study).await.unwrap(), vec![], "it has signed off");
    let log = bench.store.artifacts().attempt(TrialId(1), crate::ids::Attempt(1)).join("trainer.log");
    assert!(std::fs::read_to_string(log).unwrap().contains("a library prints this"));
}

#[tokio::test]
async fn the_judge_prunes_with_its_reason() {
    let bench = Bench::new("while spec; do train; done", 1).await;
    let judge: Judge = Box::new(|snapshot, _| match snapshot.stages[0].trials[0].curve.len() {
        2.. => Verdict::Prune { reason: "worse than its peers".into() },
        _ => Verdict::Continue,
    });
    bench.work(judge).await.unwrap();
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.curve.len()), (TrialState::Pruned, 2));
    assert_eq!(trial.error.as_deref(), Some("worse than its peers"));
}

#[tokio::test]
async fn a_crash_is_retried_from_the_checkpoint_then_failed() {
    let crash_once = "spec; [ $first -gt 3 ] || epoch $first; echo boom >&2; kill -SEGV $$";
    let bench = Bench::new(crash_once, 1).await;
    bench.work(never()).await.unwrap();
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.crashes), (TrialState::Failed, 2));
    assert_eq!(trial.curve.iter().map(|p| p.epoch).collect::<Vec<_>>(), [1, 2, 3], "each went one on");
    assert_eq!(trial.attempt.0, 4, "those that got further did not count");
    let error = trial.error.unwrap();
    assert!(error.contains("signal 11") && error.contains("boom"), "{error}");
}

#[tokio::test]
async fn an_error_leaves_the_trainer_for_the_next_trial() {
    let script = r#"spec; echo '{"event":"error","message":"no such device"}'
        spec; echo '{"event":"error","message":"no such device"}'
        spec; train"#;
    let bench = Bench::new(script, 2).await;
    bench.work(never()).await.unwrap();
    let trials = bench.trials().await;
    assert_eq!((trials[0].state, trials[0].error.as_deref()), (TrialState::Failed, Some("no such device")));
    assert_eq!(trials[1].state, TrialState::Complete);
}

#[tokio::test]
async fn silence_is_taken_for_a_hang() {
    let mut bench = Bench::new("spec; exec sleep 100", 1).await;
    bench.config.patience.first = Duration::from_millis(50);
    bench.work(never()).await.unwrap();
    let trial = bench.trials().await.remove(0);
    assert_eq!(trial.state, TrialState::Failed);
    assert!(trial.error.unwrap().contains("said nothing for 0.1 s"));
}

#[tokio::test]
async fn told_to_leave_it_gives_the_trial_back_after_the_epoch() {
    let bench = Bench::new("while spec; do train; done", 1).await;
    bench.stop.send_replace(Stop::No);
    let stop = bench.stop.clone();
    let judge: Judge = Box::new(move |_, _| {
        stop.send_replace(Stop::AfterEpoch);
        Verdict::Continue
    });
    assert_eq!(bench.work(judge).await.unwrap(), Ended::Told);
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.curve.len()), (TrialState::Pending, 1));
    bench.stop.send_replace(Stop::No);
    bench.work(never()).await.unwrap();
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.curve.len()), (TrialState::Complete, 3));
    assert_eq!(trial.attempt.0, 2);
}

#[tokio::test]
async fn told_to_leave_at_once_it_kills_the_trainer() {
    let bench = Bench::new("spec; epoch 1; exec sleep 100", 1).await;
    let leave = async {
        bench.until(|trials| trials[0].curve.len() == 1).await;
        bench.stop.send_replace(Stop::Now);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = bench.work(never()) => assert_eq!(ended.unwrap(), Ended::Told),
        () = leave => {}
    }
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.curve.len(), trial.crashes), (TrialState::Pending, 1, 0));
}

#[tokio::test]
async fn a_lost_lease_drops_the_trial() {
    let mut bench = Bench::new("spec; exec sleep 100", 1).await;
    bench.config.lease = Duration::from_millis(60);
    let holder = std::cell::Cell::new(None);
    let steal = async {
        bench.until(|trials| trials[0].state == TrialState::Running).await;
        // Somebody else takes it, as when this machine was thought lost; unless the worker itself was quicker.
        let stolen = loop {
            let attempt = bench.trials().await.remove(0).attempt;
            bench.store.release(TrialId(1), attempt).await.unwrap();
            let claimed = bench.store.claim(bench.study, WorkerId(1), Duration::from_secs(60)).await.unwrap();
            if let Some(claim) = claimed {
                break claim.attempt;
            }
        };
        holder.set(Some(stolen));
        tokio::time::sleep(Duration::from_millis(150)).await;
        bench.stop.send_replace(Stop::Now);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = bench.work(never()) => assert_eq!(ended.unwrap(), Ended::Told),
        () = steal => unreachable!("it waits for the worker"),
    }
    let trial = bench.trials().await.remove(0);
    assert_eq!(trial.state, TrialState::Running);
    assert_eq!(Some(trial.attempt), holder.get(), "the new holder has it still");
}

#[tokio::test]
async fn what_was_to_be_pruned_is_not_trained_on_after_a_kill() {
    let bench = Bench::new("exit 1", 1).await;
    let folder = bench.store.artifacts().root().join("trials");
    let checkpoint = folder.join("epoch-1");
    crate::fs::write_bytes(&checkpoint, b"").unwrap();
    let lock_file = folder.join("w.lock");
    let new = crate::store::NewWorker {
        study: bench.study,
        host: crate::store::host_name(),
        pid: 1,
        device: "cpu".into(),
        lock_file,
    };
    let killed = bench.store.register_worker(&new).await.unwrap();
    let claim = bench.store.claim(bench.study, killed, Duration::from_secs(60)).await.unwrap().unwrap();
    let point = crate::search::snapshot::CurvePoint {
        epoch: 1,
        train_loss: 1.0,
        val_loss: 1.0,
        scores: Default::default(),
        seconds: 1.0,
    };
    bench.store.report_epoch(claim.trial, claim.attempt, &point, &checkpoint).await.unwrap();
    bench.store.release_dead_workers(bench.study, &new.host).await.unwrap();
    bench.work(Box::new(|_, _| Verdict::Prune { reason: "r".into() })).await.unwrap();
    let trial = bench.trials().await.remove(0);
    assert_eq!((trial.state, trial.curve.len(), trial.crashes), (TrialState::Pruned, 1, 0));
}
