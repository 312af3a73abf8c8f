//! `at2seld launch`: begin a study and carry it out.

use std::io::Write;
use std::path::PathBuf;

use super::bar::{bar, steps};
use super::error::{self, CommandResult};
use super::layout_arg::LayoutArg;
use super::progress;
use super::store_args::{StoreArgs, block_on};
use crate::controller::{self, Launch, SpaceSource};
use crate::search::schema;
use crate::train::device;

/// Arguments of `launch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Search space file (JSON)
    #[arg(value_name = "SPACE.json", required_unless_present = "print_schema")]
    space: Option<PathBuf>,
    /// Dataset folder
    #[arg(long, value_name = "DIR", required_unless_present = "print_schema")]
    data: Option<PathBuf>,
    #[command(flatten)]
    layout: LayoutArg,
    /// Name of the new study
    #[arg(long, value_name = "NAME", required_unless_present = "print_schema",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    study: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Worker processes; one for each device when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Devices to train on: cpu, or cuda:0[,cuda:1...]
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', default_value = "cpu")]
    device: Vec<String>,
    /// Where worker processes run
    #[arg(long, value_enum, default_value_t)]
    engine: EngineName,
    /// Seed of all decisions and all training
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..1 << 63))]
    seed: u64,
    /// Print the JSON Schema of space files, for editors, and do nothing else
    #[arg(long)]
    print_schema: bool,
}

/// Where worker processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum EngineName {
    /// This machine
    #[default]
    Local,
    /// A Slurm cluster (not supported yet)
    Slurm,
}

pub(crate) fn run(args: Args) -> CommandResult {
    if args.print_schema {
        writeln!(std::io::stdout(), "{:#}", schema::space_file())?;
        return Ok(());
    }
    let (Some(space), Some(data), Some(study)) = (args.space, args.data, args.study) else {
        return Err(error::input(anyhow::anyhow!("a space file, --data and --study are needed")));
    };
    if args.engine == EngineName::Slurm {
        return Err(error::input(anyhow::anyhow!("--engine slurm is not supported yet; use --engine local")));
    }
    // Mixed and unknown kinds are told apart below; here, whether the GPUs are there.
    if args.device.iter().all(|name| name.starts_with("cuda:")) {
        for device in &args.device {
            device::parse(device).map_err(error::input)?;
        }
    }
    let launch = Launch {
        space: SpaceSource::File(space),
        data,
        layout: args.layout.layout,
        study,
        workers: args.workers.map_or(args.device.len(), usize::from),
        devices: args.device,
        seed: args.seed,
    };
    block_on(async {
        let bar = bar("recordings read");
        let opened = controller::launch(&args.store.store, &launch, &steps(&bar)).await;
        bar.finish_and_clear();
        let opened = opened.map_err(progress::classify)?;
        progress::carry_out(opened, &args.store.store).await
    })
}
