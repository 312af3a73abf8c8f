//! `score` through the program: files and folders, what is printed, what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

fn score(reference: &Path, prediction: &Path, flags: &[&str]) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.arg("score").arg("--reference").arg(reference).arg("--prediction").arg(prediction).args(flags);
    command
}

fn json(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

fn write(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// The files of a reference case as two trees of CSV files, in different sub-folders.
fn unpack(case: &Value, root: &Path) {
    for (index, file) in case["files"].as_array().unwrap().iter().enumerate() {
        for (side, folder) in [("reference", "ref/dev-test"), ("prediction", "pred")] {
            let row = |row: &Value| {
                let cells: Vec<String> = row.as_array().unwrap().iter().map(Value::to_string).collect();
                cells.join(",") + "\n"
            };
            let rows: String = file[side].as_array().unwrap().iter().map(row).collect();
            write(root, &format!("{folder}/mix{index}.csv"), &rows);
        }
    }
}

fn near(got: &Value, expected: &Value, what: &str) {
    let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!((got - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{what}: {got}, expected {expected}");
}

#[test]
fn folders_give_the_official_scores_as_json() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics");
    for name in ["p07_2023_macro_jackknife", "p08_2023_micro_jackknife"] {
        let text = std::fs::read_to_string(fixtures.join(format!("{name}.json"))).unwrap();
        let case: Value = serde_json::from_str(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack(&case, folder.path());
        let average = case["average"].as_str().unwrap();
        let flags = ["--metric", "dcase2023", "--average", average, "--classes", "13", "--jackknife"];
        let got = json(&mut score(&folder.path().join("ref"), &folder.path().join("pred"), &flags));
        assert_eq!((&got["metric"], &got["average"]), (&"dcase2023".into(), &case["average"]));
        for key in ["ER", "F", "LE", "LR", "SELD"] {
            near(&got[key], &case["expected"][key], key);
            for end in 0..2 {
                near(&got["jackknife"][key][end], &case["expected"]["jackknife"][key][end], key);
            }
        }
        let classes = got["classwise"].as_array().unwrap();
        assert_eq!(classes.len(), if average == "macro" { 13 } else { 0 });
        for (class, values) in classes.iter().enumerate() {
            near(&values["F"], &case["expected"]["classwise"]["F"][class], "F of a class");
        }
    }
}

#[test]
fn two_files_are_compared_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.csv", "frame,class,source,azimuth,elevation\n3,1,0,10,0\n4,1,0,10,0\n");
    write(folder.path(), "b.csv", "3,1,0,15,0\n4,1,0,15,0\n");
    let (a, b) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
    let got = json(&mut score(&a, &b, &["--metric", "dcase2022", "--average", "micro"]));
    near(&got["LE"], &5.0.into(), "LE");
    near(&got["F"], &1.0.into(), "F");
    assert_eq!(got["jackknife"], Value::Null);
    let strict =
        json(&mut score(&a, &b, &["--metric", "dcase2022", "--average", "micro", "--doa-threshold", "4"]));
    near(&strict["F"], &0.0.into(), "F");
    // One recording has no confidence interval.
    let one = json(&mut score(&a, &b, &["--metric", "dcase2022", "--jackknife"]));
    assert_eq!(one["jackknife"]["F"][0], Value::Null);
    score(&a, &b, &["--metric", "dcase2023", "--format", "csv"])
        .assert()
        .success()
        .stdout(contains("class,ER,F,LE,LR,SELD"));
}

#[test]
fn recordings_without_a_partner_are_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ref/a.csv", "ref/lonely.csv", "pred/x/a.csv", "pred/extra.csv"] {
        write(folder.path(), name, "3,1,0,10,0\n5,1,0,10,0\n");
    }
    score(
        &folder.path().join("ref"),
        &folder.path().join("pred"),
        &["--metric", "dcase2023", "--average", "micro", "--format", "json"],
    )
    .assert()
    .success()
    .stderr(contains("no prediction file").and(contains("lonely")).and(contains("extra")))
    .stdout(contains("\"ER\": 0.0"));
}

#[test]
fn wrong_input_is_refused_with_file_line_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "good.csv", "3,1,0,10,0\n");
    write(root, "class.csv", "3,1,0,10,0\n4,13,0,10,0\n");
    write(root, "short.csv", "3,1,0,10\n");
    write(root, "empty/readme.txt", "");
    let flags = ["--metric", "dcase2023", "--classes", "13"];
    for (prediction, message) in [
        ("class.csv", "class.csv:2: class 13 is out of range: there are 13 classes, 0 to 12"),
        ("short.csv", "short.csv:1: 4 columns where 5 or 6 are expected"),
        ("none.csv", "none.csv: no such file or folder"),
        ("empty", "one is a file, one a folder"),
    ] {
        score(&root.join("good.csv"), &root.join(prediction), &flags)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(message));
    }
    score(root, &root.join("empty"), &flags)
        .assert()
        .code(2)
        .stderr(contains("no CSV file is named as one in"));
    score(root, root, &["--metric", "dcase2018"])
        .assert()
        .code(2)
        .stderr(contains("no metric \"dcase2018\"; there are").and(contains("dcase2023")));
}
