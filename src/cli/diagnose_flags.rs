//! The flags of `diagnose` about training and about other datasets.

use std::path::PathBuf;

use super::error::input;
use crate::ablation::{Error, Transfer};

/// How the rows are trained.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingFlags {
    /// Epochs of every training [default: the winner's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Runs of every row, each with another seed: intervals are then over seeds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeats: u32,
    /// Seed of all training [default: the study's, so that the winner need not be trained again]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) seed: Option<u64>,
    /// Worker processes; one for each device when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Devices to train on: cpu, or cuda:0[,cuda:1...]; models are scored on the first
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', default_value = "cpu")]
    pub(crate) device: Vec<String>,
    /// Name of the study that does the training [default: STUDY-diagnose]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
}

impl TrainingFlags {
    /// Worker processes.
    pub(crate) fn workers(&self) -> usize {
        self.workers.map_or(self.device.len(), usize::from)
    }
}

/// Other datasets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct TransferFlags {
    /// Score on this dataset as well; may be given several times
    #[arg(long, value_name = "DIR")]
    transfer: Vec<PathBuf>,
    /// Which classes of a --transfer are those of --data: same-names, a built-in map such as starss-to-tau2019, or a file;
    /// may be given several times [default: the built-in map, where there is one]
    #[arg(long, value_name = "DIR=MAP", requires = "transfer", value_parser = parse_class_map)]
    class_map: Vec<(PathBuf, String)>,
    /// Train the winner on with the training recordings of each --transfer too, and score that on all datasets
    #[arg(long, requires = "transfer")]
    pub(crate) fine_tune: bool,
}

fn parse_class_map(text: &str) -> Result<(PathBuf, String), String> {
    match text.rsplit_once('=') {
        Some((folder, map)) if !folder.is_empty() && !map.is_empty() => Ok((folder.into(), map.to_owned())),
        _ => Err("give DIR=MAP, such as data/tau2019=starss-to-tau2019".into()),
    }
}

impl TransferFlags {
    /// The datasets, each with its map where one is named.
    pub(crate) fn transfers(&self) -> anyhow::Result<Vec<Transfer>> {
        if let Some((folder, _)) = self.class_map.iter().find(|(of, _)| !self.transfer.contains(of)) {
            return Err(input(Error::MapOfNothing(folder.clone())));
        }
        let transfer = |folder: &PathBuf| Transfer {
            folder: folder.clone(),
            class_map: self.class_map.iter().find(|(of, _)| of == folder).map(|(_, map)| map.clone()),
        };
        Ok(self.transfer.iter().map(transfer).collect())
    }
}
