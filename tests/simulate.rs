//! `simulate` through the program, on a made-up table of 16,200 rows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::PathBuf;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

fn table() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables/synth_curves.jsonl.zst")
}

fn simulate(flags: &[&str]) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.arg("simulate").arg("--table").arg(table()).args(flags);
    command
}

fn json(flags: &[&str]) -> Value {
    let output = simulate(flags).args(["--format", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn random_search_finds_what_it_finds_elsewhere() {
    let rows = json(&["--sampler", "random", "--budgets", "25,100", "--seeds", "40"]);
    let rows = rows.as_array().unwrap();
    // Plain random search in Python: 38.16 +- 3.43 and 24.22 +- 2.64 percent, means of 50 seeds.
    for (row, (budget, percent, half)) in rows.iter().zip([(25, 38.16, 3.43), (100, 24.22, 2.64)]) {
        assert_eq!((&row["sampler"], &row["pruner"]), (&"random".into(), &"none".into()));
        assert_eq!((row["budget"].as_u64(), row["seeds"].as_u64()), (Some(budget), Some(40)));
        let (regret, ci95) = (row["regret_percent"].as_f64().unwrap(), row["ci95"].as_f64().unwrap());
        assert!((regret - percent).abs() < 1.5 * (half + ci95), "{row}");
    }
    assert_eq!(rows.len(), 2);
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let expected = ["sampler", "pruner", "budget", "regret_percent", "ci95", "seeds", "distinct_trials"];
    assert_eq!(keys, expected);
}

#[test]
fn samplers_and_pruners_stand_side_by_side_and_a_seed_fixes_all() {
    let flags = ["--sampler", "random,auto", "--pruner", "none,asha", "--budgets", "20", "--seeds", "6"];
    let rows = json(&flags);
    let named = |row: &Value| {
        (row["sampler"].as_str().unwrap().to_owned(), row["pruner"].as_str().unwrap().to_owned())
    };
    let names: Vec<_> = rows.as_array().unwrap().iter().map(named).collect();
    let expected = [("random", "none"), ("random", "asha"), ("auto", "none"), ("auto", "asha")];
    assert_eq!(names, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(rows, json(&flags));
    let more = rows[1]["distinct_trials"].as_f64().unwrap();
    assert!(more > 3.0 * rows[0]["distinct_trials"].as_f64().unwrap(), "pruning makes room for others");
}

#[test]
fn without_names_the_defaults_are_compared_and_a_sampler_by_itself_without_a_pruner() {
    let named = |flags: &[&str]| {
        let rows = json(&[flags, &["--budgets", "25", "--seeds", "6"]].concat());
        let row = &rows[0];
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("sampler"), text("pruner"), row["regret_percent"].as_f64().unwrap())
    };
    let (sampler, pruner, default) = named(&[]);
    assert_eq!((sampler.as_str(), pruner.as_str()), ("auto", "curve"));
    let (sampler, pruner, random) = named(&["--sampler", "random"]);
    assert_eq!((sampler.as_str(), pruner.as_str()), ("random", "none"));
    assert!(default < random, "{default} {random}");
    let (sampler, pruner, _) = named(&["--pruner", "median"]);
    assert_eq!((sampler.as_str(), pruner.as_str()), ("auto", "median"));
}

#[test]
fn a_model_finds_better_ones_than_random_search() {
    let rows = json(&["--sampler", "random,gp,auto", "--budgets", "40", "--seeds", "10"]);
    let regret = |at: usize| rows[at]["regret_percent"].as_f64().unwrap();
    assert!(regret(1) < 0.6 * regret(0) && regret(2) < 0.6 * regret(0), "{rows}");
}

#[test]
fn mistakes_are_told_and_end_with_2() {
    simulate(&["--sampler", "gpp"]).assert().code(2).stderr(contains("gpp").and(contains("evolution")));
    let folder = tempfile::tempdir().unwrap();
    let space = folder.path().join("space.json");
    let text = "{\"stages\": [{\"name\": \"one\",\n \"space\": {\"dept\": {\"choice\": [2]}},\n \"budget\": {\"trials\": 2, \"epochs\": 27}}]}";
    std::fs::write(&space, text).unwrap();
    let space = space.to_str().unwrap();
    let hint = contains("line 2").and(contains("did you mean \"depth\"?"));
    simulate(&["--space", space]).assert().code(2).stderr(hint);
    let mut missing = Command::cargo_bin("at2seld").unwrap();
    missing.args(["simulate", "--table", "nowhere.jsonl"]).assert().code(2).stderr(contains("nowhere.jsonl"));
}

#[test]
fn a_figure_is_drawn_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let figure = folder.path().join("regret.svg");
    let flags =
        ["--sampler", "random", "--budgets", "5,10", "--seeds", "2", "--figure", figure.to_str().unwrap()];
    simulate(&flags).assert().success();
    assert!(std::fs::read_to_string(&figure).unwrap().contains("Searches of synth_curves"));
    simulate(&["--figure", "regret.pdf"])
        .assert()
        .code(2)
        .stderr(contains("pictures are written as .svg or .png"));
}
