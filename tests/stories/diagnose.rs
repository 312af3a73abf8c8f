//! The winner of a study, trained with and without, interrupted, gone on with, and scored elsewhere.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bad_input::Place;
use super::tiny;

/// One candidate, without a tagger: what is looked into is what comes after it.
const SPACE: &str = r#"{
  "study": {"threads": 1, "validation": 0.5},
  "fixed": {
    "features": {"n_fft": 1024, "hop": 800, "bands": 16},
    "backbone": {"name": "none"},
    "fusion.placement": [],
    "encoder": {"stages": 1, "width": 4, "max_width": 4, "output": 8},
    "temporal": {"kind": "none"},
    "tracks": {"count": 2, "width": 4},
    "train": {"batch": 2, "chunk_s": 2.0, "learning_rate": 0.02}
  },
  "stages": [{"name": "one", "space": {}, "budget": {"trials": 1, "epochs": 3}}]
}"#;

const DIAGNOSE: &str = "diagnose s --data {data} --transfer other --class-map other=map.toml --fine-tune \
                        --out out --format json";

fn rows(place: &Place, sql: &str) -> Vec<Value> {
    let sql = sql.replace(' ', "\n");
    let output = place.run(&format!("leaderboard --format json --sql {sql}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A finished study, and the dataset once more under other names of the classes.
fn finished_study() -> Place {
    let place = Place::new();
    std::fs::write(place.path("one.json"), SPACE).unwrap();
    let output = place.run("launch one.json --data {data} --study s --seed 4");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let other = tiny::copy(&place.path("other"));
    std::fs::write(other.join("classes.txt"), "noise\nwhistle\n").unwrap();
    let map = "from = 'a'\nto = 'b'\n[classes]\nhiss = 'noise'\ntone = 'whistle'\n";
    std::fs::write(place.path("map.toml"), map).unwrap();
    place
}

/// Begins a diagnosis and interrupts it once an epoch of its own is stored.
fn interrupt(place: &Place) {
    let arguments = DIAGNOSE.replace("{data}", tiny::dataset().to_str().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_at2seld"))
        .current_dir(place.path("."))
        .env_remove("AT2SELD_STORE")
        .env("AT2SELD_CACHE", tiny::cache())
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let epochs = "select count(*) as n from trial_curves join trials on trials.id = trial_id \
                  where trials.study_id > 1 and reused_from is null";
    while rows(place, epochs)[0]["n"] == 0 {
        assert!(began.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none());
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("at2seld resume s-diagnose"), "{said}");
}

fn document(place: &Place) -> Value {
    let output = place.run(&DIAGNOSE.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Scores by `eval`.
fn scores(place: &Place, arguments: &str) -> Value {
    let output = place.run(format!("eval exported --data {{data}} --format json {arguments}").trim());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_winner_is_trained_with_and_without() {
    let place = finished_study();
    interrupt(&place);
    let found = document(&place);
    let trials = "select count(*) as n, max(attempt) as attempt from trials";
    let trained = rows(&place, trials);

    let names: Vec<&str> =
        found["rows"].as_array().unwrap().iter().map(|row| row["row"].as_str().unwrap()).collect();
    assert_eq!((names[0], names.len(), names[5]), ("winner", 6, "with all of them"));
    assert_eq!(found["left_out"][0]["row"], "with none of them");
    let winner = &found["rows"][0];
    assert_eq!((&winner["runs"][0]["reused_from"], &found["winner"]), (&json!(1), &json!(1)));
    assert_eq!(winner["against_winner"], Value::Null);

    // The same as `eval` says.
    assert!(place.run("export s --out exported").status.success());
    for (point, arguments) in
        [("0.5", "--thresholds 0.5"), ("calibrated", ""), ("known_activity", "--oracle-activity")]
    {
        let expected = scores(&place, arguments);
        for key in ["ER", "F", "LE", "LR", "SELD"] {
            let of = |scores: &Value| scores[key].as_f64().unwrap();
            // With another number of threads the last digits may be others.
            let (ours, expected) = (of(&winner[point]), of(&expected));
            assert!((ours - expected).abs() < 1e-4, "{point} {key}: {ours} and {expected}");
        }
    }
    let distinct: std::collections::BTreeSet<String> =
        found["rows"].as_array().unwrap().iter().map(|row| row["0.5"]["LE"].to_string()).collect();
    assert!(distinct.len() > 1, "{distinct:?}");
    // Differences are of the same recordings.
    let change = found["rows"][1]["against_winner"]["SELD"].as_f64().unwrap();
    let seld = |row: usize| found["rows"][row]["calibrated"]["SELD"].as_f64().unwrap();
    assert!((change - (seld(1) - seld(0))).abs() < 1e-12);

    // Six rows on two datasets, then what was fine-tuned on both. Under other names a class is the same.
    let transfer = found["transfer"].as_array().unwrap();
    assert_eq!(transfer.len(), 2 * 6 + 2);
    for pair in transfer[..12].chunks(2) {
        assert_eq!([&pair[0]["how"], &pair[1]["how"]], ["own", "zero-shot"]);
        assert_eq!((&pair[1]["class_map"], &pair[1]["classes"]), (&json!("map.toml"), &json!(2)));
        assert_eq!(pair[0]["calibrated"], pair[1]["calibrated"]);
        assert_eq!(pair[1]["known_activity"], Value::Null);
    }
    let tuned = &transfer[12..];
    assert_eq!([&tuned[0]["how"], &tuned[1]["how"]], ["before", "fine-tuned"]);
    assert_eq!(
        (&tuned[0]["class_map"], &tuned[1]["class_map"]),
        (&json!("map.toml, reversed"), &Value::Null)
    );
    assert_eq!(tuned[0]["calibrated"], tuned[1]["calibrated"]);
    let begun = rows(&place, "select init_from, study_id from trials where init_from is not null");
    assert_eq!(begun, [json!({"init_from": winner["runs"][0]["trial"], "study_id": 3})]);

    let read = |name: &str| std::fs::read_to_string(place.path("out").join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("diagnostics.json")).unwrap(), found);
    assert_eq!(read("runs.csv").lines().count(), 7);
    assert!(
        read("transfer_matrix.md").contains("data, then other")
            && read("diagnostics.svg").starts_with("<svg")
    );

    // Once more, nothing is trained, and the same comes out.
    assert_eq!(document(&place), found);
    assert_eq!(rows(&place, trials), trained);
    refused(&place);
}

fn refused(place: &Place) {
    let with = |more: &str| format!("diagnose s --data {{data}} --out elsewhere {more}");
    place.refuses(
        &with("--epochs 5"),
        2,
        &["study \"s-diagnose\" is in the store already, with another winner, number"],
    );
    place.refuses(&with("--seed 5"), 2, &["with another seed"]);
    place.refuses(&with("--transfer other"), 2, &["noise, whistle", "hiss, tone", "--class-map other=MAP"]);
    place.refuses(&with("--transfer other --class-map oter=map.toml"), 2, &["--class-map names oter"]);
    place.refuses(&with("--transfer {data}"), 2, &["is named twice"]);
    place.refuses(&with("--split fold9"), 2, &["no recordings in split fold9"]);
    place.refuses("diagnose nobody --data {data} --out elsewhere", 2, &["nobody"]);
    place.refuses("diagnose s --data {data} --out map.toml", 2, &["--out map.toml is a file"]);
    assert!(!place.path("elsewhere").exists());
}
