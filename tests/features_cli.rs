//! `features` through the binary: what is printed, written and drawn, and what wrong usage gives.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::str::contains;
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// Every descriptor, and its channels.
const ALL: [(&str, usize); 17] = [
    ("logmel", 4),
    ("magnitude", 4),
    ("pcen", 4),
    ("phase", 4),
    ("phase_cos_sin", 8),
    ("ipd", 6),
    ("iv", 3),
    ("iv_sn3d", 3),
    ("iv_unit", 3),
    ("iv_active", 3),
    ("iv_reactive", 3),
    ("reactive", 3),
    ("diffuseness", 1),
    ("eigenvector", 3),
    ("gcc_phat", 6),
    ("covariance", 16),
    ("waveform", 7),
];

fn program() -> Command {
    Command::cargo_bin("at2seld").unwrap()
}

/// Two seconds at 24 kHz.
fn scene() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features/foa_public.wav")
}

/// Runs it on a recording, writing into `folder`.
fn features(folder: &Path, wav: &Path, arguments: &str) -> Command {
    let mut command = program();
    command.arg("features").arg(wav).args(arguments.split_whitespace());
    command.arg("--out").arg(folder.join("f.safetensors"));
    command
}

fn names() -> String {
    ALL.map(|(name, _)| name).join(",")
}

/// Shape and values of a tensor that was written.
fn written(folder: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(folder.join("f.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    (tensor.shape().to_vec(), values.collect())
}

fn printed(command: &mut Command) -> Value {
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

#[test]
fn every_descriptor_at_once_has_its_channels_and_finite_values() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = format!("--descriptor {} --format json", names());
    let rows = printed(&mut features(folder.path(), &scene(), &arguments));
    assert_eq!(rows.as_array().unwrap().len(), ALL.len());
    for ((name, channels), row) in ALL.into_iter().zip(rows.as_array().unwrap()) {
        let shape = ["channels", "frames", "bands"].map(|key| row[key].as_u64().unwrap() as usize);
        assert_eq!((row["descriptor"].as_str().unwrap(), shape), (name, [channels, 100, 64]));
        let (size, values) = written(folder.path(), name);
        assert_eq!(size, shape, "{name}");
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
        assert!(values.iter().all(|value| value.is_finite()) && low < high, "{name}");
        assert_eq!((row["min"].as_f64().unwrap() as f32, row["max"].as_f64().unwrap() as f32), (low, high));
    }
}

#[test]
fn presets_are_other_peoples_grids_and_flags_change_them() {
    let folder = tempfile::tempdir().unwrap();
    let shapes = |arguments: &str| {
        let rows = printed(&mut features(folder.path(), &scene(), &format!("--format json {arguments}")));
        let shape = |row: &Value| {
            format!("{} {} {} {}", row["descriptor"], row["channels"], row["frames"], row["bands"])
        };
        rows.as_array().unwrap().iter().map(shape).collect::<Vec<_>>().join(", ").replace('"', "")
    };
    assert_eq!(shapes("--preset dcase"), "logmel 4 100 64, iv 3 100 64");
    assert_eq!(shapes("--preset einseld --all-frames"), "logmel 4 81 256, iv_unit 3 81 256");
    assert_eq!(shapes("--preset salsa --all-frames"), "logmel 4 161 200, eigenvector 3 161 200");
    assert_eq!(shapes("--preset salsa --n-fft 256 --hop 150"), "logmel 4 320 100, eigenvector 3 320 100");
    assert_eq!(shapes("--preset dcase --descriptor gcc_phat --bands 32"), "gcc_phat 6 100 32");
}

#[test]
fn the_dcase_preset_has_the_range_of_the_baselines() {
    let folder = tempfile::tempdir().unwrap();
    features(folder.path(), &scene(), "--preset dcase").assert().success();
    let (shape, values) = written(folder.path(), "logmel");
    for channel in values.chunks(shape[1] * shape[2]) {
        let (low, high) = channel.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
        assert!((high - low - 80.0).abs() < 1e-4, "{low} {high}");
    }
}

#[test]
fn the_last_frame_is_kept_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let frames = |arguments: &str| {
        let arguments = format!("--descriptor logmel --hop 700 --format json {arguments}");
        printed(&mut features(folder.path(), &scene(), &arguments))[0]["frames"].clone()
    };
    // 48000 samples are 68 whole hops and a rest.
    assert_eq!((frames(""), frames("--all-frames")), (json!(68), json!(69)));
}

#[test]
fn tables_say_shapes_ranges_and_the_time_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let output = features(folder.path(), &scene(), "--preset dcase").assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    insta::with_settings!({filters => vec![(r"described in \d+\.\d{3} s", "described in TIME")]}, {
        insta::assert_snapshot!(text);
    });
    let csv = features(folder.path(), &scene(), "--preset dcase --format csv").assert().success();
    csv.stdout(contains("descriptor,channels,frames,bands,min,mean,max\nlogmel,4,100,64,-8"));
}

#[test]
fn wrong_settings_are_named_with_what_is_possible() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for arguments in [
        "",
        "--descriptor mfcc",
        "--preset seldnet",
        "--descriptor logmel --normalisation dataset",
        "--descriptor logmel --n-fft 1023",
        "--descriptor logmel --hop 0",
        "--descriptor logmel --hop 2000",
        "--descriptor logmel --win-length 2048",
        "--descriptor logmel --bands 600",
        "--descriptor logmel --scale linear --bands 600",
        "--preset salsa --bands 64",
        "--descriptor logmel --fmin 13000",
        "--descriptor logmel --fmin 500 --fmax 400",
        "--descriptor logmel --fmax 20000",
        "--descriptor logmel --scale log --linear-below 0",
        "--descriptor logmel --range-db 0",
        "--descriptor logmel --n-fft 131072 --bands 64",
        "--descriptor logmel --plot picture.jpeg",
    ] {
        let run = features(folder.path(), &scene(), arguments).assert().code(2);
        let message = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        all.push_str(&format!("{arguments}\n  {}\n", message.trim_end().replace('\n', "\n  ")));
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was written");
    let all = all.replace(&*scene().to_string_lossy(), "foa_public.wav");
    insta::assert_snapshot!(all);
}

/// Width, height and pixels of a PNG.
fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, info.height as usize, pixels)
}

/// Tells whether a pixel has the colours of the map for levels rather than ink, paper or grey.
fn is_colored(pixel: &[u8]) -> bool {
    pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 60
}

#[test]
fn a_picture_has_a_panel_for_each_channel() {
    let folder = tempfile::tempdir().unwrap();
    let plot = |descriptors: &str, file: &str| {
        let path = folder.path().join(file);
        let arguments = format!("--descriptor {descriptors} --plot {}", path.display());
        features(folder.path(), &scene(), &arguments).assert().success();
        path
    };
    let (width, height, image) = pixels(&plot("logmel", "four.png"));
    // Four panels beside each other, each a good part of its quarter.
    for quarter in 0..4 {
        let columns = quarter * width / 4..(quarter + 1) * width / 4;
        let colored = (0..height)
            .flat_map(|row| columns.clone().map(move |column| 3 * (row * width + column)))
            .filter(|&at| is_colored(&image[at..at + 3]))
            .count();
        assert!(colored > width * height / 16, "{quarter}: {colored}");
    }
    let (tall_width, tall_height, _) = pixels(&plot(&names(), "all.png"));
    assert!(tall_width >= width && tall_height > 15 * 400, "{tall_width} {tall_height}");
    let svg = std::fs::read_to_string(plot("phase,gcc_phat,diffuseness", "some.svg")).unwrap();
    for words in ["phase  W", "gcc_phat  W-Y", "diffuseness", "foa_public.wav: 2.00 s at 24000 Hz", "π"] {
        assert!(svg.contains(words), "{words}");
    }
    // A panel and its colour bar each.
    assert_eq!(svg.matches("<image ").count(), 2 * (4 + 6 + 1));
}

#[test]
fn silence_is_drawn_too() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("silence.wav");
    let spec = hound::WavSpec {
        channels: 4,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
    (0..4 * 12_000).for_each(|_| writer.write_sample(0i16).unwrap());
    writer.finalize().unwrap();
    let path = folder.path().join("silence.png");
    let arguments = format!("--descriptor {} --plot {}", names(), path.display());
    features(folder.path(), &wav, &arguments).assert().success();
    assert!(path.exists());
}
