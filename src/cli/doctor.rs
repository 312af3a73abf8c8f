//! `at2seld doctor`: what this program found on this machine.

use super::error::CommandResult;
use super::format::Format;
use crate::diagnosis::{self, Diagnosis};
use crate::report::table::Table;

/// What `doctor` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store to look at
    #[arg(long, env = "AT2SELD_STORE", default_value = "sqlite:at2seld.db", value_name = "URL")]
    store: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints the findings. Fails, after printing, when work on the CPU is not possible.
pub(crate) fn run(args: Args) -> CommandResult {
    let found = diagnosis::diagnose(&args.store);
    args.format.print(&found, &table(&found))?;
    if !found.problems.is_empty() {
        anyhow::bail!("work on the CPU is not possible: {}", found.problems.join("; "));
    }
    Ok(())
}

/// Two columns: a name, and the value in words.
fn table(found: &Diagnosis) -> Table {
    let mut table = Table::new(["what", "found"]);
    let mut push = |name: &str, value: String| table.push([name, value.as_str()]);
    push("at2seld", found.version.to_owned());
    push("libtorch", found.libtorch.version.clone().unwrap_or_else(|| "version unknown".into()));
    push("libtorch folder", found.libtorch.folder.clone().unwrap_or_else(|| "unknown".into()));
    push("cpu", format!("{} {}", found.cpu.architecture, found.cpu.features.join(" ")));
    push("threads", format!("{}, libtorch uses {}", found.cpu.threads, found.cpu.libtorch_threads));
    push(
        "cuda",
        match &found.cuda.message {
            Some(reason) => format!("not available: {reason}"),
            None => found.cuda.devices.join(" "),
        },
    );
    push("cache", format!("{} ({})", found.cache.folder, megabytes(found.cache.bytes)));
    for cache in &found.caches {
        let limit = match (&cache.message, cache.limit_bytes) {
            (Some(message), _) => message.clone(),
            (None, limit) => format!("limit {}, see {}", megabytes(limit.unwrap_or(0)), cache.variable),
        };
        let taken = format!("{} entries, {}", cache.entries, megabytes(cache.bytes));
        push(&format!("cache of {}", cache.name), format!("{taken} ({limit})"));
    }
    let registry = &found.registry;
    push(
        "backbones",
        match (&registry.message, &registry.file) {
            (Some(problem), _) => format!("not usable: {problem}"),
            (None, Some(file)) => format!("{}; with those of {file}", registry.names.join(" ")),
            (None, None) => registry.names.join(" "),
        },
    );
    for backbone in &found.backbones {
        let state =
            if backbone.present { megabytes(backbone.bytes) } else { "missing: run make setup".into() };
        push("checkpoint", format!("{} ({state})", backbone.file));
    }
    push("store", store_in_words(&found.store));
    for disk in &found.disk {
        let free = disk.free_bytes.map_or_else(|| "unknown".into(), megabytes);
        push("free disk", format!("{free} at {}", disk.folder));
    }
    push(
        "work on the cpu",
        if found.problems.is_empty() { "possible".into() } else { "not possible".into() },
    );
    table
}

fn store_in_words(store: &diagnosis::StoreFound) -> String {
    let state = match store {
        diagnosis::StoreFound { message: Some(message), .. } => message.clone(),
        diagnosis::StoreFound { exists: false, .. } => "does not exist yet".into(),
        diagnosis::StoreFound { schema, writable, .. } => {
            let schema = schema.map_or_else(|| "no schema yet".into(), |version| format!("schema {version}"));
            format!("{schema}{}", if *writable { "" } else { ", read only" })
        }
    };
    format!("{} ({state})", store.url)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
