//! The loop, from taking a study up to its end or its interruption.

use std::time::{Duration, Instant};

use super::error::ControllerError;
use super::interrupt::Interrupts;
use super::notice::{Notice, Watch};
use super::progress::{News, Progress};
use super::study::Opened;
use super::tick::{Turn, turn};
use crate::engine::Engine;
use crate::ids::TrialId;
use crate::search::state::{StudyState, TrialState};
use crate::store::host_name;

/// Shortest time between two looks at the store.
const POLL: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 250 });
/// Looking takes at most this share of the time, one in so many.
const POLL_SHARE: u32 = 10;
/// How often in a row a step may fail for a passing reason before the study is given up.
const RETRIES: u32 = 5;
/// How long workers of a finished study may take to leave.
const LEAVING: Duration = Duration::from_secs(10);
/// How long workers of a stopping study may take: an epoch, however long that is.
const LAST_EPOCH: Duration = Duration::from_secs(24 * 3600);

/// How a run of the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All stages have a winner.
    Complete,
    /// Stopped by the user, with everything saved; can be resumed.
    Stopped,
    /// A stage ended without a winner.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Carries a study out until it ends, is stopped, or `interrupts` says so: the first interrupt lets running
/// trials finish their epoch, the second ends the workers at once.
///
/// # Errors
/// The store or the engine failed for good. Workers have ended then; the study can be resumed.
pub async fn run(
    opened: &Opened,
    engine: &mut impl Engine,
    interrupts: &mut Interrupts,
    watch: &mut dyn Watch,
) -> Result<Ending, ControllerError> {
    let ending = attend(opened, engine, interrupts, watch).await;
    // Those that could leave by themselves have left.
    engine.stop(if ending.is_ok() { LEAVING } else { Duration::ZERO }).await;
    ending
}

async fn attend(
    opened: &Opened,
    engine: &mut impl Engine,
    interrupts: &mut Interrupts,
    watch: &mut dyn Watch,
) -> Result<Ending, ControllerError> {
    release_dead(opened, watch).await?;
    let mut progress = Progress::of(&opened.store, opened.study.id).await?;
    engine.start()?;
    let mut alive = 0;
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let step = match step(opened, engine, &mut alive, &mut progress, watch).await {
            Err(error) if error.is_transient() && failures < RETRIES => {
                failures += 1;
                watch.notice(&Notice::Retry { error: error.to_string() });
                Step::Wait
            }
            other => {
                failures = 0;
                other?
            }
        };
        match step {
            Step::Again => continue,
            Step::Wait => {}
            Step::Stop => return stop(opened, engine, interrupts, &mut progress, watch).await,
            Step::End(ending) => return Ok(ending),
        }
        tokio::select! {
            () = tokio::time::sleep(POLL.max(began.elapsed() * POLL_SHARE)) => {}
            () = interrupts.next() => {
                return stop(opened, engine, interrupts, &mut progress, watch).await;
            }
        }
    }
}

enum Step {
    /// Something was decided: look again at once.
    Again,
    Wait,
    /// Somebody asked for a stop.
    Stop,
    End(Ending),
}

async fn step(
    opened: &Opened,
    engine: &mut impl Engine,
    alive: &mut usize,
    progress: &mut Progress,
    watch: &mut dyn Watch,
) -> Result<Step, ControllerError> {
    let Opened { store, study, .. } = opened;
    if store.study_state(study.id).await? != StudyState::Running {
        return Ok(Step::Stop);
    }
    tell(opened, progress, watch).await?;
    let before = std::mem::replace(alive, engine.alive()?);
    if *alive < before {
        // Whoever died may have left a trial behind: its lease need not run out.
        release_dead(opened, watch).await?;
    }
    Ok(match turn(opened, &progress.snapshot, watch).await? {
        Turn::Decided => Step::Again,
        Turn::Waiting => Step::Wait,
        Turn::Complete => Step::End(Ending::Complete),
        Turn::Failed(reason) => Step::End(Ending::Failed { reason }),
    })
}

/// Tells what the trials have done since the last look.
async fn tell(
    opened: &Opened,
    progress: &mut Progress,
    watch: &mut dyn Watch,
) -> Result<(), ControllerError> {
    let mut ended = false;
    for (trial, news) in progress.refresh(&opened.store).await? {
        match news {
            News::Epoch(epoch, scores) => watch.notice(&Notice::Epoch { trial, epoch, scores }),
            News::Finished => {
                ended = true;
                watch.notice(&finished(opened, trial).await?);
            }
        }
    }
    if ended && progress.wants_estimate() {
        let began = Instant::now();
        let left = opened.store.status(&opened.study).await?.seconds_left;
        progress.estimated(began.elapsed());
        if let Some(seconds) = left.filter(|seconds| *seconds > 0.0) {
            watch.notice(&Notice::TimeLeft { seconds });
        }
    }
    Ok(())
}

async fn finished(opened: &Opened, trial: TrialId) -> Result<Notice, ControllerError> {
    let details = opened.store.trial(trial).await?;
    let detail = match (details.reused_from, details.error) {
        (Some(twin), _) => Some(format!("same candidate as trial {twin}")),
        (None, error) => error,
    };
    let scores = (details.state == TrialState::Complete).then_some(details.scores);
    Ok(Notice::Finished { trial, state: details.state, scores, detail, seconds: details.seconds })
}

async fn release_dead(opened: &Opened, watch: &mut dyn Watch) -> Result<(), ControllerError> {
    let dead = opened.store.release_dead_workers(opened.study.id, &host_name()).await?;
    if !dead.is_empty() {
        watch.notice(&Notice::DeadWorkers { count: dead.len() });
    }
    Ok(())
}

/// Lets the workers checkpoint and leave, then closes the study for now.
async fn stop(
    opened: &Opened,
    engine: &mut impl Engine,
    interrupts: &mut Interrupts,
    progress: &mut Progress,
    watch: &mut dyn Watch,
) -> Result<Ending, ControllerError> {
    let Opened { store, study, .. } = opened;
    watch.notice(&Notice::Stopping);
    store.set_study_state(study.id, StudyState::Stopping).await?;
    tokio::select! {
        () = engine.stop(LAST_EPOCH) => {}
        () = interrupts.next() => engine.stop(Duration::ZERO).await,
    }
    tell(opened, progress, watch).await?;
    release_dead(opened, watch).await?;
    store.set_study_state(study.id, StudyState::Stopped).await?;
    Ok(Ending::Stopped)
}
