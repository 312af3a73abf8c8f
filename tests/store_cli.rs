//! leaderboard, status and stop through the program, on a store made through the library.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;

use assert_cmd::Command;
use at2seld::search::snapshot::{Proposal, Scores};
use at2seld::search::state::StudyState;
use at2seld::store::{Finish, NewStudy, NewTrial, NewWorker, Settings, Store};
use predicates::prelude::*;
use serde_json::{Value, json};

fn at2seld(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_at2seld"));
    command.current_dir(folder).env_remove("AT2SELD_STORE").args(arguments);
    command
}

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let output = at2seld(folder, arguments).args(["--format", "json"]).assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

/// A study "demo" with one complete and one pending trial in stage "a".
async fn fill(folder: &Path) -> Store {
    let store = Store::open(&format!("sqlite:{}", folder.join("at2seld.db").display())).await.unwrap();
    let new = NewStudy {
        name: "demo".into(),
        space: json!({"stages": [{"name": "a", "space": {"encoder.width": {"choice": [8, 16]}},
            "budget": {"trials": 3, "epochs": 3}}]}),
        settings: Settings {
            data: "/data".into(),
            layout: None,
            devices: vec!["cpu".into()],
            workers: 1,
            threads: 1,
            validation: 0.2,
        },
        seed: 1,
        data_fingerprint: "d".into(),
        version: "0".into(),
        stages: vec!["a".into()],
    };
    let study = store.create_study(new).await.unwrap();
    let stage = store.begin_stage(study, 0, &[]).await.unwrap();
    for number in 0..2 {
        let proposal = Proposal {
            number,
            parameters: [("encoder.width".to_owned(), json!(8 << number))].into(),
            architecture: json!({"encoder": {"width": 8 << number}}),
            seed: 1,
            repeat: 0,
            repeat_of: None,
            epochs: 3,
            init_from: None,
            again_of: None,
            enqueued: None,
        };
        store.add_trials(stage, &[NewTrial { proposal: &proposal, key: &number.to_string() }]).await.unwrap();
    }
    let lock_file = store.artifacts().workers().join("w.lock");
    let new = NewWorker { study, host: "elsewhere".into(), pid: 1, device: "cpu".into(), lock_file };
    let worker = store.register_worker(&new).await.unwrap();
    let claim = store.claim(study, worker, std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let scores = Scores { seld: Some(0.5), f20: Some(0.25), ..Scores::default() };
    let end = Finish::Complete { scores, best_epoch: 1, model: "/m".into() };
    store.finish(claim.trial, claim.attempt, &end).await.unwrap();
    store.worker_ended(worker).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_programs_read_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(folder.path()).await;
    let rows = json_of(folder.path(), &["leaderboard"]);
    assert_eq!((&rows[0]["rank"], &rows[0]["seld"]), (&json!(1), &json!(0.5)));
    assert_eq!(rows[0]["architecture"], json!({"encoder": {"width": 8}}));
    assert_eq!((&rows[1]["rank"], &rows[1]["state"]), (&json!(null), &json!("pending")));
    assert_eq!(json_of(folder.path(), &["leaderboard", "demo", "--top", "1"]).as_array().unwrap().len(), 1);
    let sql = "select name, value from parameters order by trial";
    let rows = json_of(folder.path(), &["leaderboard", "--sql", sql]);
    assert_eq!(rows[1], json!({"name": "encoder.width", "value": "16"}));
    at2seld(folder.path(), &["leaderboard", "--sql", "select 1 as one, 'x,y' as two", "--format", "csv"])
        .assert()
        .success()
        .stdout("one,two\n1,\"x,y\"\n");
    let status = json_of(folder.path(), &["status", "demo"]);
    assert_eq!(status["state"], json!("running"));
    assert_eq!((&status["stages"][0]["planned"], &status["best"]["seld"]), (&json!(3), &json!(0.5)));
    at2seld(folder.path(), &["stop", "demo"])
        .assert()
        .success()
        .stderr(predicate::str::contains("at2seld resume demo`"));
    assert_eq!(store.study("demo").await.unwrap().state, StudyState::Stopped, "nobody was at work");
    at2seld(folder.path(), &["worker"]).assert().success().stderr(predicate::str::contains("is stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_get_wrong_is_said_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let missing = "no store at at2seld.db";
    for command in [&["status"][..], &["worker"]] {
        at2seld(folder.path(), command).assert().code(2).stderr(predicate::str::contains(missing));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
    fill(folder.path()).await;
    for (command, said) in [
        (&["status", "domo"][..], "no study \"domo\" in the store: it has demo"),
        (&["leaderboard", "demo", "--stage", "b"], "no stage \"b\" in study \"demo\": it has a"),
        (&["leaderboard", "--sql", "delete from trials"], "DELETE is not allowed"),
        (&["leaderboard", "--sql", "with x as (select 1) delete from trials"], "the query writes"),
        (&["status", "--store", "postgres://host/db"], "sqlite only"),
    ] {
        at2seld(folder.path(), command)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(said).and(predicate::str::starts_with("error: ")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_architecture_of_ones_own_is_enqueued() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(folder.path()).await;
    std::fs::write(folder.path().join("mine.json"), r#"{"preset": "seldnet"}"#).unwrap();
    at2seld(folder.path(), &["enqueue", "mine.json"])
        .assert()
        .success()
        .stderr("mine.json is tried next in stage \"a\" of study \"demo\"\n");
    let study = store.study("demo").await.unwrap();
    let snapshot = store.snapshot(study.id).await.unwrap();
    assert_eq!(snapshot.stages[0].enqueued[0].1["output"]["format"], json!("multi_accdoa"));
    let wrong = "no stage \"b\" in study \"demo\": it has a";
    at2seld(folder.path(), &["enqueue", "mine.json", "demo", "--stage", "b"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains(wrong));
    std::fs::write(folder.path().join("wrong.json"), r#"{"encoder": {"width": 0}}"#).unwrap();
    at2seld(folder.path(), &["enqueue", "wrong.json"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("wrong.json: encoder.width"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_without_whole_trials_cannot_be_replayed_and_says_nothing_of_importance() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    at2seld(folder.path(), &["simulate", "--study", "demo"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("stage \"a\" has no trial that was trained to its end"));
    at2seld(folder.path(), &["simulate", "--study", "demo", "--stage", "b"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("study \"demo\" has begun no stage \"b\": there is a"));
    at2seld(folder.path(), &["importance", "--format", "json"])
        .assert()
        .success()
        .stdout("[]\n")
        .stderr(predicate::str::contains("stage \"a\" has too few trials"));
}

#[tokio::test]
async fn a_report_is_one_page_and_wrong_names_are_said() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    at2seld(folder.path(), &["report", "demo", "--out", "demo.html"]).assert().success();
    let page = std::fs::read_to_string(folder.path().join("demo.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("encoder.width = 8"), "{page}");
    assert!(!page.contains("src=") && !page.contains("href="), "it needs nothing beside itself");
    let refused = at2seld(folder.path(), &["report", "demo", "--out", "demo.pdf"]).assert().code(2);
    refused.stderr(predicate::str::contains("--out demo.pdf: the page is written as .html"));
    let refused = at2seld(folder.path(), &["report", "none", "--out", "none.html"]).assert().code(2);
    refused.stderr(predicate::str::contains("no study \"none\" in the store"));
    assert!(!folder.path().join("none.html").exists());
}
