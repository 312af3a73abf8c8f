//! `data check`: everything that is wrong with a dataset.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::error::{self, CommandResult};
use super::format::Format;
use super::layout_arg::LayoutArg;
use crate::dataset::check::{CheckReport, check};
use crate::report::table::Table;

/// Arguments of `data check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the problems and counts; fails when training would.
pub(crate) fn run(args: Args) -> CommandResult {
    let bar = super::bar::bar("recordings");
    let report = check(&args.folder, args.layout.layout, &super::bar::steps(&bar)).map_err(error::input)?;
    bar.finish_and_clear();
    match args.format {
        Format::Table => print_lines(&report)?,
        format => format.print(&report, &table(&report))?,
    }
    if report.breaks_training() {
        let fatal = report.problems.iter().filter(|problem| problem.fatal).count();
        let noun = if fatal == 1 { "problem" } else { "problems" };
        let message = format!("{}: {fatal} {noun} would break training", args.folder.display());
        return Err(error::input(anyhow::anyhow!(message)));
    }
    Ok(())
}

/// One line a problem, as compilers print them, then the counts.
fn print_lines(report: &CheckReport) -> CommandResult {
    let mut out = std::io::stdout().lock();
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    let used = report.classes.iter().filter(|class| class.rows > 0).count();
    let rate = report.sample_rate.map(|rate| format!(" at {rate} Hz")).unwrap_or_default();
    let splits: Vec<String> =
        report.splits.iter().map(|(split, recordings)| format!("{recordings} {split}")).collect();
    let counts: Vec<String> =
        report.counts.iter().map(|(kind, problems)| format!("{problems} {}", kind.name())).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    writeln!(
        out,
        "{}: {} recordings ({}), {:.1} minutes{rate}, {used} of {} classes labelled, {} problems{counts}",
        report.layout,
        report.recordings,
        splits.join(", "),
        report.seconds / 60.0,
        report.classes.len(),
        report.problems.len()
    )?;
    Ok(())
}

fn table(report: &CheckReport) -> Table {
    let mut table = Table::new(["path", "line", "kind", "problem", "fatal"]);
    for problem in &report.problems {
        let path = problem.path.display().to_string();
        let (line, kind) = (json!(problem.line), json!(problem.kind.name()));
        table.push([json!(path), line, kind, json!(problem.problem), json!(problem.fatal)]);
    }
    table
}
