//! The canonical text of a plan: every value explicit, one order, one spelling. Written by hand
//! since the digest of a plan must not change with the version of a library.

use super::choice::Choice;
use super::tables::{NONE, OPTIONAL, OPTIONAL_RULE, RULES, RuleKey, SECTIONS};
use crate::registry::{Arguments, Family, Parameter, Value};
use std::fmt::Write as _;

pub(super) fn plan(sections: &[Arguments], rules: &[Vec<Choice>]) -> String {
    let mut out = String::new();
    for (section, arguments) in SECTIONS.iter().zip(sections) {
        let defaults = || Arguments::defaults(section.parameters);
        if OPTIONAL.contains(&section.name)
            && defaults().is_ok_and(|defaults| defaults == *arguments)
        {
            continue;
        }
        if !section.name.is_empty() {
            let _ = writeln!(out, "\n[{}]", section.name);
        }
        for (name, value) in ordered(section.parameters, arguments) {
            let _ = writeln!(out, "{name} = {}", self::value(value));
        }
        if section.name.is_empty() {
            for (RuleKey { family, .. }, choices) in RULES.iter().zip(rules) {
                let none = choices.iter().all(|choice| choice.name() == NONE);
                if *family != OPTIONAL_RULE || !none {
                    let _ = writeln!(out, "{} = {}", family.key(), self::rules(*family, choices));
                }
            }
        }
    }
    out
}

/// A canonical text with other values behind some keys; a key that it does not have comes first,
/// where the reader will refuse it.
pub(super) fn changed(canonical: &str, changes: &[(&str, &str)]) -> String {
    let mut left = changes.to_vec();
    let (mut table, mut out) = (String::new(), String::new());
    for line in canonical.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = format!("{name}.");
        }
        let key = line.split_once(" = ").map(|(key, _)| format!("{table}{key}"));
        let place = left.iter().position(|(name, _)| key.as_deref() == Some(*name));
        match (place, line.split_once(" = ")) {
            (Some(place), Some((key, _))) => {
                let _ = writeln!(out, "{key} = {}", left.swap_remove(place).1);
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    let unknown = left.iter().map(|(key, value)| format!("{key} = {value}\n"));
    unknown.collect::<String>() + &out
}

/// The chosen rules of a family as they are written behind its key.
pub(super) fn rules(family: Family, choices: &[Choice]) -> String {
    match choices {
        choices if family.is_list() => {
            let tables: Vec<String> = choices.iter().map(table).collect();
            format!("[{}]", tables.join(", "))
        }
        [choice] if choice.entry().parameters.is_empty() => quote(choice.name()),
        choices => choices.iter().map(table).collect(),
    }
}

fn table(choice: &Choice) -> String {
    let mut text = format!("{{ rule = {}", quote(choice.name()));
    for (name, value) in ordered(choice.entry().parameters, choice.arguments()) {
        let _ = write!(text, ", {name} = {}", self::value(value));
    }
    text + " }"
}

/// Values in the order in which they are declared.
fn ordered<'a>(
    parameters: &'a [Parameter],
    arguments: &'a Arguments,
) -> impl Iterator<Item = (&'static str, &'a Value)> {
    parameters.iter().filter_map(|p| arguments.0.get(p.name).map(|value| (p.name, value)))
}

pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(x) => x.to_string(),
        Value::Number(x) => number(*x),
        Value::Text(text) => quote(text),
        Value::List(list) => {
            let texts: Vec<String> = list.iter().map(|text| quote(text)).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

/// The shortest decimal that reads back as the same number, with a point or an exponent.
pub(super) fn number(x: f64) -> String {
    format!("{x:?}")
}

/// A TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}
