//! A model on recordings of another dataset: other classes, another sample rate, another split.

use serde_json::Value;

use super::bad_input::Place;
use super::tiny;

fn scores(place: &Place, arguments: &str) -> Value {
    let output = place.run(&format!("eval {{model}} {arguments} --thresholds 0.05 --format json"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_model_is_scored_in_the_classes_of_another_dataset() {
    let place = Place::new();
    let other = tiny::copy(&place.path("other"));
    std::fs::write(other.join("classes.txt"), "noise\nwhistle\n").unwrap();
    let own = scores(&place, "--data {data}");

    // Under other names it is the same.
    let map =
        "from = ['hiss', 'tone']\nto = ['noise', 'whistle']\n[classes]\nhiss = 'noise'\ntone = 'whistle'\n";
    std::fs::write(place.path("map.toml"), map).unwrap();
    assert_eq!(scores(&place, "--data other --class-map map.toml"), own);
    assert_eq!(scores(&place, "--data {data} --class-map same-names"), own);

    // With one class left out, only the other one counts.
    std::fs::write(place.path("map.toml"), map.replace("hiss = 'noise'\n", "")).unwrap();
    let one = scores(&place, "--data other --class-map map.toml");
    assert_eq!(one["classwise"].as_array().unwrap().len(), 1);
    assert_eq!(one["classwise"][0]["LR"], own["classwise"][1]["LR"]);
    let output = place.run("eval {model} --data other --class-map map.toml");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("classes of the model without a counterpart: hiss"), "{said}");
    assert!(said.contains("classes of the dataset without a counterpart: noise"), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("whistle"));
}

#[test]
fn a_dataset_of_another_rate_is_resampled_for_the_model() {
    let place = Place::new();
    let other = tiny::copy(&place.path("other"));
    for path in wavs(&other) {
        let mut reader = hound::WavReader::open(&path).unwrap();
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        // Each sample twice: twice the rate, with images above the old one's half that resampling takes away.
        let spec = hound::WavSpec { sample_rate: 2 * reader.spec().sample_rate, ..reader.spec() };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for frame in samples.chunks(4).flat_map(|frame| [frame, frame]) {
            frame.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        }
        writer.finalize().unwrap();
    }
    let near = |a: &Value, b: &Value| (a["LE"].as_f64().unwrap() - b["LE"].as_f64().unwrap()).abs() < 5.0;
    let (own, resampled) =
        (scores(&place, "--data {data} --split all"), scores(&place, "--data other --split all"));
    assert!(near(&own, &resampled), "{own} {resampled}");
    // Its test split is fold 4.
    assert_eq!(scores(&place, "--data {data} --split fold4"), scores(&place, "--data {data} --split test"));
}

fn wavs(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { wavs(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "wav"))
        .collect()
}
