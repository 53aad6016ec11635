//! The vectors: good plans parse, bad ones give the text beside them; the schema knows every key.

use crate::{plan, refused, rules::registry};
use std::fs;
use std::path::{Path, PathBuf};
use tacit_core::plan::schema;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/plan").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(files.len() > 3);
    files
}

#[test]
fn good_plans_parse_and_keep_their_meaning() {
    for path in files("good") {
        let first = plan(&fs::read_to_string(&path).unwrap());
        assert_eq!(plan(&first.to_toml()), first, "{}", path.display());
    }
}

#[test]
fn bad_plans_are_refused_in_these_words() {
    for path in files("bad") {
        let refusal = refused(&fs::read_to_string(&path).unwrap());
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert_eq!(refusal + "\n", expected, "{}", path.display());
    }
}

/// The name of a plan must never change by accident: it is in signatures and logs.
#[test]
fn the_canonical_text_is_pinned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/plan");
    let pinned = fs::read_to_string(folder.join("good/default.toml")).unwrap();
    assert_eq!(plan("").to_toml(), pinned);
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema(&registry());
    let table: toml::Table = plan("strategy = \"fedprox\"").to_toml().parse().unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for (key, value) in &table {
        let known = &schema["properties"][key];
        assert!(known.is_object(), "{key}");
        if let (Some(inner), Some("object")) = (value.as_table(), known["type"].as_str()) {
            for name in inner.keys() {
                assert!(known["properties"][name]["description"].is_string(), "{key}.{name}");
            }
        }
    }
    assert_eq!(schema["properties"]["num_rounds"]["maximum"], 1_000_000);
    assert_eq!(schema["properties"]["evaluation"]["properties"]["on"]["default"][0], "coordinator");
    let trainers = schema["properties"]["trainer"]["anyOf"].as_array().unwrap();
    let command = trainers.iter().find(|t| t["properties"]["rule"]["const"] == "command").unwrap();
    assert_eq!(command["required"], serde_json::json!(["command"]));
}
