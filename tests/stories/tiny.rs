//! A dataset that is made in a second and trained on in a few: two classes that are easy to tell apart.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;
use at2seld::cache;

/// The search space that goes with it.
pub const SPACE: &str = include_str!("../fixtures/space/tiny.json");

const SAMPLE_RATE: u32 = 24_000;

/// The dataset folder, made once for all tests of this program. Read only.
pub fn dataset() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stories");
        let _ = std::fs::remove_dir_all(&root);
        let (bank, out) = (root.join("bank"), root.join("data"));
        for (class, sound) in [("hiss", hiss as fn(u32, u32) -> f64), ("tone", tone)] {
            for variant in 0..4 {
                write(&bank.join(class).join(format!("{class}{variant}.wav")), |t| sound(variant, t));
            }
        }
        let arguments = "--minutes 1 --rooms 4 --split 5:1 --moving 0 --seed 1 --events".split(' ');
        let mut command = Command::cargo_bin("at2seld").unwrap();
        command.args(["data", "synth"]).arg(&out).args(arguments).arg(&bank).assert().success();
        out
    })
}

/// A cache folder beside the dataset, with the tagger of the user's: what programs find out about test data is not to
/// be left there.
pub fn cache() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = dataset().with_file_name("cache");
        cache_at(&folder);
        folder
    })
}

/// A new cache folder, with the tagger of the user's.
pub fn cache_at(folder: &Path) {
    std::fs::create_dir_all(folder.join("backbones")).unwrap();
    let tagger = cache::default_backbone();
    let place = folder.join("backbones").join(tagger.file_name().unwrap());
    std::os::unix::fs::symlink(&tagger, place).unwrap();
}

/// A copy of the dataset that a test may damage.
pub fn copy(to: &Path) -> PathBuf {
    copy_folder(dataset(), to);
    to.to_owned()
}

/// Copies a folder with all its content.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn tone(variant: u32, t: u32) -> f64 {
    let hertz = 400.0 + 150.0 * f64::from(variant);
    (std::f64::consts::TAU * hertz * f64::from(t) / f64::from(SAMPLE_RATE)).sin()
}

/// Noise by a congruential generator (Numerical Recipes): the same on every machine.
fn hiss(variant: u32, t: u32) -> f64 {
    let mut x = t.wrapping_mul(2_654_435_761).wrapping_add(variant);
    for _ in 0..3 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        x ^= x >> 15;
    }
    f64::from(x) / f64::from(u32::MAX) * 2.0 - 1.0
}

fn write(path: &Path, sound: impl Fn(u32) -> f64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let length = 2 * SAMPLE_RATE;
    for t in 0..length {
        let fade = (f64::from(t.min(length - t)) / 500.0).min(1.0);
        writer.write_sample((12_000.0 * fade * sound(t)) as i16).unwrap();
    }
    writer.finalize().unwrap();
}
