//! Stories through the program: real audio, real training, real processes.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bad_input;
mod diagnose;
mod diagnostics;
mod processes;
mod reference;
mod resume;
mod site;
mod tiny;
mod transfer;
