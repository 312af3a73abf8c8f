//! Taggers that are frozen, trained or both, that hear W, channels or beams, and what the cache keeps of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::PoisonError;

use at2seld::dataset::augment::{Rotation, RotationKind, rotation::SWAPS};
use at2seld::export;
use at2seld::model::align::{Starts, frame_centres};
use at2seld::model::arch::{Architecture, Freeze, Source, TaggerInput};
use at2seld::model::predict::{Turns, predict};
use at2seld::model::prior::{Heard, Prior, load_tagger};
use at2seld::model::saved::SavedModel;
use at2seld::train::trial::TrialSpec;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::site::{
    FOLDER, RATE, TURN, architecture, at2seld, largest_difference, new_cache, spec, train, train_interrupted,
    variable,
};

const INPUTS: [TaggerInput; 3] = [TaggerInput::Omni, TaggerInput::Channels, TaggerInput::Beams];

fn with(input: TaggerInput, freeze: Freeze) -> Architecture {
    let mut arch = architecture();
    (arch.backbone.input, arch.backbone.freeze) = (input, freeze);
    arch
}

fn prior(vs: &VarStore, arch: &Architecture) -> Prior {
    let tagger = load_tagger(&arch.backbone, vs).unwrap().unwrap();
    Prior::new(tagger, arch, RATE, 2.0, Device::Cpu).unwrap()
}

/// Noise, W after Y after Z after X.
fn scene(seconds: i64) -> Tensor {
    tch::manual_seed(5);
    Tensor::randn([4, seconds * i64::from(RATE)], (Kind::Float, Device::Cpu)) * 0.05
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

#[test]
fn wherever_the_prefix_ends_the_tagger_says_the_same() {
    let scene = scene(2);
    for input in INPUTS {
        let of = |freeze| {
            let vs = VarStore::new(Device::Cpu);
            let prior = prior(&vs, &with(input, freeze));
            let times = frame_centres(0, 20);
            let prefix = prior.prefix_of(&floats(&scene), Device::Cpu);
            let _guard = tch::no_grad_guard();
            let frames = prefix.permute([1, 2, 0, 3]).unsqueeze(0);
            let heard = Heard { frames, starts: Starts::All(prior.prefix_tap().first_s) };
            let whole = prior.say(&heard, &times);
            let chunk = prior.say(&prior.hear(&scene.unsqueeze(0)), &times);
            assert!(largest_difference(&whole, &chunk) < 1e-5);
            assert_eq!(whole.size(), [1, 20, prior.width()]);
            let tap = prior.prefix_tap();
            assert_eq!(prefix.size()[1..], [prior.signals().count(), tap.channels, tap.bands]);
            (whole, vs.trainable_variables().len())
        };
        let (expected, variables) = of(Freeze::All);
        assert_eq!(variables, 0);
        for (freeze, trained) in [(Freeze::Blocks(4), 0), (Freeze::Blocks(2), 12), (Freeze::None, 24)] {
            let (whole, variables) = of(freeze);
            assert_eq!(variables, trained);
            // A batch norm apart is rounded in another way.
            let difference = largest_difference(&whole, &expected);
            assert!(difference < 1e-4, "{input:?} {freeze:?}: {difference}");
        }
    }
}

#[test]
fn pieces_of_a_long_recording_join() {
    let scene = scene(36);
    for freeze in [Freeze::All, Freeze::Blocks(1)] {
        let vs = VarStore::new(Device::Cpu);
        let prior = prior(&vs, &with(TaggerInput::Omni, freeze));
        let pieces = prior.prefix_of(&floats(&scene), Device::Cpu);
        let whole = tch::no_grad(|| prior.hear(&scene.unsqueeze(0)).frames);
        let whole = whole.squeeze_dim(0).permute([2, 0, 1, 3]);
        assert_eq!(pieces.size(), whole.size());
        assert!(largest_difference(&pieces, &whole) < 1e-5);
    }
}

#[test]
fn rotations_exchange_what_the_tagger_says_about_channels_and_beams() {
    let scene = scene(2).unsqueeze(0);
    for input in INPUTS {
        let vs = VarStore::new(Device::Cpu);
        let prior = prior(&vs, &with(input, Freeze::All));
        let said = |scene: &Tensor| tch::no_grad(|| prior.hear(scene).frames);
        let before = said(&scene);
        for rotation in (0..SWAPS).map(Rotation::swap) {
            let matrix = Tensor::from_slice(&rotation.channel_matrix().concat()).view([1, 4, 4]);
            let places = prior.signals().turned(rotation).unwrap();
            let exchanged = before.index_select(1, &Tensor::from_slice(&places));
            assert!(largest_difference(&exchanged, &said(&matrix.matmul(&scene))) < 1e-5);
        }
    }
}

#[test]
fn trained_blocks_learn_with_their_batch_norms_and_go_into_the_export() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = with(TaggerInput::Channels, Freeze::Blocks(3));
    arch.backbone.learning_rate = 1e-3;
    let (losses, path) = train(&spec(&folder.path().join("whole"), arch.clone()));
    assert!(losses.iter().flatten().all(|loss| loss.is_finite()));
    let resumed = train_interrupted(spec(&folder.path().join("resumed"), arch.clone()));
    let bytes = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(bytes(&path) == bytes(&resumed), "another model when resumed");

    let model = SavedModel::load(&path).unwrap();
    let vs = VarStore::new(Device::Cpu);
    load_tagger(&arch.backbone, &vs).unwrap();
    let initial = vs.variables();
    let names = |prefix: &str| initial.keys().filter(|name| name.starts_with(prefix)).count();
    // Two convolutions, each with scale, shift, mean and variance.
    assert_eq!((initial.len(), names("backbone.block4.")), (10, 10));
    for part in ["weight", "norm.weight", "norm.running_mean"] {
        let name = format!("backbone.block4.conv2.{part}");
        let change = largest_difference(&variable(&model, &name), &initial[&name]);
        assert!(change > 1e-6, "{name} has changed by {change:e}");
    }
    // What is exported is compared with the network before it counts.
    export::export(&path, &folder.path().join("exported")).unwrap();

    let (trained, detector) = model.detector(Device::Cpu).unwrap();
    let name = "backbone.block4.conv2.weight";
    assert_eq!(trained.variables()[name], variable(&model, name));
    let sound = floats(&scene(3));
    let prediction = predict(&detector, &sound, 2.0, Turns::NONE, Device::Cpu).unwrap();
    assert_eq!(prediction.activity.len(), 30 * prediction.tracks * prediction.classes);
    assert!(prediction.activity.iter().all(|activity| (0.0..=1.0).contains(activity)));
}

#[test]
fn a_learning_rate_of_almost_nothing_leaves_the_trained_blocks_as_they_were() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = with(TaggerInput::Omni, Freeze::Blocks(3));
    arch.backbone.learning_rate = 1e-12;
    let (_, path) = train(&spec(&folder.path().join("slow"), arch.clone()));
    let model = SavedModel::load(&path).unwrap();
    let vs = VarStore::new(Device::Cpu);
    load_tagger(&arch.backbone, &vs).unwrap();
    let name = "backbone.block4.conv2.weight";
    assert!(largest_difference(&variable(&model, name), &vs.variables()[name]) < 1e-8);
    let fresh = "network.tracks";
    assert!(model.variables.iter().any(|(name, _)| name.starts_with(fresh)));
}

#[test]
fn a_cached_prefix_is_trained_on_as_a_computed_one_is() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    for (input, freeze) in [(TaggerInput::Omni, Freeze::All), (TaggerInput::Channels, Freeze::Blocks(3))] {
        let at = |source: Source| {
            let mut arch = with(input, freeze);
            arch.train.prefix = source;
            let spec = spec(&folder.path().join(format!("{input:?}-{source:?}")), arch);
            train(&TrialSpec { epochs: 1, ..spec }).0
        };
        let (computed, cached) = (at(Source::Computed), at(Source::Cached));
        // Neighbours at the edges of chunks.
        assert_ne!(computed, cached);
        for (computed, cached) in computed.iter().flatten().zip(cached.iter().flatten()) {
            assert!((computed - cached).abs() < 0.05 * computed, "{computed} {cached}");
        }
        assert_eq!(at(Source::Auto), cached);
    }
}

#[test]
fn any_angle_of_rotation_switches_the_cache_of_channels_off_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut arch = with(TaggerInput::Channels, Freeze::All);
    arch.train.augment.rotation = RotationKind::Yaw;
    assert!(!arch.caches_prefix());
    let run = |arch: &Architecture, out: &str| {
        std::fs::write(folder.path().join("arch.json"), serde_json::to_vec(arch).unwrap()).unwrap();
        let mut command = at2seld(folder.path(), &folder.path().join("cache"));
        command
            .args(["train", "arch.json", "--epochs", "1", "--out", out, "--data"])
            .arg(FOLDER.join("data"));
        command.assert()
    };
    new_cache(&folder.path().join("cache"));
    let stderr = String::from_utf8(run(&arch, "out").success().get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("hears every batch anew, because of train.augment.rotation"), "{stderr}");
    assert!(!folder.path().join("cache/prefix").exists());
    arch.train.prefix = Source::Cached;
    let stderr = String::from_utf8(run(&arch, "out2").code(2).get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("train.prefix: is \"cached\""), "{stderr}");
    (arch.train.prefix, arch.backbone.freeze) = (Source::Auto, Freeze::Blocks(9));
    let stderr = String::from_utf8(run(&arch, "out3").code(2).get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("backbone.freeze") && stderr.contains('4'), "{stderr}");
}

#[test]
fn where_the_cache_is_too_small_the_tagger_hears_every_batch_and_a_warning_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    new_cache(&cache);
    std::fs::write(folder.path().join("arch.json"), serde_json::to_vec(&architecture()).unwrap()).unwrap();
    let run = |limit: &str, out: &str| {
        let mut command = at2seld(folder.path(), &cache);
        command.env("AT2SELD_PREFIX_CACHE_GB", limit).args([
            "train",
            "arch.json",
            "--epochs",
            "1",
            "--out",
            out,
        ]);
        command.arg("--data").arg(FOLDER.join("data")).assert()
    };
    let stderr = String::from_utf8(run("0.000001", "small").success().get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("it is computed for every batch instead. AT2SELD_PREFIX_CACHE_GB"), "{stderr}");
    assert_eq!(cached(&cache), (vec![], 0));
    let stderr = String::from_utf8(run("much", "wrong").code(2).get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("AT2SELD_PREFIX_CACHE_GB is \"much\""), "{stderr}");
}

/// Finished files of the cache of prefixes, and unfinished ones.
fn cached(cache: &Path) -> (Vec<PathBuf>, usize) {
    let folders =
        std::fs::read_dir(cache.join("prefix")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let (mut finished, mut unfinished) = (Vec::new(), 0);
    for path in files.map(|entry| entry.unwrap().path()) {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("safetensors") => finished.push(path),
            Some("part") => unfinished += 1,
            _ => {}
        }
    }
    finished.sort();
    (finished, unfinished)
}

#[test]
fn processes_divide_the_recordings_and_one_that_is_killed_loses_one_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    new_cache(&cache);
    let arch = with(TaggerInput::Omni, Freeze::Blocks(1));
    std::fs::write(folder.path().join("arch.json"), serde_json::to_vec(&arch).unwrap()).unwrap();
    let start = |out: &str| -> Child {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_at2seld"));
        command.current_dir(folder.path()).env("AT2SELD_CACHE", &cache).stderr(Stdio::piped());
        command.args(["train", "arch.json", "--epochs", "1", "--threads", "1", "--out", out, "--data"]);
        command.arg(FOLDER.join("data")).spawn().unwrap()
    };
    let mut killed = start("killed");
    while cached(&cache).0.is_empty() {
        assert_eq!(killed.try_wait().unwrap(), None, "it ended before it wrote anything");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let (kept, _) = cached(&cache);
    let written = |path: &PathBuf| path.metadata().unwrap().modified().unwrap();
    let times: Vec<_> = kept.iter().map(written).collect();
    // The middle of one is damaged.
    let damaged = kept[0].clone();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&damaged, &bytes).unwrap();

    let epochs = ["a", "b"].map(start).map(|process| {
        let output = process.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        let line = stderr.lines().find(|line| line.starts_with("epoch")).unwrap();
        let losses = line.split("  ").take(3).collect::<Vec<_>>().join(" ");
        (losses, stderr.contains("is damaged"))
    });
    assert_eq!(epochs[0].0, epochs[1].0);
    assert!(epochs[0].1 || epochs[1].1, "damage was not reported");
    let (files, unfinished) = cached(&cache);
    assert_eq!(unfinished, 0);
    assert!(files.len() > kept.len());
    for (path, time) in kept.iter().zip(times).skip(1) {
        assert_eq!(written(path), time, "{} was computed again", path.display());
    }
    bytes[middle] ^= 0x40;
    assert_eq!(std::fs::read(&damaged).unwrap(), bytes);

    let doctor = at2seld(folder.path(), &cache).args(["doctor", "--format", "json"]).assert().success();
    let found: serde_json::Value = serde_json::from_slice(&doctor.get_output().stdout).unwrap();
    let found = &found["caches"][0];
    assert_eq!((&found["name"], &found["entries"]), (&"prefixes of taggers".into(), &1.into()));
    assert!(found["bytes"].as_u64().unwrap() as usize > files.len() * bytes.len() / 2);
}
