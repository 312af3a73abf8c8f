use std::path::PathBuf;

use serde_json::{Value, json};

use super::regret::summarise;
use super::*;
use crate::ids::TrialId;
use crate::search::SearchSpace;
use crate::search::candidate::Document;
use crate::search::snapshot::{Assignment, CurvePoint, Scores, StageView, TrialView};
use crate::search::state::TrialState;

/// A table file; the folder lives as long as the first value.
fn file(lines: &[Value]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.jsonl");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    (folder, path)
}

fn read(lines: &[Value]) -> Table {
    let (_folder, path) = file(lines);
    Table::read(&path).unwrap()
}

fn header(lookup: &str, space: Value, steps: u32) -> Value {
    json!({"name": "made up", "direction": "minimize", "space": space, "metric": "error", "lookup": lookup,
           "fidelity": {"name": "epoch", "max": steps}})
}

/// Ten rows of four steps; row `k` ends at `k`, the last one diverges in its second step.
fn ten() -> Table {
    let mut lines = vec![header("exact", json!({"k": {"type": "int", "low": 0, "high": 9}}), 4)];
    for k in 0..10 {
        let curve = match k {
            9 => json!([9.0, null, null, null]),
            k => json!([k + 30, k + 20, k + 10, k]),
        };
        lines.push(json!({"params": {"k": k}, "curve": curve, "cost_per_step": null, "test": null}));
    }
    read(&lines)
}

fn candidate(values: Value) -> Assignment {
    values.as_object().unwrap().clone().into_iter().collect()
}

fn search(table: &Table, stage: Value, budgets: &[u32]) -> Vec<Mark> {
    let mut document = whole_table(table, budgets.iter().copied().max().unwrap());
    for (key, value) in stage.as_object().unwrap() {
        document["stages"][0][key] = value.clone();
    }
    let space = Setting::default().space("space.json", &document, table).unwrap();
    replay(table, &space, budgets, 1)
}

#[test]
fn constraints_are_kept_to_by_what_the_table_recorded() {
    let mut lines = vec![header("exact", json!({"k": {"type": "int", "low": 0, "high": 9}}), 1)];
    lines.extend(
        (0..10).map(|k| json!({"params": {"k": k}, "curve": [k], "aux": {"params": 10 * k, "flops": 7}})),
    );
    let table = read(&lines);
    let stage = json!({"constraints": {"params": {"min": 20, "max": 50}, "macs": {"max": 7}}, "forbidden": [{"k": 2}]});
    let marks = search(&table, stage, &[10]);
    assert_eq!((marks[0].incumbent, marks[0].distinct), (3.0, 3));
    // Of what was not recorded, nothing is known to be within a range.
    let marks = search(&table, json!({"constraints": {"memory": {"max": 1e9}}}), &[10]);
    assert_eq!((marks[0].incumbent, marks[0].distinct), (table.worst, 0));
}

#[test]
fn a_stage_ends_when_nothing_better_comes() {
    let table = ten();
    let stage = |patience: u32| json!({"sampler": {"kind": "grid"}, "budget": {"trials": 10, "epochs": 4, "patience": patience}});
    let begun = |patience: u32| search(&table, stage(patience), &[10])[0].distinct;
    assert_eq!(begun(10), 10);
    assert!((2..10).contains(&begun(1)), "{}", begun(1));
    assert!(begun(1) <= begun(3));
}

#[test]
fn the_trials_of_a_stage_are_a_table() {
    let text = r#"{"stages": [{"name": "one", "budget": {"trials": 9, "epochs": 3}, "space": {
        "encoder.width": {"choice": [8, 16]},
        "temporal.kind": {"choice": ["gru", "none"]},
        "temporal.hidden": {"int": {"low": 1, "high": 101}, "when": {"temporal.kind": "gru"}}}}]}"#;
    let spec = SearchSpace::parse("space.json", text).unwrap().stages.remove(0);
    let trial = |number: u32, parameters: Value, losses: &[f64], state: TrialState| TrialView {
        id: TrialId(number.into()),
        number,
        parameters: candidate(parameters),
        architecture: Document::from(&Value::Null),
        repeat: 0,
        repeat_of: None,
        state,
        curve: (1..)
            .zip(losses)
            .map(|(epoch, loss)| CurvePoint {
                epoch,
                train_loss: 1.0,
                val_loss: 1.0,
                scores: Scores { seld: Some(*loss), ..Scores::default() },
                seconds: 2.0,
            })
            .collect(),
        scores: None,
        cost: None,
    };
    let gru = |width: u32, hidden: u32| json!({"encoder.width": width, "temporal.kind": "gru", "temporal.hidden": hidden});
    let none = json!({"encoder.width": 16, "temporal.kind": "none"});
    let trials = vec![
        trial(0, gru(8, 20), &[0.9, 0.5, 0.7], TrialState::Complete),
        trial(1, gru(8, 80), &[0.9, 0.8], TrialState::Complete),
        trial(2, none.clone(), &[0.9, 0.8, 0.6], TrialState::Complete),
        trial(3, gru(16, 50), &[0.9], TrialState::Pruned),
    ];
    let view = StageView { trials: trials.into_iter().collect(), ..StageView::new("one".into()) };
    let table = Table::of_stage(&spec, &view).unwrap();
    assert_eq!((table.optimum, table.median, table.worst, table.steps), (0.5, 0.6, 0.8, 3));
    let of = |values: Value| table.row(table.find(&candidate(values)).unwrap()).curve.clone();
    // The best so far counts, also after patience has ended a trial.
    assert_eq!(of(gru(8, 40)), [Some(0.9), Some(0.5), Some(0.5)]);
    assert_eq!(of(gru(8, 90)), [Some(0.9), Some(0.8), Some(0.8)]);
    assert_eq!(of(none), [Some(0.9), Some(0.8), Some(0.6)]);
    let marks = search(&table, json!({"sampler": {"kind": "random"}}), &[12]);
    assert_eq!(marks[0].incumbent, 0.5);
    assert!(Table::of_stage(&spec, &StageView::new("one".into())).is_err());
}

#[test]
fn a_table_knows_its_optimum_and_median_and_finds_rows_by_value() {
    let table = ten();
    assert_eq!((table.optimum, table.median, table.worst, table.steps), (0.0, 4.0, 8.0, 4));
    assert_eq!(table.find(&candidate(json!({"k": 3}))), Some(3));
    assert_eq!(table.find(&candidate(json!({"k": 10}))), None);
    assert_eq!(table.find(&candidate(json!({}))), None);
    assert_eq!((table.row(3).last(), table.row(9).last()), (Some(3.0), None));
}

#[test]
fn numbers_as_choices_are_found_however_they_are_written() {
    let space = json!({"kernel": {"type": "categorical", "choices": [3, 5]}, "op": {"type": "categorical", "choices": ["a", "b"]}});
    let row = |kernel: Value, op: &str, value: f64| json!({"params": {"kernel": kernel, "op": op}, "curve": [value]});
    let rows = [
        row(json!(3), "a", 1.0),
        row(json!(5.0), "a", 2.0),
        row(json!(3.0), "b", 3.0),
        row(json!(5), "b", 4.0),
    ];
    let mut lines = vec![header("exact", space, 1)];
    lines.extend(rows);
    let table = read(&lines);
    let value =
        |candidate_of: Value| table.row(table.find(&candidate(candidate_of)).unwrap()).last().unwrap();
    assert_eq!(value(json!({"kernel": 5, "op": "a"})), 2.0);
    assert_eq!(value(json!({"kernel": 3, "op": "b"})), 3.0);
}

#[test]
fn the_nearest_point_is_that_on_the_scales_and_of_equally_near_ones_the_first() {
    let space = json!({"rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": true},
                       "share": {"type": "float", "low": 0.0, "high": 1.0}});
    let row = |rate: f64, share: f64| json!({"params": {"rate": rate, "share": share}, "curve": [rate]});
    let table = read(&[header("nearest", space, 1), row(1e-4, 0.5), row(1e-2, 0.5), row(1.0, 0.5)]);
    let find = |rate: f64, share: f64| table.find(&candidate(json!({"rate": rate, "share": share})));
    assert_eq!(find(2e-3, 0.5), Some(1), "nearer on a logarithmic scale");
    assert_eq!(find(2e-4, 1.0), Some(0));
    assert_eq!(find(1e-3, 0.9), Some(0), "as near to the second");
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_its_line() {
    let space = json!({"k": {"type": "int", "low": 0, "high": 1}});
    let good = json!({"params": {"k": 0}, "curve": [1.0, 2.0]});
    let fault = |lines: &[Value]| {
        let (_folder, path) = file(lines);
        let message = Table::read(&path).unwrap_err().to_string();
        message.split_once("table.jsonl: ").unwrap().1.to_owned()
    };
    let of = |row: Value| fault(&[header("exact", space.clone(), 2), good.clone(), row]);
    let all = [
        fault(&[json!({"name": "x"})]),
        fault(&[header("hashed", space.clone(), 2), good.clone()]),
        fault(&[header("exact", json!({"x": {"type": "float", "low": 0.0, "high": 1.0}}), 2), good.clone()]),
        fault(&[header("exact", json!({"k": {"type": "int", "low": 3, "high": 1}}), 2), good.clone()]),
        fault(&[header("exact", json!({"k": {"type": "number"}}), 2), good.clone()]),
        fault(&[
            header("exact", json!({"k": {"type": "int", "low": i64::MIN, "high": i64::MAX}}), 2),
            good.clone(),
        ]),
        of(json!({"params": {"k": 2}, "curve": [1.0, 1.0]})),
        of(json!({"params": {"k": 1}, "curve": [1.0]})),
        of(json!({"params": {"k": 1.5}, "curve": [1.0, 1.0]})),
        of(json!({"params": {"j": 1}, "curve": [1.0, 1.0]})),
        of(json!({"curve": [1.0, 1.0]})),
        fault(&[header("exact", space.clone(), 2), json!({"params": {"k": 0}, "curve": [null, null]})]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_whole_space_is_searched_to_its_optimum_and_each_row_once() {
    let table = ten();
    let marks = search(&table, json!({"sampler": {"kind": "random"}}), &[1, 10, 40]);
    // The row that diverges takes two of its four steps, so that ten trials cost 9.5 trainings.
    assert_eq!(marks.iter().map(|mark| mark.distinct).collect::<Vec<_>>(), [1, 10, 10]);
    assert_eq!((marks[1].incumbent, marks[2].incumbent), (0.0, 0.0));
    let again = search(&table, json!({"sampler": {"kind": "random"}}), &[1, 10, 40]);
    assert_eq!(marks, again, "a seed fixes everything");
}

#[test]
fn what_pruning_saves_is_spent_on_others() {
    let table = ten();
    let pruned =
        json!({"sampler": {"kind": "random"}, "pruner": {"kind": "asha", "min_epochs": 1, "eta": 2.0}});
    let marks = |stage: &Value| search(&table, stage.clone(), &[3, 5]);
    let without = marks(&json!({"sampler": {"kind": "random"}, "pruner": {"kind": "none"}}));
    let with = marks(&pruned);
    assert!(with[1].distinct > without[1].distinct, "{with:?} {without:?}");
    assert!(with[1].incumbent <= without[1].incumbent);
}

#[test]
fn only_what_ran_to_its_last_step_is_an_incumbent() {
    let choices = json!({"k": {"type": "categorical", "choices": ["steady", "late"]}});
    let row = |k: &str, curve: Value| json!({"params": {"k": k}, "curve": curve});
    let table =
        read(&[header("exact", choices, 2), row("steady", json!([5, 5])), row("late", json!([6, 1]))]);
    let document = |seed: u64| {
        let mut document = whole_table(&table, 2);
        document["stages"][0]["pruner"] = json!({"kind": "asha"});
        let space = Setting::default().space("space.json", &document, &table).unwrap();
        replay(&table, &space, &[2], seed)[0].incumbent
    };
    // Whichever comes first goes on: the late one is ended after its first step when it comes second.
    let found: std::collections::BTreeSet<i64> = (0..8).map(|seed| document(seed) as i64).collect();
    assert_eq!(found, [1, 5].into());
}

#[test]
fn regret_is_in_percent_of_the_median_above_the_optimum() {
    let table = ten();
    let mark = |incumbent: f64| vec![Mark { budget: 5, incumbent, distinct: 4 }];
    let regret = summarise(&table, &[mark(1.0), mark(3.0)]);
    assert_eq!((regret[0].percent, regret[0].seeds, regret[0].distinct_trials), (50.0, 2, 4.0));
    assert!(regret[0].ci95.is_some_and(|half| half > 0.0));
    assert_eq!(summarise(&table, &[mark(4.0)])[0].ci95, None);
}

#[test]
fn stages_of_a_space_file_build_on_each_other() {
    let space = json!({"a": {"type": "int", "low": 0, "high": 3}, "b": {"type": "int", "low": 0, "high": 3}});
    let mut lines = vec![header("exact", space, 1)];
    for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
        lines.push(json!({"params": {"a": a, "b": b}, "curve": [f64::from(10 * a + b)]}));
    }
    let table = read(&lines);
    let stage = |name: &str, key: &str| {
        json!({"name": name, "space": {key: {"int": {"low": 0, "high": 3}}}, "sampler": {"kind": "grid"},
               "budget": {"epochs": 1, "trials": 4}})
    };
    let mut second = stage("second", "b");
    second["inherit"] = json!("first");
    let document = json!({"fixed": {"b": 3}, "stages": [stage("first", "a"), second]});
    let space = Setting::default().space("space.json", &document, &table).unwrap();
    let marks = replay(&table, &space, &[4, 8], 1);
    assert_eq!((marks[0].incumbent, marks[1].incumbent), (3.0, 0.0));
}

#[test]
fn a_space_file_must_fit_the_table() {
    let table = ten();
    let fault =
        |document: Value| Setting::default().space("space.json", &document, &table).unwrap_err().to_string();
    let stage = |space: Value| json!({"name": "one", "space": space, "budget": {"epochs": 4, "trials": 2}});
    let all = [
        fault(json!({"stages": [stage(json!({"kk": {"choice": [1]}}))]})),
        fault(json!({"stages": [stage(json!({"k": {"choice": [1, 11]}}))]})),
        fault(json!({"stages": [stage(json!({"k": {"int": {"low": 5, "high": 12}}}))]})),
        fault(json!({"fixed": {"k": "x"}, "stages": [stage(json!({}))]})),
        fault(json!({"stages": [stage(json!({}))]})),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
