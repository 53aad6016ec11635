//! `tacit data show`: what each participant holds.

use super::read_plan;
use crate::Ending;
use comfy_table::{ContentArrangement, Table, presets};
use std::path::PathBuf;
use tacit_core::error::Error;
use tacit_learn::data;
use tacit_learn::federation::Federation;

/// Look at a plan's data.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print what each participant holds, and write it as a picture.
    Show {
        /// The plan; the embedded default without it.
        plan: Option<PathBuf>,
        /// Where the picture goes.
        #[arg(long, default_value = "data.svg")]
        picture: PathBuf,
    },
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let Action::Show { plan, picture } = args.action;
    let plan = read_plan(plan.as_deref())?;
    let federation = Federation::assemble(&plan)?;
    let dataset = federation.dataset();
    let rows: Vec<Vec<u32>> =
        federation.participants().iter().map(|(_, data)| data.train.rows().to_vec()).collect();
    let mut parts = data::describe(dataset, &rows);
    for (part, (id, _)) in parts.iter_mut().zip(federation.participants()) {
        part.name = match &part.group {
            Some(group) => format!("{id} ({group})"),
            None => id.to_string(),
        };
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    let mut header = vec!["participant".to_owned(), "examples".to_owned()];
    let shown = dataset.classes().len().min(12);
    header.extend(dataset.classes()[..shown].iter().cloned());
    table.set_header(header);
    for part in &parts {
        let mut row = vec![part.name.clone(), part.examples.to_string()];
        row.extend(part.histogram[..shown].iter().map(ToString::to_string));
        table.add_row(row);
    }
    println!("{table}");
    println!(
        "{} training and {} test examples, {} features, {} classes",
        dataset.train().len(),
        dataset.test().len(),
        dataset.shape().width(),
        dataset.shape().classes
    );
    std::fs::write(&picture, data::picture_svg(&parts, dataset.classes()))
        .map_err(|e| Error::world(format!("writing {}", picture.display()), e))?;
    println!("picture: {}", picture.display());
    Ok(Ending::Done)
}
