//! The JSON Schema of a space file: with it, editors complete keys, show what they mean and mark what is wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::registry::Registry;
use super::space::document::{EPOCHS, SETTINGS};
use super::space::{
    Objective, Quantity, RawBudget, RawFloat, RawInherit, RawInt, RawPromote, RawRange, StudyOptions,
};
use super::{pruner, sampler};
use crate::model::PRESET;
use crate::model::arch::{Architecture, Preset};

/// Which edition of JSON Schema is spoken.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a type, with those of its parts in place.
pub(super) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("title");
    }
    schema
}

/// The schema of a space file over architectures.
pub fn space_file() -> Value {
    let architecture = of::<Architecture>();
    let mut settings = BTreeMap::new();
    collect("", &architecture, &mut settings);
    settings.remove(EPOCHS);
    json!({
        "$schema": DIALECT,
        "title": "Search space of at2seld",
        "type": "object",
        "additionalProperties": false,
        "required": ["stages"],
        "properties": {
            "$schema": {"type": "string"},
            "study": of::<StudyOptions>(),
            "fixed": fixed(&architecture, &settings),
            "stages": {
                "description": "The searches, in the order in which they are made.",
                "type": "array",
                "minItems": 1,
                "items": stage(&settings),
            },
        },
        "$defs": {"int": of::<RawInt>(), "float": of::<RawFloat>()},
    })
}

/// Schemas of the settings of a document, by key path.
fn collect(prefix: &str, schema: &Value, settings: &mut BTreeMap<String, Value>) {
    match schema.get("properties").and_then(Value::as_object) {
        Some(properties) => {
            for (key, inner) in properties {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                collect(&path, inner, settings);
            }
        }
        None => {
            settings.insert(prefix.to_owned(), schema.clone());
        }
    }
}

/// Values by key path, as nested objects, or both.
fn fixed(architecture: &Value, settings: &BTreeMap<String, Value>) -> Value {
    let mut properties: Map<String, Value> = settings.clone().into_iter().collect();
    properties.insert(PRESET.into(), presets());
    if let Some(groups) = architecture.get("properties").and_then(Value::as_object) {
        properties.extend(groups.clone());
    }
    json!({
        "description": "What all stages begin with: settings of the architecture that are not the defaults.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn presets() -> Value {
    json!({"description": "A named architecture to begin from.", "enum": Preset::ALL.map(Preset::name)})
}

fn stage(settings: &BTreeMap<String, Value>) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "budget"],
        "properties": {
            "name": {"description": "Unique in the file.", "type": "string", "minLength": 1},
            "inherit": {
                "description": "The earlier stage whose winner this one begins from.",
                "oneOf": [{"type": "string"}, of::<RawInherit>()],
            },
            "space": parameters(settings),
            "constraints": {
                "description": "What a candidate may cost.",
                "type": "object",
                "additionalProperties": false,
                "properties": Quantity::ALL.map(|q| (q.as_str(), of::<RawRange>())).into_iter().collect::<BTreeMap<_, _>>(),
            },
            "forbidden": {
                "description": "Combinations that no candidate has: values by key path.",
                "type": "array",
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": false,
                    "properties": combined(settings),
                },
            },
            "sampler": kinds(&sampler::REGISTRY, "How candidates are drawn."),
            "pruner": kinds(&pruner::REGISTRY, "When running trials are ended early."),
            "budget": of::<RawBudget>(),
            "objective": objective(),
            "promote": of::<RawPromote>(),
            "prune_with": {
                "description": "Earlier stages whose curves the pruner compares with as well.",
                "type": "array",
                "items": {"type": "string"},
            },
            "warm_start": {
                "description": "Whether trials begin with the weights of the winner of \"inherit\", where these fit.",
                "type": "boolean",
            },
            "init_from": {
                "description": "A trial of the store whose weights trials begin with, where these fit.",
                "type": "integer",
            },
        },
    })
}

fn objective() -> Value {
    let scores = Objective::ALL.map(Objective::as_str);
    let all = scores.into_iter().chain([Quantity::Params, Quantity::Macs].map(Quantity::as_str));
    json!({
        "description": "The validation score that is optimised; or several objectives, of which the winner is chosen by the first.",
        "default": Objective::default().as_str(),
        "oneOf": [
            {"enum": scores},
            {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["metric"],
                    "properties": {"metric": {"enum": all.collect::<Vec<_>>()}},
                },
            },
        ],
    })
}

/// Settings, and the presets, by key.
fn combined(settings: &BTreeMap<String, Value>) -> Map<String, Value> {
    let mut all: Map<String, Value> = settings.clone().into_iter().collect();
    all.insert(PRESET.into(), presets());
    all
}

/// The space of a stage: what may be drawn, by key path.
fn parameters(settings: &BTreeMap<String, Value>) -> Value {
    let mut properties: Map<String, Value> =
        combined(settings).into_iter().map(|(key, values)| (key, parameter(&values))).collect();
    let several = json!({
        "description": "Settings that are chosen together.",
        "type": "object",
        "additionalProperties": false,
        "properties": settings,
    });
    properties.insert(SETTINGS.into(), parameter(&several));
    json!({
        "description": "What is searched: paths into the architecture document.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// A parameter whose values are as `values` says.
fn parameter(values: &Value) -> Value {
    let is = |kind: &str| match values.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    };
    let mut properties = json!({
        "choice": {"type": "array", "minItems": 1, "uniqueItems": true, "items": values},
        "when": {"description": "Takes part only where other parameters have these values.", "type": "object"},
    });
    let mut ways = vec![json!({"required": ["choice"]})];
    for (name, fits) in [("int", is("integer") || is("number")), ("float", is("number"))] {
        if fits {
            properties[name] = json!({"$ref": format!("#/$defs/{name}")});
            ways.push(json!({"required": [name]}));
        }
    }
    let mut schema =
        json!({"type": "object", "additionalProperties": false, "properties": properties, "oneOf": ways});
    if let Some(description) = values.get("description") {
        schema["description"] = description.clone();
    }
    schema
}

/// An implementation by its kind, with its options.
fn kinds<T: ?Sized>(registry: &Registry<T>, description: &str) -> Value {
    let variants = registry.kinds.iter().map(|kind| {
        let mut schema = (kind.options)();
        schema["properties"]["kind"] = json!({"const": kind.name});
        if kind.name != registry.default {
            schema["required"] = json!(["kind"]);
        }
        schema
    });
    json!({"description": description, "oneOf": variants.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jsonschema::Validator;

    use super::*;
    use crate::search::SearchSpace;
    use crate::search::space::document::setting_keys;

    fn validator() -> Validator {
        jsonschema::validator_for(&space_file()).unwrap()
    }

    #[test]
    fn every_space_file_that_comes_with_the_program_keeps_to_it() {
        let validator = validator();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("search_spaces")).unwrap() {
            let path = entry.unwrap().path();
            let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let wrong = validator.iter_errors(&document);
            let wrong: Vec<String> =
                wrong.map(|error| format!("{error} at {}", error.instance_path())).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{}", path.display());
        }
    }

    #[test]
    fn it_knows_the_settings_of_the_architecture() {
        let mut settings = BTreeMap::new();
        collect("", &of::<Architecture>(), &mut settings);
        let mut keys = setting_keys();
        keys.sort();
        assert_eq!(settings.keys().cloned().collect::<Vec<_>>(), keys);
    }

    /// A file with one stage, of which `stage` is a part.
    fn accepts(stage: &str) -> [bool; 2] {
        let text =
            format!(r#"{{"stages": [{{"name": "a", "budget": {{"trials": 1, "epochs": 1}}, {stage}}}]}}"#);
        let document = serde_json::from_str(&text).unwrap();
        [validator().is_valid(&document), SearchSpace::parse("space.json", &text).is_ok()]
    }

    #[test]
    fn it_agrees_with_the_program_on_what_is_right_and_wrong() {
        for right in [
            r#""space": {}"#,
            r#""sampler": {}, "pruner": {"kind": "none"}"#,
            r#""sampler": {"kind": "tpe", "startup": 4}, "pruner": {"kind": "curve", "keep": 0.1}"#,
            r#""space": {"encoder.width": {"int": {"low": 8, "high": 64, "log": true}}}"#,
            r#""space": {"backbone.freeze": {"choice": ["all", "none", 3]}}"#,
            r#""space": {"fusion.placement": {"choice": ["cs01", [], ["early", "late"]]}}"#,
            r#""space": {"settings": {"choice": [{}, {"loss.activity": "focal", "encoder.width": 8}]}}"#,
            r#""space": {"preset": {"choice": ["seldnet"]}}, "constraints": {"params": {"max": 5e6}}"#,
            r#""space": {"temporal.kind": {"choice": ["none", "gru"]},
                         "temporal.hidden": {"choice": [8], "when": {"temporal.kind": "gru"}}}"#,
            r#""forbidden": [{"encoder.width": 8, "temporal.kind": "gru"}], "objective": "f20""#,
            r#""promote": {"top_k": 2, "repeats": 3}"#,
        ] {
            assert_eq!(accepts(right), [true, true], "{right}");
        }
        for wrong in [
            r#""spaces": {}"#,
            r#""sampler": {"kind": "tpee"}"#,
            r#""sampler": {"kind": "tpe", "keep": 1}"#,
            r#""space": {"encoder.widht": {"choice": [8]}}"#,
            r#""space": {"encoder.width": {"choice": ["wide"]}}"#,
            r#""space": {"encoder.width": {"choice": []}}"#,
            r#""space": {"encoder.width": {"choice": [8], "int": {"low": 1, "high": 2}}}"#,
            r#""space": {"temporal.kind": {"choice": ["lstm"]}}"#,
            r#""space": {"temporal.kind": {"int": {"low": 1, "high": 2}}}"#,
            r#""space": {"train.epochs": {"choice": [8]}}"#,
            r#""constraints": {"parms": {"max": 5e6}}"#,
            r#""objective": "selt""#,
        ] {
            assert_eq!(accepts(wrong), [false, false], "{wrong}");
        }
    }
}
