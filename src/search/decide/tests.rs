use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::EnqueuedId;
use crate::search::candidate::Document;
use crate::search::cost::Cost;
use crate::search::sampler::REGISTRY;
use crate::search::snapshot::{CurvePoint, Scores, TrialView, Verdict};
use crate::search::space::{Condition, Domain, Parameter, ParameterSpace};
use crate::search::state::TrialState;
use crate::search::{Trials, verdict};

const SPACE: &str = r#"{
  "fixed": {"tracks.count": 2},
  "stages": [
    {"name": "features", "space": {"features.descriptors": {"choice": [["logmel"], ["logmel", "iv"], ["iv"]]}},
     "budget": {"trials": 9, "epochs": 3}, "sampler": {"kind": "random"}},
    {"name": "capacity", "inherit": "features", "budget": {"trials": 12, "epochs": 4},
     "space": {"encoder.width": {"int": {"low": 8, "high": 64, "step": 8}},
               "temporal.kind": {"choice": ["none", "gru"]},
               "temporal.hidden": {"int": {"low": 16, "high": 128, "log": true}, "when": {"temporal.kind": "gru"}},
               "tracks.dropout": {"float": {"low": 0.0, "high": 0.5}}},
     "sampler": {"kind": "tpe", "startup": 4},
     "pruner": {"kind": "median", "warmup_epochs": 1, "min_peers": 3}, "prune_with": ["features"],
     "promote": {"top_k": 2, "repeats": 3}},
    {"name": "fusion", "inherit": "capacity", "space": {"fusion.placement": {"choice": [[], ["late"]]}},
     "warm_start": true, "budget": {"trials": 2, "epochs": 4}}
  ]}"#;

fn space() -> SearchSpace {
    SearchSpace::parse("test.json", SPACE).unwrap()
}

/// A made-up SELD score: better with both descriptors, 32 channels, fusion, and time; a little luck by seed.
fn score(architecture: &Value, seed: u64, epoch: u32) -> f64 {
    let descriptors = architecture["features"]["descriptors"].as_array().unwrap().len() as f64;
    let width = architecture["encoder"]["width"].as_f64().unwrap();
    let fused = !architecture["fusion"]["placement"].as_array().unwrap().is_empty();
    let luck = (seed % 97) as f64 * 1e-4;
    1.0 - 0.1 * descriptors + (width / 32.0 - 1.0).powi(2) * 0.1 - if fused { 0.1 } else { 0.0 }
        + architecture["tracks"]["dropout"].as_f64().unwrap() * 0.1
        + luck
        - 0.05 * f64::from(epoch)
}

/// A store in memory with a worker that trains one epoch a step.
struct Bench {
    space: SearchSpace,
    snapshot: Snapshot,
    seeds: BTreeMap<TrialId, (u64, u32)>,
    log: Vec<String>,
    finished: bool,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let snapshot = Snapshot::new(seed);
        Self { space: space(), snapshot, seeds: BTreeMap::new(), log: Vec::new(), finished: false }
    }

    fn carry_out(&mut self, decision: Decision) {
        self.log.push(format!("{decision:?}"));
        match decision {
            Decision::BeginStage { position, rulings } => {
                let name = self.space.stages[position].name.clone();
                self.snapshot.stages.push(StageView { rulings, ..StageView::new(name) });
            }
            Decision::Propose(p) => {
                let id = TrialId(1000 + self.seeds.len() as i64);
                self.seeds.insert(id, (p.seed, p.epochs));
                let stage = self.snapshot.stages.last_mut().unwrap();
                assert_eq!(p.number as usize, stage.trials.len());
                stage.trials.insert(TrialView {
                    id,
                    number: p.number,
                    parameters: p.parameters,
                    architecture: Document::from(&p.architecture),
                    repeat: p.repeat,
                    repeat_of: p.repeat_of,
                    state: TrialState::Pending,
                    curve: Vec::new(),
                    scores: None,
                    cost: None,
                });
            }
            Decision::EndStage { winner, .. } => {
                self.snapshot.stages.last_mut().unwrap().winner = Some(winner)
            }
            Decision::Finish => self.finished = true,
            Decision::FailStage { reason } => panic!("{reason}"),
        }
    }

    /// One epoch of the first trial that is not finished.
    fn train(&mut self) {
        let trials = &mut self.snapshot.stages.last_mut().unwrap().trials;
        let at = trials.iter().position(|t| !t.state.is_finished()).unwrap();
        let trial = &trials[at];
        let (seed, epochs) = self.seeds[&trial.id];
        let epoch = trial.curve.len() as u32 + 1;
        let scores =
            Scores { seld: Some(score(&trial.architecture.value(), seed, epoch)), ..Scores::default() };
        let id = trial.id;
        let point = CurvePoint { epoch, train_loss: 1.0, val_loss: 1.0, scores, seconds: 1.0 };
        trials.change(at, |trial| trial.curve.push(point));
        let verdict = verdict(&self.space, &self.snapshot, id);
        let trials = &mut self.snapshot.stages.last_mut().unwrap().trials;
        trials.change(at, |trial| {
            if epoch == epochs {
                trial.state = TrialState::Complete;
                trial.scores = Some(scores);
            } else if verdict != Verdict::Continue {
                assert_eq!(trial.repeat, 0, "repetitions are never pruned");
                trial.state = TrialState::Pruned;
            }
        });
    }

    fn run(mut self, capacity: usize) -> Self {
        for _ in 0..1000 {
            let decisions = decide(&self.space, &self.snapshot, capacity, &());
            if decisions.is_empty() {
                self.train();
            }
            for decision in decisions {
                self.carry_out(decision);
            }
            if self.finished {
                return self;
            }
        }
        panic!("no end: {:#?}", self.log);
    }
}

#[test]
fn the_last_candidate_of_a_stage_without_a_winner_is_never_pruned() {
    let scored = |seld| Scores { seld: Some(seld), ..Scores::default() };
    let point =
        |seld| CurvePoint { epoch: 1, train_loss: 1.0, val_loss: 1.0, scores: scored(seld), seconds: 1.0 };
    let trial = |id: i64, number, state, seld| TrialView {
        id: TrialId(id),
        number,
        parameters: Assignment::new(),
        architecture: Document::from(&Value::Null),
        repeat: 0,
        repeat_of: None,
        state,
        curve: vec![point(seld), CurvePoint { epoch: 2, ..point(seld) }],
        scores: (state == TrialState::Complete).then(|| scored(seld)),
        cost: None,
    };
    let view = |name: &str, trials: Vec<TrialView>| StageView {
        trials: trials.into_iter().collect(),
        ..StageView::new(name.to_owned())
    };
    let features = (0..3).map(|n| trial(n.into(), n, TrialState::Complete, 0.5)).collect();
    let others = (0..11).map(|n| trial(10 + i64::from(n), n, TrialState::Pruned, 0.9)).collect::<Vec<_>>();
    let judged = |others: &[TrialView]| {
        let own = trial(99, others.len() as u32, TrialState::Running, 1.0);
        let capacity = [others, &[own]].concat();
        let stages = vec![view("features", Vec::clone(&features)), view("capacity", capacity)];
        verdict(&space(), &Snapshot { seed: 0, stages }, TrialId(99))
    };
    assert!(matches!(judged(&others[..10]), Verdict::Prune { .. }));
    assert_eq!(judged(&others), Verdict::Continue);
    let mut completed = others.clone();
    completed[0] = trial(10, 0, TrialState::Complete, 0.6);
    assert!(matches!(judged(&completed), Verdict::Prune { .. }));
}

/// Knows the cost of a row by its own values.
struct Weighed;

impl Appraiser for Weighed {
    fn appraise(&self, document: &Value) -> Option<Cost> {
        let number = |key: &str| document.get(key).and_then(Value::as_f64);
        Some(Cost {
            params: Some(number("depth")? * number("width")?),
            macs: Some(number("rate").unwrap_or(0.0)),
            ..Cost::default()
        })
    }
}

/// What a sampler proposes to losses that are made up, with the values that were drawn.
fn proposed(sampler: &str, seed: u64) -> Vec<Assignment> {
    let table = ParameterSpace::new(vec![
        parameter("depth", Domain::Int { low: 1, high: 8, step: 1, log: false }, None),
        parameter("width", Domain::Choice([8, 16, 32, 64].map(Value::from).to_vec()), None),
        parameter("kind", Domain::Choice(["a", "b"].map(Value::from).to_vec()), None),
        parameter("rate", Domain::Float { low: 0.1, high: 10.0, log: true }, Some(("kind", "b"))),
    ]);
    let text = format!(
        r#"{{"stages": [{{"name": "one", "sampler": {{"kind": "{sampler}"}}, "budget": {{"trials": 40, "epochs": 1}},
            "space": {{"depth": {{"int": {{"low": 1, "high": 8}}}}, "width": {{"choice": [8, 16, 32, 64]}},
                       "kind": {{"choice": ["a", "b"]}},
                       "rate": {{"float": {{"low": 0.1, "high": 10, "log": true}}, "when": {{"kind": "b"}}}}}},
            "constraints": {{"params": {{"min": 40, "max": 100}}, "macs": {{"max": 3}}}},
            "forbidden": [{{"kind": "a", "width": 16}}, {{"depth": 3}}]}}]}}"#
    );
    let space = SearchSpace::parse_recorded("space.json", &text, &table.unwrap()).unwrap();
    let mut snapshot = Snapshot::new(seed);
    loop {
        for decision in decide(&space, &snapshot, 1, &Weighed) {
            match decision {
                Decision::BeginStage { .. } => {
                    let name = "one".to_owned();
                    snapshot.stages.push(StageView::new(name));
                }
                Decision::Propose(proposal) => {
                    let loss = proposal.parameters["depth"].as_f64().unwrap() + (proposal.number % 3) as f64;
                    let scores = Scores { seld: Some(loss), ..Scores::default() };
                    snapshot.stages[0].trials.insert(TrialView {
                        id: TrialId(i64::from(proposal.number) + 1),
                        number: proposal.number,
                        architecture: Document::from(&proposal.architecture),
                        parameters: proposal.parameters,
                        repeat: 0,
                        repeat_of: None,
                        state: if proposal.number % 5 == 4 {
                            TrialState::Failed
                        } else {
                            TrialState::Complete
                        },
                        curve: Vec::new(),
                        scores: Some(scores),
                        cost: None,
                    });
                }
                _ => {
                    return snapshot
                        .stages
                        .remove(0)
                        .trials
                        .into_iter()
                        .map(|trial| trial.parameters)
                        .collect();
                }
            }
        }
    }
}

fn parameter(key: &str, domain: Domain, when: Option<(&str, &str)>) -> Parameter {
    let when = when.map(|(key, value)| Condition { key: key.into(), value: value.into() });
    Parameter { key: key.into(), domain, when: when.into_iter().collect() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sampler_keeps_to_constraints_and_conditions_and_repeats_itself(seed in 0..1000_u64) {
        for sampler in REGISTRY.names() {
            let proposed_first = proposed(sampler, seed);
            prop_assert_eq!(&proposed_first, &proposed(sampler, seed), "{}", sampler);
            for (at, values) in proposed_first.iter().enumerate() {
                let [depth, width] = ["depth", "width"].map(|key| values[key].as_f64().unwrap());
                prop_assert!((40.0..=100.0).contains(&(depth * width)), "{sampler}: {values:?}");
                prop_assert!(depth != 3.0 && !(values["kind"] == "a" && width == 16.0), "{sampler}: {values:?}");
                let rate = values.get("rate").map(|rate| rate.as_f64().unwrap());
                prop_assert_eq!(rate.is_some(), values["kind"] == "b");
                prop_assert!(rate.is_none_or(|rate| rate <= 3.0), "{sampler}: {values:?}");
                prop_assert!(!proposed_first[..at].contains(values), "{sampler}: {values:?} twice");
            }
            prop_assert!(sampler == "grid" || proposed_first.len() == 40, "{sampler}: {}", proposed_first.len());
        }
    }
}

#[test]
fn what_people_enqueue_comes_first_and_beside_the_budget() {
    let mut bench = Bench::new(0);
    bench.carry_out(Decision::BeginStage { position: 0, rulings: Vec::new() });
    let wish = |hop: u32| serde_json::json!({"features": {"descriptors": ["iv"], "hop": hop}, "train": {"epochs": 99}});
    bench.snapshot.stages[0].enqueued = vec![(EnqueuedId(5), wish(240)), (EnqueuedId(6), wish(480))];
    let proposals = |bench: &Bench, capacity| -> Vec<Proposal> {
        let decisions = decide(&bench.space, &bench.snapshot, capacity, &());
        decisions
            .into_iter()
            .filter_map(|d| if let Decision::Propose(p) = d { Some(p) } else { None })
            .collect()
    };
    let all = proposals(&bench, 9);
    assert_eq!(
        all.iter().map(|p| p.enqueued.map(|id| id.0)).collect::<Vec<_>>(),
        [Some(5), Some(6), None, None, None]
    );
    assert_eq!(all.iter().map(|p| p.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(all[0].architecture["features"]["hop"], 240);
    assert_eq!((&all[0].architecture["train"]["epochs"], all[0].epochs), (&Value::from(3), 3));
    assert_eq!(all[0].parameters["features.descriptors"], serde_json::json!(["iv"]));
    assert_eq!(proposals(&bench, 1)[0].enqueued, Some(EnqueuedId(5)));
    // The budget of nine is spent, and the stage goes on as long as something waits.
    let trial = proposals(&bench, 1).remove(0);
    for number in 0..9 {
        bench.carry_out(Decision::Propose(Proposal { number, enqueued: None, ..trial.clone() }));
    }
    let complete = |trial: &mut TrialView| {
        (trial.state, trial.scores) =
            (TrialState::Complete, Some(Scores { seld: Some(0.5), ..Scores::default() }));
    };
    (0..9).for_each(|at| bench.snapshot.stages[0].trials.change(at, complete));
    assert_eq!(proposals(&bench, 1)[0].enqueued, Some(EnqueuedId(5)));
    bench.snapshot.stages[0].enqueued.clear();
    assert!(matches!(decide(&bench.space, &bench.snapshot, 1, &())[..], [Decision::EndStage { .. }]));
}

#[test]
fn a_pruned_candidate_that_looks_promising_by_now_is_tried_once_more() {
    let mut bench = Bench::new(0);
    let text = r#"{"stages": [{"name": "a", "budget": {"trials": 40, "epochs": 8}, "pruner": {"kind": "curve"},
        "space": {"encoder.width": {"int": {"low": 8, "high": 128}}}}]}"#;
    bench.space = SearchSpace::parse("test.json", text).unwrap();
    let begin = decide(&bench.space, &bench.snapshot, 1, &()).remove(0);
    bench.carry_out(begin);
    let curve = |last: f64, epochs: u32| {
        let point = |epoch: u32| CurvePoint {
            epoch,
            train_loss: 1.0,
            val_loss: 1.0,
            scores: Scores { seld: Some(last + 0.8 * 0.5_f64.powi(epoch as i32 - 1)), ..Scores::default() },
            seconds: 1.0,
        };
        (1..=epochs).map(point).collect::<Vec<_>>()
    };
    // Of 16 that were trained to the end none comes to less than 0.2; number 3 would.
    let next = |bench: &mut Bench, state: TrialState, curve: Vec<CurvePoint>| {
        let Some(Decision::Propose(proposal)) = decide(&bench.space, &bench.snapshot, 1, &()).pop() else {
            panic!("{:?}", bench.log)
        };
        bench.carry_out(Decision::Propose(proposal.clone()));
        let trials = &mut bench.snapshot.stages[0].trials;
        trials.change(trials.len() - 1, |trial| {
            trial.scores = curve.last().filter(|_| state == TrialState::Complete).map(|point| point.scores);
            (trial.state, trial.curve) = (state, curve);
        });
        proposal
    };
    let mut all = Vec::new();
    for number in 0..17 {
        let (state, curve) = match number {
            3 => (TrialState::Pruned, curve(0.15, 3)),
            _ => (TrialState::Complete, curve(0.2 + 0.1 * f64::from(number), 8)),
        };
        all.push(next(&mut bench, state, curve));
    }
    assert!(all.iter().all(|proposal| proposal.again_of.is_none()));
    let again = next(&mut bench, TrialState::Pruned, curve(0.15, 4));
    assert_eq!((again.again_of, again.number), (Some(TrialId(1003)), 17));
    assert_eq!((&again.architecture, &again.parameters), (&all[3].architecture, &all[3].parameters));
    let other = next(&mut bench, TrialState::Pruned, curve(1.0, 4));
    assert!(other.again_of.is_none() && other.architecture != again.architecture, "once and no more");
}

#[test]
fn three_stages_end_with_the_best_of_each() {
    let bench = Bench::new(0).run(1);
    let [features, capacity, fusion] = bench.snapshot.stages.as_slice() else { panic!() };
    assert_eq!(features.trials.len(), 3, "the space is exhausted before the budget");
    let winner = |view: &StageView| {
        view.trials.iter().find(|t| Some(t.id) == view.winner).map(|t| t.architecture.value()).unwrap()
    };
    assert_eq!(winner(features)["features"]["descriptors"], serde_json::json!(["logmel", "iv"]));
    assert_eq!(winner(features)["train"]["epochs"], 3);
    for trial in &capacity.trials {
        assert_eq!(trial.architecture.value()["features"], winner(features)["features"]);
        assert_eq!(trial.architecture.value()["tracks"]["count"], 2);
    }
    let begins = |id: TrialId| {
        let line =
            bench.log.iter().filter(|line| line.starts_with("Propose")).nth((id.0 - 1000) as usize).unwrap();
        line.split("init_from: ").nth(1).unwrap().split(", enqueued").next().unwrap().to_owned()
    };
    assert!(features.trials.iter().chain(&capacity.trials).all(|trial| begins(trial.id) == "None"));
    let expected = format!("{:?}", capacity.winner);
    assert!(fusion.trials.iter().all(|trial| begins(trial.id) == expected), "{expected}");
    let repeats: Vec<_> = capacity.trials.iter().filter(|t| t.repeat > 0).collect();
    assert_eq!(repeats.len(), 4);
    assert_eq!(capacity.trials.len(), 16);
    assert!(capacity.trials.iter().any(|t| t.state == TrialState::Pruned));
    assert_eq!(winner(fusion)["fusion"]["placement"], serde_json::json!(["late"]));
    let mut architectures: Vec<_> = capacity.trials.iter().filter(|t| t.repeat == 0).collect();
    architectures.dedup_by_key(|t| t.architecture.clone());
    assert_eq!(architectures.len(), 12);
}

#[test]
fn with_one_worker_the_sequence_is_a_function_of_file_and_seed() {
    let log = Bench::new(3).run(1).log;
    assert_eq!(log, Bench::new(3).run(1).log);
    assert_ne!(log, Bench::new(4).run(1).log);
}

#[test]
fn with_several_workers_no_more_are_active_and_seeds_stay_the_same() {
    let mut bench = Bench::new(0);
    while !bench.finished {
        let decisions = decide(&bench.space, &bench.snapshot, 3, &());
        let wait = decisions.is_empty();
        decisions.into_iter().for_each(|decision| bench.carry_out(decision));
        let active = |view: &StageView| view.trials.iter().filter(|t| !t.state.is_finished()).count();
        assert!(bench.snapshot.stages.iter().map(active).sum::<usize>() <= 3);
        if wait {
            bench.train();
        }
    }
    for trial in bench.snapshot.stages.iter().flat_map(|s| &s.trials) {
        assert_eq!(bench.seeds[&trial.id].0, rng::derive(0, &["trial", &trial.repeat.to_string()]));
    }
}

fn two_candidates(first: &[Option<f64>], second: &[Option<f64>]) -> StageView {
    let mut trials = Trials::default();
    for (candidate, runs) in [(0, first), (1, second)] {
        for (repeat, score) in (0..).zip(runs) {
            let id = TrialId(10 * candidate + i64::from(repeat));
            trials.insert(TrialView {
                id,
                number: trials.len() as u32,
                parameters: Assignment::new(),
                architecture: Document::from(&Value::from(candidate)),
                repeat,
                repeat_of: (repeat > 0).then_some(TrialId(10 * candidate)),
                state: if score.is_some() { TrialState::Complete } else { TrialState::Failed },
                curve: Vec::new(),
                scores: score.map(|seld| Scores { seld: Some(seld), ..Scores::default() }),
                cost: None,
            });
        }
    }
    StageView { trials, ..StageView::new("capacity".into()) }
}

fn winner_of(first: &[Option<f64>], second: &[Option<f64>]) -> (TrialId, String) {
    stage::winner(&space().stages[1], &two_candidates(first, second)).unwrap()
}

#[test]
fn the_better_mean_wins_and_its_best_run_stands_for_it() {
    let (id, reason) =
        winner_of(&[Some(0.50), Some(0.70), Some(0.69)], &[Some(0.60), Some(0.58), Some(0.59)]);
    assert_eq!(id, TrialId(11));
    insta::assert_snapshot!(
        reason,
        @"seld 0.5900 ± 0.0462 (mean of 3 seeds); next is trial 0 with 0.6300 ± 0.0462 (mean of 3 seeds)"
    );
}

#[test]
fn fewer_runs_need_a_clearer_lead() {
    // Same means; the first candidate has only one run to show for it.
    let (id, _) = winner_of(&[Some(0.60)], &[Some(0.62), Some(0.61), Some(0.58)]);
    assert_eq!(id, TrialId(12));
}

#[test]
fn a_candidate_with_a_failed_run_comes_last() {
    let (id, _) = winner_of(&[Some(0.1), None], &[Some(0.9), Some(0.8)]);
    assert_eq!(id, TrialId(11));
}

#[test]
fn a_stage_without_a_complete_trial_fails() {
    let mut bench = Bench::new(0);
    bench.carry_out(Decision::BeginStage { position: 0, rulings: Vec::new() });
    for _ in 0..3 {
        decide(&bench.space, &bench.snapshot, 1, &()).into_iter().for_each(|d| bench.carry_out(d));
        let trials = &mut bench.snapshot.stages[0].trials;
        trials.change(trials.len() - 1, |trial| trial.state = TrialState::Failed);
    }
    let decisions = decide(&bench.space, &bench.snapshot, 1, &());
    assert!(matches!(decisions.as_slice(), [Decision::FailStage { .. }]), "{decisions:?}");
}
