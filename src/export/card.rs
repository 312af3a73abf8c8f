//! The model card: what the model is, for whoever finds the folder.

use std::fmt::Write;

use crate::model::arch::OutputFormat;
use crate::model::saved::SavedModel;

pub(super) fn render(model: &SavedModel) -> String {
    let origin = &model.origin;
    let tracks = match model.architecture.output.format {
        OutputFormat::Tracks => model.architecture.tracks.count,
        OutputFormat::Accdoa | OutputFormat::MultiAccdoa => {
            model.architecture.tracks.count * model.classes.len() as i64
        }
    };
    let mut text = String::from("# Sound event localization and detection model\n\n");
    let _ = writeln!(
        text,
        "Trained with at2seld {} on dataset {} (seed {}, weights of epoch {}).\n",
        origin.version,
        &origin.data_fingerprint[..origin.data_fingerprint.len().min(12)],
        origin.seed,
        origin.epoch
    );
    if let Some(warm_start) = &origin.warm_start {
        let _ = writeln!(text, "When training began, {warm_start}.");
        if !warm_start.others.is_empty() {
            let _ = writeln!(text, "The others began with random values: {}.", warm_start.others.join(", "));
        }
        text.push('\n');
    }
    text.push_str("## Input and output of `model.pt`\n\n");
    let _ = writeln!(
        text,
        "- Input: float32 `[batch, 4, samples]`, first-order Ambisonics (ACN order W, Y, Z, X, SN3D) at {} Hz.\n\
         - Output 1: class activities `[batch, frames, {tracks}, {classes}]` in 0..1, one frame every 100 ms.\n\
         - Output 2: directions `[batch, frames, {tracks}, 3]`, unit vectors (x front, y left, z up).",
        origin.sample_rate,
        classes = model.classes.len(),
    );
    if model.architecture.output.distance {
        let _ = writeln!(text, "- Output 3: distances `[batch, frames, {tracks}]` in metres.");
    }
    text.push_str("\n```python\nimport torch\nmodel = torch.jit.load(\"model.pt\", map_location=\"cpu\")\n");
    let distance = if model.architecture.output.distance { ", distance" } else { "" };
    let _ =
        writeln!(text, "sed, doa{distance} = model(torch.zeros(1, 4, {}))\n```\n", origin.sample_rate * 5);
    text.push_str(&thresholds(model));
    text.push_str(
        "\n## Validation scores (dcase2023, macro, threshold 0.5)\n\n| score | value |\n| --- | --- |\n",
    );
    for (name, value) in &origin.validation {
        let value = value.map_or("-".into(), |v| format!("{v:.4}"));
        let _ = writeln!(text, "| {name} | {value} |");
    }
    if model.architecture.backbone.is_none() {
        return text;
    }
    let _ = writeln!(
        text,
        "\n## Semantic path\n\nFrozen tagger `{}` (weights sha256 {}), gain on W {:.4}. Its licence applies to the \
         part of `model.pt` that holds its weights.",
        model.architecture.backbone.name, origin.backbone_sha256, origin.prior_gain
    );
    text
}

/// The heading of the section that [`renew`] replaces.
const THRESHOLDS: &str = "## Classes and calibrated thresholds\n";

/// The section on how activities become events.
fn thresholds(model: &SavedModel) -> String {
    let decoding = &model.decoding;
    let mut text = format!("{THRESHOLDS}\n| class | threshold |\n| --- | --- |\n");
    for (name, threshold) in model.classes.iter().zip(decoding.by_class(&model.classes)) {
        let _ = writeln!(text, "| {name} | {threshold:.2} |");
    }
    let _ = writeln!(
        text,
        "\nActivities are compared with them after their logits were divided by the temperature, {}. Median filter of {} \
         label frame(s), events of {} at least, tracks of one class merged within {} degrees.",
        decoding.temperature, decoding.median_frames, decoding.min_frames, decoding.merge_deg,
    );
    text
}

/// A card with the section on thresholds as it is now, and everything else as it was; the section comes at the end of a
/// card that has none.
pub(super) fn renew(card: &str, model: &SavedModel) -> String {
    let section = thresholds(model);
    let Some(begin) = card.find(THRESHOLDS) else {
        return format!("{}\n\n{section}", card.trim_end());
    };
    let after = begin + THRESHOLDS.len();
    match card[after..].find("\n## ") {
        Some(next) => format!("{}{section}{}", &card[..begin], &card[after + next..]),
        None => format!("{}{section}", &card[..begin]),
    }
}
