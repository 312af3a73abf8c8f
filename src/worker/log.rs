//! What a trainer writes on its standard error: kept in the attempt's folder, its end at hand for messages.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines that a message about a crash shows at most.
const TAIL_LINES: usize = 8;

/// The log of one trainer, written to one file an attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    tail: VecDeque<String>,
}

impl Log {
    /// What comes from now on belongs to the attempt whose log is `path`.
    pub(super) fn begin(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).append(true).open(path)?;
        self.with(|state| {
            state.file = Some(file);
            state.tail.clear();
        });
        Ok(())
    }

    /// Adds a line. A full disk must not end a trial for the sake of its log.
    pub(super) fn line(&self, line: &str) {
        self.with(|state| {
            if let Some(file) = &mut state.file {
                let _ = writeln!(file, "{line}");
            }
            state.tail.push_back(line.to_owned());
            if state.tail.len() > TAIL_LINES {
                state.tail.pop_front();
            }
        });
    }

    /// Copies all lines of a stream.
    pub(super) async fn copy(self, stream: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        // Not `lines()`: what a crashing C++ library prints need not be UTF-8.
        while reader.read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
            self.line(String::from_utf8_lossy(&bytes).trim_end());
            bytes.clear();
        }
    }

    /// The last lines of the current attempt.
    pub(super) fn tail(&self) -> String {
        self.with(|state| state.tail.iter().cloned().collect::<Vec<_>>().join("\n"))
    }

    fn with<T>(&self, use_state: impl FnOnce(&mut State) -> T) -> T {
        use_state(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
