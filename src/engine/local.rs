//! Workers as child processes on this machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::{Engine, EngineError};
use crate::store::{Store, Study};

/// A worker that lived for a shorter time died of its start.
const SHORT_LIFE: Duration = Duration::from_secs(10);
/// Deaths in a row right after the start, until a worker is given up.
const SHORT_LIVES: u32 = 5;
/// How long a worker that was told to leave at once may take.
const LEAVE_NOW: Duration = Duration::from_secs(5);

/// The worker processes of a study, children of this process.
///
/// Each has a pipe as its standard input that nothing is ever written to: it ends when this process ends,
/// however it ends, and the worker leaves. So dropping this value ends the workers too.
#[derive(Debug)]
pub struct LocalEngine {
    program: PathBuf,
    arguments: Vec<String>,
    backoff: Duration,
    slots: Vec<Slot>,
}

/// A worker, and the ones that took its place.
#[derive(Debug)]
struct Slot {
    device: String,
    log: PathBuf,
    child: Option<Child>,
    started: Instant,
    short_lives: u32,
    state: SlotState,
    status: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Idle,
    Running,
    RestartAt(Instant),
    GivenUp,
}

impl LocalEngine {
    /// Plans the workers of a study by its settings, devices in turn; starts none.
    pub fn new(store: &Store, study: &Study) -> Result<Self, EngineError> {
        let program = std::env::current_exe()
            .map_err(|source| EngineError::Start { program: "at2seld".into(), source })?;
        let arguments =
            ["worker", "--leave-on-eof", "--store", &store.url(), "--study", &study.name].map(str::to_owned);
        let settings = &study.settings;
        let devices = settings.devices.iter().cycle().take(settings.workers).cloned();
        Ok(Self::with_program(program, arguments.to_vec(), devices, &store.artifacts().workers()))
    }

    fn with_program(
        program: PathBuf,
        arguments: Vec<String>,
        devices: impl IntoIterator<Item = String>,
        logs: &Path,
    ) -> Self {
        let slot = |(index, device): (usize, String)| Slot {
            device,
            log: logs.join(format!("worker-{}.log", index + 1)),
            child: None,
            started: Instant::now(),
            short_lives: 0,
            state: SlotState::Idle,
            status: String::new(),
        };
        let slots = devices.into_iter().enumerate().map(slot).collect();
        Self { program, arguments, backoff: Duration::from_millis(500), slots }
    }

    fn spawn(&mut self, index: usize) -> Result<(), EngineError> {
        let slot = &mut self.slots[index];
        let log =
            open_log(&slot.log).map_err(|source| EngineError::Log { path: slot.log.clone(), source })?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .args(["--device", &slot.device])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C on a terminal is for this process, which lets workers save their trials.
            .process_group(0)
            .spawn()
            .map_err(|source| EngineError::Start { program: self.program.clone(), source })?;
        slot.child = Some(child);
        slot.started = Instant::now();
        slot.state = SlotState::Running;
        Ok(())
    }
}

impl Engine for LocalEngine {
    fn start(&mut self) -> Result<(), EngineError> {
        for index in 0..self.slots.len() {
            self.slots[index].reap(self.backoff);
            if self.slots[index].state != SlotState::Running {
                self.slots[index].short_lives = 0;
                self.spawn(index)?;
            }
        }
        Ok(())
    }

    fn alive(&mut self) -> Result<usize, EngineError> {
        for index in 0..self.slots.len() {
            self.slots[index].reap(self.backoff);
            if matches!(self.slots[index].state, SlotState::RestartAt(time) if time <= Instant::now()) {
                self.spawn(index)?;
            }
        }
        let given_up = |slot: &&Slot| slot.state == SlotState::GivenUp;
        if let Some(slot) = self.slots.iter().find(given_up)
            && self.slots.iter().all(|slot| matches!(slot.state, SlotState::GivenUp | SlotState::Idle))
        {
            let (status, log, tail) = (slot.status.clone(), slot.log.clone(), tail(&slot.log));
            return Err(EngineError::KeepDying { status, log, tail });
        }
        Ok(self.slots.iter().filter(|slot| slot.state == SlotState::Running).count())
    }

    async fn stop(&mut self, grace: Duration) {
        let deadline = tokio::time::Instant::now() + grace;
        for slot in &mut self.slots {
            slot.state = SlotState::Idle;
            let Some(child) = &mut slot.child else { continue };
            let stdin = child.stdin.take();
            // Waiting for a child closes its standard input, which would tell it to leave at once: hence taken.
            let _ = tokio::time::timeout_at(deadline, child.wait()).await;
            drop(stdin);
        }
        let deadline = tokio::time::Instant::now() + LEAVE_NOW;
        for slot in &mut self.slots {
            let Some(mut child) = slot.child.take() else { continue };
            if tokio::time::timeout_at(deadline, child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}

impl Slot {
    /// Notices an end, and plans what follows.
    fn reap(&mut self, backoff: Duration) {
        let Some(child) = &mut self.child else { return };
        let Ok(Some(status)) = child.try_wait() else { return };
        self.child = None;
        self.status = status.to_string();
        self.state = self.after(status, backoff);
    }

    fn after(&mut self, status: ExitStatus, backoff: Duration) -> SlotState {
        if status.success() {
            // It saw that the study is over.
            return SlotState::Idle;
        }
        self.short_lives = if self.started.elapsed() < SHORT_LIFE { self.short_lives + 1 } else { 0 };
        if self.short_lives >= SHORT_LIVES {
            return SlotState::GivenUp;
        }
        SlotState::RestartAt(Instant::now() + backoff * (1 << self.short_lives))
    }
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).open(path)
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, workers: usize, folder: &Path) -> LocalEngine {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        let devices = vec!["cpu".to_owned(); workers];
        let mut engine = LocalEngine::with_program("/bin/sh".into(), arguments, devices, folder);
        engine.backoff = Duration::from_millis(1);
        engine
    }

    async fn until(engine: &mut LocalEngine, wanted: impl Fn(&Result<usize, EngineError>) -> bool) {
        for _ in 0..500 {
            if wanted(&engine.alive()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain: {:?}", engine.alive());
    }

    #[tokio::test]
    async fn workers_live_until_their_input_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = shell("cat; echo left >&2", 2, folder.path());
        engine.start().unwrap();
        assert_eq!(engine.alive().unwrap(), 2);
        engine.stop(Duration::from_millis(50)).await;
        assert_eq!(engine.alive().unwrap(), 0);
        assert_eq!(tail(&folder.path().join("worker-2.log")), "left");
    }

    #[tokio::test]
    async fn a_dead_worker_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        // The first dies by a signal, its successor lives.
        let script = format!("test -e {0} || {{ touch {0}; kill -9 $$; }}; cat", mark.display());
        let mut engine = shell(&script, 1, folder.path());
        engine.start().unwrap();
        until(&mut engine, |alive| matches!(alive, Ok(0))).await;
        until(&mut engine, |alive| matches!(alive, Ok(1))).await;
        engine.stop(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn one_that_always_dies_is_given_up_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = shell("echo no such device >&2; exit 1", 1, folder.path());
        engine.start().unwrap();
        until(&mut engine, Result::is_err).await;
        let error = engine.alive().unwrap_err().to_string();
        assert!(error.contains("no such device") && error.contains("exit status: 1"), "{error}");
    }

    #[tokio::test]
    async fn one_that_ends_well_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = shell("exit 0", 1, folder.path());
        engine.start().unwrap();
        until(&mut engine, |alive| matches!(alive, Ok(0))).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(engine.alive().unwrap(), 0);
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine =
            LocalEngine::with_program("/no/such/at2seld".into(), vec![], ["cpu".into()], folder.path());
        assert!(matches!(engine.start(), Err(EngineError::Start { .. })));
    }
}
