//! The search spaces of the trainings: what goes through the queue is a study like any other.

use serde_json::{Value, json};

use super::grid::Grid;
use crate::ids::TrialId;
use crate::model::arch::Architecture;
use crate::search::space::document::SETTINGS;
use crate::store::Settings;

/// How each training of a space is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Epochs.
    pub epochs: u32,
    /// Runs, each with another seed.
    pub repeats: u32,
}

/// One stage that trains every row of the grid from scratch.
pub(super) fn of_grid(winner: &Architecture, grid: &Grid, like: &Settings, budget: Budget) -> Value {
    let choice: Vec<Value> = grid.rows.iter().map(|row| Value::Object(row.settings.clone())).collect();
    let rows = choice.len();
    let stage = json!({
        "name": "diagnose",
        "space": {SETTINGS: {"choice": choice}},
        // Of a finite space it draws every candidate once.
        "sampler": {"kind": "random"},
        "budget": {"trials": rows, "epochs": budget.epochs},
        "promote": {"top_k": rows, "repeats": budget.repeats},
    });
    space("the winner with and without what the training diagnostics ask about", winner, like, stage)
}

/// One stage that trains the winner on, beginning with the weights of a trial.
pub(super) fn of_fine_tuning(winner: &Architecture, from: TrialId, like: &Settings, budget: Budget) -> Value {
    let stage = json!({
        "name": "fine-tune",
        "init_from": from.0,
        "space": {},
        "sampler": {"kind": "random"},
        "budget": {"trials": 1, "epochs": budget.epochs},
        "promote": {"top_k": 1, "repeats": budget.repeats},
    });
    space("the winner, trained on with another dataset", winner, like, stage)
}

fn space(description: &str, winner: &Architecture, like: &Settings, stage: Value) -> Value {
    let mut fixed = winner.to_value();
    // The budget says it.
    if let Some(train) = fixed.get_mut("train").and_then(Value::as_object_mut) {
        train.shift_remove("epochs");
    }
    json!({
        "study": {"description": description, "threads": like.threads, "validation": like.validation},
        "fixed": fixed,
        "stages": [stage],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::arch::Preset;
    use crate::search::snapshot::{Decision, Snapshot, StageView};
    use crate::search::{SearchSpace, decide};

    fn like() -> Settings {
        Settings {
            data: "data".into(),
            layout: None,
            devices: vec!["cpu".into()],
            workers: 1,
            threads: 2,
            validation: 0.3,
        }
    }

    /// What a study of the space proposes when all is asked for at once.
    fn proposals(space: &Value) -> Vec<crate::search::Proposal> {
        let space = SearchSpace::from_document("grid", space).unwrap();
        assert_eq!((space.study.threads, space.study.validation), (2, 0.3));
        let name = space.stages[0].name.clone();
        let stages = vec![StageView::new(name)];
        decide(&space, &Snapshot { seed: 5, stages }, 100, &())
            .into_iter()
            .map(|decision| match decision {
                Decision::Propose(proposal) => proposal,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_study_of_the_grid_trains_every_row_and_the_winner_as_it_was() {
        for preset in [Preset::At2seld, Preset::Seldnet] {
            let mut winner = preset.architecture();
            winner.train.epochs = 7;
            let grid = Grid::of(&winner);
            let space = of_grid(&winner, &grid, &like(), Budget { epochs: 7, repeats: 3 });
            let proposals = proposals(&space);
            assert_eq!(proposals.len(), grid.rows.len());
            let known: BTreeSet<String> =
                proposals.iter().map(|p| p.parameters[SETTINGS].to_string()).collect();
            assert_eq!(known.len(), grid.rows.len());
            let own = proposals.iter().find(|p| p.parameters[SETTINGS] == json!({})).unwrap();
            assert_eq!(own.architecture, winner.to_value(), "so that its result is reused");
            let balanced = json!({"loss.class_balance": "effective_number"});
            let balanced = proposals.iter().find(|p| p.parameters[SETTINGS] == balanced).unwrap();
            assert_eq!(balanced.architecture["loss"]["class_balance"], "effective_number");
        }
    }

    #[test]
    fn fine_tuning_begins_with_a_trial_of_any_study() {
        let winner = Preset::At2seld.architecture();
        let space = of_fine_tuning(&winner, TrialId(17), &like(), Budget { epochs: 3, repeats: 1 });
        let proposals = proposals(&space);
        assert_eq!((proposals.len(), proposals[0].init_from, proposals[0].epochs), (1, Some(TrialId(17)), 3));
        assert_eq!(proposals[0].architecture["encoder"], winner.to_value()["encoder"]);
    }
}
