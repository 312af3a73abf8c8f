//! One attempt at a trial, from claim to outcome.

use std::time::Duration;

use tokio::sync::Mutex;

use super::child::Trainer;
use super::heartbeat::Heartbeat;
use super::protocol::Said;
use super::retry::retry;
use super::run::{Judge, WorkerConfig, WorkerError};
use super::stop::{Stop, StopSignal};
use crate::cache;
use crate::fs::FileError;
use crate::ids::WorkerId;
use crate::search::snapshot::{CurvePoint, Snapshot, Verdict};
use crate::search::state::StudyState;
use crate::store::{Claim, Finish, Store, StoreError};
use crate::train::trial::{EpochReport, Instruction, Keep, Outcome, TrialSpec};

/// What attempts share.
pub(super) struct Attempting<'a> {
    pub(super) store: &'a Store,
    pub(super) config: &'a WorkerConfig,
    pub(super) judge: &'a Judge,
    pub(super) stop: StopSignal,
    pub(super) worker: WorkerId,
    /// The study when a trial was last judged: reading all of it again would take longer with every trial.
    pub(super) seen: Mutex<Option<Snapshot>>,
    /// Kept from trial to trial: starting one costs seconds.
    pub(super) trainer: Option<Trainer>,
}

/// How the talk with a trainer about one trial ended.
enum Talk {
    /// The trainer waits for the next trial.
    Over(Recorded),
    /// The trainer is not to go on.
    Kill(Recorded),
    /// The trainer has gone by itself.
    Died,
}

/// What the store is to know.
enum Recorded {
    Finished(Finish),
    Released,
    Crashed(String),
    /// The trial is somebody else's by now.
    Lost,
}

impl Attempting<'_> {
    /// Has a claimed trial trained, and records how that ends.
    pub(super) async fn attempt(&mut self, claim: Claim) -> Result<(), WorkerError> {
        let recorded = match self.supervise(&claim).await {
            Err(WorkerError::Store(error)) if error.is_stale() => Recorded::Lost,
            other => other?,
        };
        match self.record(&claim, recorded).await {
            Err(error) if error.is_stale() => Ok(()),
            other => Ok(other?),
        }
    }

    async fn record(&self, claim: &Claim, recorded: Recorded) -> Result<(), StoreError> {
        let (store, trial, attempt) = (self.store, claim.trial, claim.attempt);
        match recorded {
            Recorded::Finished(end) => retry(|| store.finish(trial, attempt, &end)).await,
            Recorded::Released => retry(|| store.release(trial, attempt)).await,
            Recorded::Crashed(error) => {
                tracing::warn!(%trial, %attempt, "{error}");
                let most = self.config.max_attempts;
                retry(|| store.crash(trial, attempt, &error, most)).await.map(|_| ())
            }
            Recorded::Lost => {
                tracing::warn!(%trial, %attempt, "dropped: the trial has been given to another worker");
                Ok(())
            }
        }
    }

    async fn supervise(&mut self, claim: &Claim) -> Result<Recorded, WorkerError> {
        let spec = match self.spec(claim) {
            Ok(spec) => spec,
            Err(error) => return Ok(Recorded::Finished(Finish::Failed { error })),
        };
        if claim.epochs_done > 0 {
            // An earlier attempt may have died between its last report and the answer to it.
            if let Verdict::Prune { reason } = self.verdict(claim, claim.epochs_done).await? {
                return Ok(Recorded::Finished(Finish::Pruned { reason }));
            }
        }
        let (store, lease) = (self.store.clone(), self.config.lease);
        let mut heartbeat = Heartbeat::start(store, self.worker, claim.trial, claim.attempt, lease);
        let mut trainer = match self.trainer.take() {
            Some(trainer) => trainer,
            None => self.spawn(&spec)?,
        };
        let log = spec.folder.join("trainer.log");
        trainer.log_to(&log).map_err(FileError::at("write", &log))?;
        // A trainer that is dropped on an error here is killed.
        Ok(match self.talk(claim, &spec, &mut trainer, &mut heartbeat).await? {
            Talk::Over(recorded) => {
                self.trainer = Some(trainer);
                recorded
            }
            Talk::Kill(recorded) => {
                trainer.kill().await;
                recorded
            }
            Talk::Died => Recorded::Crashed(trainer.post_mortem().await),
        })
    }

    async fn talk(
        &self,
        claim: &Claim,
        spec: &TrialSpec,
        trainer: &mut Trainer,
        heartbeat: &mut Heartbeat,
    ) -> Result<Talk, WorkerError> {
        if trainer.tell(spec).await.is_err() {
            return Ok(Talk::Died);
        }
        let mut stop = self.stop.clone();
        let mut patience = self.config.patience.first;
        let mut pruned = String::new();
        loop {
            let said = tokio::select! {
                said = trainer.listen() => said,
                () = heartbeat.lost() => return Ok(Talk::Kill(Recorded::Lost)),
                () = told_now(&mut stop) => return Ok(Talk::Kill(Recorded::Released)),
                () = tokio::time::sleep(patience) => {
                    let error = format!("the trainer said nothing for {:.1} s", patience.as_secs_f64());
                    return Ok(Talk::Kill(Recorded::Crashed(error)));
                }
            };
            match said {
                Err(error) => return Ok(Talk::Kill(Recorded::Crashed(error.to_string()))),
                Ok(None) => return Ok(Talk::Died),
                Ok(Some(Said::Finished { outcome })) => return Ok(Talk::Over(recorded(outcome, pruned))),
                Ok(Some(Said::Error { message })) => return Ok(Talk::Over(Recorded::Crashed(message))),
                Ok(Some(Said::Started { parameters, macs_per_second })) => {
                    let (store, trial, attempt) = (self.store, claim.trial, claim.attempt);
                    retry(|| store.report_started(trial, attempt, parameters, macs_per_second)).await?;
                }
                Ok(Some(Said::Epoch(report))) => {
                    patience = self.patience(&report);
                    let instruction = match self.instruct(claim, &report, &mut pruned).await {
                        Err(error @ StoreError::EpochOrder { .. }) => {
                            return Ok(Talk::Kill(Recorded::Crashed(error.to_string())));
                        }
                        other => other?,
                    };
                    if trainer.tell(&instruction).await.is_err() {
                        return Ok(Talk::Died);
                    }
                }
            }
        }
    }

    fn spawn(&self, spec: &TrialSpec) -> Result<Trainer, WorkerError> {
        let command = &self.config.trainer;
        Trainer::spawn(command, spec.threads)
            .map_err(|source| WorkerError::Spawn { program: command.program.clone(), source })
    }

    fn spec(&self, claim: &Claim) -> Result<TrialSpec, String> {
        let settings = &self.config.study.settings;
        let architecture = serde_json::from_value(claim.architecture.clone())
            .map_err(|e| format!("unreadable architecture: {e}"))?;
        Ok(TrialSpec {
            architecture,
            seed: claim.seed,
            epochs: claim.epochs,
            data: settings.data.clone(),
            layout: settings.layout,
            validation: settings.validation,
            device: self.config.device.clone(),
            threads: settings.threads,
            folder: self.store.artifacts().attempt(claim.trial, claim.attempt),
            resume_from: claim.resume_from.clone(),
            init_from: claim.init_from.clone(),
            keep: Keep::Best,
            cache: cache::cache_folder(),
        })
    }

    /// Stores an epoch, and says how the trial goes on. The reason for pruning goes to `pruned`.
    async fn instruct(
        &self,
        claim: &Claim,
        report: &EpochReport,
        pruned: &mut String,
    ) -> Result<Instruction, StoreError> {
        let (store, trial, attempt) = (self.store, claim.trial, claim.attempt);
        let point = point(report);
        let receipt = retry(|| store.report_epoch(trial, attempt, &point, &report.checkpoint)).await?;
        // Before a request to stop: what an undisturbed run would have pruned is not trained on after resuming.
        if let Verdict::Prune { reason } = self.verdict(claim, report.epoch).await? {
            *pruned = reason;
            return Ok(Instruction::Prune);
        }
        let told = *self.stop.borrow() != Stop::No || receipt.study != StudyState::Running;
        let last = report.epoch >= claim.epochs;
        Ok(if told && !last { Instruction::Stop } else { Instruction::Continue })
    }

    /// What the search says about a trial that has reported `epoch`. The last one is never pruned: nothing is
    /// left to save.
    async fn verdict(&self, claim: &Claim, epoch: u32) -> Result<Verdict, StoreError> {
        if epoch >= claim.epochs {
            return Ok(Verdict::Continue);
        }
        let mut seen = self.seen.lock().await;
        let seen = match &mut *seen {
            Some(seen) => seen,
            none => none.insert(retry(|| self.store.snapshot(claim.study)).await?),
        };
        retry(async || self.store.refresh(claim.study, &mut *seen).await).await?;
        Ok((self.judge)(seen, claim.trial))
    }

    fn patience(&self, report: &EpochReport) -> Duration {
        let patience = self.config.patience;
        let epochs = Duration::try_from_secs_f64(report.seconds * patience.epochs).unwrap_or_default();
        patience.least.max(epochs)
    }
}

/// Waits until the worker is told to leave at once; for ever if it is not.
async fn told_now(stop: &mut StopSignal) {
    if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn recorded(outcome: Outcome, pruned: String) -> Recorded {
    match outcome {
        Outcome::Complete { scores, best_epoch, model } => {
            Recorded::Finished(Finish::Complete { scores, best_epoch, model })
        }
        Outcome::Pruned => Recorded::Finished(Finish::Pruned { reason: pruned }),
        Outcome::Stopped => Recorded::Released,
        Outcome::Diverged { epoch, cause } => {
            Recorded::Finished(Finish::Failed { error: format!("diverged in epoch {epoch}: {cause}") })
        }
    }
}

fn point(report: &EpochReport) -> CurvePoint {
    CurvePoint {
        epoch: report.epoch,
        train_loss: report.train_loss,
        val_loss: report.val_loss,
        scores: report.scores,
        seconds: report.seconds,
    }
}
