//! What makes two trials the same trial.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::search::snapshot::Proposal;
use crate::store::Study;

/// Identifies everything that determines what a proposal scores in a study: two trials with the same key have
/// the same result, so the second need not be trained.
pub(super) fn trial_key(study: &Study, proposal: &Proposal) -> String {
    // A network's sums come out in another order on another kind of device; not so on another one of its kind.
    let device =
        study.settings.devices.first().map_or("cpu", |device| device.split(':').next().unwrap_or("cpu"));
    let document = json!({
        "architecture": proposal.architecture,
        "seed": proposal.seed,
        "epochs": proposal.epochs,
        "data": study.data_fingerprint,
        "validation": study.settings.validation,
        "threads": study.settings.threads,
        "device": device,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let digest = Sha256::digest(sorted(document).to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same document with the keys of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}
