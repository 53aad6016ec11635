//! The default plan with every key explained, made from the same tables as the parser.

use super::tables::{RULES, RuleKey, SECTIONS, default_text, takes};
use super::write::quote;
use crate::registry::{Default, Entry, Parameter, Registry};
use std::fmt::Write as _;

const HEAD: &str = "\
# A plan. Every value below is the default: an empty file means the same.
";

/// A commented plan that parses to the default one, for the rules of a registry.
pub fn example(registry: &Registry) -> String {
    let mut out = String::from(HEAD);
    for section in &SECTIONS {
        if !section.name.is_empty() {
            let _ = write!(out, "\n# {}\n[{}]\n", section.help, section.name);
        }
        for parameter in section.parameters {
            let gap = if section.name.is_empty() { "\n" } else { "" };
            let _ = writeln!(out, "{gap}# {}", explain(parameter));
            if let Some(value) = default_text(parameter) {
                let _ = writeln!(out, "{} = {value}", parameter.name);
            }
        }
        if section.name.is_empty() {
            RULES.iter().for_each(|key| rule(&mut out, key, registry));
        }
    }
    out
}

fn explain(parameter: &Parameter) -> String {
    format!("{} Takes {}.", parameter.help, takes(parameter))
}

fn rule(out: &mut String, key: &RuleKey, registry: &Registry) {
    if key.family != key.family.registered() {
        let (rules, help) = (key.family.registered().key(), key.help);
        let key = key.family.key();
        let _ = writeln!(out, "\n# {help} The rules of `{rules}`.\n{key} = []");
        return;
    }
    let these = if key.family.is_list() { "Of these" } else { "One of" };
    let _ = writeln!(out, "\n# {} {these}:", key.help);
    for entry in registry.family(key.family) {
        let _ = writeln!(out, "#   {}: {}", form(entry), entry.help);
        for parameter in entry.parameters {
            let _ = writeln!(out, "#     {}: {}", parameter.name, explain(parameter));
        }
    }
    let default = if key.family.is_list() { "[]".into() } else { quote(key.default) };
    let _ = writeln!(out, "{} = {default}", key.family.key());
}

/// How a rule is written, with the defaults of its parameters.
fn form(entry: &Entry) -> String {
    let present = |p: &&Parameter| !matches!(p.default, Default::Absent);
    if !entry.parameters.iter().any(|p| present(&p)) {
        return quote(entry.name);
    }
    let mut text = format!("{{ rule = {}", quote(entry.name));
    for parameter in entry.parameters.iter().filter(present) {
        let value = default_text(parameter).unwrap_or_else(|| "…".into());
        let _ = write!(text, ", {} = {value}", parameter.name);
    }
    text + " }"
}
