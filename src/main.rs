//! The `at2seld` program; everything it does lives in the library.

fn main() -> std::process::ExitCode {
    at2seld::cli::main()
}
