//! A reference row stands in the leaderboard of every stage; the report's placements are searched by their names.

use serde_json::Value;

use super::bad_input::Place;
use super::tiny;

#[test]
fn a_preset_is_trained_once_and_compared_with_in_every_stage() {
    let place = Place::new();
    let space = include_str!("../fixtures/space/reference.json");
    std::fs::write(place.path("reference.json"), space).unwrap();
    let said = |arguments: &str| {
        let output = place.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    said("launch reference.json --data {data} --study r --workers 1 --store sqlite:r.db");
    let rows = |stage: &str| -> Vec<Value> {
        let arguments = format!("leaderboard r --stage {stage} --store sqlite:r.db --format json");
        serde_json::from_slice(&said(&arguments)).unwrap()
    };
    let stage = rows("fusion-placement");
    assert_eq!(stage.len(), 5);
    assert!(stage.iter().all(|row| row["state"] == "complete"));
    assert_eq!(stage[0]["stage"], "reference");
    assert_eq!(stage[0]["parameters"]["preset"], "seldnet");
    assert_eq!(stage[0]["architecture"]["backbone"]["name"], "none");
    // Early fusion has something to learn that late fusion has not.
    let params = |name: &str| {
        let row = stage.iter().find(|row| row["parameters"]["fusion.placement"] == name).unwrap();
        row["params"].as_i64().unwrap()
    };
    assert!(params("cs10") > params("cs00") && params("cs11") > params("cs01"));
    assert_eq!(rows("reference").len(), 1);
}

#[test]
fn a_model_whose_document_makes_no_network_is_refused() {
    let place = Place::new();
    // The model is made by the first command that names it.
    assert!(place.run("eval {model} --data {data}").status.success());
    tiny::copy_folder(&tiny::dataset().with_file_name("model"), &place.path("broken"));
    let path = place.path("broken/architecture.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    document["encoder"]["stages"] = 0.into();
    std::fs::write(&path, document.to_string()).unwrap();
    place.refuses(
        "eval broken --data {data}",
        2,
        &["architecture.json", "encoder.stages: 0 is outside 1..=6"],
    );
}
