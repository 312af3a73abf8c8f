//! How a failure reaches the person: the chain of what, where, why on stderr, and the exit code.

use std::fmt;
use std::process::ExitCode;

/// What a command returns.
pub(crate) type CommandResult = anyhow::Result<()>;

/// Marks an error as caused by what the user gave: wrong usage, a bad file, an unknown name. Exit code 2.
#[derive(Debug)]
struct Input(anyhow::Error);

/// Marks work that was interrupted with its state saved. Exit code 130.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Input {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Interrupted {}

/// For `map_err`: this failure is the fault of what the user gave (exit code 2, not 1).
pub(crate) fn input(error: impl Into<anyhow::Error>) -> anyhow::Error {
    anyhow::Error::new(Input(error.into()))
}

/// Prints the chain of an error on stderr and picks the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut message = String::new();
    for part in &chain {
        // Sources that their parent's message already shows are not repeated.
        if !message.ends_with(part.as_str()) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(part);
        }
    }
    eprintln!("error: {message}");
    if error.chain().any(|e| e.is::<Input>()) {
        ExitCode::from(2)
    } else if error.chain().any(|e| e.is::<Interrupted>()) {
        ExitCode::from(130)
    } else {
        ExitCode::FAILURE
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| {
        e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
