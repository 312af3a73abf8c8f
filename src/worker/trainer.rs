//! The trainer's side: reads trials, trains them one after another, says how it goes.

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::protocol::Said;
use crate::model::cost::Cost;
use crate::train::trial::{EpochReport, Instruction, Outcome, Progress, TrialSpec};

/// Serves a worker over standard input and output until the input ends.
///
/// When it ends in the middle of a trial, the worker is gone: the process exits at once, for nobody would hear
/// of what it goes on to compute. The last reported checkpoint stays.
pub fn serve<E: Display>(
    train: impl FnMut(&TrialSpec, &mut dyn Progress) -> Result<Outcome, E>,
) -> io::Result<()> {
    let busy = Arc::new(AtomicBool::new(false));
    let (sender, lines) = channel();
    let training = busy.clone();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
        drop(sender);
        if training.load(Ordering::SeqCst) {
            std::process::exit(1);
        }
    });
    serve_on(&lines, &mut io::stdout(), &busy, train)
}

/// [`serve`] on any channel.
fn serve_on<E: Display>(
    lines: &Receiver<String>,
    out: &mut dyn Write,
    busy: &AtomicBool,
    mut train: impl FnMut(&TrialSpec, &mut dyn Progress) -> Result<Outcome, E>,
) -> io::Result<()> {
    while let Ok(line) = lines.recv() {
        busy.store(true, Ordering::SeqCst);
        let said = match serde_json::from_str::<TrialSpec>(&line) {
            Err(error) => Said::Error { message: format!("unreadable trial: {error}") },
            Ok(spec) => {
                let mut wire = Wire { lines, out: &mut *out, broken: None };
                let trained = train(&spec, &mut wire);
                if let Some(error) = wire.broken {
                    return Err(error);
                }
                match trained {
                    Ok(outcome) => Said::Finished { outcome },
                    Err(error) => Said::Error { message: error.to_string() },
                }
            }
        };
        busy.store(false, Ordering::SeqCst);
        say(out, &said)?;
    }
    Ok(())
}

fn say(out: &mut dyn Write, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_string(said)?;
    line.push('\n');
    // One write a line: whatever a library prints in between does not split it.
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// Reports to the worker. When it cannot be reached any more, the trial is told to stop.
struct Wire<'a> {
    lines: &'a Receiver<String>,
    out: &'a mut dyn Write,
    broken: Option<io::Error>,
}

impl Wire<'_> {
    fn ask(&mut self, report: EpochReport) -> io::Result<Instruction> {
        say(self.out, &Said::Epoch(report))?;
        let line = self.lines.recv().map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Progress for Wire<'_> {
    fn started(&mut self, cost: &Cost) {
        let Cost { parameters, macs_per_second, .. } = *cost;
        if let Err(error) = say(self.out, &Said::Started { parameters, macs_per_second }) {
            self.broken = Some(error);
        }
    }

    fn epoch(&mut self, report: EpochReport) -> Instruction {
        self.ask(report).unwrap_or_else(|error| {
            self.broken = Some(error);
            Instruction::Stop
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::trial::{Keep, ValidationScores};

    fn spec() -> String {
        let spec = TrialSpec {
            architecture: crate::model::arch::Architecture::default(),
            seed: 1,
            epochs: 2,
            data: "/data".into(),
            layout: None,
            validation: 0.2,
            device: "cpu".into(),
            threads: 1,
            folder: "/f".into(),
            resume_from: None,
            init_from: None,
            keep: Keep::Best,
            cache: "/c".into(),
        };
        serde_json::to_string(&spec).unwrap()
    }

    fn report(epoch: u32) -> EpochReport {
        EpochReport {
            epoch,
            train_loss: 0.1,
            val_loss: 0.2,
            scores: ValidationScores::default(),
            seconds: 1.0,
            checkpoint: "/f/1".into(),
        }
    }

    fn serve_lines(
        lines: &[String],
        train: impl FnMut(&TrialSpec, &mut dyn Progress) -> Result<Outcome, String>,
    ) -> (io::Result<()>, Vec<Said>) {
        let (sender, receiver) = channel();
        lines.iter().for_each(|line| sender.send(line.clone()).unwrap());
        drop(sender);
        let mut out = Vec::new();
        let served = serve_on(&receiver, &mut out, &AtomicBool::new(false), train);
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.starts_with(super::super::protocol::MARK)), "{text}");
        (served, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn trains_one_after_another_and_obeys() {
        let train = |_: &TrialSpec, progress: &mut dyn Progress| {
            progress.started(&Cost { parameters: 5, macs_per_second: 6, activation_bytes: 7 });
            match progress.epoch(report(1)) {
                Instruction::Prune => Ok(Outcome::Pruned),
                Instruction::Stop => Err("told to stop".to_owned()),
                Instruction::Continue => Ok(Outcome::Stopped),
            }
        };
        let lines = [spec(), "\"prune\"".into(), spec(), "\"continue\"".into(), "{}".into()];
        let (served, said) = serve_lines(&lines, train);
        served.unwrap();
        let started = Said::Started { parameters: 5, macs_per_second: 6 };
        assert_eq!(said[0], started);
        assert_eq!(said[2], Said::Finished { outcome: Outcome::Pruned });
        assert_eq!(said[5], Said::Finished { outcome: Outcome::Stopped });
        assert!(matches!(said[6], Said::Error { .. }), "an unreadable trial is an error, not the end");
    }

    #[test]
    fn a_worker_that_is_gone_stops_the_trial() {
        let mut told = None;
        let train = |_: &TrialSpec, progress: &mut dyn Progress| {
            told = Some(progress.epoch(report(1)));
            Ok(Outcome::Stopped)
        };
        let (served, said) = serve_lines(&[spec()], train);
        assert!(served.is_err());
        assert_eq!((told, said.len()), (Some(Instruction::Stop), 1));
    }
}
