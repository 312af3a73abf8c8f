//! `infer --stream`: sound from standard input, events as JSON lines.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::error::{CommandResult, Interrupted, input};
use super::infer::{Setting, check_channels};
use super::interrupt;
use crate::audio::{AudioError, BlockReader, Encoding, PipeFormat};
use crate::model::align::LABEL_FRAME_S;
use crate::model::decode::Detected;
use crate::model::predict::EventStream;
use crate::seld::event::FRAMES_PER_SECOND;

/// How standard input is called in messages.
const NAME: &str = "standard input";
/// Blocks that may wait for the network: some seconds.
const WAITING: usize = 64;
/// How often Ctrl-C is looked for while nothing comes.
const PATIENCE: Duration = Duration::from_millis(50);

/// What standard input carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum InputFormat {
    /// A wav file, also one without its length.
    #[default]
    Wav,
    /// 32-bit floats.
    RawF32,
    /// 16-bit integers.
    RawS16,
}

impl InputFormat {
    /// For raw samples at this rate; the command line sees to it that there is one.
    pub(super) fn pipe(self, sample_rate: Option<u32>) -> PipeFormat {
        let raw =
            |encoding| PipeFormat::Raw { encoding, channels: 4, sample_rate: sample_rate.unwrap_or(24_000) };
        match self {
            Self::Wav => PipeFormat::Wav,
            Self::RawF32 => raw(Encoding::Float32),
            Self::RawS16 => raw(Encoding::Int16),
        }
    }
}

/// What the reading thread says.
enum Message {
    /// Sample rate and channels.
    Opened(u32, usize),
    Block(Vec<Vec<f32>>),
    Failed(AudioError),
}

pub(super) fn run(setting: &Setting, classes: &[String], format: PipeFormat) -> CommandResult {
    let stop = interrupt::watch().context("cannot watch for Ctrl-C")?;
    let messages = read(format);
    let mut lines = Lines { classes, out: io::stdout().lock(), found: Vec::new() };
    let mut stream: Option<EventStream> = None;
    let network = || format!("cannot run the network on {NAME}");
    let failed = loop {
        let message = messages.recv_timeout(PATIENCE);
        if stop.load(Ordering::SeqCst) {
            return Err(Interrupted("stopped".into()).into());
        }
        match (message, &mut stream) {
            (Ok(Message::Opened(sample_rate, channels)), _) => {
                check_channels(NAME, channels)?;
                let begun = setting.stream(sample_rate);
                lines.begin(setting, &begun, sample_rate)?;
                stream = Some(begun);
            }
            (Ok(Message::Block(block)), Some(stream)) => {
                stream.push(&block, &mut lines.found).with_context(network)?;
                lines.print()?;
            }
            (Ok(Message::Failed(error)), _) => break Some(error),
            (Err(RecvTimeoutError::Disconnected), _) => break None,
            (Ok(Message::Block(_)), None) | (Err(RecvTimeoutError::Timeout), _) => {}
        }
    };
    // Also when the sound ends badly: what was heard until then counts.
    if let Some(stream) = &mut stream {
        stream.finish(&mut lines.found).with_context(network)?;
        lines.print()?;
    }
    failed.map_or(Ok(()), |error| Err(input(error)))
}

/// Reads standard input on a thread of its own, so that waiting for sound does not keep from noticing Ctrl-C.
fn read(format: PipeFormat) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::spawn(move || {
        if let Err(error) = send(format, &sender) {
            // Nobody is there to hear it when the program is about to end.
            let _ = sender.send(Message::Failed(error));
        }
    });
    receiver
}

fn send(format: PipeFormat, sender: &SyncSender<Message>) -> Result<(), AudioError> {
    let mut reader = BlockReader::pipe(io::stdin(), NAME, format)?;
    let mut is_heard = sender.send(Message::Opened(reader.sample_rate(), reader.channels())).is_ok();
    while is_heard && let Some(block) = reader.next_block()? {
        is_heard = sender.send(Message::Block(block.to_vec())).is_ok();
    }
    Ok(())
}

/// JSON lines on standard output, each written at once.
struct Lines<'a> {
    classes: &'a [String],
    out: io::StdoutLock<'static>,
    /// What is to be printed.
    found: Vec<Detected>,
}

impl Lines<'_> {
    fn begin(&mut self, setting: &Setting, stream: &EventStream, sample_rate: u32) -> io::Result<()> {
        let latency = stream.latency();
        let rounded = |seconds: f64| (seconds * 1000.0).ceil() / 1000.0;
        self.line(&json!({
            "type": "stream",
            "sample_rate": sample_rate,
            "frame_s": LABEL_FRAME_S,
            "window_s": setting.layout.length() as f64 * LABEL_FRAME_S,
            "hop_s": setting.layout.step() as f64 * LABEL_FRAME_S,
            "latency_s": rounded(latency.total_s()),
            "latency": {
                "resampling_s": rounded(latency.resampling_s),
                "window_s": rounded(latency.window_s),
                "tagger_s": rounded(latency.tagger_s),
                "decoding_s": rounded(latency.decoding_s),
            },
            "classes": self.classes,
        }))
    }

    fn print(&mut self) -> io::Result<()> {
        for Detected { event, activity } in std::mem::take(&mut self.found) {
            let mut line = json!({
                "type": "event",
                "time": f64::from(event.frame) / FRAMES_PER_SECOND as f64,
                "name": self.classes.get(event.class as usize),
                "class": event.class,
                "source": event.source,
                "azimuth": event.direction.azimuth_deg,
                "elevation": event.direction.elevation_deg,
                "activity": activity,
            });
            if let Some(distance_m) = event.distance_m {
                line["distance"] = json!(distance_m);
            }
            self.line(&line)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &serde_json::Value) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}
