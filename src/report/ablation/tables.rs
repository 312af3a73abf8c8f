//! The tables.

use serde_json::{Value, json};

use crate::ablation::{Findings, Points, Summary, Transferred, WINNER};
use crate::report::evaluation::Named;
use crate::report::table::Table;
use crate::seld::metric::Values;

/// All tables; those that are short come first and are for people.
pub fn tables(findings: &Findings) -> Vec<Named> {
    let mut tables = vec![named("ablation", main_title(findings), ablation(findings), usize::MAX)];
    if !findings.left_out.is_empty() {
        let mut table = Table::new(["row", "reason"]);
        findings.left_out.iter().for_each(|row| table.push([json!(row.row), json!(row.reason)]));
        tables.push(named("left_out", "Not trained", table, usize::MAX));
    }
    if !findings.transfer.is_empty() {
        let title = "SELD score of the winner, calibrated: trained on (rows), scored on (columns)";
        tables.push(named("transfer_matrix", title, matrix(&findings.transfer), usize::MAX));
        let title = "Every row on every dataset, calibrated; with a class map, in the classes that count";
        tables.push(named("transfer", title, transfer(&findings.transfer), 0));
    }
    let title = "Scores at each operating point, with 95 % intervals";
    tables.push(named("operating_points", title, operating_points(findings), 0));
    tables.push(named("runs", "Every training", runs(findings), 0));
    tables
}

fn named(name: &'static str, title: impl Into<String>, table: Table, shown: usize) -> Named {
    Named { name, title: title.into(), table, shown }
}

fn main_title(findings: &Findings) -> String {
    let Findings { study, winner, data, split, metric, epochs, .. } = findings;
    format!(
        "Trial {winner}, the winner of \"{study}\", trained with and without ({epochs} epochs) and scored on {data}, split \
         {split} ({}, macro): calibrated unless said otherwise; change: SELD against the winner; intervals: 95 %",
        metric.name()
    )
}

fn ablation(findings: &Findings) -> Table {
    let mut table = Table::new([
        "row",
        "runs",
        "SELD at 0.5",
        "F at 0.5",
        "SELD",
        "SELD low",
        "SELD high",
        "change",
        "change low",
        "change high",
        "ER",
        "F",
        "LE",
        "LR",
        "SELD known activity",
        "LE known activity",
    ]);
    for row in &findings.rows {
        let Points { plain, calibrated, known_activity } = &row.points;
        let mut cells = vec![json!(row.row.row), json!(row.runs.len())];
        cells.extend([mean(plain, |v| v.seld), mean(plain, |v| v.f)]);
        cells.extend(with_interval(calibrated, |v| v.seld, |v| v.seld));
        cells.extend(with_interval(&row.against_winner, |v| v.seld, |v| v.seld));
        cells.extend(others(calibrated));
        cells.extend([mean(known_activity, |v| v.seld), mean(known_activity, |v| v.le)]);
        table.push(cells);
    }
    table
}

fn operating_points(findings: &Findings) -> Table {
    let mut columns = vec!["row".to_owned(), "operating point".to_owned(), "runs".to_owned()];
    for score in ["ER", "F", "LE", "LR", "SELD"] {
        columns.extend([score.to_owned(), format!("{score} low"), format!("{score} high")]);
    }
    let mut table = Table::new(columns);
    for row in &findings.rows {
        let Points { plain, calibrated, known_activity } = &row.points;
        let points = [("0.5", plain), ("calibrated", calibrated), ("known activity", known_activity)];
        for (name, summary) in points {
            let runs = summary.as_ref().map_or(0, |summary| summary.runs);
            let mut cells = vec![json!(row.row.row), json!(name), json!(runs)];
            cells.extend(with_interval(summary, |v| v.er, |v| v.er));
            cells.extend(with_interval(summary, |v| v.f, |v| v.f));
            cells.extend(with_interval(summary, |v| v.le, |v| v.le));
            cells.extend(with_interval(summary, |v| v.lr, |v| v.lr));
            cells.extend(with_interval(summary, |v| v.seld, |v| v.seld));
            table.push(cells);
        }
    }
    table
}

fn runs(findings: &Findings) -> Table {
    let mut table = Table::new([
        "row",
        "trial",
        "repeat",
        "seed",
        "best epoch",
        "seconds",
        "reused from",
        "validation SELD",
        "SELD at 0.5",
        "SELD",
        "F at 0.5",
        "F",
        "LE",
        "LR",
        "LE known activity",
        "failed",
    ]);
    for row in &findings.rows {
        for run in &row.runs {
            let of = |values: &Option<Values>, pick: fn(&Values) -> f64| json!(values.as_ref().map(pick));
            table.push([
                json!(row.row.row),
                json!(run.trial),
                json!(run.repeat),
                // Larger than the whole numbers that a spreadsheet keeps.
                json!(run.seed.to_string()),
                json!(run.best_epoch),
                json!(run.seconds),
                json!(run.reused_from),
                json!(run.validation_seld),
                of(&run.plain, |v| v.seld),
                of(&run.calibrated, |v| v.seld),
                of(&run.plain, |v| v.f),
                of(&run.calibrated, |v| v.f),
                of(&run.calibrated, |v| v.le),
                of(&run.calibrated, |v| v.lr),
                of(&run.known_activity, |v| v.le),
                Value::Null,
            ]);
        }
        for reason in &row.failed {
            let mut cells = vec![Value::Null; table.columns.len()];
            cells[0] = json!(row.row.row);
            if let Some(last) = cells.last_mut() {
                *last = json!(reason);
            }
            table.push(cells);
        }
    }
    table
}

fn transfer(all: &[Transferred]) -> Table {
    let mut table = Table::new([
        "trained on",
        "row",
        "scored on",
        "how",
        "class map",
        "classes",
        "runs",
        "SELD at 0.5",
        "SELD",
        "SELD low",
        "SELD high",
        "ER",
        "F",
        "LE",
        "LR",
        "problem",
    ]);
    for scores in all {
        let Points { plain, calibrated, .. } = &scores.points;
        let mut cells = vec![
            json!(scores.trained_on),
            json!(scores.row),
            json!(scores.scored_on),
            json!(scores.how),
            json!(scores.class_map),
            json!(scores.classes),
            json!(calibrated.as_ref().map_or(0, |summary| summary.runs)),
            mean(plain, |v| v.seld),
        ];
        cells.extend(with_interval(calibrated, |v| v.seld, |v| v.seld));
        cells.extend(others(calibrated));
        cells.push(json!(scores.problem));
        table.push(cells);
    }
    table
}

/// A row for each training, a column for each dataset.
fn matrix(all: &[Transferred]) -> Table {
    let winners = || all.iter().filter(|scores| scores.row == WINNER);
    let mut columns = vec!["trained on"];
    let mut trainings: Vec<&str> = Vec::new();
    for scores in winners() {
        if !columns[1..].contains(&scores.scored_on.as_str()) {
            columns.push(&scores.scored_on);
        }
        if !trainings.contains(&scores.trained_on.as_str()) {
            trainings.push(&scores.trained_on);
        }
    }
    let mut table = Table::new(columns.iter().copied());
    for training in trainings {
        let cell = |site: &&str| {
            let scores = winners().find(|s| s.trained_on == training && s.scored_on == **site);
            scores.map_or(Value::Null, |scores| mean(&scores.points.calibrated, |v| v.seld))
        };
        table.push([json!(training)].into_iter().chain(columns[1..].iter().map(cell)));
    }
    table
}

fn mean(summary: &Option<Summary>, pick: fn(&Values) -> f64) -> Value {
    json!(summary.as_ref().map(|summary| pick(&summary.mean)))
}

fn with_interval(
    summary: &Option<Summary>,
    pick: fn(&Values) -> f64,
    ends: fn(&Values<[f64; 2]>) -> [f64; 2],
) -> [Value; 3] {
    let interval = summary.as_ref().and_then(|summary| summary.interval.as_ref()).map(ends);
    [mean(summary, pick), json!(interval.map(|[low, _]| low)), json!(interval.map(|[_, high]| high))]
}

fn others(summary: &Option<Summary>) -> [Value; 4] {
    [mean(summary, |v| v.er), mean(summary, |v| v.f), mean(summary, |v| v.le), mean(summary, |v| v.lr)]
}
