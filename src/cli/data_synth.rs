//! `at2seld data synth`.

use std::path::PathBuf;

use anyhow::Context;

use super::bar::bar;
use super::error::{self, CommandResult, Interrupted};
use super::interrupt;
use crate::scene::{SceneError, SynthConfig, Synthesiser};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to make; must not exist or be empty.
    out: PathBuf,
    /// Total length of all recordings, in minutes.
    #[arg(long, value_name = "N")]
    minutes: f64,
    /// Proportion of train to test minutes; or of train, validation and test minutes.
    ///
    /// No two of them share a room or a source group of events. Without validation, training holds out rooms.
    #[arg(long, value_name = "TRAIN[:VAL]:TEST", default_value = "3:1", value_parser = split)]
    split: [f64; 3],
    /// Seed of everything random: the same seed makes the same files.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder of recordings, one sub-folder a class [default: built-in procedural events].
    ///
    /// Class numbers follow the sorted names; a sub-folder `interferer` is unlabelled background. A manifest.csv
    /// with the columns file, class and source_group keeps groups of recordings within one subset.
    #[arg(long, value_name = "DIR", help_heading = "Events")]
    events: Option<PathBuf>,
    /// Use the 13 built-in classes as well as those of --events.
    ///
    /// A class of both has events of both. The built-in classes come first: female_speech, male_speech, clapping,
    /// telephone, laughter, domestic_sounds, footsteps, door, music, musical_instrument, water_tap, bell, knock.
    #[arg(long, requires = "events", help_heading = "Events")]
    builtin: bool,
    /// Only these classes, numbered in this order [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Events")]
    classes: Vec<String>,
    /// Most events at a time.
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Events")]
    polyphony: usize,
    /// How likely an event that begins while others sound is of one of their classes; 0: never.
    #[arg(long, value_name = "P", default_value_t = 0.1, help_heading = "Events")]
    same_class: f64,
    /// Share of the time in which no event sounds.
    #[arg(long, value_name = "P", default_value_t = 0.15, help_heading = "Events")]
    silence: f64,
    /// Share of events that move.
    #[arg(long, value_name = "P", default_value_t = 0.25, help_heading = "Events")]
    moving: f64,
    /// Level of an event: lowest and highest, in dB.
    #[arg(long, value_name = "LO:HI", default_value = "-5:5", value_parser = pair, allow_hyphen_values = true, help_heading = "Events")]
    gain: (f64, f64),
    /// Rooms of all subsets together [default: 4 for train, 2 for each other].
    #[arg(long, value_name = "N", help_heading = "Rooms")]
    rooms: Option<usize>,
    /// Reverberation time of a simulated room: shortest and longest, in seconds (0.15 to 1).
    #[arg(long, value_name = "LO:HI", default_value = "0.2:0.6", value_parser = pair, help_heading = "Rooms")]
    rt60: (f64, f64),
    /// Folder of measured FOA impulse responses, instead of simulated rooms.
    ///
    /// Wav files of four channels (W, Y, Z, X) and a table rirs.csv with the columns
    /// file,azimuth,elevation,distance and, where there are several, room,trajectory,position: degrees (azimuth to
    /// the left positive), metres, names, and the order along a trajectory. Without a column room, the file's
    /// folder is the room. Rooms are divided between the subsets; sources move along trajectories only.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rooms", "rt60"], help_heading = "Rooms")]
    rirs: Option<PathBuf>,
    /// Event to ambient noise ratio of a recording: lowest and highest, in dB.
    #[arg(long, value_name = "LO:HI", default_value = "10:30", value_parser = pair, allow_hyphen_values = true, help_heading = "Background")]
    snr: (f64, f64),
    /// Spectral tilt of the ambient noise: lowest and highest, in dB an octave.
    #[arg(long, value_name = "LO:HI", default_value = "-6:-2", value_parser = pair, allow_hyphen_values = true, help_heading = "Background")]
    noise_tilt: (f64, f64),
    /// Folder of recorded ambient noise, instead of generated noise.
    ///
    /// Wav, flac or ogg files; those of four channels are taken as FOA, others are made diffuse. A sub-folder is a
    /// place, whose recordings stay within one subset.
    #[arg(long, value_name = "DIR", conflicts_with = "noise_tilt", help_heading = "Background")]
    ambience: Option<PathBuf>,
    /// Most unlabelled sounds in a recording [default: 2 where --events has a folder `interferer`, else 0].
    #[arg(long, value_name = "N", help_heading = "Background")]
    interferers: Option<usize>,
}

fn pair(text: &str) -> Result<(f64, f64), String> {
    let parsed =
        text.split_once(':').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    parsed.ok_or_else(|| "expected two numbers with a colon between, as in 6:30".into())
}

fn split(text: &str) -> Result<[f64; 3], String> {
    let parts: Option<Vec<f64>> = text.split(':').map(|part| part.trim().parse().ok()).collect();
    match parts.as_deref() {
        Some([train, test]) => Ok([*train, 0.0, *test]),
        Some([train, validation, test]) if *validation > 0.0 => Ok([*train, *validation, *test]),
        _ => Err("expected two or three numbers above 0 with colons between, as in 3:1 or 3:1:1".into()),
    }
}

fn explain(error: SceneError) -> anyhow::Error {
    match error {
        SceneError::Interrupted => anyhow::Error::new(Interrupted("interrupted; nothing was written".into())),
        error if error.is_input() => error::input(error),
        error => error.into(),
    }
}

pub(crate) fn run(args: Args) -> CommandResult {
    let config = SynthConfig {
        minutes: args.minutes,
        events: args.events,
        builtin: args.builtin,
        classes: args.classes.iter().map(|name| name.trim().to_owned()).collect(),
        rooms: args.rooms,
        rirs: args.rirs,
        rt60_s: args.rt60,
        polyphony: args.polyphony,
        same_class: args.same_class,
        moving: args.moving,
        silence: args.silence,
        gain_db: args.gain,
        snr_db: args.snr,
        noise_tilt_db: args.noise_tilt,
        ambience: args.ambience,
        interferers: args.interferers,
        seed: args.seed,
        split: args.split,
    };
    let stop = interrupt::watch().context("cannot watch for Ctrl-C")?;
    let synthesiser = Synthesiser::new(config).map_err(explain)?;
    if args.moving > 0.0 && !synthesiser.can_move() {
        eprintln!("note: the impulse responses have no trajectories, so all sources stand still");
    }
    let bar = bar("recordings");
    let result = synthesiser.write(&args.out, &stop, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let summary = result.map_err(explain)?;
    let ((train, train_minutes), (test, test_minutes)) = (summary.train, summary.test);
    let validation = match summary.validation {
        (0, _) => String::new(),
        (recordings, minutes) => format!(", {recordings} ({minutes:.1} min) for validation"),
    };
    eprintln!(
        "wrote {train} recordings ({train_minutes:.1} min) for training{validation} and {test} \
         ({test_minutes:.1} min) for testing, {} classes, to {}",
        summary.classes.len(),
        args.out.display()
    );
    Ok(())
}
