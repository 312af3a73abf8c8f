//! `at2seld simulate`: a search replayed on recorded results, many times.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::error::{CommandResult, input};
use super::format::Format;
use super::store_args::{StoreArgs, block_on, failed, study};
use crate::fs::FileError;
use crate::report::regret::Comparison;
use crate::report::table::Table as Printed;
use crate::report::{self, picture};
use crate::search::{SearchSpace, StageSpec};
use crate::search::{pruner, sampler};
use crate::simulate::{Mark, Setting, Table, regret, replay, whole_table};

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Recorded results: JSON lines, compressed by zstd or not (docs/search.md says how they look)
    #[arg(long, value_name = "FILE", required_unless_present = "study", conflicts_with = "study")]
    table: Option<PathBuf>,
    /// In their place the trials of a stage of this study; a candidate that it had not has the result of the nearest
    #[arg(long, value_name = "NAME")]
    study: Option<String>,
    /// The stage [default: the one with most trials]
    #[arg(long, value_name = "NAME", requires = "study")]
    stage: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Space file whose keys are parameters of the table [default: the whole table in one stage]
    #[arg(long, value_name = "SPACE.json")]
    space: Option<PathBuf>,
    /// Samplers to compare [default: those of the space file, or that of the program]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(sampler::REGISTRY.names()))]
    sampler: Vec<String>,
    /// Pruners to compare, each with each sampler [default: those of the space file; none beside --sampler; else that of the program]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(pruner::REGISTRY.names()))]
    pruner: Vec<String>,
    /// When to look at what was found, in whole trainings
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "25,50,100,200,400", value_parser = clap::value_parser!(u32).range(1..))]
    budgets: Vec<u32>,
    /// Searches of each kind, each with another seed
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Draw regret over budget into this file too (.svg or .png)
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A kind of search at one budget.
#[derive(Debug, Serialize)]
struct Row {
    sampler: String,
    pruner: String,
    budget: u32,
    regret_percent: f64,
    ci95: Option<f64>,
    seeds: usize,
    distinct_trials: f64,
}

/// A kind of search.
struct Kind {
    sampler: String,
    pruner: String,
    space: SearchSpace,
}

/// Prints the regret of each sampler with each pruner.
pub(crate) fn run(args: Args) -> CommandResult {
    if let Some(figure) = &args.figure {
        picture::Format::of(figure).map_err(input)?;
    }
    let table = match (&args.table, &args.study) {
        (Some(file), _) => Table::read(file).map_err(input)?,
        (None, study) => of_study(&args, study.as_deref())?,
    };
    let kinds = kinds(&args, &table)?;
    let searches = kinds.iter().flat_map(|kind| (0..u64::from(args.seeds)).map(move |seed| (kind, seed)));
    let found: Vec<Vec<Mark>> = searches
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(kind, seed)| replay(&table, &kind.space, &args.budgets, args.seed.wrapping_add(seed)))
        .collect();
    let mut rows = Vec::new();
    let mut comparison = Comparison { table: table.name.clone(), kinds: Vec::new() };
    for (kind, searches) in kinds.iter().zip(found.chunks(args.seeds as usize)) {
        let regrets = regret::summarise(&table, searches);
        comparison.kinds.push((format!("{} + {}", kind.sampler, kind.pruner), regrets.clone()));
        rows.extend(regrets.into_iter().map(|regret| Row {
            sampler: kind.sampler.clone(),
            pruner: kind.pruner.clone(),
            budget: regret.budget,
            regret_percent: regret.percent,
            ci95: regret.ci95,
            seeds: regret.seeds,
            distinct_trials: regret.distinct_trials,
        }));
    }
    if let Some(figure) = &args.figure {
        report::regret::write(figure, &comparison)?;
    }
    args.format.print(&rows, &printed(&rows))
}

/// What a stage of a study recorded.
fn of_study(args: &Args, name: Option<&str>) -> anyhow::Result<Table> {
    block_on(async {
        let store = args.store.open().await?;
        let study = study(&store, name).await?;
        let file = format!("the space of study \"{}\"", study.name);
        let space = SearchSpace::from_document(&file, &study.space).map_err(input)?;
        let snapshot = store.snapshot(study.id).await.map_err(failed)?;
        let stages = || space.stages.iter().zip(&snapshot.stages);
        let found = match &args.stage {
            Some(name) => stages().find(|(spec, _)| spec.name == *name),
            None => stages().max_by_key(|(_, view)| view.trials.len()),
        };
        let Some((spec, view)) = found else {
            let known: Vec<&str> = stages().map(|(spec, _)| spec.name.as_str()).collect();
            let wanted = args.stage.as_deref().unwrap_or_default();
            let message = format!(
                "study \"{}\" has begun no stage \"{wanted}\": there is {}",
                study.name,
                known.join(", ")
            );
            return Err(input(anyhow::anyhow!(message)));
        };
        Table::of_stage(spec, view).map_err(input)
    })
}

/// Each sampler with each pruner.
fn kinds(args: &Args, table: &Table) -> anyhow::Result<Vec<Kind>> {
    let (file, document) = match &args.space {
        Some(path) => (path.as_path(), read_document(path, table)?),
        None => (
            args.table.as_deref().unwrap_or(Path::new("the study")),
            whole_table(table, args.budgets.iter().copied().max().unwrap_or(1)),
        ),
    };
    let named = |names: &[String]| match names {
        [] => vec![None],
        names => names.iter().cloned().map(Some).collect::<Vec<_>>(),
    };
    let pruners = match (&args.space, args.sampler.as_slice(), args.pruner.as_slice()) {
        // Samplers that are compared are compared by themselves.
        (None, [_, ..], []) => vec![Some(pruner::REGISTRY.default_name().to_owned())],
        (.., pruners) => named(pruners),
    };
    let mut kinds = Vec::new();
    for sampler in named(&args.sampler) {
        for pruner in pruners.clone() {
            let setting = Setting { sampler: sampler.clone(), pruner };
            let space = setting.space(&file.display().to_string(), &document, table).map_err(input)?;
            let of_sampler = |_: &StageSpec| sampler::REGISTRY.default_name();
            let of_pruner = |stage: &StageSpec| pruner::default_of(&stage.budget);
            kinds.push(Kind {
                sampler: setting.sampler.unwrap_or_else(|| names(&document, "sampler", &space, of_sampler)),
                pruner: setting.pruner.unwrap_or_else(|| names(&document, "pruner", &space, of_pruner)),
                space,
            });
        }
    }
    Ok(kinds)
}

/// A space file as a document, after a look at it as it was written, so that mistakes are told with their lines.
fn read_document(path: &Path, table: &Table) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| input(FileError::at("read", path)(error)))?;
    SearchSpace::parse_recorded(&path.display().to_string(), &text, &table.space).map_err(input)?;
    serde_json::from_str(&text).context("this is a bug: a space file that was read is no JSON")
}

/// The names that the stages of a space file have for a sampler or pruner.
fn names(
    document: &Value,
    key: &str,
    space: &SearchSpace,
    usual: impl Fn(&StageSpec) -> &'static str,
) -> String {
    let stages = document.get("stages").and_then(Value::as_array).into_iter().flatten();
    let name = |stage: &Value| stage.get(key)?.get("kind")?.as_str().map(str::to_owned);
    let named = |(stage, spec)| name(stage).unwrap_or_else(|| usual(spec).to_owned());
    let mut names: Vec<String> = stages.zip(&space.stages).map(named).collect();
    names.dedup();
    names.join("+")
}

fn printed(rows: &[Row]) -> Printed {
    let mut table =
        Printed::new(["sampler", "pruner", "budget", "regret_percent", "ci95", "seeds", "distinct_trials"]);
    let rounded = |x: f64, digits: i32| (x * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    for row in rows {
        table.push::<Value>([
            row.sampler.clone().into(),
            row.pruner.clone().into(),
            row.budget.into(),
            rounded(row.regret_percent, 2).into(),
            row.ci95.map(|half| rounded(half, 2)).into(),
            row.seeds.into(),
            rounded(row.distinct_trials, 1).into(),
        ]);
    }
    table
}
