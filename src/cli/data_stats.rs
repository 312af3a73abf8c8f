//! `data stats`: what a dataset consists of.

use std::path::PathBuf;

use super::error::{self, CommandResult};
use super::format::Format;
use super::layout_arg::LayoutArg;
use crate::dataset::stats::{Stats, stats};
use crate::report::dataset::{classes_table, plot, polyphony_table, splits_table};
use crate::report::picture;
use crate::report::table::Style;

/// Arguments of `data stats`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    /// Draw it too: classes, polyphony and directions, as .svg or .png
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print; csv and markdown have the table of classes
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the counts.
pub(crate) fn run(args: Args) -> CommandResult {
    if let Some(path) = &args.plot {
        picture::Format::of(path).map_err(error::input)?;
    }
    let dataset = args.layout.open(&args.folder).map_err(error::input)?;
    let stats = stats(&dataset).map_err(error::input)?;
    if let Some(path) = &args.plot {
        plot::write(path, &stats)?;
    }
    match args.format {
        Format::Table => print_tables(&stats),
        format => format.print(&stats, &classes_table(&stats)),
    }
}

fn print_tables(stats: &Stats) -> CommandResult {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "layout {}, {} Hz", stats.layout, stats.sample_rate)?;
    for table in [splits_table(stats), classes_table(stats), polyphony_table(stats)] {
        writeln!(out, "\n{}", table.render(Style::Plain).trim_end())?;
    }
    Ok(())
}
