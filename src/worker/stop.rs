//! What tells a worker to leave.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How urgently a worker is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stop {
    /// Not at all.
    #[default]
    No,
    /// After the epoch in progress.
    AfterEpoch,
    /// At once; the epoch in progress is lost, the trial goes on from its last checkpoint.
    Now,
}

/// Follows what a worker was told.
pub type StopSignal = watch::Receiver<Stop>;

/// Listens to the outside: the first SIGTERM or SIGINT means after the epoch, the second at once; so does the
/// end of standard input with `leave_on_eof`, which says that the process that started this one is gone.
pub fn listen(leave_on_eof: bool) -> std::io::Result<StopSignal> {
    let (sender, receiver) = watch::channel(Stop::No);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signals = sender.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let more = |stop: &mut Stop| *stop = if *stop == Stop::No { Stop::AfterEpoch } else { Stop::Now };
            signals.send_modify(more);
        }
    });
    if leave_on_eof {
        // A thread of its own: the runtime would wait for a read of its own at the end.
        std::thread::spawn(move || {
            let mut ignored = [0; 64];
            while std::io::stdin().read(&mut ignored).is_ok_and(|read| read > 0) {}
            sender.send_replace(Stop::Now);
        });
    }
    Ok(receiver)
}
