use serde_json::json;

use super::figure::Page;
use super::*;
use crate::ablation::{Findings, LeftOut, Points, Row, RowScores, Run, Summary, Transferred, WINNER};
use crate::ids::TrialId;
use crate::report::picture;
use crate::report::table::Style;
use crate::seld::metric::jackknife::Interval;
use crate::seld::metric::{VALIDATION_METRIC, Values};

fn values(seld: f64) -> Values {
    Values { er: 0.6, f: 0.4, le: 20.0 * seld, lr: 0.5, seld, de: None, rde: None }
}

fn summary(seld: f64, runs: usize) -> Option<Summary> {
    let around = |x: f64| -> Interval { [x - 0.05, x + 0.05] };
    let Values { er, f, le, lr, .. } = values(seld);
    let interval = Values {
        er: around(er),
        f: around(f),
        le: [le - 3.0, f64::NAN],
        lr: around(lr),
        seld: around(seld),
        de: None,
        rde: None,
    };
    Some(Summary { runs, mean: values(seld), interval: Some(interval) })
}

fn points(seld: f64) -> Points {
    Points {
        plain: summary(seld + 0.1, 2),
        calibrated: summary(seld, 2),
        known_activity: summary(seld - 0.2, 2),
    }
}

fn run(trial: i64, repeat: u32) -> Run {
    Run {
        trial: TrialId(trial),
        repeat,
        seed: 9_000_000_000_000_000_001,
        best_epoch: Some(4),
        seconds: 61.5,
        reused_from: (trial == 8).then_some(TrialId(3)),
        validation_seld: Some(0.45),
        plain: Some(values(0.6)),
        calibrated: Some(values(0.5)),
        known_activity: None,
    }
}

fn findings() -> Findings {
    let mut findings = Findings {
        study: "first".into(),
        winner: TrialId(3),
        data: "rooms".into(),
        split: "test".into(),
        metric: VALIDATION_METRIC,
        epochs: 30,
        rows: Vec::new(),
        left_out: Vec::new(),
        transfer: Vec::new(),
    };
    let row = |name: &str, key: &str| Row {
        row: name.to_owned(),
        settings: serde_json::from_value(if key.is_empty() { json!({}) } else { json!({key: "focal"}) })
            .unwrap(),
    };
    let none = Points { plain: None, calibrated: None, known_activity: None };
    findings.rows = vec![
        RowScores {
            row: row(WINNER, ""),
            points: points(0.5),
            against_winner: None,
            runs: vec![run(8, 0), run(9, 1)],
            failed: Vec::new(),
        },
        RowScores {
            row: row("with focal loss", "loss.activity"),
            points: points(0.47),
            against_winner: summary(-0.03, 2),
            runs: vec![run(10, 0), run(11, 1)],
            failed: Vec::new(),
        },
        RowScores {
            row: row("without active-only DOA", "loss.doa_on"),
            points: none.clone(),
            against_winner: None,
            runs: Vec::new(),
            failed: vec!["trial 12: the loss became NaN in epoch 2".into()],
        },
    ];
    findings.left_out = vec![LeftOut {
        row: "with none of them".into(),
        reason: "the same as \"without active-only DOA\"".into(),
    }];
    let transferred = |on: &str, to: &str, how, points: Points| Transferred {
        trained_on: on.into(),
        row: WINNER.into(),
        scored_on: to.into(),
        how,
        class_map: (how == "zero-shot").then(|| "same-names".into()),
        classes: points.plain.as_ref().map(|_| 7),
        problem: points.plain.is_none().then(|| "class map same-names: no class in common".into()),
        points,
    };
    findings.transfer = vec![
        transferred("rooms", "rooms", "own", points(0.5)),
        transferred("rooms", "halls", "zero-shot", points(0.8)),
        transferred("rooms, then halls", "rooms", "before", points(0.55)),
        transferred("rooms, then halls", "halls", "fine-tuned", none),
    ];
    findings
}

#[test]
fn tables_for_people_and_files() {
    let mut text = String::new();
    for named in tables(&findings()) {
        let shown = if named.shown == 0 { " (in files)" } else { "" };
        text.push_str(&format!(
            "{}{shown}: {}\n{}\n",
            named.name,
            named.title,
            named.table.render(Style::Plain)
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_folder_with_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    write(&out, &findings()).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 3 + 3 * tables(&findings()).len(), "{names:?}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let document: serde_json::Value = serde_json::from_str(&read("diagnostics.json")).unwrap();
    assert_eq!(document["rows"][1]["settings"], json!({"loss.activity": "focal"}));
    assert_eq!(document["rows"][1]["calibrated"]["SELD"], 0.47);
    assert_eq!(document["rows"][0]["calibrated"]["interval"]["LE"][1], json!(null));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&read("ablation.json")).unwrap();
    assert_eq!((&rows[1]["change"], &rows[2]["SELD"]), (&json!(-0.03), &json!(null)));
    assert!(read("ablation.csv").starts_with("row,runs,SELD at 0.5,"));
    let people = read("diagnostics.md");
    assert!(people.contains("![SELD score of every row](diagnostics.svg)"), "{people}");
    assert!(people.contains("## runs") && people.contains("the loss became NaN in epoch 2"), "{people}");
}

#[test]
fn the_figure_is_xml_with_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut findings = findings();
    let path = folder.path().join("f.svg");
    picture::write(&path, &Page(&findings)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let words: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for word in ["winner", "with focal loss", "0 runs, 1 failed", "known activity", "0.5"] {
        assert!(words.contains(&word), "{word} in {words:?}");
    }
    let dots = document.descendants().filter(|node| node.has_tag_name("circle")).count();
    assert_eq!(dots, 3 + 2 * 3, "one for each operating point of the legend and of the rows with runs");
    assert!(!text.contains("NaN") && !text.contains("inf"));
    findings.rows.clear();
    picture::write(&path, &Page(&findings)).unwrap();
    assert!(roxmltree::Document::parse(&std::fs::read_to_string(&path).unwrap()).is_ok());
}
