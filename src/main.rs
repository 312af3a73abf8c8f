//! The `at2seld` program; everything it does lives in the library.

fn main() -> std::process::ExitCode {
    at2seld::torch_ext::keep_freed_memory();
    at2seld::cli::main()
}
