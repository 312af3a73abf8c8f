//! Showing how a study goes on, and how it ended, for `launch` and `resume`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::error::{self, CommandResult, Interrupted};
use crate::controller::{self, ControllerError, Ending, Interrupts, Notice, Opened, Watch};
use crate::engine::LocalEngine;

/// For `map_err`: the exit code by whose fault it is.
pub(crate) fn classify(error: ControllerError) -> anyhow::Error {
    if error.is_input() { error::input(error) } else { error.into() }
}

/// Runs a study to its end, an interruption, or a failure.
pub(crate) async fn carry_out(opened: Opened, store_url: &str) -> CommandResult {
    let name = opened.study.name.clone();
    let settings = &opened.study.settings;
    let (devices, workers) = (settings.devices.join(", "), settings.workers);
    let plural = if workers == 1 { "" } else { "s" };
    eprintln!("study \"{name}\" on {}: {workers} worker{plural} on {devices}", settings.data.display());
    let mut interrupts = Interrupts::listen()?;
    let mut engine = LocalEngine::new(&opened.store, &opened.study)?;
    let mut lines = Lines::new();
    let ending = controller::run(&opened, &mut engine, &mut interrupts, &mut lines).await;
    lines.close();
    let store =
        if store_url == "sqlite:at2seld.db" { String::new() } else { format!(" --store {store_url}") };
    match ending.map_err(classify)? {
        Ending::Complete => {
            eprintln!("study \"{name}\" is complete; see `at2seld leaderboard {name}{store}`");
            Ok(())
        }
        Ending::Stopped => Err(anyhow::Error::new(Interrupted(format!(
            "study \"{name}\" was stopped with its state saved; go on with `at2seld resume {name}{store}`"
        )))),
        Ending::Failed { reason } => anyhow::bail!("study \"{name}\" failed: {reason}"),
    }
}

/// Between two lines that only say how much time is left.
const SELDOM: Duration = Duration::from_secs(60);

/// Lines on stderr, and below them, on a terminal, what is going on now.
struct Lines {
    bar: Option<ProgressBar>,
    left: String,
    /// When the time left was last printed as a line of its own.
    told_left: Option<Instant>,
}

impl Lines {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, left: String::new(), told_left: None }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Lines {
    fn notice(&mut self, notice: &Notice) {
        match (&self.bar, notice) {
            (Some(bar), Notice::Epoch { .. }) => bar.set_message(format!("{notice}{}", self.left)),
            (Some(_), Notice::TimeLeft { .. }) => self.left = format!(", {notice}"),
            (Some(bar), _) => bar.println(notice.to_string()),
            // Without a terminal an epoch is too little for a line in somebody's log.
            (None, Notice::Epoch { .. }) => {}
            (None, Notice::TimeLeft { .. }) => {
                if self.told_left.is_none_or(|told| told.elapsed() > SELDOM) {
                    self.told_left = Some(Instant::now());
                    eprintln!("{notice}");
                }
            }
            (None, _) => eprintln!("{notice}"),
        }
    }
}
