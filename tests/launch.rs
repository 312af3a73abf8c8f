//! What `launch` and `resume` refuse, before anything is written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

const GOOD_SPACE: &str = include_str!("fixtures/space/three_stages.json");

fn at2seld(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.current_dir(folder).env_remove("AT2SELD_STORE").args(arguments);
    command
}

fn launch(folder: &Path, more: &[&str]) -> Command {
    let mut command = at2seld(folder, &["launch", "space.json", "--data", "data", "--study", "s"]);
    command.args(more);
    command
}

fn folder(space: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("space.json"), space).unwrap();
    folder
}

#[test]
fn a_space_file_with_mistakes_names_them_all_and_touches_nothing() {
    let folder = folder(include_str!("fixtures/space/many_mistakes.json"));
    let wrong = "line 4: fixed.\"encoder.widht\": unknown architecture key \"encoder.widht\"; \
                 did you mean \"encoder.width\"?";
    launch(folder.path(), &[])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("problems in space.json").and(contains(wrong)).and(contains("\"three\"")));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn missing_files_are_named() {
    let empty = tempfile::tempdir().unwrap();
    launch(empty.path(), &[]).assert().code(2).stderr(contains("cannot read space.json"));
    launch(folder(GOOD_SPACE).path(), &[]).assert().code(2).stderr(contains("data"));
    at2seld(empty.path(), &["resume"]).assert().code(2).stderr(contains("at2seld launch"));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn a_layout_that_the_folder_does_not_have_is_refused() {
    let folder = folder(GOOD_SPACE);
    at2seld(folder.path(), &["data", "synth", "data", "--minutes", "1", "--seed", "1"]).assert().success();
    let wrong = ["--layout", "tau2019"];
    launch(folder.path(), &wrong).assert().code(2).stderr(contains("no column sound_event_recording"));
    launch(folder.path(), &["--layout", "tau"]).assert().code(2).stderr(contains("starss23"));
    std::fs::write(folder.path().join("arch.json"), "{}").unwrap();
    let train = ["train", "arch.json", "--data", "data", "--out", "model"];
    at2seld(folder.path(), &[&train[..], &wrong].concat())
        .assert()
        .code(2)
        .stderr(contains("sound_event_recording"));
    assert!(!folder.path().join("at2seld.db").exists() && !folder.path().join("model").exists());
}

#[test]
fn what_this_version_cannot_do_is_said() {
    let folder = folder(GOOD_SPACE);
    launch(folder.path(), &["--engine", "slurm"]).assert().code(2).stderr(contains("not supported yet"));
    launch(folder.path(), &["--device", "cpu,cuda:0"])
        .assert()
        .code(2)
        .stderr(contains("one kind of device"));
    launch(folder.path(), &["--device", "tpu"]).assert().code(2).stderr(contains("expected cpu, or cuda:0"));
    launch(folder.path(), &["--workers", "0"]).assert().code(2).stderr(contains("--workers"));
}
