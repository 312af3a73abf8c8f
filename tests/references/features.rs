//! Descriptors against the field's own code, for every `SCENE_FAMILY_NFFT_HOP[_BANDS].safetensors`.

use std::path::PathBuf;

use at2seld::features::stft::{Stft, StftConfig};
use at2seld::features::{Descriptor, FeatureConfig, Frames, FrontEnd, Padding, Preset, Scale, Window};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::folders;
use super::tensors::Tensors;

const SAMPLE_RATE: u32 = 24000;

/// One reference file.
struct Case {
    path: PathBuf,
    /// `[1, 4, S]`
    waveform: Tensor,
    n_fft: i64,
    hop: i64,
    expected: Tensors,
}

/// The cases of a family.
fn cases(family: &str) -> Vec<Case> {
    let mut found = Vec::new();
    for path in folders::cases("features", "safetensors") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some((scene, grid)) = stem.split_once(&format!("_{family}_")) else { continue };
        let mut numbers = grid.split('_').map(|number| number.parse::<i64>().unwrap());
        let (n_fft, hop) = (numbers.next().unwrap(), numbers.next().unwrap());
        let input = Tensors::read(&path.with_file_name(format!("{scene}_input.safetensors")));
        let waveform = input.get("waveform").unsqueeze(0);
        let expected = Tensors::read(&path);
        found.push(Case { path, waveform, n_fft, hop, expected });
    }
    assert!(!found.is_empty(), "no case of {family} found");
    found
}

fn describe(config: &FeatureConfig, waveform: &Tensor, frames: Frames) -> Vec<Tensor> {
    let front_end = FrontEnd::new(&VarStore::new(Device::Cpu).root(), config, SAMPLE_RATE).unwrap();
    front_end.describe_each(waveform, frames).into_iter().map(|(_, values)| values.squeeze_dim(0)).collect()
}

#[test]
fn the_dcase_preset_equals_the_baselines() {
    for Case { waveform, n_fft, hop, expected, .. } in cases("baseline") {
        for (padding, suffix) in [(Padding::Zeros, ""), (Padding::Reflect, "_reflect")] {
            let config = FeatureConfig {
                descriptors: vec![Descriptor::Logmel, Descriptor::Iv, Descriptor::GccPhat],
                n_fft,
                hop,
                win_length: Some(2 * hop),
                padding,
                bands: expected.get("logmel").size()[2],
                ..Preset::Dcase.config()
            };
            let [logmel, iv, gcc] =
                <[Tensor; 3]>::try_from(describe(&config, &waveform, Frames::WholeHops)).unwrap();
            expected.assert_close(&format!("logmel{suffix}"), &logmel, 1e-3);
            expected.assert_close(&format!("iv{suffix}"), &iv, 1e-6);
            if padding == Padding::Zeros {
                expected.assert_close("gcc_phat", &gcc, 1e-4);
            }
        }
    }
}

#[test]
fn the_einseld_preset_equals_ein_seld() {
    for Case { waveform, n_fft, hop, expected, .. } in cases("einseld") {
        let bands = expected.get("features").size()[2];
        let config = FeatureConfig { n_fft, hop, bands, ..Preset::Einseld.config() };
        let features = Tensor::cat(&describe(&config, &waveform, Frames::All), 0);
        // Bands that see one bin, or almost none, are quiet beside loud ones.
        let logmel_tolerance = if bands > 64 { 1e-2 } else { 1e-3 };
        expected.assert_part_close("features", 0..4, &features.narrow(0, 0, 4), logmel_tolerance);
        expected.assert_part_close("features", 4..7, &features.narrow(0, 4, 3), 5e-5);
    }
}

#[test]
fn the_salsa_preset_equals_salsa() {
    for Case { path, waveform, n_fft, hop, expected } in cases("salsa") {
        let reference = expected.get("salsa");
        let bands = reference.size()[2];
        let config = FeatureConfig { n_fft, hop, bands, ..Preset::Salsa.config() };
        let [spectra, eigenvector] =
            <[Tensor; 2]>::try_from(describe(&config, &waveform, Frames::All)).unwrap();
        expected.assert_part_close("salsa", 0..4, &spectra, 1e-3);
        let reference = reference.narrow(0, 4, 3);
        let used = |x: &Tensor| x.abs().sum_dim_intlist([0].as_slice(), true, Kind::Float).gt(0.0);
        let (ours, theirs) = (used(&eigenvector), used(&reference));
        let one_only = ours.logical_xor(&theirs).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        let far = ((&eigenvector - &reference) * ours.logical_and(&theirs)).abs().max().double_value(&[]);
        eprintln!("{}: eigenvector differs by {far:.1e}; {one_only:.1e} of bins in one only", path.display());
        assert!(far <= 1e-4 && one_only <= 1e-3);
    }
}

#[test]
fn the_eigenvector_of_every_bin_equals_salsa_without_its_tests() {
    for Case { waveform, n_fft, hop, expected, .. } in cases("salsa") {
        let bands = expected.get("salsa").size()[2];
        let config = FeatureConfig { n_fft, hop, bands, ..Preset::Salsa.config() };
        let front_end = FrontEnd::new(&VarStore::new(Device::Cpu).root(), &config, SAMPLE_RATE).unwrap();
        let everywhere = front_end.eigenvector_everywhere(&waveform).unwrap().squeeze_dim(0);
        let bins = expected.get("eigenvector_no_tracking").size()[2];
        expected.assert_close("eigenvector_no_tracking", &everywhere.narrow(2, 0, bins), 1e-3);
    }
}

#[test]
fn descriptors_of_single_bins_equal_their_formulas() {
    for case in cases("linear") {
        let stft = StftConfig {
            n_fft: case.n_fft,
            hop: case.hop,
            win_length: 2 * case.hop,
            window: Window::Hann,
            padding: Padding::Reflect,
        };
        let frames = case.expected.get("frame_index");
        let take = |x: &Tensor| x.index_select(1, frames);
        let transform = Stft::new(stft, Kind::Float, Device::Cpu).unwrap();
        let complex = transform.forward(&case.waveform).squeeze_dim(0).transpose(1, 2);
        case.expected.assert_close("stft_real", &take(&complex.select(-1, 0)), 1e-4);
        case.expected.assert_close("stft_imag", &take(&complex.select(-1, 1)), 1e-4);
        let config = FeatureConfig {
            descriptors: vec![
                Descriptor::Magnitude,
                Descriptor::Phase,
                Descriptor::Ipd,
                Descriptor::IvActive,
                Descriptor::IvReactive,
                Descriptor::IvUnit,
                Descriptor::Iv,
                Descriptor::IvSn3d,
            ],
            n_fft: case.n_fft,
            hop: case.hop,
            win_length: Some(2 * case.hop),
            bands: case.n_fft / 2 + 1,
            scale: Scale::Linear,
            fmin_hz: 0.0,
            ..FeatureConfig::default()
        };
        let all: Vec<Tensor> = describe(&config, &case.waveform, Frames::All).iter().map(take).collect();
        let [magnitude, phase, ipd, active, reactive, unit, energy, sn3d] =
            <[Tensor; 8]>::try_from(all).unwrap();
        let expected = &case.expected;
        expected.assert_close("magnitude", &magnitude, 1e-4);
        expected.assert_angles_close("phase", &phase, 1e-2);
        expected.assert_mostly_close("ipd_cos", &ipd.narrow(0, 0, 3), 1e-2, 1e-4);
        expected.assert_mostly_close("ipd_sin", &ipd.narrow(0, 3, 3), 1e-2, 1e-4);
        expected.assert_close("iv_active", &active, 2e-3);
        expected.assert_close("iv_reactive", &reactive, 2e-3);
        expected.assert_mostly_close("iv_unit", &unit, 1e-2, 1e-4);
        expected.assert_close("iv_energy", &energy, 1e-3);
        expected.assert_close("iv_energy_sn3d", &sn3d, 1e-3);
    }
}
