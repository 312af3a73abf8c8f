//! The command line: parsing, printing, exit codes. One file a command; no logic.

use std::process::ExitCode;

mod error;

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
