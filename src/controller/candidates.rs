//! Whether the descriptors that a space proposes can be computed on a dataset, before any trial finds out.

use serde_json::Value;

use super::error::ControllerError;
use crate::model::arch::Architecture;
use crate::model::detector::{self, frames_per_label};
use crate::search::snapshot::Assignment;
use crate::search::space::{Parameter, document};
use crate::search::{SearchSpace, StageSpec};

/// Spaces with more combinations of settings than this are not looked through.
const MOST: usize = 4096;

/// Looks for settings of descriptors that cannot be computed at a sample rate (Hz), whatever they are combined with.
///
/// # Errors
/// The first stage with such a setting.
pub(super) fn check(space: &SearchSpace, sample_rate: u32) -> Result<(), ControllerError> {
    space.stages.iter().try_for_each(|stage| check_stage(space, stage, sample_rate))
}

fn check_stage(space: &SearchSpace, stage: &StageSpec, sample_rate: u32) -> Result<(), ControllerError> {
    let searches = stage.space.parameters().iter().any(is_of_features);
    if stage.inherit.is_some() && !searches {
        return Ok(());
    }
    let parameters = parameters(space, stage, &is_of_features);
    let Some(combinations) = combinations(&parameters) else { return Ok(()) };
    let mut tried: Vec<(Assignment, Result<i64, detector::Error>)> = Vec::new();
    for combination in combinations {
        // What is no valid architecture is never proposed.
        if let Some(architecture) = architecture(&space.fixed, &combination) {
            tried.push((combination, frames_per_label(&architecture.features, sample_rate)));
        }
    }
    let fault = |setting: Option<String>, of: &dyn Fn(&Assignment) -> bool| {
        let all_fail =
            tried.iter().filter(|(assignment, _)| of(assignment)).all(|(_, result)| result.is_err());
        let at = tried.iter().position(|(assignment, result)| of(assignment) && result.is_err());
        at.filter(|_| all_fail).map(|at| (setting, at))
    };
    let mut found = fault(None, &|_| true);
    for parameter in &parameters {
        for value in parameter.domain.samples() {
            let setting = Some(format!("{} = {value}", parameter.key));
            found = found
                .or_else(|| fault(setting, &|assignment| assignment.get(&parameter.key) == Some(&value)));
        }
    }
    let failing = tried.iter().filter(|(_, result)| result.is_err()).count();
    let tried_in_all = tried.len();
    if let Some((setting, at)) = found
        && let (_, Err(source)) = tried.swap_remove(at)
    {
        return Err(ControllerError::Features { stage: stage.name.clone(), setting, source });
    }
    if let Some((combination, Err(error))) = tried.iter().find(|(_, result)| result.is_err()) {
        let combination = serde_json::to_string(combination).unwrap_or_default();
        tracing::warn!(
            "stage \"{}\": {failing} of {tried_in_all} combinations of what it searches in the descriptors cannot be \
             computed on this dataset, and trials with them will fail; one is {combination}: {error}",
            stage.name
        );
    }
    Ok(())
}

/// What is searched, of what `concerns` names, in a stage and in those that it begins from, with what that depends on, in
/// an order in which conditions only look back.
pub(super) fn parameters<'a>(
    space: &'a SearchSpace,
    stage: &'a StageSpec,
    concerns: &dyn Fn(&Parameter) -> bool,
) -> Vec<&'a Parameter> {
    let mut found = match space.stages.iter().find(|other| Some(&other.name) == stage.inherit.as_ref()) {
        Some(earlier) => parameters(space, earlier, concerns),
        None => Vec::new(),
    };
    let own = stage.space.parameters();
    let mut keys: Vec<&str> = own.iter().filter(|p| concerns(p)).map(|p| p.key.as_str()).collect();
    for parameter in own.iter().rev() {
        if keys.contains(&parameter.key.as_str()) {
            keys.extend(parameter.when.iter().map(|condition| condition.key.as_str()));
        }
    }
    found.retain(|earlier| own.iter().all(|parameter| parameter.key != earlier.key));
    found.extend(own.iter().filter(|parameter| keys.contains(&parameter.key.as_str())));
    found
}

fn is_of_features(parameter: &Parameter) -> bool {
    parameter.sets(|key| key.starts_with("features."))
}

/// All combinations of values, of a continuum its two ends; `None` when there are too many.
pub(super) fn combinations(parameters: &[&Parameter]) -> Option<Vec<Assignment>> {
    let mut all = vec![Assignment::new()];
    for parameter in parameters {
        let mut next = Vec::new();
        for assignment in all {
            let takes_part = parameter.when.iter().all(|c| assignment.get(&c.key) == Some(&c.value));
            if !takes_part {
                next.push(assignment);
                continue;
            }
            if parameter.domain.cardinality().is_some_and(|count| count > MOST) {
                return None;
            }
            for value in parameter.domain.samples() {
                let mut longer = assignment.clone();
                longer.insert(parameter.key.clone(), value);
                next.push(longer);
            }
        }
        if next.len() > MOST {
            return None;
        }
        all = next;
    }
    Some(all)
}

/// A combination as an architecture; `None` when it is none.
pub(super) fn architecture(fixed: &Value, assignment: &Assignment) -> Option<Architecture> {
    let document = document::candidate(fixed, assignment, 1)?;
    Architecture::from_value(document).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(features: &str, space: &str, sample_rate: u32) -> Option<String> {
        let text = format!(
            r#"{{"fixed": {{"features": {features}}},
                "stages": [{{"name": "one", "space": {space}, "budget": {{"trials": 1, "epochs": 1}}}},
                           {{"name": "two", "inherit": "one", "space": {{"encoder.width": {{"choice": [8]}}}},
                             "budget": {{"trials": 1, "epochs": 1}}}}]}}"#
        );
        let space = SearchSpace::parse("space.json", &text).unwrap();
        check(&space, sample_rate).err().map(|error| error.to_string())
    }

    #[test]
    fn what_fits_the_dataset_passes() {
        assert_eq!(fault("{}", "{}", 24_000), None);
        let grids = r#"{"features.hop": {"choice": [240, 480]}, "features.n_fft": {"choice": [512, 1024]}}"#;
        assert_eq!(fault("{}", grids, 24_000), None);
        // Each of them goes with some of the others.
        let scales =
            r#"{"features.scale": {"choice": ["mel", "salsa"]}, "features.bands": {"choice": [64, 200]}}"#;
        assert_eq!(fault(r#"{"n_fft": 512, "hop": 300}"#, scales, 24_000), None);
    }

    #[test]
    fn what_is_fixed_is_at_fault_when_nothing_passes() {
        let fault = fault(r#"{"hop": 500}"#, "{}", 24_000).unwrap();
        assert!(fault.starts_with("stage \"one\" can train no candidate: "), "{fault}");
        assert!(fault.contains("hop of 500 samples does not divide a label frame of 2400"), "{fault}");
        assert_eq!(super::tests::fault(r#"{"hop": 441}"#, "{}", 44_100), None);
    }

    #[test]
    fn a_value_that_goes_with_nothing_is_named() {
        let hops = r#"{"features.hop": {"choice": [240, 500]}, "features.bands": {"choice": [32, 64]}}"#;
        let message = fault("{}", hops, 24_000).unwrap();
        assert!(message.contains("no candidate with features.hop = 500: "), "{message}");
        let conditional = r#"{"features.scale": {"choice": ["mel", "salsa"]},
            "features.bands": {"choice": [100, 300], "when": {"features.scale": "salsa"}}}"#;
        let message = fault("{}", conditional, 24_000).unwrap();
        assert!(message.contains("features.scale = \"salsa\": "), "{message}");
        let edges = r#"{"features.fmax_hz": {"float": {"low": 9000, "high": 20000}}}"#;
        assert!(fault("{}", edges, 24_000).unwrap().contains("features.fmax_hz = 20000"), "{edges}");
    }
}
