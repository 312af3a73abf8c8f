//! The epochs.

use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use tch::Tensor;

use super::mixture::{Mixer, Mixture};
use super::network::{self, Network};
use super::score::Scores;
use super::sounds::{Class, Sound, Sounds};
use super::{Error, Settings, file};
use crate::backbone::small;
use crate::train::adamw::AdamW;
use crate::train::average::WeightAverage;
use crate::train::{device, schedule};
use crate::{fs, rng};

/// Clips that bands are normalised to.
const MEASURED: usize = 128;
/// Share of the steps in which the learning rate climbs.
const WARMUP: f64 = 0.05;
const WEIGHT_DECAY: f64 = 0.05;
const CLIP_NORM: f64 = 2.0;
const AVERAGE_DECAY: f64 = 0.99;

/// One epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean training loss.
    pub loss: f64,
    /// Macro average precision on the held-out sounds.
    pub map: f64,
    /// Share of the held-out sounds whose own class is the most probable.
    pub top1: f64,
    /// How long it took.
    pub seconds: f64,
}

/// One class of the trained tagger.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSummary {
    /// Its name.
    pub name: String,
    /// Sounds that were trained on.
    pub training: usize,
    /// Sounds that were held out.
    pub held_out: usize,
    /// Average precision on the held-out sounds.
    pub average_precision: Option<f64>,
}

/// The trained tagger.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// In the order of their numbers.
    pub classes: Vec<ClassSummary>,
    /// The epoch whose weights were kept.
    pub epoch: u32,
    /// Its macro average precision.
    pub map: f64,
    /// Its share of right sounds.
    pub top1: f64,
    /// Weights and biases.
    pub parameters: i64,
    /// Multiply-adds per second of sound.
    pub macs_per_second: f64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The files are written.
    Complete(Summary),
    /// It was asked to stop; nothing is written.
    Stopped,
}

/// Who looks on.
pub trait Watch {
    /// So many of the epoch's steps are done, of so many.
    fn step(&mut self, done: u32, of: u32);

    /// An epoch is over.
    fn epoch(&mut self, report: &EpochReport);

    /// Whether to stop now; asked before every step.
    fn stops(&self) -> bool;
}

/// Trains a tagger and writes it.
///
/// On the CPU the result depends on the settings alone, to the bit.
///
/// # Errors
/// Settings out of range, sounds that cannot be used, a file that cannot be written: see [`Error`].
pub fn run(settings: &Settings, watch: &mut dyn Watch) -> Result<Outcome, Error> {
    settings.check()?;
    let device = device::parse(&settings.device)?;
    let bank = settings.bank()?;
    // Now, and not when all the work is done.
    create_parent(&settings.out)?;
    tch::set_num_threads(settings.threads as i32);
    let sounds = Sounds::read(&bank, settings.seed)?;
    let bands = small::network().picture.bands as usize;
    let mixer = Mixer::new(&sounds, [network::frames(), bands], settings.masks, settings.seed);
    let measured = draw(&mixer, settings.seed, "measured", MEASURED);
    let network = Network::new(&measured, sounds.len(), settings.seed, device)?;
    let optimizer = AdamW::new(network.trainable(), WEIGHT_DECAY);
    let average = WeightAverage::new(&network.variables(), AVERAGE_DECAY);
    let best = Best { epoch: 0, scores: Scores::of(&[], &[]), tensors: Vec::new() };
    let mut trainer = Trainer { settings, mixer, sounds: &sounds, network, optimizer, average, best };
    for epoch in 1..=settings.epochs {
        match trainer.epoch(epoch, watch)? {
            Some(report) => watch.epoch(&report),
            None => return Ok(Outcome::Stopped),
        }
    }
    let summary = trainer.summary();
    file::write(&settings.out, &trainer.best.tensors, settings.seed, &summary)?;
    Ok(Outcome::Complete(summary))
}

fn create_parent(path: &Path) -> Result<(), fs::FileError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(fs::FileError::at("create folder", folder)),
        None => Ok(()),
    }
}

/// Clips of one use, each from a stream of its own: the same for any number of threads.
fn draw(mixer: &Mixer, seed: u64, purpose: &str, count: usize) -> Vec<Mixture> {
    let clip = |n: usize| mixer.draw(&mut rng::stream(seed, &["pretrain", "clip", purpose, &n.to_string()]));
    (0..count).into_par_iter().map(clip).collect()
}

struct Trainer<'a> {
    settings: &'a Settings,
    mixer: Mixer<'a>,
    sounds: &'a Sounds,
    network: Network,
    optimizer: AdamW,
    average: WeightAverage,
    best: Best,
}

/// The weights that are kept.
struct Best {
    epoch: u32,
    scores: Scores,
    tensors: Vec<(String, Tensor)>,
}

impl Trainer<'_> {
    /// One epoch; `None` when it was asked to stop.
    fn epoch(&mut self, epoch: u32, watch: &mut dyn Watch) -> Result<Option<EpochReport>, Error> {
        let started = Instant::now();
        let Settings { steps, epochs, batch, learning_rate, seed, .. } = *self.settings;
        let total = u64::from(steps) * u64::from(epochs);
        let warmup = ((total as f64 * WARMUP) as u64).max(1);
        let variables = self.network.variables();
        let mut sum = 0.0;
        for step in 0..steps {
            if watch.stops() {
                return Ok(None);
            }
            let name = format!("{epoch}/{step}");
            let clips = draw(&self.mixer, seed, &name, batch);
            let mut rng = rng::stream(seed, &["pretrain", "dropout", &name]);
            let loss = self.network.loss(&self.network.batch(&clips), &mut rng);
            self.optimizer.zero_grad();
            loss.backward();
            let _ = self.optimizer.clip_gradients(CLIP_NORM);
            let rate = schedule::learning_rate(learning_rate, self.optimizer.steps() as u64, warmup, total);
            self.optimizer.step(rate);
            self.average.update(&variables, self.optimizer.steps());
            sum += loss.double_value(&[]);
            watch.step(step + 1, steps);
        }
        let loss = sum / f64::from(steps);
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch, loss });
        }
        self.average.swap(&variables);
        let scores = self.score();
        let report = EpochReport {
            epoch,
            loss,
            map: scores.map,
            top1: scores.top1,
            seconds: started.elapsed().as_secs_f64(),
        };
        // Of equals the later: it has seen more.
        if self.best.epoch == 0 || scores.map >= self.best.scores.map {
            let tensors = variables.iter().map(|(name, t)| (name.clone(), t.detach().copy()));
            let tensors = tensors.chain(self.network.constants()).collect();
            self.best = Best { epoch, scores, tensors };
        }
        self.average.swap(&variables);
        Ok(Some(report))
    }

    /// Of the held-out sounds, each alone, at the level that loud recordings have.
    fn score(&self) -> Scores {
        let clips = self.sounds.classes.iter().enumerate();
        let clips = clips.flat_map(|(number, class)| class.held_out.iter().map(move |sound| (number, sound)));
        let (classes, scores): (Vec<usize>, Vec<Vec<f32>>) =
            clips.map(|(class, sound)| (class, self.network.logits(&levelled(sound)))).unzip();
        Scores::of(&scores, &classes)
    }

    fn summary(&self) -> Summary {
        let Best { epoch, scores, .. } = &self.best;
        let class = |(class, value): (&Class, &Option<f64>)| ClassSummary {
            name: class.name.clone(),
            training: class.training.iter().map(Vec::len).sum(),
            held_out: class.held_out.len(),
            average_precision: *value,
        };
        Summary {
            classes: self.sounds.classes.iter().zip(&scores.average_precision).map(class).collect(),
            epoch: *epoch,
            map: scores.map,
            top1: scores.top1,
            parameters: self.network.parameters(),
            macs_per_second: self.network.macs_per_second(),
        }
    }
}

/// With a peak at half of full scale.
fn levelled(sound: &[f32]) -> Sound {
    let peak = sound.iter().fold(0f32, |peak, x| x.abs().max(peak));
    sound.iter().map(|x| x * 0.5 / peak.max(1e-9)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::Device;

    use super::*;
    use crate::backbone::registry;

    /// Stops before some step.
    struct Until(Option<u32>, u32);

    impl Watch for Until {
        fn step(&mut self, _: u32, _: u32) {
            self.1 += 1;
        }

        fn epoch(&mut self, report: &EpochReport) {
            assert!(report.loss.is_finite());
        }

        fn stops(&self) -> bool {
            self.0 == Some(self.1)
        }
    }

    fn settings(out: PathBuf, seed: u64) -> Settings {
        let classes = ["bell", "knock"].map(str::to_owned).to_vec();
        Settings { classes, epochs: 2, steps: 2, batch: 4, threads: 1, seed, ..Settings::new(out) }
    }

    #[test]
    fn the_seed_decides_the_weights_and_the_file_scores_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let train = |name: &str, seed| {
            let out = folder.path().join(name);
            let Outcome::Complete(summary) = run(&settings(out.clone(), seed), &mut Until(None, 0)).unwrap()
            else {
                panic!("it stopped")
            };
            (std::fs::read(&out).unwrap(), summary)
        };
        let (bytes, summary) = train("a.safetensors", 1);
        assert!((bytes.clone(), summary.clone()) == train("b.safetensors", 1));
        assert!(bytes != train("c.safetensors", 2).0);

        let tagger =
            registry::load("small", Some(&folder.path().join("a.safetensors")), Device::Cpu, None).unwrap();
        assert_eq!(tagger.heads()[0].classes, ["bell", "knock"]);
        let sounds = Sounds::read(&settings(PathBuf::new(), 1).bank().unwrap(), 1).unwrap();
        let (mut classes, mut scores) = (Vec::new(), Vec::new());
        for (number, class) in sounds.classes.iter().enumerate() {
            for sound in &class.held_out {
                let waveform = Tensor::from_slice(&levelled(sound)).unsqueeze(0);
                let logits = tagger.logits(&waveform).unwrap().remove(0).1.flatten(0, -1);
                scores.push(Vec::<f32>::try_from(logits).unwrap());
                classes.push(number);
            }
        }
        let again = Scores::of(&scores, &classes);
        // Batch norms are folded in the tagger: a clip or two may change places.
        assert!((again.map - summary.map).abs() < 0.01, "{} {}", again.map, summary.map);
        assert_eq!(summary.classes.iter().map(|class| class.held_out).sum::<usize>(), scores.len());
    }

    #[test]
    fn where_it_stops_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path().join("a.safetensors"), 1);
        for step in [0, 3] {
            assert_eq!(run(&settings, &mut Until(Some(step), 0)).unwrap(), Outcome::Stopped);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let good = settings("a.safetensors".into(), 1);
        let message = |settings: Settings| {
            let error = run(&settings, &mut Until(None, 0)).unwrap_err();
            assert!(error.is_input());
            error.to_string()
        };
        assert_eq!(message(Settings { epochs: 0, ..good.clone() }), "epochs: expected at least 1, got 0");
        assert_eq!(message(Settings { steps: 0, ..good.clone() }), "steps: expected at least 1, got 0");
        assert!(message(Settings { batch: 1, ..good.clone() }).starts_with("batch"));
        assert!(message(Settings { learning_rate: f64::NAN, ..good.clone() }).starts_with("learning_rate"));
        assert!(message(Settings { out: "/".into(), ..good.clone() }).starts_with("out"));
        let one = vec!["bell".to_owned()];
        assert!(message(Settings { classes: one, ..good }).contains("at least two classes, got bell"));
    }
}
