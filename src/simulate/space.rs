//! What is searched on a table: all of it in one stage, or what a space file says.

use serde_json::{Map, Value, json};

use super::table::Table;
use crate::search::SearchSpace;
use crate::search::space::{Domain, Parameter, SpaceError};

/// A sampler and a pruner by name; that of the space file or the program's default where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// Name of the sampler.
    pub sampler: Option<String>,
    /// Name of the pruner.
    pub pruner: Option<String>,
}

impl Setting {
    /// A space file with this sampler and pruner in every stage in place of its own.
    fn applied(&self, document: &Value) -> Value {
        let mut document = document.clone();
        let stages = document.get_mut("stages").and_then(Value::as_array_mut).into_iter().flatten();
        for stage in stages.filter_map(Value::as_object_mut) {
            for (key, name) in [("sampler", &self.sampler), ("pruner", &self.pruner)] {
                if let Some(name) = name {
                    stage.insert(key.into(), json!({"kind": name}));
                }
            }
        }
        document
    }

    /// The space to search with this setting; `file` is the name of the document in messages.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn space(&self, file: &str, document: &Value, table: &Table) -> Result<SearchSpace, SpaceError> {
        SearchSpace::parse_recorded(file, &format!("{:#}", self.applied(document)), &table.space)
    }
}

/// A space file that searches all of a table in one stage, until `trainings` whole trainings are spent.
pub fn whole_table(table: &Table, trainings: u32) -> Value {
    let parameter = |domain: &Domain| match domain {
        Domain::Choice(values) => json!({"choice": values}),
        Domain::Int { low, high, step: 1, log: true } => {
            json!({"int": {"low": low, "high": high, "log": true}})
        }
        Domain::Int { low, high, step, .. } => json!({"int": {"low": low, "high": high, "step": step}}),
        Domain::Float { low, high, log } => json!({"float": {"low": low, "high": high, "log": log}}),
    };
    let parameters = table.space.parameters().iter();
    let whole = |p: &Parameter| {
        let mut raw = parameter(&p.domain);
        if !p.when.is_empty() {
            raw["when"] =
                p.when.iter().map(|c| (c.key.clone(), c.value.clone())).collect::<Map<_, _>>().into();
        }
        (p.key.clone(), raw)
    };
    let space: Map<String, Value> = parameters.map(whole).collect();
    let total = u64::from(trainings) * u64::from(table.steps);
    json!({"stages": [{
        "name": table.name,
        "space": space,
        "budget": {"epochs": table.steps, "total_epochs": total},
    }]})
}
