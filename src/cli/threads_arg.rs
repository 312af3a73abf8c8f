//! `--threads`, of every command that runs a network in its own process.

/// How many threads libtorch gets.
#[derive(Debug, clap::Args)]
pub(super) struct ThreadsArg {
    /// Threads for libtorch [default: all]; other numbers of threads give other last digits
    #[arg(
        long,
        value_name = "N",
        hide_default_value = true,
        default_value_t = std::thread::available_parallelism().map_or(1, usize::from)
    )]
    pub(super) threads: usize,
}
