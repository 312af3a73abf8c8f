use serde_json::json;

use super::*;
use crate::model::arch::Architecture;
use crate::search::cost::Cost;

fn errors(text: &str) -> String {
    SearchSpace::parse("space.json", text).unwrap_err().to_string()
}

/// A file with one stage, with `stage` among its keys.
fn with_stage(stage: &str) -> String {
    format!(
        "{{\"stages\": [\n  {{\"name\": \"one\", \"budget\": {{\"trials\": 2, \"epochs\": 1}},\n   {stage}}}\n]}}"
    )
}

#[test]
fn a_minimal_file_has_defaults() {
    let space = SearchSpace::parse("space.json", &with_stage(r#""space": {}"#)).unwrap();
    assert_eq!(space.study, StudyOptions::default());
    let stage = &space.stages[0];
    assert_eq!((stage.promote.top_k, stage.promote.repeats, stage.objective.as_str()), (1, 1, "seld"));
    assert!(stage.space.parameters().is_empty());
}

#[test]
fn fixed_takes_key_paths_and_nested_objects() {
    let text = r#"{"fixed": {"encoder.width": 48, "tracks": {"count": 2}, "temporal": {"kind": "none"}},
                   "stages": [{"name": "a", "budget": {"trials": 1, "epochs": 1}}]}"#;
    let fixed = SearchSpace::parse("space.json", text).unwrap().fixed;
    assert_eq!(fixed["encoder"]["width"], 48);
    assert_eq!(fixed["encoder"]["blocks"], 1);
    assert_eq!(fixed["tracks"]["count"], 2);
    assert_eq!(fixed["temporal"]["kind"], "none");
}

#[test]
fn conditions_order_the_parameters() {
    let text = with_stage(
        r#""space": {"encoder.width": {"choice": [8, 16], "when": {"temporal.kind": "gru"}},
                     "temporal.kind": {"choice": ["none", "gru"]}}"#,
    );
    let space = SearchSpace::parse("space.json", &text).unwrap();
    let keys: Vec<_> = space.stages[0].space.parameters().iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["temporal.kind", "encoder.width"]);
    let admits =
        |value: serde_json::Value| space.stages[0].space.admits(&serde_json::from_value(value).unwrap());
    assert!(admits(json!({"temporal.kind": "none"})));
    assert!(admits(json!({"temporal.kind": "gru", "encoder.width": 8})));
    assert!(!admits(json!({"temporal.kind": "none", "encoder.width": 8})));
    assert!(!admits(json!({"temporal.kind": "gru"})));
    assert_eq!(space.stages[0].space.enumerate(10).unwrap().len(), 3);
}

#[test]
fn every_mistake_is_reported_at_once() {
    insta::assert_snapshot!(errors(include_str!("../../../tests/fixtures/space/many_mistakes.json")));
}

#[test]
fn the_root_and_broken_json() {
    insta::assert_snapshot!(
        [
            errors("{\n  \"stages\": [\n"),
            errors("{\"stages\": [{}],}"),
            errors("[]"),
            errors("{}"),
            errors("{\"stages\": []}"),
            errors("{\"stages\": {\"name\": \"a\"}}"),
            errors("{\"fixed\": [], \"stages\": [7, [], {\"name\": \"a\", \"budget\": [1, 2]}]}"),
        ]
        .join("\n")
    );
}

#[test]
fn values_that_do_not_fit_the_architecture() {
    insta::assert_snapshot!(errors(&with_stage(
        r#""space": {
     "encoder.width": {"choice": [16, "wide", 0]},
     "tracks.count": {"int": {"low": 1, "high": 8}},
     "tracks.dropout": {"float": {"low": 0, "high": 1}},
     "features.descriptors": {"choice": [["logmel"], ["gcc"], "iv", []]},
     "features.hop": {"choice": [480, 2000]},
     "temporal.kind": {"choice": ["gru", "lstm"]}
   }"#
    )));
}

#[test]
fn values_that_depend_on_another_parameter_are_left_to_the_search() {
    let text = with_stage(
        r#""space": {"features.hop": {"choice": [480, 2000]}, "features.n_fft": {"choice": [1024, 4096]}}"#,
    );
    assert!(SearchSpace::parse("space.json", &text).is_ok());
}

#[test]
fn what_is_not_supported_yet_is_refused() {
    insta::assert_snapshot!(errors(&with_stage(
        r#""cost": 1,
   "sampler": {"kind": "cmaes"}"#
    )));
}

#[test]
fn constraints_are_ranges_of_what_a_candidate_costs() {
    let text = with_stage(
        r#""constraints": {"params": {"max": 5e6}, "macs": {"min": 1e6, "max": 1e9}},
           "forbidden": [{"encoder.width": 64, "tracks.count": 3}],
           "space": {"encoder.width": {"choice": [32, 64]}}"#,
    );
    let space = SearchSpace::parse("space.json", &text).unwrap();
    let stage = &space.stages[0];
    let cost = |params| Cost { params: Some(params), macs: Some(2e6), ..Cost::default() };
    assert!(stage.constraints.iter().all(|constraint| constraint.allows(&cost(5e6))));
    assert!(!stage.constraints.iter().all(|constraint| constraint.allows(&cost(6e6))));
    let forbidden = |width: u32| {
        let drawn = [("encoder.width".to_owned(), json!(width))].into();
        let document = document::candidate(&space.fixed, &drawn, 1).unwrap();
        stage.forbidden[0].forbids(&drawn, &document)
    };
    assert_eq!([32, 64].map(forbidden), [false, true], "tracks.count is 3 where nothing else is said");
}

#[test]
fn there_may_be_several_objectives() {
    let parse = |objective: &str| {
        SearchSpace::parse("space.json", &with_stage(&format!(r#""objective": {objective}"#)))
    };
    let names = |objective: &str| {
        let space = parse(objective).unwrap();
        let also = space.stages[0].also.iter().map(|goal| goal.as_str());
        [space.stages[0].objective.as_str()].into_iter().chain(also).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(r#""f20""#), "f20");
    assert_eq!(
        names(r#"[{"metric": "seld"}, {"metric": "params"}, {"metric": "le_cd"}]"#),
        "seld params le_cd"
    );
    let error = |objective: &str| parse(objective).unwrap_err().to_string();
    assert!(error("[]").contains("stages[0].objective: empty"), "{}", error("[]"));
    let first = error(r#"[{"metric": "params"}]"#);
    assert!(first.contains("stages[0].objective[0].metric: the first objective is a score"), "{first}");
    let unknown = error(r#"[{"metric": "seld"}, {"metric": "parms"}]"#);
    assert!(unknown.contains("did you mean \"params\"?"), "{unknown}");
}

#[test]
fn mistakes_in_constraints_are_named() {
    insta::assert_snapshot!(errors(&with_stage(
        r#""constraints": {
     "parms": {"max": 1},
     "macs": {},
     "memory": {"min": 3, "max": 2},
     "params": {"maximum": 1}
   },
   "forbidden": [
     {},
     {"encoder.widht": 8},
     {"encoder.blocks": 3}
   ],
   "space": {"encoder.blocks": {"choice": [1, 2]}}"#
    )));
}

#[test]
fn a_warm_start_is_from_the_inherited_winner() {
    let text = |inherit: &str| {
        format!(
            "{{\"stages\": [{{\"name\": \"a\", \"budget\": {{\"trials\": 1, \"epochs\": 1}}}},\n \
              {{\"name\": \"b\", {inherit} \"warm_start\": true, \"budget\": {{\"trials\": 1, \"epochs\": 1}}}}]}}"
        )
    };
    let space = SearchSpace::parse("space.json", &text("\"inherit\": \"a\",")).unwrap();
    assert_eq!([space.stages[0].warm_start, space.stages[1].warm_start], [false, true]);
    let error = errors(&text(""));
    assert!(
        error.contains("line 2: stages[1].warm_start: true, and the stage has no \"inherit\""),
        "{error}"
    );
}

#[test]
fn trials_may_begin_with_the_weights_of_a_trial_of_the_store() {
    let space = SearchSpace::parse("space.json", &with_stage(r#""init_from": 17"#)).unwrap();
    assert_eq!(space.stages[0].init_from, Some(crate::ids::TrialId(17)));
    let text = with_stage(r#""inherit": "one", "warm_start": true, "init_from": 17"#);
    assert!(
        errors(&text).contains("stages[0].init_from: names one trial to begin with"),
        "{}",
        errors(&text)
    );
}

#[test]
fn a_choice_may_set_several_keys_at_once() {
    let text = with_stage(
        r#""space": {"settings": {"choice": [{}, {"loss.activity": "focal", "encoder.width": 8}]},
                     "encoder.width": {"choice": [16]}}"#,
    );
    let space = SearchSpace::parse("space.json", &text).unwrap();
    let all = space.stages[0].space.enumerate(10).unwrap();
    let documents: Vec<_> =
        all.iter().map(|assignment| document::candidate(&space.fixed, assignment, 3).unwrap()).collect();
    let of = |path: &str| documents.iter().map(|d| d.pointer(path).unwrap().clone()).collect::<Vec<_>>();
    assert_eq!(of("/loss/activity"), [json!("bce"), json!("focal")]);
    // What a parameter of its own says wins.
    assert_eq!(of("/encoder/width"), [json!(16), json!(16)]);
}

#[test]
fn mistakes_in_settings_are_named() {
    insta::assert_snapshot!(errors(&with_stage(
        r#""space": {"settings": {"choice": [
     7,
     {"loss.activty": "focal"},
     {"loss.activity": "fokal"},
     {"preset": "seldnet"},
     {"train.epochs": 3},
     {"loss.doa": "cosine", "loss.doa_on": "all"},
     {"loss.doa": "cosine", "loss.doa_on": "active"}
   ]}}"#
    )));
    assert!(
        errors(&with_stage(r#""space": {"settings": {"int": {"low": 1, "high": 2}}}"#))
            .contains("takes a choice")
    );
    let fixed = errors(
        r#"{"fixed": {"settings": {}}, "stages": [{"name": "a", "budget": {"trials": 1, "epochs": 1}}]}"#,
    );
    assert!(fixed.contains("unknown architecture key"), "{fixed}");
}

#[test]
fn mistakes_around_conditions() {
    insta::assert_snapshot!(errors(&with_stage(
        r#""space": {
     "encoder.width": {"choice": [8, 16], "when": {"temporal.knd": "gru"}},
     "encoder.blocks": {"choice": [1, 2], "when": {"temporal.kind": "lstm"}},
     "encoder.stages": {"choice": [1, 2], "when": {"tracks.dropout": 0.5}},
     "temporal.kind": {"choice": ["none", "gru"]},
     "tracks.dropout": {"float": {"low": 0.0, "high": 0.5}}
   }"#
    )));
    insta::assert_snapshot!(
        "circle",
        errors(&with_stage(
            r#""space": {
     "encoder.width": {"choice": [8, 16], "when": {"encoder.blocks": 1}},
     "encoder.blocks": {"choice": [1, 2], "when": {"encoder.width": 8}}
   }"#
        ))
    );
}

#[test]
fn the_demo_space_is_valid() {
    let text = include_str!("../../../search_spaces/demo.json");
    let space = SearchSpace::parse("demo.json", text).unwrap();
    let names: Vec<&str> = space.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["input-features", "encoder-capacity", "fusion-placement"]);
    assert_eq!(space.stages[2].inherit.as_deref(), Some("encoder-capacity"));
}

#[test]
fn stage_1_tries_every_descriptor_family_once() {
    let text = include_str!("../../../search_spaces/stage1_descriptors.json");
    let space = SearchSpace::parse("stage1_descriptors.json", text).unwrap();
    let [stage] = space.stages.as_slice() else { panic!("expected one stage") };
    let all = stage.space.enumerate(100).unwrap();
    assert_eq!(Some(all.len() as u32), stage.budget.trials);
    let mut named = std::collections::BTreeSet::new();
    for assignment in &all {
        let document = document::candidate(&space.fixed, assignment, stage.budget.epochs);
        let document = document.unwrap_or_else(|| panic!("{assignment:?} is no architecture"));
        let architecture = crate::model::arch::Architecture::from_value(document).unwrap();
        architecture.features.check(24_000).unwrap_or_else(|error| panic!("{assignment:?}: {error}"));
        named.extend(architecture.features.descriptors.iter().map(|descriptor| descriptor.name()));
        if architecture.features.scale == crate::features::Scale::Salsa {
            named.insert("salsa scale");
        }
    }
    insta::assert_snapshot!(Vec::from_iter(named).join(" "), @"covariance diffuseness eigenvector gcc_phat ipd iv iv_sn3d iv_unit logmel magnitude pcen phase_cos_sin reactive salsa scale waveform");
}

#[test]
fn every_space_file_that_comes_with_the_program_is_right() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("search_spaces");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(error) = SearchSpace::parse(&path.display().to_string(), &text) {
            panic!("{error}");
        }
        files += 1;
    }
    assert!(files >= 4);
}

#[test]
fn a_file_or_a_stage_may_begin_from_a_named_architecture() {
    let text = r#"{"fixed": {"preset": "seldnet", "encoder.width": 32},
        "stages": [{"name": "reference", "space": {"preset": {"choice": ["seldnet", "at2seld"]}},
                    "budget": {"trials": 1, "epochs": 7}}]}"#;
    let space = SearchSpace::parse("space.json", text).unwrap();
    let fixed = Architecture::from_value(space.fixed.clone()).unwrap();
    assert!(fixed.backbone.is_none());
    assert_eq!((fixed.encoder.width, fixed.encoder.max_width), (32, 64));
    let named = |name: &str| {
        let assignment = [("preset".to_owned(), serde_json::json!(name))].into_iter().collect();
        Architecture::from_value(document::candidate(&space.fixed, &assignment, 7).unwrap()).unwrap()
    };
    assert_eq!(named("seldnet").encoder.width, 64);
    assert!(!named("at2seld").backbone.is_none());
    assert_eq!(named("at2seld").train.epochs, 7);
    for (place, text) in [
        ("fixed.preset", text.replacen("seldnet", "other", 1)),
        ("stages[0].space.preset", text.replacen("\"at2seld\"", "\"other\"", 1)),
    ] {
        let error = SearchSpace::parse("space.json", &text).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains("is no preset"), "{error}");
    }
}

#[test]
fn a_budget_has_at_least_one_limit_and_knows_how_many_candidates_that_makes() {
    let budget = |text: &str| {
        let text = format!(r#"{{"stages": [{{"name": "one", "space": {{}}, "budget": {text}}}]}}"#);
        let space = SearchSpace::parse("space.json", &text).map_err(|error| error.to_string())?;
        Ok::<_, String>(space.stages[0].budget)
    };
    let candidates = |text: &str| budget(text).unwrap().candidates();
    assert_eq!(candidates(r#"{"trials": 4, "epochs": 3}"#), Some(4));
    assert_eq!(candidates(r#"{"total_epochs": 20, "epochs": 3}"#), Some(7));
    assert_eq!(candidates(r#"{"total_epochs": 20, "trials": 5, "epochs": 3}"#), Some(5));
    let hours = budget(r#"{"device_hours": 0.5, "seconds": 2000, "epochs": 3}"#).unwrap();
    assert_eq!((hours.seconds, hours.candidates()), (Some(1800.0), None));
    for wrong in [
        r#"{"epochs": 3}"#,
        r#"{"trials": 3}"#,
        r#"{"epochs": 3, "seconds": 0}"#,
        r#"{"epochs": 3, "total_epochs": 0}"#,
    ] {
        assert!(budget(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_pruning_saves_decides_whether_there_is_a_pruner_where_none_is_named() {
    let pruner = |budget: &str| {
        let text = format!(r#"{{"stages": [{{"name": "a", "space": {{}}, "budget": {budget}}}]}}"#);
        format!("{:?}", SearchSpace::parse("s.json", &text).unwrap().stages[0].pruner)
    };
    assert_eq!(pruner(r#"{"trials": 4, "epochs": 2}"#), "Never");
    assert_eq!(pruner(r#"{"trials": 4, "total_epochs": 40, "epochs": 2}"#), "Never");
    for limit in ["total_epochs", "seconds", "device_hours"] {
        let found = pruner(&format!(r#"{{"{limit}": 40, "epochs": 2}}"#));
        assert!(found.starts_with("Extrapolation"), "{limit}: {found}");
    }
}
