//! The epochs of one trial.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tch::nn::VarStore;
use tch::{Device, Tensor};

use super::adamw::AdamW;
use super::average::WeightAverage;
use super::calibrate::Calibration;
use super::checkpoint::{self, Progressed};
use super::data::{Chunk, Side};
use super::material::Material;
use super::score::Scorer;
use super::trial::{EpochReport, Instruction, Keep, Outcome, Progress, TrialSpec, ValidationScores};
use super::watch::{self, Watch};
use super::{Error, device, precision, schedule, validate, warm_start};
use crate::dataset::Recording;
use crate::features::Moments;
use crate::loss::{self, Loss, Lost};
use crate::model::arch::Architecture;
use crate::model::decode::{DEFAULT_MERGE_DEG, DEFAULT_THRESHOLD, Prediction};
use crate::model::detector::{self, Detector};
use crate::model::prior::{self, Prior};
use crate::model::saved::{Origin, SavedModel};
use crate::seld::metric::Average;
use crate::{fs, rng};

/// Most sound that the statistics of descriptors are measured on, in seconds.
const MEASURED_S: f64 = 3600.0;

/// Trains one candidate, or goes on where an earlier attempt stopped.
///
/// On the CPU the result depends on the spec alone, to the bit, also when it was stopped and resumed.
///
/// # Errors
/// The dataset, the tagger, a checkpoint or the disk: see [`Error`]. A loss that is no number is an
/// [`Outcome::Diverged`], not an error.
pub fn run(spec: &TrialSpec, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    tch::set_num_threads(spec.threads as i32);
    let device = device::parse(&spec.device)?;
    precision::check(spec.architecture.train.precision, device)?;
    std::fs::create_dir_all(&spec.folder).map_err(fs::FileError::at("create folder", &spec.folder))?;
    let vs = VarStore::new(device);
    let (material, prior) = Material::open(spec, &vs)?;
    let shape = material.shape(&spec.architecture, device);
    let (fit, held_out) = material.sides(spec.validation, shape)?;
    // Initial weights come from libtorch's generator.
    tch::manual_seed(rng::derive(spec.seed, &["weights"]) as i64);
    let detector =
        Detector::new(&vs, &spec.architecture, prior, material.dataset.sample_rate, shape.classes)?;
    let loss = Loss::new(&vs, &spec.architecture, &fit.class_frames());
    progress.started(&detector.cost(&spec.architecture));
    let train = &spec.architecture.train;
    let rate_of_backbone = spec.architecture.backbone.learning_rate / train.learning_rate;
    let optimizer =
        AdamW::new(trainable(&vs), train.weight_decay).with_rate(prior::VARIABLES, rate_of_backbone);
    let mut trainer = Trainer {
        spec,
        arch: &spec.architecture,
        state: Progressed::default(),
        best: Vec::new(),
        last_checkpoint: None,
        average: None,
        vs,
        detector,
        loss,
        optimizer,
        material: &material,
        fit,
        held_out,
        device,
    };
    // Before the average begins with it. A trial that goes on has it in its checkpoint.
    if spec.resume_from.is_none() && trainer.detector.front_end().needs_statistics() {
        trainer.measure_descriptors()?;
    }
    // After it: descriptors are normalised as the other model's were.
    if let (None, Some(from)) = (&spec.resume_from, &spec.init_from) {
        let taken = warm_start::copy(from, &trainer.variables(), &spec.architecture.encoder)?;
        tracing::info!("{taken}; the others: {}", taken.others.join(", "));
        progress.warm_started(&taken);
        trainer.state.warm_start = Some(taken);
    }
    let decay = spec.architecture.train.average_decay;
    trainer.average = (decay > 0.0).then(|| WeightAverage::new(&trainer.variables(), decay));
    if let Some(path) = &spec.resume_from {
        trainer.restore(path)?;
    }
    trainer.run(progress)
}

struct Trainer<'a> {
    spec: &'a TrialSpec,
    arch: &'a Architecture,
    vs: VarStore,
    detector: Detector,
    loss: Loss,
    optimizer: AdamW,
    material: &'a Material,
    fit: Side<'a>,
    held_out: Side<'a>,
    device: Device,
    state: Progressed,
    best: Vec<(String, Tensor)>,
    last_checkpoint: Option<PathBuf>,
    average: Option<WeightAverage>,
}

impl Trainer<'_> {
    fn run(&mut self, progress: &mut dyn Progress) -> Result<Outcome, Error> {
        let patience = self.arch.train.patience;
        while self.state.epoch < self.spec.epochs {
            if patience > 0 && self.state.epoch >= self.state.best_epoch + patience {
                break;
            }
            let started = Instant::now();
            let epoch = self.state.epoch + 1;
            let train_loss = match self.train_epoch(epoch)? {
                Ok(loss) => loss,
                Err(cause) => return Ok(Outcome::Diverged { epoch, cause }),
            };
            self.swap_average();
            let (val_loss, scores) = self.validate()?;
            if !val_loss.is_finite() {
                return Ok(Outcome::Diverged { epoch, cause: format!("the validation loss is {val_loss}") });
            }
            self.state.epoch = epoch;
            let is_first = self.state.best_epoch == 0;
            if is_first || self.spec.keep == Keep::Last || is_better(&scores, &self.state.best) {
                self.state.best_epoch = epoch;
                self.state.best = scores;
                self.best = self.variables().into_iter().map(|(n, t)| (n, t.detach().copy())).collect();
            }
            self.swap_average();
            let checkpoint = self.save_checkpoint()?;
            let seconds = started.elapsed().as_secs_f64();
            let report =
                EpochReport { epoch, train_loss, val_loss, scores, seconds, checkpoint: checkpoint.clone() };
            let instruction = progress.epoch(report);
            // The new checkpoint is known now: the one before is of no more use.
            if let Some(old) = self.last_checkpoint.replace(checkpoint) {
                let _ = std::fs::remove_file(old);
            }
            match instruction {
                Instruction::Continue => {}
                Instruction::Prune => return Ok(Outcome::Pruned),
                Instruction::Stop => return Ok(Outcome::Stopped),
            }
        }
        self.finish()
    }

    /// Takes the mean and deviation of descriptors over the training recordings, as they are before anything varies them.
    fn measure_descriptors(&self) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        let front_end = self.detector.front_end();
        let mut moments = Moments::default();
        for group in self.fit.sample(MEASURED_S).chunks(self.arch.train.batch) {
            let batch = self.material.load(&self.fit, group)?;
            let variations: Vec<_> = group.iter().map(Chunk::variation).collect();
            moments.add(&batch.describe(front_end, &variations)?);
        }
        front_end.set_statistics(&moments);
        Ok(())
    }

    /// One pass over the training chunks; the mean loss, or what is no finite number any more.
    fn train_epoch(&mut self, epoch: u32) -> Result<Result<f64, String>, Error> {
        let train = &self.arch.train;
        // Dropout draws from libtorch's generator.
        tch::manual_seed(rng::derive(self.spec.seed, &["epoch", &epoch.to_string()]) as i64);
        let chunks = self.fit.draw(train, self.arch.loss.effective_beta, self.spec.seed, epoch);
        let steps_per_epoch = chunks.len().div_ceil(train.batch) as u64;
        let total_steps = steps_per_epoch * u64::from(self.spec.epochs);
        let warmup = (steps_per_epoch as f64 * train.warmup_epochs).round() as u64;
        let variables = self.variables();
        let mut sum = Tensor::zeros([], (tch::Kind::Double, self.device));
        let mut watch = Watch::default();
        for group in chunks.chunks(train.batch) {
            let lost = self.lost(group)?;
            self.optimizer.zero_grad();
            lost.total.backward();
            let norm = self.optimizer.clip_gradients(train.clip_norm);
            if let Some(cause) = watch.step(&lost, &norm) {
                return Ok(Err(cause));
            }
            let step = self.optimizer.steps() as u64;
            self.optimizer.step(schedule::learning_rate(train.learning_rate, step, warmup, total_steps));
            if let Some(average) = &mut self.average {
                average.update(&variables, self.optimizer.steps());
            }
            sum += lost.total.detach() * group.len() as f64;
        }
        if let Some(cause) = watch.look().or_else(|| watch::weights(&variables)) {
            return Ok(Err(cause));
        }
        Ok(Ok(sum.double_value(&[]) / chunks.len().max(1) as f64))
    }

    /// The loss of some training chunks, to be differentiated.
    fn lost(&self, group: &[Chunk]) -> Result<Lost, Error> {
        let batch = self.material.load(&self.fit, group)?;
        let variations: Vec<_> = group.iter().map(Chunk::variation).collect();
        let front_end = self.detector.front_end();
        let describe = || batch.descriptors(front_end, &variations);
        let descriptors = if front_end.is_learned() { describe() } else { tch::no_grad(describe) }?;
        let heard = self.material.heard(self.detector.prior(), &batch)?;
        let network = || self.detector.run(&descriptors, heard.as_ref(), true);
        let output = precision::forward(self.arch.train.precision, self.device, network);
        Ok(self.loss.of(&output, &batch.target))
    }

    /// Exchanges weights and average in the network.
    fn swap_average(&mut self) {
        let variables = self.variables();
        if let Some(average) = &mut self.average {
            average.swap(&variables);
        }
    }

    /// Loss and scores at threshold 0.5 on the held-out side.
    fn validate(&self) -> Result<(f64, ValidationScores), Error> {
        let classes = self.material.dataset.classes.len();
        let thresholds = vec![DEFAULT_THRESHOLD as f32; classes];
        let mut scorer = Scorer::validation(classes);
        let loss = self.predict_held_out(|recording, prediction| {
            let events = prediction.events(&thresholds, DEFAULT_MERGE_DEG);
            scorer.add(recording.events()?, recording.frames, &events);
            Ok(())
        })?;
        Ok((loss, ValidationScores::from(&scorer.scores(Average::Macro))))
    }

    fn predict_held_out(
        &self,
        predicted: impl FnMut(&Recording, Prediction) -> Result<(), Error>,
    ) -> Result<f64, Error> {
        let batch = self.arch.train.batch;
        validate::run(&self.detector, &self.loss, &self.held_out, self.material, batch, predicted)
    }

    /// Weights of the best epoch, thresholds calibrated for them, written as a model folder.
    fn finish(&mut self) -> Result<Outcome, Error> {
        detector::load_variables(&mut self.vs, &self.best).map_err(|e| Error::Bug(e.to_string()))?;
        let classes = &self.material.dataset.classes;
        let mut calibration = Calibration::new(classes.len());
        self.predict_held_out(|recording, prediction| {
            calibration.add(recording.events()?, recording.frames, &prediction);
            Ok(())
        })?;
        let best = self.state.best;
        let validation = [
            ("seld", best.seld),
            ("er20", best.er20),
            ("f20", best.f20),
            ("le_cd", best.le_cd),
            ("lr_cd", best.lr_cd),
        ];
        let model = SavedModel {
            architecture: self.arch.clone(),
            classes: classes.clone(),
            decoding: calibration.decoding(classes),
            origin: Origin {
                sample_rate: self.detector.sample_rate(),
                prior_gain: self.detector.prior().map_or(1.0, Prior::gain),
                backbone_sha256: self
                    .detector
                    .prior()
                    .map_or_else(String::new, |prior| prior.tagger().weights_sha256().to_owned()),
                seed: self.spec.seed,
                epoch: self.state.best_epoch,
                data_fingerprint: self.material.fingerprint.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                warm_start: self.state.warm_start.clone(),
                validation: validation.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            },
            variables: self
                .best
                .iter()
                .filter(|(name, _)| !loss::is_variable(name))
                .map(|(n, t)| (n.clone(), t.shallow_clone()))
                .collect(),
        };
        let folder = self.spec.folder.join("model");
        model.save(&folder)?;
        Ok(Outcome::Complete { scores: best, best_epoch: self.state.best_epoch, model: folder })
    }

    fn save_checkpoint(&mut self) -> Result<PathBuf, Error> {
        self.state.steps = self.optimizer.steps();
        let path = self.spec.folder.join(format!("epoch-{:04}.safetensors", self.state.epoch));
        let parts = checkpoint::Parts {
            model: &self.variables(),
            optimizer: &self.optimizer.state(),
            average: &self.average.as_ref().map(WeightAverage::state).unwrap_or_default(),
            best: &self.best,
        };
        checkpoint::write(&path, &self.state, parts)?;
        Ok(path)
    }

    fn restore(&mut self, path: &Path) -> Result<(), Error> {
        let saved = checkpoint::read(path)?;
        let unfit =
            |problem: String| crate::model::weights::Error::Content { path: path.to_owned(), problem };
        detector::load_variables(&mut self.vs, &saved.model()).map_err(|e| unfit(e.to_string()))?;
        self.optimizer
            .restore(saved.progressed.steps, |name| saved.optimizer(name))
            .map_err(|name| unfit(format!("optimizer state \"{name}\" is missing or has another shape")))?;
        if let Some(average) = &mut self.average {
            average
                .restore(&saved.average())
                .map_err(|name| unfit(format!("average of \"{name}\" is missing or has another shape")))?;
        }
        self.best = saved.best().into_iter().map(|(n, t)| (n, t.to(self.device))).collect();
        self.state = saved.progressed;
        self.last_checkpoint = Some(path.to_owned());
        Ok(())
    }

    /// All variables by name, also those that training does not touch (batch-norm statistics).
    fn variables(&self) -> Vec<(String, Tensor)> {
        let mut variables: Vec<_> = self.vs.variables().into_iter().collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        variables
    }
}

/// Trainable variables by name.
fn trainable(vs: &VarStore) -> Vec<(String, Tensor)> {
    vs.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
}

fn is_better(scores: &ValidationScores, best: &ValidationScores) -> bool {
    let value = |s: &ValidationScores| s.seld.unwrap_or(f64::INFINITY);
    value(scores) < value(best)
}
