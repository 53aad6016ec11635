//! `tacit rules`: every registered rule with its parameters.

use crate::Ending;
use comfy_table::{ContentArrangement, Table, presets};
use tacit_core::error::Error;
use tacit_core::registry::{Default, Family, Kind, Parameter};
use tacit_sim::attack::ENTRIES;

/// List the rules that a plan can name, and the attacks, with their parameters.
#[derive(clap::Args)]
pub struct Args {}

pub fn main(_: Args) -> Result<Ending, Error> {
    let registry = tacit_sim::registry()?;
    for family in Family::ALL {
        let rules = registry.family(family).map(|entry| (entry.name, entry.help, entry.parameters));
        println!("{} =\n{}\n", family.key(), list(rules));
    }
    let attacks = ENTRIES.iter().map(|entry| (entry.name, entry.help, entry.parameters));
    println!("tacit attack --attack\n{}\n", list(attacks));
    Ok(Ending::Done)
}

type Rule = (&'static str, &'static str, &'static [Parameter]);

fn list(rules: impl Iterator<Item = Rule>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for (name, help, parameters) in rules {
        table.add_row([format!("  {name}"), help.to_owned()]);
        for parameter in parameters {
            table.add_row([format!("    {}", parameter.name), describe(parameter)]);
        }
    }
    table.trim_fmt()
}

fn describe(parameter: &Parameter) -> String {
    let values = match parameter.kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Number { min, max } => format!("{min} to {max}"),
        Kind::Text => "text".to_owned(),
        Kind::Word(words) | Kind::Words(words) => words.join(", "),
        Kind::List => "list of texts".to_owned(),
    };
    let default = match parameter.default {
        Default::Required => "required".to_owned(),
        Default::Absent => "none by default".to_owned(),
        Default::Flag(x) => format!("default {x}"),
        Default::Integer(x) => format!("default {x}"),
        Default::Number(x) => format!("default {x}"),
        Default::Text(x) => format!("default {x:?}"),
        Default::Words(x) => format!("default {x:?}"),
        Default::Empty => "default []".to_owned(),
    };
    format!("{} [{values}; {default}]", parameter.help)
}
