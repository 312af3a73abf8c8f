//! From the text of a space file to a checked [`SearchSpace`], or to all that is wrong with it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::condition::ParameterSpace;
use super::constraint::{Quantity, lower_constraints, lower_forbidden};
use super::fit::{ArchitectureFit, Fit};
use super::lower::lower_space;
use super::problem::{Place, Problem, SpaceError, suggestion};
use super::raw::{Notes, RawBudget, RawFile, RawGoal, RawInherit, RawPromote, RawStage};
use super::recorded::RecordedFit;
use super::spec::{Budget, Goal, Objective, Promote, SearchSpace, StageSpec, StudyOptions, Subject};
use crate::ids::TrialId;
use crate::search::registry::Registry;
use crate::search::{pruner, sampler};

impl SearchSpace {
    /// Reads the text of a space file; `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and key.
    ///
    /// ```
    /// use at2seld::search::space::SearchSpace;
    /// let text = r#"{"stages": [{"name": "capacity", "space": {"encoder.width": {"choice": [16, 32]}},
    ///                            "budget": {"trials": 2, "epochs": 5}}]}"#;
    /// let space = SearchSpace::parse("space.json", text)?;
    /// assert_eq!(space.stages[0].budget.epochs, 5);
    /// # Ok::<(), at2seld::search::space::SpaceError>(())
    /// ```
    pub fn parse(file: &str, text: &str) -> Result<Self, SpaceError> {
        Self::read(file, text, |document, notes| lower(document, None, notes))
    }

    /// Reads the text of a space file whose parameters are those of a table of recorded results.
    ///
    /// # Errors
    /// As [`SearchSpace::parse`].
    pub fn parse_recorded(file: &str, text: &str, table: &ParameterSpace) -> Result<Self, SpaceError> {
        Self::read(file, text, |document, notes| lower(document, Some(table), notes))
    }

    fn read(
        file: &str,
        text: &str,
        lower: impl FnOnce(Value, &mut Notes) -> Option<Self>,
    ) -> Result<Self, SpaceError> {
        let fail = |problems| SpaceError { file: file.to_owned(), problems };
        let document: Value = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let message = format!("not JSON: {message} (column {})", error.column());
            fail(vec![Problem { line: error.line().max(1), key: String::new(), message }])
        })?;
        let mut notes = Notes::new(text);
        match lower(document, &mut notes) {
            Some(space) if notes.is_empty() => Ok(space),
            _ => Err(fail(notes.into_problems())),
        }
    }

    /// Reads a space file that a store holds as a document; `name` is its name in messages.
    ///
    /// # Errors
    /// As [`SearchSpace::parse`]: an older version may have accepted what this one does not.
    pub fn from_document(name: &str, document: &Value) -> Result<Self, SpaceError> {
        Self::parse(name, &format!("{document:#}"))
    }
}

/// Of architectures or, where there is one, of the rows of a table.
fn lower(document: Value, table: Option<&ParameterSpace>, notes: &mut Notes) -> Option<SearchSpace> {
    let root = Place::default();
    let raw: RawFile = notes.read(document, &root)?;
    let study = lower_study(raw.study, &root.key("study"), notes);
    let fixed = root.key("fixed");
    let stages = raw.stages.unwrap_or_default();
    let place = root.key("stages");
    if stages.is_empty() && !notes.has(&place) {
        notes.add(&place, "expected a list with at least one stage");
    }
    Some(match table {
        None => {
            let mut fit = ArchitectureFit::new(raw.fixed, &fixed, notes);
            let stages = lower_stages(stages, &place, &mut fit, notes);
            SearchSpace { study, subject: Subject::Architecture, fixed: Box::new(fit).into_fixed(), stages }
        }
        Some(table) => {
            let mut fit = RecordedFit::new(table, raw.fixed, &fixed, notes);
            let stages = lower_stages(stages, &place, &mut fit, notes);
            for (at, stage) in stages.iter().enumerate() {
                fit.check_stage(stage, &stages[..at], &place.index(at).key("space"), notes);
            }
            SearchSpace { study, subject: Subject::Recorded, fixed: Box::new(fit).into_fixed(), stages }
        }
    })
}

fn lower_stages(raw: Vec<Value>, place: &Place, fit: &mut dyn Fit, notes: &mut Notes) -> Vec<StageSpec> {
    let mut stages: Vec<StageSpec> = Vec::new();
    for (index, stage) in raw.into_iter().enumerate() {
        let stage = lower_stage(stage, &place.index(index), index, &stages, fit, notes);
        stages.extend(stage);
    }
    stages
}

fn lower_study(raw: Option<Value>, place: &Place, notes: &mut Notes) -> StudyOptions {
    let study: StudyOptions = raw.and_then(|raw| notes.read(raw, place)).unwrap_or_default();
    if !(1..=1024).contains(&study.threads) {
        notes.add(&place.key("threads"), format!("{} is outside 1..=1024", study.threads));
    }
    if !(study.validation > 0.0 && study.validation < 1.0) {
        notes.add(&place.key("validation"), format!("{} is outside (0, 1)", study.validation));
    }
    if study.max_attempts == 0 {
        notes.add(&place.key("max_attempts"), "0 is outside 1..");
    }
    study
}

fn lower_stage(
    value: Value,
    place: &Place,
    index: usize,
    earlier: &[StageSpec],
    fit: &mut dyn Fit,
    notes: &mut Notes,
) -> Option<StageSpec> {
    let raw: RawStage = notes.read(value, place)?;
    let name = stage_name(raw.name, place, earlier, notes);
    let known: Vec<&str> = earlier.iter().map(|stage| stage.name.as_str()).collect();
    let is_short = raw.inherit.as_ref().is_some_and(Value::is_string);
    let (inherit, inherit_top) = lower_inherit(raw.inherit, &place.key("inherit"), notes);
    let mut check_earlier = |place: &Place, wanted: &str| {
        if !known.contains(&wanted) {
            let hint = suggestion(wanted, known.iter().copied());
            notes.add(place, format!("no earlier stage is named \"{wanted}\"{hint}"));
        }
    };
    if let Some(wanted) = &inherit {
        let at = if is_short { place.key("inherit") } else { place.key("inherit").key("stage") };
        check_earlier(&at, wanted);
    }
    for (at, wanted) in raw.prune_with.iter().enumerate() {
        check_earlier(&place.key("prune_with").index(at), wanted);
    }
    if raw.warm_start && inherit.is_none() {
        let message = "true, and the stage has no \"inherit\", the earlier stage whose winner's weights trials would begin with";
        notes.add(&place.key("warm_start"), message);
    }
    if raw.warm_start && raw.init_from.is_some() {
        let message = "names one trial to begin with, and \"warm_start\" another: take one of them out";
        notes.add(&place.key("init_from"), message);
    }
    let space = lower_space(raw.space, &place.key("space"), fit, notes);
    let constraints = lower_constraints(raw.constraints, &place.key("constraints"), notes);
    let forbidden = lower_forbidden(raw.forbidden, space.parameters(), &place.key("forbidden"), fit, notes);
    let budget = lower_budget(raw.budget, &place.key("budget"), notes);
    let usual = sampler::REGISTRY.default;
    let sampler = lower_kind(&sampler::REGISTRY, raw.sampler, usual, &place.key("sampler"), notes);
    let usual = pruner::default_of(&budget);
    let pruner = lower_kind(&pruner::REGISTRY, raw.pruner, usual, &place.key("pruner"), notes);
    let promote = lower_promote(raw.promote, &place.key("promote"), notes);
    let (objective, also) = lower_objective(raw.objective, &place.key("objective"), notes);
    Some(StageSpec {
        // Never seen: a stage without a name is a problem. It keeps the names of others apart.
        name: name.unwrap_or_else(|| format!("stages[{index}]")),
        inherit,
        inherit_top,
        space,
        constraints,
        forbidden,
        // As with the name: a stand-in, so that later stages find this one.
        sampler: sampler.unwrap_or_else(|| Arc::new(sampler::Random)),
        pruner: pruner.unwrap_or_else(|| Arc::new(pruner::Never)),
        budget,
        objective,
        also,
        promote,
        prune_with: raw.prune_with,
        warm_start: raw.warm_start,
        init_from: raw.init_from.map(TrialId),
    })
}

fn stage_name(
    name: Option<String>,
    place: &Place,
    earlier: &[StageSpec],
    notes: &mut Notes,
) -> Option<String> {
    let at = place.key("name");
    match &name {
        None if notes.has(&at) => {}
        None => notes.add(&at, "missing, expected a name for the stage"),
        Some(name) if name.trim().is_empty() => notes.add(&at, "empty, expected a name for the stage"),
        Some(name) if earlier.iter().any(|stage| stage.name == *name) => {
            notes.add(&at, format!("an earlier stage is named \"{name}\" too"));
        }
        Some(_) => {}
    }
    name
}

/// Makes the implementation that `"kind"` names, or the default one, from the other keys.
fn lower_kind<T: ?Sized>(
    registry: &Registry<T>,
    raw: Option<Map<String, Value>>,
    usual: &str,
    place: &Place,
    notes: &mut Notes,
) -> Option<Arc<T>> {
    let mut options = raw.unwrap_or_default();
    let at = place.key("kind");
    let kind = match options.shift_remove("kind") {
        None => usual.to_owned(),
        Some(Value::String(kind)) => kind,
        Some(other) => {
            notes.add(&at, format!("{other} is not the name of a {}", registry.seam));
            return None;
        }
    };
    let Some(factory) = registry.factory(&kind) else {
        let message = if registry.later.contains(&kind.as_str()) {
            let names: Vec<&str> = registry.names().collect();
            format!("the {} \"{kind}\" is not supported yet; there is: {}", registry.seam, names.join(", "))
        } else {
            format!("unknown {} \"{kind}\"{}", registry.seam, suggestion(&kind, registry.names()))
        };
        notes.add(&at, message);
        return None;
    };
    notes.read_with(Value::Object(options), place, factory)
}

fn lower_budget(raw: Option<Value>, place: &Place, notes: &mut Notes) -> Budget {
    let raw: RawBudget = raw.and_then(|raw| notes.read(raw, place)).unwrap_or_default();
    let mut whole = |key: &str, value: Option<u64>| {
        if value == Some(0) {
            notes.add(&place.key(key), "0 is outside 1..");
        }
    };
    whole("trials", raw.trials.map(u64::from));
    whole("epochs", raw.epochs.map(u64::from));
    whole("total_epochs", raw.total_epochs);
    whole("patience", raw.patience.map(u64::from));
    for (key, value) in [("seconds", raw.seconds), ("device_hours", raw.device_hours)] {
        if value.is_some_and(|value| !(value > 0.0 && value.is_finite())) {
            notes.add(&place.key(key), format!("{} is not above 0", value.unwrap_or_default()));
        }
    }
    let limits = ["trials", "total_epochs", "seconds", "device_hours"];
    let given =
        [raw.trials.is_some(), raw.total_epochs.is_some(), raw.seconds.is_some(), raw.device_hours.is_some()];
    let is_told = notes.is_told(place);
    if raw.epochs.is_none() && !is_told && !notes.has(&place.key("epochs")) {
        notes.add(&place.key("epochs"), "missing, expected the epochs of every trial, a whole number from 1");
    }
    if !given.contains(&true) && !is_told && !limits.iter().any(|key| notes.has(&place.key(key))) {
        let message = "missing, expected a whole number from 1 (or a limit by \"total_epochs\", \"seconds\" or \"device_hours\")";
        notes.add(&place.key("trials"), message);
    }
    let hours = raw.device_hours.map(|hours| 3600.0 * hours);
    Budget {
        epochs: raw.epochs.unwrap_or(1),
        trials: raw.trials,
        total_epochs: raw.total_epochs,
        seconds: raw.seconds.into_iter().chain(hours).reduce(f64::min),
        patience: raw.patience,
    }
}

/// The name of a stage, or an object with how many of its best ones are alternatives to begin from.
fn lower_inherit(raw: Option<Value>, place: &Place, notes: &mut Notes) -> (Option<String>, u32) {
    let raw: RawInherit = match raw {
        None => return (None, 1),
        Some(Value::String(stage)) => return (Some(stage), 1),
        Some(object @ Value::Object(_)) => notes.read(object, place).unwrap_or_default(),
        Some(other) => {
            notes.add(
                place,
                format!("{other} is no stage; expected a name, or an object with \"stage\" and \"top_k\""),
            );
            return (None, 1);
        }
    };
    if raw.stage.is_none() && !notes.has(place) {
        notes.add(&place.key("stage"), "missing, expected the name of an earlier stage");
    }
    if raw.top_k == Some(0) {
        notes.add(&place.key("top_k"), "0 is outside 1..");
    }
    (raw.stage, raw.top_k.unwrap_or(1))
}

fn lower_promote(raw: Option<Value>, place: &Place, notes: &mut Notes) -> Promote {
    let default = Promote::default();
    let raw: RawPromote = raw.and_then(|raw| notes.read(raw, place)).unwrap_or_default();
    let promote = Promote {
        top_k: raw.top_k.unwrap_or(default.top_k),
        repeats: raw.repeats.unwrap_or(default.repeats),
    };
    for (key, value) in [("top_k", promote.top_k), ("repeats", promote.repeats)] {
        if value == 0 {
            notes.add(&place.key(key), "0 is outside 1..");
        }
    }
    promote
}

/// The first objective is a score, because pruners compare by it and the winner is chosen by it; others may be costs.
fn lower_objective(raw: Option<Value>, place: &Place, notes: &mut Notes) -> (Objective, Vec<Goal>) {
    let goals = match raw {
        None => return Default::default(),
        Some(Value::Array(list)) => {
            let goal = |(index, value): (usize, Value)| {
                let at = place.index(index);
                let RawGoal { metric } = notes.read(value, &at)?;
                lower_goal(metric.unwrap_or_default(), index > 0, &at.key("metric"), notes)
            };
            list.into_iter().enumerate().filter_map(goal).collect()
        }
        Some(Value::String(name)) => Vec::from_iter(lower_goal(name, false, place, notes)),
        Some(other) => {
            let message =
                format!("{other} is not a score; expected a name, such as \"seld\", or a list of objectives");
            notes.add(place, message);
            return Default::default();
        }
    };
    match goals.split_first() {
        Some((Goal::Score(objective), also)) => (*objective, also.to_vec()),
        _ => {
            if !notes.has(place) {
                notes.add(place, "empty, expected at least one score");
            }
            Default::default()
        }
    }
}

/// `may_cost`: whether it may be something else than a score.
fn lower_goal(name: String, may_cost: bool, place: &Place, notes: &mut Notes) -> Option<Goal> {
    let scores = Objective::ALL.map(Goal::Score);
    let costs = [Quantity::Params, Quantity::Macs].map(Goal::Cost);
    let known = || scores.into_iter().chain(costs.into_iter().filter(|_| may_cost));
    let found = known().find(|goal| goal.as_str() == name);
    if found.is_none() {
        let message = match costs.iter().any(|goal| goal.as_str() == name) {
            true => format!("the first objective is a score, and \"{name}\" is none: put it after one"),
            false => {
                let names: Vec<&str> = known().map(Goal::as_str).collect();
                format!("unknown score \"{name}\"{}", suggestion(&name, names))
            }
        };
        notes.add(place, message);
    }
    found
}
