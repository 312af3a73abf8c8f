//! `backbone pull`: weights from the network into the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;

use crate::backbone::pull::{self, ClassNames, Notice, Options, PullError, Pulled, Watch};
use crate::backbone::registry;
use crate::cli::error::{self, CommandResult};
use crate::cli::format::Format;
use crate::cli::{bar, interrupt};
use crate::report::table::Table;

/// Fetch the weights of a tagger, and the names of its classes, into the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the tagger.
    name: String,
    /// Fetch again what is there, and forget the digest recorded at an earlier pull
    #[arg(long)]
    force: bool,
    /// Addresses to try first, separated by commas, each as URL/FILE
    ///
    /// A web server over somebody's folder `backbones` is one. What it serves is checked like the file of the public
    /// address.
    #[arg(long, value_name = "URL[,URL]", env = "AT2SELD_MIRROR", hide_env_values = true)]
    mirror: Option<String>,
    /// Longest wait for the next bytes
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    timeout: f64,
    /// Further tries when a connection breaks or a server is busy; counted anew after progress
    #[arg(long, value_name = "N", default_value_t = 4)]
    retries: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    match (0.001..=86_400.0).contains(&value) {
        true => Ok(value),
        false => Err("is outside 0.001..=86400".to_owned()),
    }
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let entry = registry::find(&args.name).map_err(error::input)?;
    let stall = Duration::from_secs_f64(args.timeout);
    let defaults = Options::default();
    let options = Options {
        mirrors: args.mirror.as_deref().map(pull::mirrors).unwrap_or_default(),
        force: args.force,
        connect: defaults.connect.min(stall),
        stall,
        retries: args.retries,
    };
    let watcher = Watcher { bar: bar::bytes(), stop: interrupt::watch()? };
    let pulled = pull::pull(entry, &options, &watcher);
    watcher.bar.finish_and_clear();
    let pulled = pulled.map_err(failed)?;
    if pulled.weights.source.is_none() {
        eprintln!("{} is there already: nothing was fetched", pulled.weights.path.display());
    }
    if let ClassNames::Missing(why) = &pulled.classes {
        eprintln!("classes are called by their numbers until their names are there: {why}");
    }
    let table = table(&pulled);
    args.format.print(&table.to_objects(), &table)
}

fn failed(error: PullError) -> anyhow::Error {
    match error {
        PullError::Interrupted { .. } => anyhow::Error::new(error::Interrupted(error.to_string())),
        error if error.is_input() => error::input(error),
        error => error.into(),
    }
}

fn table(pulled: &Pulled) -> Table {
    let mut table = Table::new(["name", "file", "bytes", "sha256", "verified", "source", "classes"]);
    let weights = &pulled.weights;
    let classes = match &pulled.classes {
        ClassNames::In(path) => Some(path.display().to_string()),
        ClassNames::None | ClassNames::Missing(_) => None,
    };
    table.push([
        json!(pulled.name),
        json!(weights.path.display().to_string()),
        json!(weights.bytes),
        json!(weights.sha256),
        json!(weights.verified.name()),
        json!(weights.source),
        json!(classes),
    ]);
    table
}

/// Shows a pull on stderr.
struct Watcher {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Watch for Watcher {
    fn bytes(&self, done: u64, total: Option<u64>) {
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(done);
    }

    fn notice(&self, notice: &Notice<'_>) {
        self.bar.suspend(|| eprintln!("{}", words(notice)));
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn words(notice: &Notice<'_>) -> String {
    match notice {
        Notice::Waiting { file } => format!("{file} is being pulled by another process: waiting for it"),
        Notice::Fetching { file, address, kept: 0 } => format!("fetching {file} from {address}"),
        Notice::Fetching { file, address, kept } => {
            format!("fetching {file} from {address}, after the {kept} bytes that are here")
        }
        Notice::Retrying { failure, after } => {
            format!("{failure}; trying again in {:.1} s", after.as_secs_f64())
        }
        Notice::Next { failure } => format!("{failure}; trying the next address"),
        Notice::Recorded { file, sha256, record, from_mirror } => {
            let mirror = if *from_mirror { ", and it came from a mirror" } else { "" };
            format!(
                "{file} was not verified: the registry has no sha256 of it{mirror}. Its sha256 {sha256} is recorded \
                 in {record}, and asked of it from now on"
            )
        }
    }
}
