//! Reading an architecture document with errors for people, and the ranges its values must keep.

use serde_json::Value;

use super::arch::{Architecture, BackboneConfig, Preset, SignalJoin, Source, TaggerInput};
use crate::backbone;
use crate::features::Descriptor;

/// One thing wrong with an architecture document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct ArchitectureProblem {
    /// Key path, such as "encoder.width".
    pub key: String,
    /// The other key that this one does not agree with, when the value alone would do.
    pub against: Option<String>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Architecture {
    /// Reads a document; a key it does not name keeps its default, or the value of the preset that it names.
    ///
    /// # Errors
    /// The first unknown key or value of the wrong type, with its path. Ranges are not checked: see
    /// [`Architecture::validate`].
    pub fn from_value(mut document: Value) -> Result<Self, ArchitectureProblem> {
        if let Some(name) = document.as_object_mut().and_then(|document| document.shift_remove(PRESET)) {
            let mut base = preset(&name)?.architecture().to_value();
            lay_over(&mut base, document);
            document = base;
        }
        serde_path_to_error::deserialize(document).map_err(|error| ArchitectureProblem {
            key: error.path().to_string(),
            against: None,
            message: error.inner().to_string(),
        })
    }

    /// The whole document, with every key.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("an architecture has string keys and finite numbers only")
    }

    /// All values outside their range, and all pairs of values that do not go together; empty when it can be
    /// built.
    pub fn validate(&self) -> Vec<ArchitectureProblem> {
        let mut check = Check::default();
        self.check_features(&mut check);
        self.check_backbone(&mut check);
        super::check_network::check(self, &mut check);
        self.check_training(&mut check);
        check.problems
    }

    fn check_features(&self, check: &mut Check) {
        let features = &self.features;
        let mut seen = Vec::new();
        for descriptor in &features.descriptors {
            if seen.contains(&descriptor) {
                check.add("features.descriptors", "names a descriptor twice".into());
            }
            seen.push(descriptor);
        }
        if seen.is_empty() {
            check.add("features.descriptors", "is empty, expected at least one descriptor".into());
        }
        check.int("features.n_fft", features.n_fft, 16, 65_536);
        if features.n_fft % 2 != 0 {
            check.add("features.n_fft", format!("{} is odd", features.n_fft));
        }
        check.int("features.hop", features.hop, 1, 65_536);
        check.int("features.bands", features.bands, 4, 32_769);
        check.number("features.offset", features.offset, -1.0, 1.0);
        check.number("features.linear_below_hz", features.linear_below_hz, f64::MIN_POSITIVE, 96_000.0);
        if let Some(range_db) = features.range_db {
            check.number("features.range_db", range_db, f64::MIN_POSITIVE, 1000.0);
        }
        if let Some(length) = features.win_length {
            check.int("features.win_length", length, 1, 65_536);
            if length > features.n_fft {
                let message = format!("{length} is above features.n_fft {}", features.n_fft);
                check.pair("features.win_length", "features.n_fft", message);
            }
        }
        if features.hop > features.n_fft {
            let message = format!("{} is above features.n_fft {}", features.hop, features.n_fft);
            check.pair("features.hop", "features.n_fft", message);
        }
        let bins = features.n_fft / 2 + 1;
        if features.bands > bins {
            let message = format!("{} is above {bins}, the bins of features.n_fft", features.bands);
            check.pair("features.bands", "features.n_fft", message);
        }
        check.number("features.fmin_hz", features.fmin_hz, 0.0, 96_000.0);
        if let Some(fmax) = features.fmax_hz {
            check.number("features.fmax_hz", fmax, 1.0, 96_000.0);
            if fmax <= features.fmin_hz {
                let message = format!("{fmax} is not above features.fmin_hz {}", features.fmin_hz);
                check.pair("features.fmax_hz", "features.fmin_hz", message);
            }
        }
    }

    fn check_backbone(&self, check: &mut Check) {
        let BackboneConfig { name, freeze, .. } = &self.backbone;
        match backbone::registry::entries() {
            Ok(_) if self.backbone.is_none() => {}
            Err(error) => check.add("backbone.name", error.to_string()),
            Ok(known) => match known.iter().find(|entry| entry.name == *name) {
                None => {
                    let mut names: Vec<&str> = known.iter().map(|entry| entry.name.as_str()).collect();
                    names.push(BackboneConfig::NONE);
                    let message = format!("\"{name}\" is no backbone, expected one of: {}", names.join(", "));
                    check.add("backbone.name", message);
                }
                Some(entry) => {
                    let plan = entry.network.plan();
                    let blocks = plan.blocks.len();
                    let frozen = freeze.count(blocks);
                    if frozen > blocks {
                        let message = format!("{frozen} is above {blocks}, the blocks of {name}");
                        check.pair("backbone.freeze", "backbone.name", message);
                    }
                    let (bands, most) = (self.backbone.bands, plan.taps()[blocks].bands);
                    if !(1..=most).contains(&bands) {
                        let message =
                            format!("{bands} is outside 1 to {most}, the bands of the last block of {name}");
                        check.pair("backbone.bands", "backbone.name", message);
                    }
                }
            },
        }
        if self.backbone.signals == SignalJoin::MeanMax && self.backbone.input == TaggerInput::Omni {
            let message = "\"mean_max\" is of several signals, and backbone.input \"omni\" is one".to_owned();
            check.pair("backbone.signals", "backbone.input", message);
        }
        check.share("backbone.dropout", self.backbone.dropout);
        check.number("backbone.learning_rate", self.backbone.learning_rate, f64::MIN_POSITIVE, 10.0);
    }

    fn check_training(&self, check: &mut Check) {
        let train = &self.train;
        check.int("train.epochs", train.epochs.into(), 1, 100_000);
        check.int("train.batch", i64::try_from(train.batch).unwrap_or(i64::MAX), 1, 65_536);
        check.number("train.chunk_s", train.chunk_s, 0.1, 600.0);
        check.number("train.learning_rate", train.learning_rate, f64::MIN_POSITIVE, 10.0);
        check.number("train.weight_decay", train.weight_decay, 0.0, 10.0);
        check.number("train.warmup_epochs", train.warmup_epochs, 0.0, 1e5);
        check.number("train.clip_norm", train.clip_norm, f64::MIN_POSITIVE, 1e9);
        check.share("train.average_decay", train.average_decay);
        check.share("train.chunk_overlap", train.chunk_overlap);
        let augment = &train.augment;
        check.number("train.augment.mixup", augment.mixup, 0.0, 1.0);
        check.number("train.augment.gain_db", augment.gain_db, 0.0, 60.0);
        check.share("train.augment.band_shift", augment.band_shift);
        check.share("train.augment.band_mask", augment.band_mask);
        check.share("train.augment.time_mask", augment.time_mask);
        if augment.band_shift > 0.0 && self.features.descriptors.contains(&Descriptor::GccPhat) {
            let message = "moves bands, and those of gcc_phat in features.descriptors are lags: set it to 0";
            check.pair("train.augment.band_shift", "features.descriptors", message.into());
        }
        if let (Source::Cached, Some((key, why))) = (train.descriptors, self.why_not_cached()) {
            let message = format!("is \"cached\", which cannot be with this {key}: {why}");
            check.pair("train.descriptors", key, message);
        }
        if let (Source::Cached, Some((key, why))) = (train.prefix, self.why_prefix_not_cached()) {
            let message = format!("is \"cached\", which cannot be with this {key}: {why}");
            check.pair("train.prefix", key, message);
        }
    }
}

/// The key of a document that names the [`Preset`] it begins from.
pub const PRESET: &str = "preset";

/// The preset that a document names.
///
/// # Errors
/// There is none of that name.
pub fn preset(name: &Value) -> Result<Preset, ArchitectureProblem> {
    name.as_str().and_then(Preset::find).ok_or_else(|| {
        let names: Vec<&str> = Preset::ALL.into_iter().map(Preset::name).collect();
        let message = format!("{name} is no preset, expected one of: {}", names.join(", "));
        ArchitectureProblem { key: PRESET.into(), against: None, message }
    })
}

/// Sets what `over` names in `base`.
fn lay_over(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[derive(Default)]
pub(super) struct Check {
    problems: Vec<ArchitectureProblem>,
}

impl Check {
    pub(super) fn add(&mut self, key: &str, message: String) {
        self.problems.push(ArchitectureProblem { key: key.into(), against: None, message });
    }

    pub(super) fn pair(&mut self, key: &str, against: &str, message: String) {
        self.problems.push(ArchitectureProblem { key: key.into(), against: Some(against.into()), message });
    }

    pub(super) fn int(&mut self, key: &str, value: i64, low: i64, high: i64) {
        if !(low..=high).contains(&value) {
            self.add(key, format!("{value} is outside {low}..={high}"));
        }
    }

    pub(super) fn number(&mut self, key: &str, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            let low = if low == f64::MIN_POSITIVE { "(0".to_owned() } else { format!("[{low}") };
            self.add(key, format!("{value} is outside {low}, {high}]"));
        }
    }

    pub(super) fn share(&mut self, key: &str, value: f64) {
        if !(0.0..1.0).contains(&value) {
            self.add(key, format!("{value} is outside [0, 1)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_a_round_trip() {
        let architecture = Architecture::default();
        assert_eq!(architecture.validate(), []);
        assert_eq!(Architecture::from_value(architecture.to_value()), Ok(architecture));
    }

    #[test]
    fn every_range_is_reported_with_its_key() {
        let document = json!({
            "features": {"n_fft": 256, "hop": 480, "descriptors": []},
            "tracks": {"count": 6, "dropout": 1.0},
            "train": {"learning_rate": 0.0},
        });
        let problems = Architecture::from_value(document).unwrap().validate();
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(
            keys,
            ["features.descriptors", "features.hop", "tracks.count", "tracks.dropout", "train.learning_rate"]
        );
        assert_eq!(problems[1].against.as_deref(), Some("features.n_fft"));
    }

    /// The keys, and what they disagree with, of all problems of a document.
    fn problems(document: Value) -> Vec<(String, Option<String>)> {
        let architecture = Architecture::from_value(document).unwrap();
        architecture.validate().into_iter().map(|problem| (problem.key, problem.against)).collect()
    }

    #[test]
    fn features_out_of_range_are_reported_with_their_keys() {
        let found = problems(json!({"features": {
            "n_fft": 511, "win_length": 1024, "bands": 300, "offset": 2.0, "linear_below_hz": 0.0, "range_db": 0.0,
        }}));
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        let names = ["n_fft", "offset", "linear_below_hz", "range_db", "win_length", "bands"];
        assert_eq!(keys, names.map(|name| format!("features.{name}")));
        assert!(found[4..].iter().all(|(_, against)| against.as_deref() == Some("features.n_fft")));
        for preset in crate::features::Preset::ALL {
            let architecture = Architecture { features: preset.config(), ..Architecture::default() };
            assert_eq!(architecture.validate(), []);
        }
    }

    #[test]
    fn what_is_frozen_is_a_word_or_a_number_of_blocks_that_there_are() {
        let document = |freeze: Value| json!({"backbone": {"name": "cnn14", "freeze": freeze}});
        for freeze in [json!("all"), json!("none"), json!(0), json!(6)] {
            assert_eq!(problems(document(freeze.clone())), []);
            let architecture = Architecture::from_value(document(freeze.clone())).unwrap();
            assert_eq!(architecture.to_value()["backbone"]["freeze"], freeze);
        }
        let too_many = problems(document(json!(7)));
        assert_eq!(too_many, [("backbone.freeze".to_owned(), Some("backbone.name".to_owned()))]);
        for wrong in [json!("some"), json!(-1), json!(1.5), json!(null)] {
            let problem = Architecture::from_value(document(wrong)).unwrap_err();
            assert_eq!(problem.key, "backbone.freeze");
            assert!(problem.message.contains("\"none\" or a number of blocks"), "{}", problem.message);
        }
    }

    #[test]
    fn outputs_of_the_tagger_are_grouped_and_joined_where_there_are_several() {
        let of = |backbone: Value| problems(json!({"backbone": backbone}));
        let pair = |key: &str, other: &str| [(key.to_owned(), Some(other.to_owned()))];
        assert_eq!(of(json!({"bands": 12, "input": "beams", "signals": "mean_max"})), []);
        for bands in [0, -1, 13] {
            assert_eq!(of(json!({"bands": bands})), pair("backbone.bands", "backbone.name"));
        }
        assert_eq!(of(json!({"signals": "mean_max"})), pair("backbone.signals", "backbone.input"));
    }

    #[test]
    fn a_scene_that_is_turned_by_any_angle_keeps_the_cache_where_the_tagger_hears_all_around() {
        let cached = |signals: &str, placement: Value| {
            let document = json!({
                "backbone": {"input": "beams", "signals": signals},
                "fusion": {"placement": placement},
                "train": {"augment": {"rotation": "yaw"}},
            });
            Architecture::from_value(document).unwrap().caches_prefix()
        };
        assert!(cached("mean_max", json!(["late"])));
        assert!(!cached("side_by_side", json!(["late"])));
        assert!(!cached("mean_max", json!(["middle", "late"])));
    }

    #[test]
    fn lags_are_not_shifted_like_bands() {
        let document = |shift: f64| {
            let descriptors = ["logmel", "gcc_phat"];
            json!({"features": {"descriptors": descriptors}, "train": {"augment": {"band_shift": shift}}})
        };
        assert_eq!(problems(document(0.0)), []);
        assert_eq!(problems(document(0.1))[0].0, "train.augment.band_shift");
    }

    #[test]
    fn what_changes_the_sound_rules_the_cache_out() {
        let document = |descriptors: &str, augment: Value, features: Value| json!({"train": {"descriptors": descriptors, "augment": augment}, "features": features});
        let varied = [
            ("train.augment.rotation", json!({}), json!({})),
            ("train.augment.mixup", json!({"rotation": "none", "mixup": 0.1}), json!({})),
            ("train.augment.gain_db", json!({"rotation": "none", "gain_db": 3.0}), json!({})),
            (
                "features.descriptors",
                json!({"rotation": "none"}),
                json!({"descriptors": ["logmel", "waveform"]}),
            ),
        ];
        for (key, augment, features) in varied {
            let cached = document("cached", augment.clone(), features.clone());
            assert_eq!(problems(cached), [("train.descriptors".to_owned(), Some(key.to_owned()))]);
            let auto = Architecture::from_value(document("auto", augment, features)).unwrap();
            assert_eq!(auto.validate(), []);
            assert!(!auto.caches_descriptors(false) && !auto.caches_descriptors(true));
        }
        let masked = json!({"rotation": "none", "band_mask": 0.2, "time_mask": 0.2, "band_shift": 0.1});
        for (descriptors, cpu, gpu) in
            [("auto", true, false), ("computed", false, false), ("cached", true, true)]
        {
            let document = document(descriptors, masked.clone(), json!({}));
            let architecture = Architecture::from_value(document).unwrap();
            assert_eq!(architecture.validate(), []);
            assert_eq!(architecture.caches_descriptors(false), cpu, "{descriptors}");
            assert_eq!(architecture.caches_descriptors(true), gpu, "{descriptors}");
        }
    }

    #[test]
    fn a_wrong_type_names_its_path() {
        let problem = Architecture::from_value(json!({"encoder": {"width": "wide"}})).unwrap_err();
        assert_eq!(problem.key, "encoder.width");
    }
}
