//! The JSON Schema (draft 2020-12) of plans, for editors: made from the same tables as the parser.

use super::tables::{COMMAND, NONE, RULES, RuleKey, SECTIONS};
use crate::limits;
use crate::registry::{Arguments, Default, Entry, Kind, Parameter, Registry};
use serde_json::{Map, Value, json};

/// The schema of a plan, for the rules of a registry.
pub fn schema(registry: &Registry) -> Value {
    let mut keys = Map::new();
    for section in &SECTIONS {
        let inner = properties(section.parameters);
        match section.name {
            "" => keys.extend(inner),
            name => {
                let table = json!({
                    "type": "object",
                    "description": section.help,
                    "properties": inner,
                    "additionalProperties": false,
                });
                keys.insert(name.into(), table);
            }
        }
    }
    for key in &RULES {
        keys.insert(key.family.key().into(), rules(key, registry));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tacit plan",
        "type": "object",
        "properties": keys,
        "additionalProperties": false,
    })
}

fn properties(parameters: &[Parameter]) -> Map<String, Value> {
    parameters.iter().map(|p| (p.name.to_owned(), parameter(p))).collect()
}

fn parameter(parameter: &Parameter) -> Value {
    let mut schema = match parameter.kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Words(words) => {
            json!({ "type": "array", "items": { "enum": words }, "uniqueItems": true })
        }
    };
    schema["description"] = parameter.help.into();
    if let Ok(default) = Arguments::defaults(&[*parameter]) {
        schema["default"] = json!(default)[parameter.name].take();
    }
    schema
}

/// A rule by its name alone, or as a table with its parameters.
fn rules(key: &RuleKey, registry: &Registry) -> Value {
    let entries = || registry.family(key.family);
    let bare: Vec<&str> =
        entries().filter(|entry| required(entry).is_empty()).map(|entry| entry.name).collect();
    let mut forms = vec![json!({ "enum": bare })];
    forms.extend(entries().map(table));
    let one = json!({ "anyOf": forms });
    let mut schema = match key.family.is_list() {
        true => {
            let most = limits::PLAN_LIST;
            forms.push(json!({ "const": NONE }));
            forms.push(json!({ "type": "array", "items": one, "maxItems": most }));
            json!({ "anyOf": forms })
        }
        false => one,
    };
    schema["description"] = key.help.into();
    schema["default"] = if key.family.is_list() { json!([]) } else { key.default.into() };
    schema
}

fn required(entry: &Entry) -> Vec<&'static str> {
    let required = |p: &&Parameter| matches!(p.default, Default::Required);
    entry.parameters.iter().filter(required).map(|p| p.name).collect()
}

fn table(entry: &Entry) -> Value {
    let mut inner = properties(entry.parameters);
    inner.insert("rule".into(), json!({ "const": entry.name }));
    let mut needed = required(entry);
    if entry.name != COMMAND {
        needed.push("rule");
    }
    json!({
        "type": "object",
        "description": entry.help,
        "properties": inner,
        "required": needed,
        "additionalProperties": false,
    })
}
