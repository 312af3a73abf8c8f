//! Every model on every dataset.

use serde::Serialize;
use tch::Device;

use super::course::Course;
use super::error::Error;
use super::grid::{LeftOut, Row, WINNER};
use super::site::{self, Site};
use super::study::Trained;
use super::summary::Summary;
use crate::dataset::Selection;
use crate::ids::TrialId;
use crate::model::saved::SavedModel;
use crate::seld::metric::{Average, Metric, Tally, VALIDATION_METRIC, Values, jackknife};
use crate::store::TrialDetails;
use crate::train::evaluate::{OperatingPoints, operating_points};

/// Scores at the operating points: macro averages of the metric of validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Points {
    /// At threshold 0.5 for all classes.
    #[serde(rename = "0.5")]
    pub plain: Option<Summary>,
    /// As calibrated on the validation recordings.
    pub calibrated: Option<Summary>,
    /// With activity from the labels; none through a class map.
    pub known_activity: Option<Summary>,
}

/// One training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The trial.
    pub trial: TrialId,
    /// 0 for the first run of a row, then the number of its repetition.
    pub repeat: u32,
    /// Seed of training.
    pub seed: u64,
    /// The epoch whose weights are scored.
    pub best_epoch: Option<u32>,
    /// Seconds of training.
    pub seconds: f64,
    /// Whose result it is, where it was trained before.
    pub reused_from: Option<TrialId>,
    /// SELD score on the validation recordings at threshold 0.5.
    pub validation_seld: Option<f64>,
    /// Scores at threshold 0.5.
    #[serde(rename = "0.5")]
    pub plain: Option<Values>,
    /// Scores as calibrated.
    pub calibrated: Option<Values>,
    /// Scores with activity from the labels.
    pub known_activity: Option<Values>,
}

/// A row of the grid on the dataset that it was trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowScores {
    /// The row; its keys stand beside.
    #[serde(flatten)]
    pub row: Row,
    /// Its scores; the keys stand beside.
    #[serde(flatten)]
    pub points: Points,
    /// By how much it exceeds the winner as it is, as calibrated; none for the winner.
    pub against_winner: Option<Summary>,
    /// Its runs.
    pub runs: Vec<Run>,
    /// Why runs have no result.
    pub failed: Vec<String>,
}

/// A row trained on one dataset and scored on another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transferred {
    /// The dataset that it was trained on; first and last where it was trained on two.
    pub trained_on: String,
    /// The row.
    pub row: String,
    /// The dataset that it is scored on.
    pub scored_on: String,
    /// Whether it was trained on it: "own", "zero-shot", "fine-tuned", or "before" for what it knew before fine-tuning.
    pub how: &'static str,
    /// The class map, where one was needed.
    pub class_map: Option<String>,
    /// Classes that count.
    pub classes: Option<usize>,
    /// Its scores; the keys stand beside.
    #[serde(flatten)]
    pub points: Points,
    /// Why there are none.
    pub problem: Option<String>,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The study whose winner this is about.
    pub study: String,
    /// The winner.
    pub winner: TrialId,
    /// The dataset that was trained on.
    pub data: String,
    /// Recordings that are scored.
    pub split: String,
    /// The metric; averages are macro.
    pub metric: Metric,
    /// Epochs of every training.
    pub epochs: u32,
    /// Rows of the grid on the dataset that they were trained on, the winner first.
    pub rows: Vec<RowScores>,
    /// Rows that make no sense for this winner.
    pub left_out: Vec<LeftOut>,
    /// Every row on every dataset; empty where there is but one.
    pub transfer: Vec<Transferred>,
}

/// What is scored where.
pub struct Scoring<'a> {
    /// The datasets, that which was trained on first.
    pub sites: &'a mut [Site],
    /// Which recordings.
    pub split: Selection,
    /// Where the networks run.
    pub device: Device,
    /// Asked after every recording whether to go on.
    pub go_on: &'a mut dyn FnMut() -> bool,
}

/// The runs of a row at each operating point.
type Heard = Vec<OperatingPoints>;

impl Scoring<'_> {
    /// Recordings that are predicted in all.
    pub fn recordings(&self, rows: &[Trained], fine_tuned: &[(usize, Trained)]) -> usize {
        let here: usize = self.sites.iter().map(|site| site.dataset.select(self.split).len()).sum();
        let models = rows.iter().chain(fine_tuned.iter().map(|(_, trained)| trained));
        models.map(|trained| trained.runs.len()).sum::<usize>() * here
    }

    /// Adds to `findings` the scores of every row on every dataset, and of what was fine-tuned, each with the site that it was
    /// fine-tuned on. False when it was told not to go on: then some are missing.
    ///
    /// # Errors
    /// A model or recording cannot be read.
    pub fn score(
        &mut self,
        rows: &[Trained],
        fine_tuned: &[(usize, Trained)],
        findings: &mut Findings,
    ) -> Result<bool, Error> {
        let mut winner: Option<(Heard, Vec<TrialDetails>)> = None;
        for trained in rows {
            for to in 0..self.sites.len() {
                let Some((scores, heard)) = self.on(trained, 0, to)? else { return Ok(false) };
                if to == 0 {
                    let against = winner.as_ref().and_then(|(w, runs)| against(trained, &heard, runs, w));
                    findings.rows.push(RowScores {
                        row: trained.row.clone(),
                        points: points(&heard),
                        against_winner: against,
                        runs: trained
                            .runs
                            .iter()
                            .zip(&heard)
                            .map(|(trial, heard)| run(trial, heard))
                            .collect(),
                        failed: trained.failed.clone(),
                    });
                    if trained.row.row == WINNER {
                        winner = Some((heard, trained.runs.clone()));
                    }
                }
                findings.transfer.push(scores);
            }
        }
        for (site, trained) in fine_tuned {
            for to in 0..self.sites.len() {
                let Some((mut scores, _)) = self.on(trained, *site, to)? else { return Ok(false) };
                scores.trained_on = format!("{}, then {}", self.sites[0].name, self.sites[*site].name);
                scores.how = match to {
                    to if to == *site => "fine-tuned",
                    0 => "before",
                    _ => "zero-shot",
                };
                findings.transfer.push(scores);
            }
        }
        if self.sites.len() == 1 {
            findings.transfer.clear();
        }
        Ok(true)
    }

    /// The runs of a row that was trained on one site, on another.
    fn on(
        &mut self,
        trained: &Trained,
        from: usize,
        to: usize,
    ) -> Result<Option<(Transferred, Heard)>, Error> {
        let map = site::between(self.sites, from, to);
        let mut heard = Heard::new();
        if let Ok(map) = &map {
            let dataset = &mut self.sites[to].dataset;
            for trial in &trained.runs {
                let folder =
                    trial.model.as_ref().ok_or(Error::NoModel { trial: trial.id, state: trial.state })?;
                let model = SavedModel::load(folder)?;
                let map = map.as_ref().map(|named| &named.map);
                match operating_points(&model, dataset, self.split, map, self.device, self.go_on)? {
                    Some(points) => heard.push(points),
                    None => return Ok(None),
                }
            }
        }
        let problem = match (&map, trained.runs.is_empty()) {
            (Err(problem), _) => Some(problem.clone()),
            (_, true) => Some("no run has a result".to_owned()),
            _ => None,
        };
        let scores = Transferred {
            trained_on: self.sites[from].name.clone(),
            row: trained.row.row.clone(),
            scored_on: self.sites[to].name.clone(),
            how: if from == to { "own" } else { "zero-shot" },
            class_map: map.ok().flatten().map(|named| named.name),
            classes: heard.first().map(|points| points.classes.len()),
            points: points(&heard),
            problem,
        };
        Ok(Some((scores, heard)))
    }
}

fn points(heard: &[OperatingPoints]) -> Points {
    let of = |pick: fn(&OperatingPoints) -> &Vec<Tally>| {
        let runs: Vec<&[Tally]> = heard.iter().map(|points| pick(points).as_slice()).collect();
        Summary::of(&runs)
    };
    Points {
        plain: of(|points| &points.plain),
        calibrated: of(|points| &points.calibrated),
        known_activity: of(|points| &points.known_activity),
    }
}

fn run(trial: &TrialDetails, heard: &OperatingPoints) -> Run {
    let scores = |tallies: &[Tally]| Some(jackknife::merged(tallies)?.scores(Average::Macro).overall);
    Run {
        trial: trial.id,
        repeat: trial.repeat,
        seed: trial.seed,
        best_epoch: trial.best_epoch,
        seconds: trial.seconds,
        reused_from: trial.reused_from,
        validation_seld: trial.scores.seld,
        plain: scores(&heard.plain),
        calibrated: scores(&heard.calibrated),
        known_activity: scores(&heard.known_activity),
    }
}

/// Against the winner's runs with the same seeds.
fn against(
    trained: &Trained,
    heard: &[OperatingPoints],
    winners: &[TrialDetails],
    winner: &[OperatingPoints],
) -> Option<Summary> {
    let pairs: Vec<(&[Tally], &[Tally])> = trained
        .runs
        .iter()
        .zip(heard)
        .filter_map(|(trial, points)| {
            let twin = winners.iter().position(|other| other.repeat == trial.repeat)?;
            Some((points.calibrated.as_slice(), winner[twin].calibrated.as_slice()))
        })
        .collect();
    Summary::of_difference(&pairs)
}

impl Findings {
    /// What holds for all of it, still without any scores. `data`: the name of the dataset that is trained on.
    pub fn new(study: &str, course: &Course, data: &str, split: Selection) -> Self {
        Self {
            study: study.to_owned(),
            winner: course.winner.trial,
            data: data.to_owned(),
            split: split.to_string(),
            metric: VALIDATION_METRIC,
            epochs: course.budget.epochs,
            rows: Vec::new(),
            left_out: course.grid.left_out.clone(),
            transfer: Vec::new(),
        }
    }
}
