//! What makes two trials the same trial.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::search::snapshot::Proposal;
use crate::store::Study;

/// Identifies everything that determines what a proposal scores in a study: two trials with the same key have
/// the same result, so the second need not be trained.
///
/// * `weights`: the digest of the tagger's.
/// * `init_from`: the key of the trial whose weights it begins with, which determines them as well.
pub(super) fn trial_key(
    study: &Study,
    proposal: &Proposal,
    weights: Option<&str>,
    init_from: Option<&str>,
) -> String {
    // A network's sums come out in another order on another kind of device; not so on another one of its kind.
    let device =
        study.settings.devices.first().map_or("cpu", |device| device.split(':').next().unwrap_or("cpu"));
    let mut document = json!({
        "architecture": proposal.architecture,
        "seed": proposal.seed,
        "epochs": proposal.epochs,
        "data": study.data_fingerprint,
        "validation": study.settings.validation,
        "threads": study.settings.threads,
        "device": device,
        "weights": weights,
        "version": env!("CARGO_PKG_VERSION"),
    });
    // Only where there is one, so that keys of other trials stay what they were.
    if let Some(init_from) = init_from {
        document["init_from"] = json!(init_from);
    }
    // The fingerprint does not tell how labels are read. A layout that was detected follows from it.
    if let Some(layout) = study.settings.layout {
        document["layout"] = json!(layout);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Layout;
    use crate::ids::{StudyId, TrialId};
    use crate::search::state::StudyState;
    use crate::store::Settings;

    fn study(name: &str, fingerprint: &str, device: &str) -> Study {
        Study {
            id: StudyId(1),
            name: name.into(),
            space: Value::Null,
            settings: Settings {
                data: "data".into(),
                layout: None,
                devices: vec![device.into()],
                workers: 1,
                threads: 1,
                validation: 0.25,
            },
            seed: 0,
            data_fingerprint: fingerprint.into(),
            version: String::new(),
            state: StudyState::Running,
            created_ms: 0,
            updated_ms: 0,
        }
    }

    fn proposal(architecture: Value, seed: u64) -> Proposal {
        Proposal {
            number: 3,
            parameters: Default::default(),
            architecture,
            seed,
            repeat: 0,
            repeat_of: None,
            epochs: 5,
            init_from: None,
            again_of: None,
            enqueued: None,
        }
    }

    #[test]
    fn depends_on_what_determines_a_score_and_on_nothing_else() {
        let base = study("a", "f", "cuda:0");
        let key = trial_key(&base, &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9), None, None);
        let mut again = proposal(json!({"d": 4, "a": {"c": [2, 3], "b": 1}}), 9);
        again.repeat_of = Some(TrialId(7));
        again.number = 8;
        assert_eq!(trial_key(&study("other", "f", "cuda:1"), &again, None, None), key);
        again.epochs = 6;
        let mut named = study("a", "f", "cuda:0");
        named.settings.layout = Some(Layout::Starss22);
        let others = [
            trial_key(&base, &again, None, None),
            trial_key(&base, &proposal(json!({"a": {"b": 1, "c": [3, 2]}, "d": 4}), 9), None, None),
            trial_key(&base, &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 8), None, None),
            trial_key(
                &study("a", "g", "cuda:0"),
                &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9),
                None,
                None,
            ),
            trial_key(
                &study("a", "f", "cpu"),
                &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9),
                None,
                None,
            ),
            trial_key(&base, &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9), Some("w"), None),
            trial_key(&base, &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9), None, Some("w")),
            trial_key(&named, &proposal(json!({"a": {"b": 1, "c": [2, 3]}, "d": 4}), 9), None, None),
        ];
        assert!(others.iter().all(|other| *other != key));
        assert_ne!(others[5], others[6], "a tagger's weights are not those of another trial");
    }
}
