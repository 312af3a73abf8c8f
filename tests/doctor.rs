//! `at2seld doctor` through the binary.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

/// The binary with an empty folder as its cache, its working folder and nothing in its library path.
fn doctor(folder: &std::path::Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("at2seld"));
    command
        .arg("doctor")
        .current_dir(folder)
        .env("AT2SELD_CACHE", folder.join("cache"))
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("AT2SELD_CUDA_LIBTORCH")
        .env_remove("AT2SELD_STORE");
    command
}

fn json(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).assert().success();
    serde_json::from_slice(&output.get_output().stdout).expect("one JSON document on stdout")
}

#[test]
fn finds_libtorch_without_library_path_and_prints_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let found = json(&mut doctor(folder.path()));
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["problems"], Value::Array(vec![]));
    assert!(found["libtorch"]["folder"].is_string());
    assert!(found["cpu"]["threads"].as_u64().unwrap() >= 1);
    assert_eq!(found["cache"]["folder"], folder.path().join("cache").to_str().unwrap());
    assert_eq!(
        (&found["backbones"][0]["name"], &found["backbones"][0]["present"]),
        (&"aisfx".into(), &false.into())
    );
    assert!(found["disk"][0]["free_bytes"].as_u64().unwrap() > 0);
    for (cache, name) in
        found["caches"].as_array().unwrap().iter().zip(["prefixes of taggers", "descriptors"])
    {
        assert_eq!(
            (&cache["name"], &cache["entries"], &cache["bytes"]),
            (&name.into(), &0.into(), &0.into())
        );
        assert!(cache["limit_bytes"].as_u64().unwrap() > 0);
    }
    // Either there is a GPU, or the reason why not names the library that was looked for.
    let cuda = &found["cuda"];
    match cuda["available"].as_bool().unwrap() {
        true => assert_eq!(cuda["devices"][0], "cuda:0"),
        false => assert!(cuda["message"].as_str().unwrap().contains("libtorch_cuda")),
    }
}

#[test]
fn looks_at_a_store_without_creating_it() {
    let folder = tempfile::tempdir().unwrap();
    let found = json(doctor(folder.path()).args(["--store", "sqlite:no.db"]));
    assert_eq!((&found["store"]["url"], &found["store"]["exists"]), (&"sqlite:no.db".into(), &false.into()));
    assert!(!folder.path().join("no.db").exists());
}

#[test]
fn a_cuda_folder_without_the_library_is_named_in_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let found = json(doctor(folder.path()).env("AT2SELD_CUDA_LIBTORCH", folder.path()));
    if found["cuda"]["available"] == false {
        let message = found["cuda"]["message"].as_str().unwrap();
        assert!(message.contains(folder.path().to_str().unwrap()), "{message}");
    }
}

#[test]
fn prints_a_table_for_people_and_refuses_unknown_formats() {
    let folder = tempfile::tempdir().unwrap();
    doctor(folder.path())
        .assert()
        .success()
        .stdout(contains("libtorch").and(contains("make setup")).and(contains("possible")));
    doctor(folder.path()).args(["--format", "yaml"]).assert().code(2).stderr(contains("yaml"));
}
