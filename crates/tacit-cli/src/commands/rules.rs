//! `tacit rules`: every registered rule with its parameters.

use crate::Ending;
use comfy_table::{ContentArrangement, Table, presets};
use tacit_core::error::Error;
use tacit_core::registry::{Default, Family, Kind, Parameter};

/// List the rules that a plan can name, with their parameters.
#[derive(clap::Args)]
pub struct Args {}

pub fn main(_: Args) -> Result<Ending, Error> {
    let registry = tacit_learn::registry()?;
    for family in Family::ALL {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        for entry in registry.family(family) {
            table.add_row([format!("  {}", entry.name), entry.help.to_owned()]);
            for parameter in entry.parameters {
                table.add_row([format!("    {}", parameter.name), describe(parameter)]);
            }
        }
        println!("{} =\n{}\n", family.key(), table.trim_fmt());
    }
    Ok(Ending::Done)
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
