//! Broken input and full disks: a clear message, the right exit code, nothing half-written, no panic.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::tiny;

const TRAIN_WAV: &str = "foa_dev/dev-train-synth/fold3_room1_mix001.wav";
const TRAIN_CSV: &str = "metadata_dev/dev-train-synth/fold3_room1_mix001.csv";
const TEST_WAV: &str = "foa_dev/dev-test-synth/fold4_room4_mix001.wav";

const ARCHITECTURE: &str = r#"{
    "features": {"n_fft": 1024, "hop": 800, "bands": 16},
    "encoder": {"stages": 1, "width": 4, "max_width": 4, "output": 8},
    "temporal": {"kind": "none"},
    "tracks": {"count": 2, "width": 4},
    "train": {"chunk_s": 2.0, "batch": 4, "learning_rate": 0.01, "epochs": 1}
}"#;

/// A folder that a command runs in, with all the files that it may need.
pub struct Place(tempfile::TempDir);

impl Place {
    /// An empty folder with an architecture and a search space.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("arch.json"), ARCHITECTURE).unwrap();
        std::fs::write(folder.path().join("space.json"), tiny::SPACE).unwrap();
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program; `{data}` is the good dataset, `{model}` a model trained on it.
    pub fn run(&self, arguments: &str) -> Output {
        self.run_after(&[], arguments)
    }

    /// Lets other programs start it.
    fn run_after(&self, before: &[&str], arguments: &str) -> Output {
        let mut words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        words.push(env!("CARGO_BIN_EXE_at2seld").into());
        words.extend(arguments.split(' ').map(|word| match word {
            "{data}" => text(tiny::dataset()),
            "{model}" => text(model()),
            _ => word.to_owned(),
        }));
        let mut command = Command::new(&words[0]);
        command.env_remove("AT2SELD_STORE").env("AT2SELD_CACHE", tiny::cache());
        command.current_dir(self.0.path()).args(&words[1..]).output().unwrap()
    }

    /// Runs the program, which has to fail with this exit code and words of its own.
    pub fn refuses(&self, arguments: &str, code: i32, words: &[&str]) {
        assert_refused(arguments, &self.run(arguments), code, words);
    }

    /// What is there beside the files that [`Place::new`] made, and those whose names say that they are bad.
    fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["arch.json", "space.json"].contains(&name.as_str()) && !name.starts_with("bad"))
            .collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn assert_refused(arguments: &str, output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = format!("at2seld {arguments}\n{}\n{stderr}", output.status);
    assert_eq!(output.status.code(), Some(code), "{report}");
    assert!(stderr.contains("error: ") && !stderr.contains("panicked"), "{report}");
    for word in words {
        assert!(stderr.contains(word), "no {word:?} in: {report}");
    }
    assert!(output.stdout.is_empty(), "{report}\n{}", String::from_utf8_lossy(&output.stdout));
}

/// A model folder, made once.
fn model() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let place = Place::new();
        let out = tiny::dataset().with_file_name("model");
        // Long enough that its directions are more than chance.
        let arguments = "train arch.json --data {data} --validation 0.5 --epochs 15 --out ";
        let arguments = format!("{arguments}{}", out.display());
        let output = place.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        out
    })
}

/// A wav file of 32-bit floats.
fn wav(channels: u16, samples: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: 24_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    file.into_inner()
}

fn with_three_channels() -> Vec<u8> {
    wav(3, &[0.1; 3 * 24_000])
}

fn with_a_nan() -> Vec<u8> {
    let mut samples = vec![0.1; 4 * 240_000];
    samples[4 * 1000 + 2] = f32::NAN;
    wav(4, &samples)
}

fn cut_short(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// The file with its third line changed by `edit`.
fn edited(path: &Path, edit: impl Fn(&[&str]) -> String) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[2] = edit(&lines[2].split(',').collect::<Vec<_>>());
    lines.join("\n").into_bytes()
}

/// Damages one file of a dataset: every command that reads it names file and mistake.
fn assert_dataset_is_refused(file: &str, damage: impl Fn(&Path) -> Vec<u8>, words: &[&str]) {
    let place = Place::new();
    let path = tiny::copy(&place.path("bad")).join(file);
    std::fs::write(&path, damage(&path)).unwrap();
    let words = [&[file.rsplit('/').next().unwrap()], words].concat();

    let check = place.run("data check bad");
    let found = String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(2), "{found}");
    assert!(words.iter().all(|word| found.contains(word)), "{words:?} in: {found}");

    place.refuses("train arch.json --data bad --validation 0.5 --out out", 2, &words);
    place.refuses("eval {model} --data bad --split train", 2, &words);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

/// As before, by `launch`, which sees it without reading all samples: then nothing is written at all.
fn assert_launch_refuses(file: &str, damage: impl Fn(&Path) -> Vec<u8>, words: &[&str]) {
    let place = Place::new();
    let path = tiny::copy(&place.path("bad")).join(file);
    std::fs::write(&path, damage(&path)).unwrap();
    place.refuses("launch space.json --data bad --study s", 2, words);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn wrong_recordings() {
    assert_dataset_is_refused(TRAIN_WAV, |_| with_three_channels(), &["3 channels where 4 are expected"]);
    assert_launch_refuses(TRAIN_WAV, |_| with_three_channels(), &["3 channels where 4 are expected"]);
    assert_dataset_is_refused(TRAIN_WAV, cut_short, &["truncated"]);
    assert_launch_refuses(TRAIN_WAV, cut_short, &["truncated"]);
    assert_dataset_is_refused(TRAIN_WAV, |_| with_a_nan(), &["sample 1000 of channel 2 is NaN"]);
}

#[test]
fn wrong_labels() {
    let class = |path: &Path| edited(path, |row| format!("{},40,{}", row[0], row[2..].join(",")));
    let words = ["csv:3: class 40 is out of range: there are 2 classes, 0 to 1"];
    assert_dataset_is_refused(TRAIN_CSV, class, &words);
    assert_launch_refuses(TRAIN_CSV, class, &words);
    let column = |path: &Path| edited(path, |row| row[..3].join(","));
    assert_dataset_is_refused(TRAIN_CSV, column, &["csv:3: 3 columns where 5 or 6 are expected"]);
    assert_launch_refuses(TRAIN_CSV, column, &["csv:3: 3 columns where 5 or 6 are expected"]);
}

#[test]
fn a_study_on_samples_that_are_no_numbers_fails_by_name() {
    let place = Place::new();
    std::fs::write(tiny::copy(&place.path("bad")).join(TRAIN_WAV), with_a_nan()).unwrap();
    place.refuses(
        "launch space.json --data bad --study s",
        1,
        &["sample 1000 of channel 2 is NaN", "failed"],
    );
    place.refuses("resume s", 1, &["has failed"]);
}

#[test]
fn recordings_that_cannot_be_heard() {
    let place = Place::new();
    let good = tiny::dataset().join(TEST_WAV);
    for (bytes, words) in [
        (with_three_channels(), "has 3 channels where FOA has 4"),
        (with_a_nan(), "channel 2, sample 1000: not a finite number"),
        (cut_short(&good), "truncated"),
    ] {
        std::fs::write(place.path("bad.wav"), bytes).unwrap();
        place.refuses("infer {model} bad.wav --out out", 2, &["bad.wav", words]);
    }
    std::fs::remove_file(place.path("bad.wav")).unwrap();
    place.refuses("infer {model} bad.wav --out out", 2, &["cannot read bad.wav"]);
    place.refuses("infer no-model bad.wav --out out", 2, &["no-model"]);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

/// A safetensors file with one tensor of zeros.
fn safetensors(name: &str, shape: [usize; 4]) -> Vec<u8> {
    let data = vec![0; 4 * shape.iter().product::<usize>()];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &data).unwrap();
    safetensors::serialize([(name, view)], None).unwrap()
}

#[test]
fn weights_of_another_network() {
    let place = Place::new();
    let wrong = safetensors("embedding_net.conv_block1.conv1.weight", [2, 1, 3, 3]);
    std::fs::write(place.path("bad.safetensors"), wrong).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(ARCHITECTURE).unwrap();
    document["backbone"] = serde_json::json!({"weights": "bad.safetensors"});
    std::fs::write(place.path("arch.json"), document.to_string()).unwrap();
    let words = ["bad.safetensors does not fit backbone aisfx", "embedding_net.conv_block1.conv1.weight"];
    place.refuses("train arch.json --data {data} --validation 0.5 --out out", 2, &words);

    let mut space: serde_json::Value = serde_json::from_str(tiny::SPACE).unwrap();
    space["fixed"]["backbone"]["weights"] = text(&place.path("bad.safetensors")).into();
    std::fs::write(place.path("space.json"), space.to_string()).unwrap();
    place.refuses("launch space.json --data {data} --study s", 2, &words);
    space["fixed"]["backbone"] = serde_json::json!({"name": "cnn14"});
    std::fs::write(place.path("space.json"), space.to_string()).unwrap();
    let pull = ["stage \"input-features\" can train no candidate with its tagger", "backbone pull cnn14"];
    place.refuses("launch space.json --data {data} --study s", 2, &pull);

    std::fs::write(place.path("bad.safetensors"), "no tensors").unwrap();
    place.refuses("train arch.json --data {data} --validation 0.5 --out out", 2, &["bad.safetensors"]);
    std::fs::remove_file(place.path("bad.safetensors")).unwrap();
    place.refuses("train arch.json --data {data} --validation 0.5 --out out", 2, &["not at bad.safetensors"]);
    assert!(place.leftovers().is_empty(), "{:?}", place.leftovers());
}

#[test]
fn descriptors_that_cannot_be_computed_on_the_dataset() {
    let place = Place::new();
    let mut space: serde_json::Value = serde_json::from_str(tiny::SPACE).unwrap();
    space["stages"][0]["space"]["features.hop"] = serde_json::json!({"choice": [480, 500]});
    std::fs::write(place.path("space.json"), space.to_string()).unwrap();
    let words = [
        "stage \"input-features\" can train no candidate with features.hop = 500",
        "hop of 500 samples does not divide a label frame of 2400",
    ];
    place.refuses("launch space.json --data {data} --study s", 2, &words);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn other_classes() {
    let place = Place::new();
    std::fs::write(tiny::copy(&place.path("bad")).join("classes.txt"), "bell\nbird\n").unwrap();
    place.refuses("eval {model} --data bad", 2, &["[hiss, tone]", "[bell, bird]", "class map"]);
    let calibrate = "calibrate {model} --data bad --split test";
    place.refuses(calibrate, 2, &["[hiss, tone]", "[bell, bird]"]);
    place.refuses("calibrate {model} --data {data} --split fold9", 2, &["no recordings in split fold9"]);
    let map = "eval {model} --data bad --class-map";
    place.refuses(&format!("{map} none"), 2, &["no class map \"none\"", "starss-to-tau2019"]);
    place.refuses(&format!("{map} same-names"), 2, &["no class of the model has a counterpart"]);
    std::fs::write(place.path("map.toml"), "from = 'a'\nto = 'b'\n[classes]\nhiss = 'horn'\n").unwrap();
    place.refuses(
        &format!("{map} map.toml"),
        2,
        &["map.toml", "the dataset knows no class \"horn\"; it has bell, bird"],
    );
    std::fs::write(place.path("map.toml"), "from = 'a'\nto = 'b'\n[classes]\nhiss = 'bell'\n").unwrap();
    let oracle = format!("{map} map.toml --oracle-activity");
    place.refuses(&oracle, 2, &["known activity and a class map cannot be combined"]);
}

#[test]
fn unknown_names() {
    let place = Place::new();
    for command in ["status", "leaderboard", "resume s", "stop s", "export --out out", "worker"] {
        place.refuses(command, 2, &["no store at at2seld.db", "--store"]);
    }
    assert_eq!(place.leftovers(), Vec::<String>::new());
}

#[test]
fn a_store_that_another_program_keeps_locked() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(place.path("at2seld.db")).create_if_missing(true);
        let mut other = options.connect().await.unwrap();
        sqlx::query("begin exclusive").execute(&mut other).await.unwrap();
        place.refuses("launch space.json --data {data} --study s", 1, &["at2seld.db", "locked by another"]);
        other.close().await.unwrap();
    });
    assert!(!place.path("at2seld.artifacts").exists());
}

/// Mounts a file system at `disk` for the one command it runs, without leave to do so being needed.
const MOUNT: &str =
    r#"mount -t tmpfs -o "$1" none disk && shift && "$@"; code=$?; find disk -type f; exit $code"#;

/// Runs a command on a disk of its own. Its standard output is then the list of files there at the end.
fn on_disk(place: &Place, options: &str, arguments: &str) -> Output {
    std::fs::create_dir_all(place.path("disk")).unwrap();
    place.run_after(
        &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", options],
        arguments,
    )
}

#[test]
fn full_and_read_only_disks() {
    let possible = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        println!("skipped: this user may not mount a small disk (unshare --user --mount)");
        return;
    }
    let place = Place::new();
    let wav = text(&tiny::dataset().join(TEST_WAV));
    let infer = format!("infer {{model}} {wav} --out disk/out");
    let train = "train arch.json --data {data} --validation 0.5 --out disk/out";
    let launch = "launch space.json --data {data} --study s --store sqlite:disk/s.db";
    let synth = "data synth disk/out --minutes 0.5";
    let full = "No space left on device";
    for (disk, arguments, words) in [
        ("ro", train, "Read-only file system"),
        ("ro", launch, "disk/s.db"),
        ("ro", synth, "Read-only file system"),
        ("ro", infer.as_str(), "Read-only file system"),
        ("size=16k", train, full),
        ("size=300k", launch, "no space left"),
        ("size=300k", synth, full),
        // No file fits, not even an empty one.
        ("nr_inodes=2", infer.as_str(), full),
    ] {
        let mut output = on_disk(&place, disk, arguments);
        let left = String::from_utf8(std::mem::take(&mut output.stdout)).unwrap();
        assert_refused(&format!("{arguments} ({disk})"), &output, 1, &[words]);
        assert!(!left.contains("disk/out/") && !left.contains(".tmp-"), "{arguments} ({disk}) left {left}");
    }
}
