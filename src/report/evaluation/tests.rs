use super::testing::evaluated;
use super::*;
use crate::report::picture;
use crate::report::table::{Style, Table};

#[test]
fn tables_for_people() {
    let mut text = String::new();
    for named in tables(&evaluated()) {
        // Of those that people are not shown the beginning.
        let (title, table) = named.for_people().unwrap_or_else(|| {
            let rows = named.table.rows.iter().take(3).cloned().collect();
            (format!("{} (not shown)", named.title), Table { rows, ..named.table.clone() })
        });
        text.push_str(&format!("{}: {title}\n{}\n", named.name, table.render(Style::Plain)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn long_tables_are_cut_for_people_alone() {
    let mut named = tables(&evaluated()).into_iter().find(|named| named.name == "sweep").unwrap();
    assert_eq!(named.for_people().unwrap().1.rows.len(), 19);
    named.shown = 5;
    let (title, table) = named.for_people().unwrap();
    assert!(title.ends_with("(5 of 19)") && table.rows[..] == named.table.rows[..5], "{title}");
    named.shown = 0;
    assert_eq!(named.for_people(), None);
}

#[test]
fn the_document_has_a_key_for_each_question() {
    let mut document = serde_json::to_value(evaluated()).unwrap();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    let expected = [
        "metric",
        "average",
        "ER",
        "F",
        "LE",
        "LR",
        "SELD",
        "classwise",
        "jackknife",
        "oracle_activity",
        "by",
        "reliability",
        "sweep",
        "errors",
    ];
    assert_eq!(keys, expected);
    // One of each list shows its keys.
    shorten(&mut document);
    insta::assert_json_snapshot!(document);
}

/// Leaves the first of each list, and numbers with few digits.
fn shorten(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(list) => {
            list.truncate(1);
            list.iter_mut().for_each(shorten);
        }
        serde_json::Value::Object(map) => map.values_mut().for_each(shorten),
        serde_json::Value::Number(number) if number.is_f64() => {
            *value = serde_json::json!((number.as_f64().unwrap_or(0.0) * 1e6).round() / 1e6);
        }
        _ => {}
    }
}

#[test]
fn a_folder_with_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    let evaluated = evaluated();
    let mut scores = Table::new(["class", "F"]);
    scores.push([serde_json::json!("all"), serde_json::json!(0.5)]);
    write(&out, &evaluated, &scores).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    insta::assert_snapshot!(names.join("\n"));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let document: serde_json::Value = serde_json::from_str(&read("evaluation.json")).unwrap();
    assert_eq!(document["by"]["room"][1]["group"], "fold4_room10");
    assert!(read("scores.csv").starts_with("class,F\nall,0.5"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&read("by_motion.json")).unwrap();
    assert_eq!(rows[1]["motion"], "moving");
}

#[test]
fn figures_are_xml_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let evaluated = evaluated();
    for (name, figure) in figures(&evaluated) {
        let path = folder.path().join(format!("{name}.svg"));
        picture::write(&path, &figure::Page(figure)).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
        let words: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        assert!(count("text") > 8, "{name}: {} words", count("text"));
        assert!(count("rect") + count("polyline") + count("circle") > 8, "{name}");
        let rows = match name {
            "by_polyphony" => vec!["0", "1", "2", "3+"],
            "by_room" => vec!["fold4_room2", "fold4_room10"],
            "by_motion" => vec!["static", "moving"],
            _ => vec!["speech", "bell & gong", "siren"],
        };
        assert!(rows.iter().all(|row| words.contains(row)), "{name}: {rows:?} in {words:?}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
    }
}

#[test]
fn nothing_to_find_can_be_drawn() {
    use crate::seld::metric::{Average, Metric, Options};
    use crate::train::evaluate::{Asked, Diagnostics, Grouping, Heard, Truth};
    let (metric, classes) = (Metric::Dcase2023, ["a".to_owned()]);
    let by = Grouping::ALL.to_vec();
    let asked = Asked { angles: true, by, reliability: true, sweep: true, errors: true };
    let options = Options::official(metric);
    let mut diagnostics = Diagnostics::new(&asked, &classes, metric, options, Average::Macro);
    for frames in [0, 10] {
        let truth = Truth::new(&[], frames, None);
        let strongest = vec![0.0; frames as usize];
        diagnostics.add(&Heard {
            room: "r",
            frames,
            truth: &truth,
            events: &[],
            scored: &[],
            strongest: &strongest,
            events_at: &|_| Vec::new(),
        });
    }
    let evaluated = Evaluated { findings: diagnostics.findings(&[None]), ..evaluated() };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &evaluated, &Table::new(["class"])).unwrap();
    for name in ["oracle_activity", "by_class", "by_motion", "reliability", "sweep", "errors"] {
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.svg"))).unwrap();
        assert!(!text.contains("NaN") && roxmltree::Document::parse(&text).is_ok(), "{name}");
    }
}
