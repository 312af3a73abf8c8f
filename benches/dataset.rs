//! Reading of recordings and opening of datasets. `cargo bench --bench dataset`
//!
//! `chunks` reads five seconds of four channels from the middle of a recording, as training does; the peer is hound's
//! sample iterator on the same file. `open_100_hours` opens a dataset of 6000 recordings of a minute a second time,
//! its fingerprint included: the files are sparse, so that it takes little disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use at2seld::audio::AudioFormat;
use at2seld::dataset::{Dataset, OpenOptions};
use divan::Bencher;
use divan::counter::BytesCount;
use hound::{SampleFormat, WavSpec, WavWriter};

const RATE: u32 = 24_000;
const CHUNK: usize = 5 * RATE as usize;

fn main() {
    divan::main();
}

fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-dataset");
        std::fs::create_dir_all(&path).expect("a folder for the recordings");
        path
    })
}

/// A minute of noise.
fn recording(bits: u16) -> PathBuf {
    let path = place().join(format!("noise{bits}.wav"));
    let sample_format = if bits == 32 { SampleFormat::Float } else { SampleFormat::Int };
    let spec = WavSpec { channels: 4, sample_rate: RATE, bits_per_sample: bits, sample_format };
    let mut writer = WavWriter::create(&path, spec).expect("a new file");
    let mut x = 1u32;
    for _ in 0..4 * 60 * RATE {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let written = match bits {
            32 => writer.write_sample(x as f32 / u32::MAX as f32 - 0.5),
            _ => writer.write_sample(x as i32 >> (32 - bits)),
        };
        written.expect("space on the disk");
    }
    writer.finalize().expect("space on the disk");
    path
}

mod chunks {
    use super::*;

    #[divan::bench(args = [16, 24, 32])]
    fn at2seld(bencher: Bencher, bits: u16) {
        let path = recording(bits);
        let format = AudioFormat::of(&path).expect("a wav file");
        let mut out = vec![0.0; 4 * CHUNK];
        bencher
            .counter(BytesCount::new(CHUNK * 4 * usize::from(bits / 8)))
            .bench_local(|| format.read(&path, u64::from(20 * RATE), divan::black_box(&mut out)));
    }

    #[divan::bench(args = [16, 24, 32])]
    fn hound(bencher: Bencher, bits: u16) {
        let path = recording(bits);
        let mut out = vec![0.0f32; 4 * CHUNK];
        bencher.counter(BytesCount::new(CHUNK * 4 * usize::from(bits / 8))).bench_local(|| {
            let mut reader = hound::WavReader::open(&path).expect("a wav file");
            reader.seek(20 * RATE).expect("the middle");
            let out = divan::black_box(&mut out);
            let mut put = |n: usize, x: f32| out[n % 4 * CHUNK + n / 4] = x;
            let wanted = 4 * CHUNK;
            match bits {
                32 => reader
                    .samples::<f32>()
                    .take(wanted)
                    .enumerate()
                    .for_each(|(n, x)| put(n, x.expect("a sample"))),
                _ => {
                    let scale = 1.0 / 2f32.powi(i32::from(bits) - 1);
                    let samples = reader.samples::<i32>().take(wanted).enumerate();
                    samples.for_each(|(n, x)| put(n, x.expect("a sample") as f32 * scale));
                }
            }
        });
    }

    /// The same from a file of another rate, resampled.
    #[divan::bench(args = [44_100, 48_000])]
    fn resampled(bencher: Bencher, rate: u32) {
        let path = recording(16);
        let mut out = vec![0.0; 4 * CHUNK];
        let format = AudioFormat { sample_rate: rate, ..AudioFormat::of(&path).expect("a wav file") };
        bencher.bench_local(|| {
            at2seld::audio::resample_piece(
                (rate, RATE),
                format.samples,
                u64::from(5 * RATE),
                4,
                divan::black_box(&mut out),
                |start, out| format.read(&path, start, out),
            )
        });
    }
}

/// A hundred hours: 6000 recordings of a minute, with labels in half of the frames.
fn hundred_hours() -> (PathBuf, PathBuf) {
    static MADE: OnceLock<()> = OnceLock::new();
    let (root, cache) = (place().join("hundred-hours"), place().join("cache"));
    MADE.get_or_init(|| {
        if root.exists() {
            return;
        }
        let labels: String = (0..300)
            .flat_map(|n| [0, 5].map(|class| format!("{},{class},{class},{},10,150\n", 2 * n, n - 150)))
            .collect();
        for number in 0..6000 {
            let split = if number % 4 == 0 { "dev-test-tau" } else { "dev-train-tau" };
            let name = format!("{split}/fold3_room{}_mix{number:04}", number % 40);
            let (audio, csv) =
                (root.join(format!("foa_dev/{name}.wav")), root.join(format!("metadata_dev/{name}.csv")));
            for path in [&audio, &csv] {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
            }
            sparse(&audio);
            std::fs::write(csv, &labels).expect("space on the disk");
        }
        std::thread::sleep(std::time::Duration::from_secs(3));
    });
    (root, cache)
}

/// A header and a minute of nothing.
fn sparse(path: &Path) {
    let bytes = 60 * RATE * 8;
    let mut file = File::create(path).expect("a new file");
    let format = [1u16.to_le_bytes(), 4u16.to_le_bytes()].concat();
    let parts: [&[u8]; 9] = [
        b"RIFF",
        &(bytes + 36).to_le_bytes(),
        b"WAVEfmt ",
        &16u32.to_le_bytes(),
        &format,
        &RATE.to_le_bytes(),
        &(RATE * 8).to_le_bytes(),
        &[8, 0, 16, 0],
        b"data",
    ];
    file.write_all(&parts.concat()).expect("space on the disk");
    file.write_all(&bytes.to_le_bytes()).expect("space on the disk");
    file.set_len(u64::from(bytes) + 44).expect("a sparse file");
}

mod open_100_hours {
    use super::*;

    /// With the index of an earlier opening, fingerprint included.
    #[divan::bench(sample_count = 10)]
    fn again(bencher: Bencher) {
        let (root, cache) = hundred_hours();
        let open = || -> Dataset { OpenOptions::cached(&cache).open(&root).expect("a good dataset") };
        let fingerprint = open().fingerprint().expect("files that can be read");
        bencher.bench_local(|| assert_eq!(open().fingerprint().expect("an index"), fingerprint));
    }

    /// Without any index: all headers and labels, but no fingerprint.
    #[divan::bench(sample_count = 5)]
    fn without_index(bencher: Bencher) {
        let (root, _) = hundred_hours();
        bencher.bench_local(|| Dataset::open(&root).expect("a good dataset"));
    }
}
