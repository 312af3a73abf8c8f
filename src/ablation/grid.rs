//! Which trainings are compared: the one place that says so.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::arch::{Architecture, OutputFormat};
use crate::search::space::document;

/// Something that a training does or does not do.
struct Switch {
    name: &'static str,
    key: &'static str,
    /// Where it does it; another value than `off` counts as well.
    on: &'static str,
    off: &'static str,
    /// Whether class-wise vectors can do it: they are activity and direction in one.
    of_vectors: bool,
    /// Whether the row of all has it.
    in_all: bool,
}

const SWITCHES: [Switch; 4] = [
    Switch {
        name: "class-balanced loss",
        key: "loss.class_balance",
        on: "effective_number",
        off: "none",
        of_vectors: true,
        in_all: true,
    },
    // Not on top of the loss: rare classes would be weighed twice.
    Switch {
        name: "class-balanced sampler",
        key: "train.sampling",
        on: "effective_number",
        off: "uniform",
        of_vectors: true,
        in_all: false,
    },
    Switch {
        name: "focal loss",
        key: "loss.activity",
        on: "focal",
        off: "bce",
        of_vectors: false,
        in_all: true,
    },
    Switch {
        name: "active-only DOA",
        key: "loss.doa_on",
        on: "active",
        off: "all",
        of_vectors: false,
        in_all: true,
    },
];

/// The row of the winner as it is.
pub const WINNER: &str = "winner";

/// A training to be compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it is called.
    pub row: String,
    /// What it changes of the winner, by key path.
    pub settings: Map<String, Value>,
}

/// A training that is not compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What it would be called.
    pub row: String,
    /// Why.
    pub reason: String,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// The winner first; no two make the same architecture.
    pub rows: Vec<Row>,
    /// What makes no sense for this winner.
    pub left_out: Vec<LeftOut>,
}

impl Grid {
    /// The winner as it is, with each switch alone turned over, with all that the report found helpful, and with none of
    /// them.
    pub fn of(winner: &Architecture) -> Self {
        let document = winner.to_value();
        let is_on = |switch: &Switch| get(&document, switch.key) != Some(&Value::from(switch.off));
        let mut maker = Maker { winner, document: &document, made: Vec::new(), left_out: Vec::new() };
        maker.add(WINNER.to_owned(), &[]);
        for switch in &SWITCHES {
            let (with, value) = if is_on(switch) { ("without", switch.off) } else { ("with", switch.on) };
            maker.add(format!("{with} {}", switch.name), &[(switch, value)]);
        }
        let applies = |switch: &&Switch| switch.of_vectors || winner.output.format == OutputFormat::Tracks;
        let missing: Vec<_> =
            SWITCHES.iter().filter(applies).filter(|s| s.in_all && !is_on(s)).map(|s| (s, s.on)).collect();
        maker.add("with all of them".to_owned(), &missing);
        let present: Vec<_> =
            SWITCHES.iter().filter(applies).filter(|s| is_on(s)).map(|s| (s, s.off)).collect();
        maker.add("with none of them".to_owned(), &present);
        Self { rows: maker.made.into_iter().map(|(row, _)| row).collect(), left_out: maker.left_out }
    }
}

struct Maker<'a> {
    winner: &'a Architecture,
    document: &'a Value,
    made: Vec<(Row, Architecture)>,
    left_out: Vec<LeftOut>,
}

impl Maker<'_> {
    fn add(&mut self, row: String, switches: &[(&Switch, &str)]) {
        match self.make(&row, switches) {
            Ok(made) => self.made.push(made),
            Err(reason) => self.left_out.push(LeftOut { row, reason }),
        }
    }

    fn make(&self, row: &str, switches: &[(&Switch, &str)]) -> Result<(Row, Architecture), String> {
        let format = self.winner.output.format;
        if let Some((switch, _)) =
            switches.iter().find(|(s, _)| !s.of_vectors && format != OutputFormat::Tracks)
        {
            let name = get(self.document, "output.format").map(Value::to_string).unwrap_or_default();
            return Err(format!(
                "{} has no part in output.format {name}, whose vectors are activity and direction in one",
                switch.key
            ));
        }
        let mut changed = self.document.clone();
        let mut settings = Map::new();
        for (switch, value) in switches {
            document::set(&mut changed, switch.key, Value::from(*value));
            settings.insert(switch.key.to_owned(), Value::from(*value));
        }
        let architecture = Architecture::from_value(changed).map_err(|problem| problem.to_string())?;
        if let Some(problem) = architecture.validate().into_iter().next() {
            return Err(format!("{} {}", problem.key, problem.message));
        }
        if let Some((same, _)) = self.made.iter().find(|(_, made)| *made == architecture) {
            return Err(format!("the same as \"{}\"", same.row));
        }
        Ok((Row { row: row.to_owned(), settings }, architecture))
    }
}

/// The value at a dotted path.
fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |at, key| at.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arch::{ActivityLoss, ClassBalance, DoaDistance, DoaTargets, Preset};

    fn names(grid: &Grid) -> Vec<&str> {
        grid.rows.iter().map(|row| row.row.as_str()).collect()
    }

    #[test]
    fn each_switch_is_turned_over_alone_whatever_the_winner_has() {
        let grid = Grid::of(&Architecture::default());
        let expected = [
            "winner",
            "with class-balanced loss",
            "with class-balanced sampler",
            "with focal loss",
            "without active-only DOA",
            "with all of them",
        ];
        assert_eq!(names(&grid), expected);
        let same = LeftOut {
            row: "with none of them".into(),
            reason: "the same as \"without active-only DOA\"".into(),
        };
        assert_eq!(grid.left_out, [same]);

        let mut other = Architecture::default();
        other.loss.activity = ActivityLoss::Focal;
        other.loss.class_balance = ClassBalance::InverseFrequency;
        other.loss.doa_on = DoaTargets::All;
        let grid = Grid::of(&other);
        assert_eq!(
            names(&grid)[1..4],
            ["without class-balanced loss", "with class-balanced sampler", "without focal loss"]
        );
        assert_eq!(names(&grid)[4], "with active-only DOA");
        // What it does already is left as it is; so "all of them" is the same again.
        assert_eq!(grid.left_out[0].reason, "the same as \"with active-only DOA\"");
        assert_eq!(names(&grid)[5..], ["with none of them"]);
        let none = serde_json::json!({"loss.class_balance": "none", "loss.activity": "bce"});
        assert_eq!(Value::Object(grid.rows[5].settings.clone()), none);
    }

    #[test]
    fn rows_that_make_no_sense_are_left_out_with_the_reason() {
        let grid = Grid::of(&Preset::Seldnet.architecture());
        assert_eq!(names(&grid), ["winner", "with class-balanced loss", "with class-balanced sampler"]);
        let reasons: Vec<&str> = grid.left_out.iter().map(|row| row.reason.as_str()).collect();
        assert!(
            reasons[0].starts_with("loss.activity has no part in output.format \"multi_accdoa\""),
            "{reasons:?}"
        );
        assert!(reasons[1].starts_with("loss.doa_on has no part"), "{reasons:?}");
        assert_eq!(reasons[2..], ["the same as \"with class-balanced loss\"", "the same as \"winner\""]);

        let mut angles = Architecture::default();
        angles.loss.doa = DoaDistance::Cosine;
        let grid = Grid::of(&angles);
        assert_eq!(grid.left_out[0].row, "without active-only DOA");
        assert!(grid.left_out[0].reason.starts_with("loss.doa is an angle"), "{:?}", grid.left_out);
    }
}
