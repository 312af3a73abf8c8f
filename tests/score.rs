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
fn a_missing_prediction_is_left_out_and_an_extra_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ref/a.csv", "ref/lonely.csv", "pred/x/a.csv"] {
        write(folder.path(), name, "3,1,0,10,0\n5,1,0,10,0\n");
    }
    let flags = ["--metric", "dcase2023", "--average", "micro", "--format", "json"];
    let (reference, prediction) = (folder.path().join("ref"), folder.path().join("pred"));
    score(&reference, &prediction, &flags)
        .assert()
        .success()
        .stderr(
            contains("warning: recordings without a prediction file are left out")
                .and(contains("1 of 2: lonely")),
        )
        .stdout(contains("\"ER\": 0.0"));
    // An empty file is another matter.
    write(folder.path(), "pred/lonely.csv", "");
    let with_empty = json(&mut score(&reference, &prediction, &flags[..4]));
    near(&with_empty["ER"], &0.5.into(), "ER");
    write(folder.path(), "pred/extra.csv", "");
    score(&reference, &prediction, &flags)
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("predictions without a reference of that name").and(contains("extra.csv")));
}

#[test]
fn each_metric_prints_its_keys_and_equals_its_case() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics");
    for (name, flags) in [
        ("p01_2019_grid_basic", &["--variant", "grid", "--frames-per-second", "50", "--frames", "500"][..]),
        ("p03_2019_regression", &["--variant", "regression"]),
        ("p04_2020_multi", &[]),
        ("p06_2021_multi_moving", &[]),
        ("p13_2022_wrong_class_only", &["--classes", "5"]),
        ("p19_2023_cartesian", &["--coordinates", "cartesian", "--classes", "6"]),
        ("p15_2024_macro_jackknife", &["--prediction-distance", "cm", "--jackknife"]),
        (
            "p16_2024_micro_thresholds",
            &[
                "--average",
                "micro",
                "--prediction-distance",
                "cm",
                "--distance-threshold",
                "0.5",
                "--relative-distance-threshold",
                "0.3",
            ],
        ),
    ] {
        let text = std::fs::read_to_string(fixtures.join(format!("{name}.json"))).unwrap();
        let case: Value = serde_json::from_str(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack(&case, folder.path());
        let metric = case["metric"].as_str().unwrap();
        let mut command = score(&folder.path().join("ref"), &folder.path().join("pred"), flags);
        let got = json(command.args(["--metric", metric]));
        let mut keys = vec!["metric", "average", "ER", "F", "LE", "LR", "SELD"];
        if metric == "dcase2024" {
            keys.extend(["DE", "RDE"]);
        }
        for key in &keys[2..] {
            near(&got[key], &case["expected"][key], &format!("{name} {key}"));
        }
        keys.extend(["classwise", "jackknife"]);
        assert_eq!(got.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
        assert_eq!(got["average"], case["average"], "{name}");
        for end in 0..2 * usize::from(case["jackknife"] == true) {
            near(&got["jackknife"]["RDE"][end], &case["expected"]["jackknife"]["RDE"][end], "RDE interval");
        }
    }
}

#[test]
fn dcase2024_reads_predictions_in_metres_and_needs_distances() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "a.csv", "3,1,0,10,0,200\n4,1,0,10,0,200\n5,1,0,10,0,200\n");
    write(root, "b.csv", "3,1,0,10,0,2.5\n4,1,0,10,0,1.5\n5,1,0,10,0,9\n");
    write(root, "none.csv", "3,1,0,10,0\n");
    let flags = ["--metric", "dcase2024", "--average", "micro"];
    let got = json(&mut score(&root.join("a.csv"), &root.join("b.csv"), &flags));
    near(&got["DE"], &0.5.into(), "DE");
    near(&got["RDE"], &0.25.into(), "RDE");
    score(&root.join("a.csv"), &root.join("none.csv"), &flags)
        .assert()
        .code(2)
        .stderr(contains("none.csv: an event of class 1 in frame 3 has no distance, which dcase2024 scores"));
    score(&root.join("a.csv"), &root.join("b.csv"), &[&flags[..], &["--format", "csv"]].concat())
        .assert()
        .success()
        .stdout(contains("class,ER,F,LE,LR,SELD,DE,RDE\nmicro,"));
}

#[test]
fn undefined_scores_are_null() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "empty.csv", "");
    let empty = folder.path().join("empty.csv");
    let got = json(&mut score(&empty, &empty, &["--metric", "dcase2019"]));
    assert_eq!(
        (&got["ER"], &got["LE"], &got["SELD"], &got["average"]),
        (&Value::Null, &Value::Null, &Value::Null, &Value::Null)
    );
    near(&got["LR"], &1.0.into(), "LR");
    let got = json(&mut score(&empty, &empty, &["--metric", "dcase2024"]));
    assert_eq!(
        (&got["LE"], &got["DE"], &got["classwise"][12]["RDE"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[test]
fn flags_that_a_metric_does_not_know_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.csv", "3,1,0,10,0,200\n");
    let a = folder.path().join("a.csv");
    for (metric, flag, message) in [
        (
            "dcase2021",
            &["--average", "macro"][..],
            "--average means nothing to dcase2021, only to dcase2022, dcase2023, dcase2024: leave it out",
        ),
        ("dcase2023", &["--variant", "grid"], "--variant means nothing to dcase2023, only to dcase2019"),
        ("dcase2019", &["--doa-threshold", "20"], "--doa-threshold means nothing to dcase2019"),
        ("dcase2024", &["--coordinates", "polar"], "--coordinates polar means nothing to dcase2024"),
        ("dcase2023", &["--distance-threshold", "none"], "only to dcase2024"),
        ("dcase2023", &["--relative-distance-threshold", "1"], "only to dcase2024"),
        ("dcase2022", &["--prediction-distance", "m"], "only to dcase2024"),
        ("dcase2022", &["--frames", "600"], "only to dcase2019, dcase2020, dcase2021"),
        ("dcase2024", &["--frames-per-second", "10"], "--frames-per-second means nothing to dcase2024"),
        ("dcase2024", &["--distance-threshold", "far"], "not a number from 0, nor \"none\""),
        ("dcase2023", &["--doa-threshold", "200"], "not an angle in [0, 180] degrees"),
    ] {
        let flags = [&["--metric", metric], flag].concat();
        score(&a, &a, &flags).assert().code(2).stdout("").stderr(contains(message));
    }
}

#[test]
fn wrong_input_is_refused_with_file_line_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "good.csv", "3,1,0,10,0\n");
    write(root, "class.csv", "3,1,0,10,0\n4,13,0,10,0\n");
    write(root, "short.csv", "3,1,0,10\n");
    write(root, "onsets.csv", "class,start_time,end_time,ele,azi,dist\nknock,0.5,1.5,10,20,1\n");
    write(root, "empty/readme.txt", "");
    let flags = ["--metric", "dcase2023", "--classes", "13"];
    for (prediction, message) in [
        ("class.csv", "class.csv:2: class 13 is out of range: there are 13 classes, 0 to 12"),
        ("short.csv", "short.csv:1: 4 columns where 5 or 6 are expected"),
        ("onsets.csv", "onsets.csv:1: rows with the onset and offset of an event"),
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
