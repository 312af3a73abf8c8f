//! The trainer process as the worker sees it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::log::Log;
use super::protocol::{MARK, Said};
use super::run::TrainerCommand;

/// How long a dead trainer's last words are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running trainer. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Trainer {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<()>,
    log: Log,
}

impl Trainer {
    /// Starts a trainer whose libraries use `threads` threads.
    pub(super) fn spawn(command: &TrainerCommand, threads: usize) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("MKL_NUM_THREADS", threads.to_string())
            .env("OPENBLAS_NUM_THREADS", threads.to_string())
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on a terminal is for the worker, which lets the trial end its epoch.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe of the trainer is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let log = Log::default();
        let stderr = tokio::spawn(log.clone().copy(stderr));
        Ok(Self { child, stdin, stdout: BufReader::new(stdout).lines(), stderr, log })
    }

    /// Sends everything that the trainer logs from now on to `path`.
    pub(super) fn log_to(&self, path: &Path) -> io::Result<()> {
        self.log.begin(path)
    }

    /// Sends a document.
    pub(super) async fn tell<T: Serialize>(&mut self, document: &T) -> io::Result<()> {
        let mut line = serde_json::to_string(document)?;
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    /// What the trainer says next; `None` when it has gone. May be cancelled without loss.
    pub(super) async fn listen(&mut self) -> io::Result<Option<Said>> {
        while let Some(line) = self.stdout.next_line().await? {
            if line.starts_with(MARK) {
                let said = serde_json::from_str(&line);
                return said
                    .map(Some)
                    .map_err(|e| io::Error::other(format!("unreadable report: {e}: {line}")));
            }
            self.log.line(&line);
        }
        Ok(None)
    }

    /// Ends the process now.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// How a trainer died that has gone: its status and last words. Kills it when it has not.
    pub(super) async fn post_mortem(mut self) -> String {
        drop(self.stdin);
        let status = match tokio::time::timeout(LAST_WORDS, self.child.wait()).await {
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                let _ = self.child.kill().await;
                "closed its output and was killed".into()
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, self.stderr).await;
        match self.log.tail() {
            tail if tail.is_empty() => format!("the trainer {status}"),
            tail => format!("the trainer {status}: {tail}"),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        // Nobody but the kernel sends this to a trainer of its own.
        (None, Some(9)) => "was killed by signal 9 (out of memory?)".into(),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
