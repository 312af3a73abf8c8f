//! Descriptors against the DCASE 2022/2023 baselines, for every `STEM_baseline_NFFT_HOP.safetensors`.

use std::path::Path;

use at2seld::features::stft::{Padding, StftConfig};
use at2seld::features::{Descriptor, FeatureConfig, FrontEnd};
use tch::{Device, Tensor};

use super::folders;
use super::tensors::Tensors;

const SAMPLE_RATE: u32 = 24000;
/// The baseline adds this to every sample.
const OFFSET: f64 = 1e-8;
/// The baseline floors each channel of the log-mel this far below its loudest value in the file.
const RANGE_DB: f64 = 80.0;
const LOGMEL_TOLERANCE: f64 = 1e-3;
const IV_TOLERANCE: f64 = 1e-6;

#[test]
fn descriptors_equal_the_baseline() {
    let mut compared = 0;
    for path in folders::cases("features", "safetensors") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some((scene, grid)) = stem.split_once("_baseline_") else { continue };
        let (n_fft, hop) = grid.split_once('_').unwrap_or_else(|| panic!("{stem}: no n_fft_hop"));
        let waveform = Tensors::read(&path.with_file_name(format!("{scene}_input.safetensors")));
        let waveform = waveform.get("waveform").unsqueeze(0) + OFFSET;
        compare(&path, &waveform, n_fft.parse().unwrap(), hop.parse().unwrap());
        compared += 1;
    }
    assert!(compared > 0, "no case found");
}

fn compare(path: &Path, waveform: &Tensor, n_fft: i64, hop: i64) {
    let expected = Tensors::read(path);
    for (padding, suffix) in [(Padding::Zeros, ""), (Padding::Reflect, "_reflect")] {
        let config = FeatureConfig {
            descriptors: vec![Descriptor::Logmel, Descriptor::Iv],
            bands: expected.get("logmel").size()[2],
            fmin_hz: 0.0,
            ..FeatureConfig::default()
        };
        let stft = StftConfig { n_fft, hop, win_length: 2 * hop, padding };
        let front_end = FrontEnd::with_stft(&config, stft, SAMPLE_RATE, Device::Cpu).unwrap();
        for (descriptor, got) in front_end.forward_each(waveform) {
            let got = got.squeeze_dim(0);
            match descriptor {
                Descriptor::Logmel => {
                    let floor = got.amax([1, 2].as_slice(), true) - RANGE_DB;
                    expected.assert_close(&format!("logmel{suffix}"), &got.maximum(&floor), LOGMEL_TOLERANCE);
                }
                Descriptor::Iv => expected.assert_close(&format!("iv{suffix}"), &got, IV_TOLERANCE),
            }
        }
    }
}
