//! Compiles src/torch_ext.cpp against the libtorch that torch-sys really used, and writes that libtorch's folder
//! into the binary's run path, so that plain `cargo run` and `cargo test` start without LD_LIBRARY_PATH (which
//! still wins over it).

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/torch_ext.cpp");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .expect("torch-sys did not say where libtorch is; run `make setup` first");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    let include = Path::new(&lib).with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        // One small file that is called once: compile time counts, run time does not.
        .opt_level(0)
        .debug(false)
        .warnings(false)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // As libtorch is compiled: without it some of its classes have further members.
        .define("NDEBUG", None)
        .file("src/torch_ext.cpp")
        .compile("at2seld_torch_ext");
    // After the archive that needs them.
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
}
