//! Writes the folder of the libtorch that torch-sys really used into the binary's run path, so that plain
//! `cargo run` and `cargo test` start without LD_LIBRARY_PATH (which still wins over it).
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // Migrations are embedded by a macro, which does not see new files by itself.
    println!("cargo:rerun-if-changed=migrations");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
