//! Ranges of the network's and the loss's keys, and combinations of them that make no network.

use super::arch::{
    ActivityLoss, Architecture, Block, ClassBalance, DoaDistance, DoaTargets, FusionOperator, LossWeighting,
    OutputFormat, Permutation, TemporalJoin, TemporalKind, TrackKind,
};
use super::check::Check;
use crate::dataset::sampler::Sampling;

/// Notes all that is wrong with the network and the loss.
pub(super) fn check(arch: &Architecture, check: &mut Check) {
    encoder(arch, check);
    fusion(arch, check);
    temporal(arch, check);
    tracks(arch, check);
    loss(arch, check);
}

fn encoder(arch: &Architecture, check: &mut Check) {
    let encoder = &arch.encoder;
    check.int("encoder.stages", encoder.stages, 1, 6);
    check.int("encoder.blocks", encoder.blocks, 1, 16);
    check.int("encoder.width", encoder.width, 1, 2048);
    check.int("encoder.max_width", encoder.max_width, 1, 8192);
    if encoder.max_width < encoder.width {
        let message = format!("{} is below encoder.width {}", encoder.max_width, encoder.width);
        check.pair("encoder.max_width", "encoder.width", message);
    }
    for size in encoder.kernel {
        odd("encoder.kernel", size, check);
    }
    for (key, factors) in
        [("encoder.time_factors", &encoder.time_factors), ("encoder.band_factors", &encoder.band_factors)]
    {
        let Some(factors) = factors else { continue };
        factors.iter().for_each(|factor| check.int(key, *factor, 1, 64));
        if factors.len() as i64 != encoder.stages {
            let message = format!("has {} factors for {} encoder.stages", factors.len(), encoder.stages);
            check.pair(key, "encoder.stages", message);
        }
    }
    check.int("encoder.squeeze_excitation", encoder.squeeze_excitation, 0, 64);
    check.share("encoder.dropout", encoder.dropout);
    check.share("encoder.stochastic_depth", encoder.stochastic_depth);
    if encoder.stochastic_depth > 0.0 && encoder.block == Block::Plain {
        let message = "leaves residual blocks out, and encoder.block is \"plain\": set it to 0";
        check.pair("encoder.stochastic_depth", "encoder.block", message.into());
    }
    check.int("encoder.output", encoder.output, 0, 8192);
    if encoder.output == 0 && !arch.backbone.is_none() {
        let message = "is 0, and the path of backbone.name has no width without it: give it at least 1";
        check.pair("encoder.output", "backbone.name", message.into());
    }
}

fn fusion(arch: &Architecture, check: &mut Check) {
    let mut places = Vec::new();
    for place in &arch.fusion.placement {
        if places.contains(&place) {
            check.add("fusion.placement", "names a place twice".into());
        }
        places.push(place);
    }
    if !places.is_empty() && arch.backbone.is_none() {
        let message =
            "names places where the tagger's path is met, and backbone.name is \"none\": set it to []";
        check.pair("fusion.placement", "backbone.name", message.into());
    }
    if arch.fusion.operator == FusionOperator::CrossAttention {
        check.int("fusion.heads", arch.fusion.heads, 1, 64);
    }
}

fn temporal(arch: &Architecture, check: &mut Check) {
    let temporal = &arch.temporal;
    if temporal.kind == TemporalKind::None {
        return;
    }
    check.int("temporal.hidden", temporal.hidden, 1, 8192);
    check.int("temporal.layers", temporal.layers, 1, 8);
    check.share("temporal.dropout", temporal.dropout);
    if matches!(temporal.kind, TemporalKind::Conformer | TemporalKind::Tcn) {
        odd("temporal.kernel", temporal.kernel, check);
    }
    if temporal.kind == TemporalKind::Conformer {
        check.int("temporal.heads", temporal.heads, 1, 64);
    }
    if temporal.kind == TemporalKind::Gru && temporal.join == TemporalJoin::Product && !temporal.bidirectional
    {
        let message = "is \"product\", of two directions, and temporal.bidirectional is false";
        check.pair("temporal.join", "temporal.bidirectional", message.into());
    }
}

fn tracks(arch: &Architecture, check: &mut Check) {
    let tracks = &arch.tracks;
    check.int("tracks.count", tracks.count, 1, 5);
    if arch.output.format == OutputFormat::Accdoa && tracks.count != 1 {
        let message = format!("{} is above 1, all that output.format \"accdoa\" has", tracks.count);
        check.pair("tracks.count", "output.format", message);
    }
    check.int("tracks.width", tracks.width, 1, 8192);
    check.int("tracks.depth", tracks.depth, 1, 8);
    match tracks.kind {
        TrackKind::Linear => {}
        TrackKind::Conv1d => odd("tracks.kernel", tracks.kernel, check),
        TrackKind::Attention => check.int("tracks.heads", tracks.heads, 1, 64),
    }
    check.share("tracks.dropout", tracks.dropout);
}

fn loss(arch: &Architecture, check: &mut Check) {
    let loss = &arch.loss;
    check.number("loss.focal_gamma", loss.focal_gamma, 0.0, 20.0);
    if !(loss.focal_alpha > 0.0 && loss.focal_alpha < 1.0) {
        check.add("loss.focal_alpha", format!("{} is outside (0, 1)", loss.focal_alpha));
    }
    let is_effective = loss.class_balance == ClassBalance::EffectiveNumber
        || arch.train.sampling == Sampling::EffectiveNumber;
    if is_effective {
        check.share("loss.effective_beta", loss.effective_beta);
    }
    check.share("loss.label_smoothing", loss.label_smoothing);
    check.number("loss.doa_weight", loss.doa_weight, 0.0, 1e6);
    check.number("loss.distance_weight", loss.distance_weight, 0.0, 1e6);
    let is_angle = matches!(loss.doa, DoaDistance::Cosine | DoaDistance::Angular);
    if is_angle && loss.doa_on == DoaTargets::All {
        let message = "is an angle, and on \"all\" of loss.doa_on there are targets without an event, whose vector is zero \
                       and has no angle: set it to \"mse\" or \"l1\"";
        check.pair("loss.doa", "loss.doa_on", message.into());
    }
    match arch.output.format {
        OutputFormat::Tracks => loss_of_tracks(arch, check),
        OutputFormat::Accdoa | OutputFormat::MultiAccdoa => loss_of_vectors(arch, check),
    }
}

fn loss_of_tracks(arch: &Architecture, check: &mut Check) {
    let loss = &arch.loss;
    if loss.weighting != LossWeighting::Uncertainty {
        return;
    }
    let weights = [
        ("loss.doa_weight", loss.doa_weight, true),
        ("loss.distance_weight", loss.distance_weight, arch.output.distance),
    ];
    for (key, weight, is_used) in weights {
        if is_used && weight == 0.0 {
            let message = "is 0, and loss.weighting \"uncertainty\" begins with a weight above 0";
            check.pair(key, "loss.weighting", message.into());
        }
    }
}

fn loss_of_vectors(arch: &Architecture, check: &mut Check) {
    let loss = &arch.loss;
    // A vector is activity and direction in one: its only loss is the squared error.
    let of_tracks = [
        ("loss.activity", loss.activity != ActivityLoss::Bce, "\"bce\""),
        ("loss.label_smoothing", loss.label_smoothing > 0.0, "0"),
        ("loss.doa", loss.doa != DoaDistance::Mse, "\"mse\""),
        ("loss.weighting", loss.weighting != LossWeighting::Fixed, "\"fixed\""),
    ];
    for (key, is_set, instead) in of_tracks {
        if is_set {
            let message = format!(
                "concerns activities apart from directions, which output.format has not: set it to {instead}"
            );
            check.pair(key, "output.format", message);
        }
    }
    // Which tracks share an event changes with every event that begins or ends.
    if arch.output.format == OutputFormat::MultiAccdoa && loss.permutation == Permutation::Chunk {
        let message = "is \"chunk\", and output.format \"multi_accdoa\" assigns its tracks in every label frame: set it to \
                       \"frame\"";
        check.pair("loss.permutation", "output.format", message.into());
    }
}

/// Sizes of kernels, which have a middle.
fn odd(key: &str, size: i64, check: &mut Check) {
    check.int(key, size, 1, 63);
    if size % 2 == 0 {
        check.add(key, format!("{size} is even, expected an odd number"));
    }
}
