//! Everything that `eval` can be asked, in one call.

use serde_json::{Value, json};

use super::bad_input::Place;
use super::tiny;

const ALL: &str =
    "--oracle-activity --by class,polyphony --by room,motion --reliability --sweep --errors --out out";

fn document(place: &Place, arguments: &str) -> Value {
    let output = place.run(&format!("eval {{model}} --data {{data}} --split all --format json {arguments}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The rows of all label files.
fn label_rows() -> usize {
    let folders =
        ["dev-train-synth", "dev-test-synth"].map(|name| tiny::dataset().join("metadata_dev").join(name));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().lines().count()).sum()
}

fn sum(rows: &Value, key: &str) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap()).sum()
}

#[test]
fn all_questions_at_once() {
    let place = Place::new();
    // Through a map that changes nothing.
    let plain = document(&place, "--thresholds 0.05 --class-map same-names --reliability --errors");
    let all = document(&place, &format!("--thresholds 0.05 {ALL}"));

    // Scores with known activity, and angles of every event of a label that has a track.
    let angles = &all["oracle_activity"];
    assert_eq!(angles["all"]["events"], label_rows());
    let histogram: u64 =
        angles["histogram"].as_array().unwrap().iter().map(|bar| bar.as_u64().unwrap()).sum();
    assert_eq!(angles["all"]["localized"], histogram);

    // A lone class has the error rate of its own; F, LE and LR are the official ones.
    for (own, official) in
        all["by"]["class"].as_array().unwrap().iter().zip(all["classwise"].as_array().unwrap())
    {
        assert_eq!((&own["F"], &own["LE"], &own["LR"]), (&official["F"], &official["LE"], &official["LR"]));
    }
    let polyphony = &all["by"]["polyphony"];
    // The network has two tracks.
    let without_track = label_rows() as u64 - histogram;
    assert!(without_track <= polyphony[3]["references"].as_u64().unwrap(), "{without_track}");
    assert_eq!(polyphony[0]["references"], 0);
    assert_eq!(sum(polyphony, "frames"), sum(&all["by"]["room"], "frames"));
    assert_eq!(sum(polyphony, "predictions"), sum(&all["by"]["room"], "predictions"));
    let rooms: Vec<&Value> = all["by"]["room"].as_array().unwrap().iter().map(|row| &row["group"]).collect();
    assert!(rooms.len() > 1 && *rooms[rooms.len() - 1] == "fold4_room4", "{rooms:?}");
    // Nothing moves there.
    assert_eq!(
        all["by"]["motion"][1],
        json!({"group": "moving", "events": 0, "references": 0, "LR": null, "LE": null, "within": null, "recall": null})
    );
    assert_eq!(sum(&all["by"]["motion"], "references") as usize, label_rows());

    // At the lowest threshold the sweep has the scores of that threshold.
    let point = &all["sweep"]["all"]["points"][0];
    for key in ["ER", "F", "LE", "LR", "SELD"] {
        assert_eq!(point[key], plain[key], "{key}");
    }
    assert_eq!(all["sweep"]["all"]["in_use"], 0.05);
    assert_eq!((&all["reliability"], &all["errors"]), (&plain["reliability"], &plain["errors"]));
    let bins = &all["reliability"]["all"]["bins"];
    assert_eq!(all["reliability"]["all"]["cases"], sum(bins, "cases"));
    let references = &all["errors"]["all"]["references"];
    let kinds = ["hit", "wrong_place", "wrong_class", "missed"];
    assert_eq!(
        kinds.iter().map(|kind| references[kind].as_u64().unwrap()).sum::<u64>() as usize,
        label_rows()
    );

    let read = |name: &str| std::fs::read_to_string(place.path("out").join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("evaluation.json")).unwrap(), all);
    assert!(read("scores.csv").starts_with("class,ER,F,LE,LR,SELD\nmacro,"));
    for name in
        ["oracle_activity", "by_class", "by_polyphony", "by_room", "by_motion", "reliability", "sweep"]
    {
        assert!(
            read(&format!("{name}.svg")).starts_with("<svg")
                && read(&format!("{name}.csv")).lines().count() > 1
        );
    }
    assert!(
        read("errors.svg").contains("hiss") && read("confusions.csv").starts_with("reference,prediction,")
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    let eval = "eval {model} --data {data}";
    place.refuses(
        &format!("{eval} --by class --metric dcase2019"),
        2,
        &["dcase2019", "dcase2020 to dcase2023"],
    );
    place.refuses(&format!("{eval} --errors --out arch.json"), 2, &["--out arch.json is a file"]);
    let output = place.run(&format!("{eval} --by weather"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("class, polyphony, room, motion"), "{said}");
}
