//! The tables of an evaluation.

use serde_json::{Value, json};

use crate::report::table::Table;
use crate::train::evaluate::{
    Angles, Calibration, ClassErrors, Curve, ErrorBreakdown, Evaluated, Findings, GroupScores, Groups,
    HISTOGRAM_DEG, MotionScores, Reliability, Spread, Sweep,
};

/// A table with a name for its file and a title for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Name of its file without the ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The table.
    pub table: Table,
    /// Rows for people, from the first on: figures and files have the others.
    pub shown: usize,
}

/// Confusions for people.
const CONFUSIONS_SHOWN: usize = 12;

impl Named {
    /// What people are shown of it, where they are shown anything.
    pub fn for_people(&self) -> Option<(String, Table)> {
        let (shown, all) = (self.shown, self.table.rows.len());
        let title = match shown < all {
            true => format!("{} ({shown} of {all})", self.title),
            false => self.title.clone(),
        };
        let columns = self.table.columns.clone();
        let rows = self.table.rows.iter().take(shown).cloned().collect();
        (shown > 0).then_some((title, Table { columns, rows }))
    }
}

/// Everything that was asked beside the scores, in the order of [`Findings`].
pub fn tables(evaluated: &Evaluated) -> Vec<Named> {
    let Findings { angles, by, reliability, sweep, errors } = &evaluated.findings;
    let mut tables = Vec::new();
    tables.extend(angles.iter().flat_map(of_angles));
    tables.extend(by.iter().flat_map(|by| of_groups(by, angles.is_some())));
    tables.extend(reliability.iter().flat_map(of_reliability));
    tables.extend(sweep.iter().flat_map(of_sweep));
    tables.extend(errors.iter().flat_map(of_errors));
    tables
}

fn named(name: &'static str, title: impl Into<String>, table: Table) -> Named {
    Named { name, title: title.into(), table, shown: usize::MAX }
}

/// With too many rows for people: a figure shows it.
fn long(name: &'static str, title: impl Into<String>, table: Table) -> Named {
    Named { shown: 0, ..named(name, title, table) }
}

fn of_angles(angles: &Angles) -> Vec<Named> {
    let within = format!("within {} deg", angles.within_deg);
    let columns = ["class", "events", "localized", "LE", "median", "p90", within.as_str()];
    let mut table = Table::new(columns);
    let mut row = |class: &str, s: &Spread| {
        let counts = [json!(s.events), json!(s.localized)];
        let values = [s.le, s.median, s.p90, s.within].map(|value| json!(value));
        table.push([json!(class)].into_iter().chain(counts).chain(values));
    };
    row("all", &angles.all);
    row("mean of classes", &angles.mean_of_classes);
    angles.classes.iter().for_each(|class| row(&class.class, &class.spread));
    let mut histogram = Table::new(["from", "to", "directions"]);
    for (bar, count) in angles.histogram.iter().enumerate() {
        let from = bar as f64 * HISTOGRAM_DEG;
        histogram.push([json!(from), json!(from + HISTOGRAM_DEG), json!(count)]);
    }
    vec![
        named(
            "oracle_activity",
            "Angles in degrees where activity is known, all frames of events alike",
            table,
        ),
        long("oracle_activity_histogram", "Directions by angle in degrees", histogram),
    ]
}

fn of_groups(groups: &Groups, is_oracle: bool) -> Vec<Named> {
    let what = if is_oracle { ", with known activity" } else { "" };
    let scored = [
        ("by_class", "Scores by class", "class", &groups.class),
        ("by_polyphony", "Scores by events at once", "events at once", &groups.polyphony),
        ("by_room", "Scores by room", "room", &groups.room),
    ];
    let mut tables: Vec<Named> = scored
        .into_iter()
        .filter_map(|(name, title, head, groups)| {
            Some(named(name, format!("{title}{what}"), scores_table(head, groups.as_ref()?)))
        })
        .collect();
    let motion = groups.motion.as_ref().map(|motion| {
        let title = format!("How events are found that stay or move{what}; false alarms are of neither");
        named("by_motion", title, motion_table(motion))
    });
    tables.extend(motion);
    tables
}

fn scores_table(head: &str, groups: &[GroupScores]) -> Table {
    let columns = ["classes", "frames", "busy", "references", "predictions", "ER", "F", "LE", "LR", "SELD"];
    let mut table = Table::new([head].into_iter().chain(columns));
    for group in groups {
        let v = &group.values;
        table.push([
            json!(group.group),
            json!(group.classes),
            json!(group.frames),
            json!(group.busy),
            json!(group.references),
            json!(group.predictions),
            json!(v.er),
            json!(v.f),
            json!(v.le),
            json!(v.lr),
            json!(v.seld),
        ]);
    }
    table
}

fn motion_table(groups: &[MotionScores]) -> Table {
    let mut table = Table::new(["motion", "events", "references", "LR", "LE", "within", "recall"]);
    for group in groups {
        table.push([
            json!(group.group),
            json!(group.events),
            json!(group.references),
            json!(group.lr),
            json!(group.le),
            json!(group.within),
            json!(group.recall),
        ]);
    }
    table
}

fn of_reliability(found: &Reliability) -> Vec<Named> {
    let rows = || {
        let classes = found.classes.iter().map(|class| (class.class.as_str(), &class.calibration));
        [("all", &found.all)].into_iter().chain(classes)
    };
    let mut table = Table::new(["class", "cases", "observed", "predicted", "ECE", "Brier", "skill"]);
    for (class, calibration) in rows() {
        let Calibration { cases, observed, predicted, ece, brier, skill, .. } = *calibration;
        let values = [observed, predicted, ece, brier, skill].map(|value| json!(value));
        table.push([json!(class), json!(cases)].into_iter().chain(values));
    }
    let bins = |rows: &mut dyn Iterator<Item = (&str, &Calibration)>| {
        let mut table = Table::new(["class", "from", "to", "cases", "predicted", "observed"]);
        for (class, calibration) in rows {
            for bin in &calibration.bins {
                let bounds = [json!(class), json!(bin.low), json!(bin.high), json!(bin.cases)];
                table.push(bounds.into_iter().chain([json!(bin.predicted), json!(bin.observed)]));
            }
        }
        table
    };
    let (all, by_class) = (bins(&mut rows().take(1)), bins(&mut rows().skip(1)));
    let title = "Activities and how often they are right";
    vec![
        named("reliability", "Activities as probabilities: of a class in a label frame", table),
        named("reliability_bins", title, all),
        long("reliability_bins_by_class", title, by_class),
    ]
}

fn of_sweep(sweep: &Sweep) -> Vec<Named> {
    let curves = || [&sweep.all].into_iter().chain(&sweep.classes);
    let mut best = Table::new(["class", "in use", "best for F", "F", "best for SELD", "SELD"]);
    for Curve { class, in_use, best_f, best_seld, .. } in curves() {
        let mut row = vec![json!(class), json!(in_use)];
        for best in [best_f, best_seld] {
            row.push(json!(best.map(|best| best.threshold)));
            row.push(json!(best.map(|best| best.score)));
        }
        best.push(row);
    }
    let by_class = sweep.classes.iter().fold(points_table(), with_points);
    vec![
        named("sweep_best", "Thresholds: in use, and the best ones on these recordings", best),
        named("sweep", "Scores at every threshold", with_points(points_table(), &sweep.all)),
        long("sweep_by_class", "Scores of each class at every threshold", by_class),
    ]
}

fn points_table() -> Table {
    Table::new(["class", "threshold", "ER", "F", "LE", "LR", "SELD", "precision", "recall"])
}

fn with_points(mut table: Table, curve: &Curve) -> Table {
    for point in &curve.points {
        let v = &point.values;
        let values = [point.threshold, v.er, v.f, v.le, v.lr, v.seld, point.precision, point.recall];
        table.push([json!(curve.class)].into_iter().chain(values.map(|value| json!(value))));
    }
    table
}

fn of_errors(found: &ErrorBreakdown) -> Vec<Named> {
    let classes = || [&found.all].into_iter().chain(&found.classes);
    let (kinds, falsely) = (
        ["hit", "wrong place", "wrong class", "missed"],
        ["hit", "wrong place", "wrong class", "duplicate", "nothing"],
    );
    let mut references = Table::new(count_columns("references", &kinds));
    let mut predictions = Table::new(count_columns("predictions", &falsely));
    for ClassErrors { class, references: r, predictions: p } in classes() {
        references.push(count_row(class, r.total(), &[r.hit, r.wrong_place, r.wrong_class, r.missed]));
        let counts = [p.hit, p.wrong_place, p.wrong_class, p.duplicate, p.nothing];
        predictions.push(count_row(class, p.total(), &counts));
    }
    let mut confusions = Table::new(["reference", "prediction", "count", "share"]);
    for confusion in &found.confusions {
        confusions.push([
            json!(confusion.reference),
            json!(confusion.prediction),
            json!(confusion.count),
            json!(confusion.share),
        ]);
    }
    vec![
        named("errors_references", "What becomes of the events of the labels, frame by frame", references),
        named(
            "errors_predictions",
            "What becomes of the events that are predicted, frame by frame",
            predictions,
        ),
        Named {
            shown: CONFUSIONS_SHOWN,
            ..named("confusions", "Which class is taken for which, most frequent first", confusions)
        },
    ]
}

/// The count of each kind, then the share of each.
fn count_columns(total: &str, kinds: &[&str]) -> Vec<String> {
    let mut columns = vec!["class".to_owned(), total.to_owned()];
    columns.extend(kinds.iter().map(|kind| (*kind).to_owned()));
    columns.extend(kinds.iter().map(|kind| format!("{kind} share")));
    columns
}

fn count_row(class: &str, total: u64, counts: &[u64]) -> Vec<Value> {
    let mut row = vec![json!(class), json!(total)];
    row.extend(counts.iter().map(|count| json!(count)));
    row.extend(counts.iter().map(|&count| json!(count as f64 / total as f64)));
    row
}
