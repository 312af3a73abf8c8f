//! A page of a made-up study.

use serde_json::json;

use super::*;
use crate::ids::{StudyId, TrialId};
use crate::search::candidate::Document;
use crate::search::cost::Cost;
use crate::search::snapshot::{Action, CurvePoint, Ruling, Scores, StageView, TrialView};
use crate::search::state::{StageState, StudyState, TrialState};
use crate::store::{Settings, StageStatus};

fn trial(number: u32, state: TrialState) -> TrialView {
    let scores = |epoch: u32| {
        let seld = 0.9 - 0.01 * f64::from(number % 7) - 0.1 * f64::from(epoch);
        Scores { seld: Some(seld), ..Scores::default() }
    };
    let point =
        |epoch| CurvePoint { epoch, train_loss: 1.0, val_loss: 1.0, scores: scores(epoch), seconds: 1.0 };
    let epochs = if state == TrialState::Complete { 3 } else { 2 };
    TrialView {
        id: TrialId(i64::from(number) + 1),
        number,
        parameters: [("encoder.width".to_owned(), json!(8 << (number % 3)))].into(),
        architecture: Document::from(&json!({"number": number})),
        repeat: 0,
        repeat_of: None,
        state,
        curve: (1..=epochs).map(point).collect(),
        scores: (state == TrialState::Complete).then(|| scores(3)),
        cost: Some(Cost { params: Some(1e6 * f64::from(1 + number % 3)), ..Cost::default() }),
    }
}

/// The page of a stage with these trials.
fn page(trials: Vec<TrialView>) -> String {
    let document = json!({"stages": [{"name": "a", "space": {"encoder.width": {"choice": [8, 16, 32]}},
        "budget": {"trials": 20, "epochs": 3}}]});
    let study = Study {
        id: StudyId(1),
        name: "<b>&".into(),
        space: document.clone(),
        settings: Settings {
            data: "/data".into(),
            layout: None,
            devices: vec!["cpu".into()],
            workers: 1,
            threads: 1,
            validation: 0.2,
        },
        seed: 1,
        data_fingerprint: "d".into(),
        version: "0".into(),
        state: StudyState::Running,
        created_ms: 0,
        updated_ms: 0,
    };
    let ruling = Ruling {
        parameter: "encoder.width".into(),
        value: json!(32),
        action: Action::Drop,
        reason: "worse than 16 in stage \"z\"".into(),
    };
    let mut view = StageView { rulings: vec![ruling], ..StageView::new("a".into()) };
    view.trials = trials.into_iter().collect();
    let snapshot = Snapshot { seed: 1, stages: vec![view] };
    let stage = StageStatus {
        stage: "a".into(),
        state: StageState::Running,
        trials: 0,
        pending: 0,
        running: 0,
        complete: 0,
        pruned: 0,
        failed: 0,
        planned: Some(20),
        best_seld: None,
        winner: Some(TrialId(3)),
        reason: Some("seld 0.5".into()),
    };
    let status = StudyStatus {
        study: study.name.clone(),
        state: StudyState::Running,
        stages: vec![stage],
        workers: Vec::new(),
        best: None,
        seconds_spent: 0.0,
        seconds_left: None,
    };
    let space = SearchSpace::from_document("test", &document).unwrap();
    let findings =
        Findings { study: &study, space: &space, status: &status, snapshot: &snapshot, leaderboard: &[] };
    page::html(&findings).unwrap()
}

#[test]
fn decisions_figures_and_what_mattered_are_on_it() {
    let state = |number| if number % 4 == 3 { TrialState::Pruned } else { TrialState::Complete };
    let page = page((0..16).map(|number| trial(number, state(number))).collect());
    for part in [
        "Trial 3 won: seld 0.5",
        "Decisions on its choices",
        "worse than 16 in stage",
        "How the search went",
        "Learning curves",
        "What size brings",
        "What mattered",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for figure in page.split("<figure>").skip(1) {
        let svg = figure.split("</figure>").next().unwrap();
        roxmltree::Document::parse(svg).unwrap();
    }
    assert_eq!(page.matches("<figure>").count(), 3);
}

#[test]
fn what_there_is_not_is_left_out_and_names_are_no_markup() {
    let page = page(Vec::new());
    assert!(!page.contains("<b>") && page.contains("No trial is complete yet."), "{page}");
    assert!(!page.contains("<figure>") && !page.contains("What mattered") && !page.contains("Best trials"));
}
