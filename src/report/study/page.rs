//! The page: texts, tables, and where they stand.

use askama::Template;
use serde_json::json;

use super::{Findings, LISTED, PageError, figures};
use crate::report::table::{Style, Table};
use crate::search::importance::importance;
use crate::search::{StageSpec, StageView};
use crate::store::{BestTrial, LeaderboardRow, StageStatus};

#[derive(Template)]
#[template(path = "report/study/page.html")]
struct Page {
    name: String,
    facts: String,
    best: Option<String>,
    stages_table: String,
    stages: Vec<Stage>,
    space: String,
}

/// A stage that has begun. Tables are HTML, and left out where they would be empty.
struct Stage {
    name: String,
    reason: Option<String>,
    rulings: Option<String>,
    figures: Vec<String>,
    importance: Option<String>,
    leaderboard: Option<String>,
}

/// The page as HTML.
pub(super) fn html(findings: &Findings<'_>) -> Result<String, PageError> {
    let Findings { study, space, status, snapshot, leaderboard } = *findings;
    let begun = snapshot.stages.iter().zip(&space.stages);
    let stages = begun.map(|(view, spec)| {
        let rows: Vec<&LeaderboardRow> = leaderboard.iter().filter(|row| row.stage == view.name).collect();
        let status = status.stages.iter().find(|stage| stage.stage == view.name);
        stage(spec, view, status, &rows)
    });
    let facts = format!(
        "{}; {:.1} hours of training; seed {}; data {} ({}); at2seld {}",
        status.state,
        status.seconds_spent / 3600.0,
        study.seed,
        study.settings.data.display(),
        study.data_fingerprint,
        study.version
    );
    let best = |best: &BestTrial| {
        format!("Best so far: trial {} of stage {}, SELD {:.4}", best.trial, best.stage, best.seld)
    };
    let page = Page {
        name: study.name.clone(),
        facts,
        best: status.best.as_ref().map(best),
        stages_table: stages_table(&status.stages).render(Style::Html),
        stages: stages.collect::<Result<_, _>>()?,
        space: format!("{:#}", study.space),
    };
    Ok(page.render()?)
}

fn stage(
    spec: &StageSpec,
    view: &StageView,
    status: Option<&StageStatus>,
    rows: &[&LeaderboardRow],
) -> Result<Stage, PageError> {
    let filled = |table: Table| (!table.rows.is_empty()).then(|| table.render(Style::Html));
    Ok(Stage {
        name: view.name.clone(),
        reason: status.and_then(reason),
        rulings: filled(rulings(view)),
        figures: figures::of(spec, view)?,
        importance: filled(importances(spec, view)),
        leaderboard: filled(best(rows)),
    })
}

/// Why a stage ended, and how.
fn reason(status: &StageStatus) -> Option<String> {
    let reason = status.reason.as_ref()?;
    Some(status.winner.map_or_else(|| reason.clone(), |winner| format!("Trial {winner} won: {reason}")))
}

fn stages_table(stages: &[StageStatus]) -> Table {
    let mut table =
        Table::new(["stage", "state", "trials", "complete", "pruned", "failed", "best SELD", "winner"]);
    for stage in stages {
        table.push([
            json!(stage.stage),
            json!(stage.state.as_str()),
            json!(stage.trials),
            json!(stage.complete),
            json!(stage.pruned),
            json!(stage.failed),
            json!(stage.best_seld),
            json!(stage.winner.map(|winner| winner.0)),
        ]);
    }
    table
}

fn rulings(view: &StageView) -> Table {
    let mut table = Table::new(["parameter", "value", "decision", "reason"]);
    for ruling in &view.rulings {
        table.push([
            json!(ruling.parameter),
            json!(ruling.value.to_string()),
            json!(ruling.action.as_str()),
            json!(ruling.reason),
        ]);
    }
    table
}

fn importances(spec: &StageSpec, view: &StageView) -> Table {
    let mut table = Table::new(["parameter", "importance", "best"]);
    for found in importance(spec, view) {
        table.push([json!(found.parameter), json!(found.share), json!(found.best.to_string())]);
    }
    table
}

/// The best complete trials.
fn best(rows: &[&LeaderboardRow]) -> Table {
    let columns = [
        "rank",
        "trial",
        "SELD",
        "ER20",
        "F20",
        "LE_CD",
        "LR_CD",
        "parameters",
        "epochs",
        "seconds",
        "searched",
    ];
    let mut table = Table::new(columns);
    for row in rows.iter().filter(|row| row.rank.is_some_and(|rank| rank <= LISTED)) {
        let searched: Vec<String> =
            row.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        table.push([
            json!(row.rank),
            json!(row.trial.0),
            json!(row.seld),
            json!(row.er20),
            json!(row.f20),
            json!(row.le_cd),
            json!(row.lr_cd),
            json!(row.params),
            json!(row.epochs),
            json!(row.seconds),
            json!(searched.join(", ")),
        ]);
    }
    table
}
