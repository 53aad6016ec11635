//! `tacit attack`: aggregators under attack, as a table, a heat map and figures.

use super::read_plan;
use crate::Ending;
use crate::report::attack::{self, Facts};
use std::io::IsTerminal;
use std::path::PathBuf;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_core::registry::{Family, Registry};
use tacit_sim::attack::Chosen;
use tacit_sim::attack::grid::Grid;

/// Simulate a plan with hostile participants: every aggregator against every attack.
#[derive(clap::Args)]
pub struct Args {
    /// The plan; without it, digits over twenty participants.
    plan: Option<PathBuf>,
    /// Attacks, separated by commas, each with parameters if need be: `scaling:factor=-30`.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    attack: Vec<String>,
    /// Aggregators, separated by commas; by default the plan's.
    #[arg(long, value_delimiter = ',')]
    aggregators: Vec<String>,
    /// Hostile participants, drawn from the plan's seed; rules are told their number.
    #[arg(long)]
    byzantine: usize,
    /// Runs of each pair, with the plan's seed and the following ones.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Folder for grid.csv, grid.json and grid.html; by default the first unused
    /// runs/NAME-attack-N.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Worker threads; 0 means one per core. The result does not depend on it.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let plan = read_plan(args.plan.as_deref())?;
    let registry = tacit_sim::registry()?;
    let grid = Grid {
        plan: &plan,
        registry: &registry,
        aggregators: aggregators(&args.aggregators, &plan, &registry)?,
        attacks: attacks(&args.attack)?,
        byzantine: args.byzantine,
        seeds: args.seeds,
        threads: args.threads,
    };
    let tell = std::io::stderr().is_terminal();
    let cells = grid.run(&mut |aggregator, attack, cell| {
        if tell {
            eprintln!("{aggregator} under {attack}: {}", attack::said(cell));
        }
    })?;
    let facts = Facts { grid: &grid, cells: &cells, version: env!("CARGO_PKG_VERSION") };
    let dir = folder(args.out, &plan)?;
    println!("{}", attack::table(&facts));
    let json = format!("{:#}\n", attack::json(&facts));
    for (name, text) in [
        ("grid.csv", attack::csv(&facts)),
        ("grid.json", json),
        ("grid.html", attack::html(&facts)),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, text)
            .map_err(|e| Error::world(format!("writing {}", path.display()), e))?;
        println!("wrote {}", path.display());
    }
    Ok(Ending::Done)
}

/// The attacks named, after a run without one.
fn attacks(names: &[String]) -> Result<Vec<Option<Chosen>>, Error> {
    let mut attacks = vec![None];
    for name in names {
        match name.as_str() {
            "all" => attacks.extend(Chosen::all()?.into_iter().map(Some)),
            name => attacks.push(Some(Chosen::parse(name)?)),
        }
    }
    Ok(attacks)
}

fn aggregators(
    names: &[String],
    plan: &Plan,
    registry: &Registry,
) -> Result<Vec<&'static str>, Error> {
    let all = || registry.family(Family::Aggregator).map(|entry| entry.name);
    if names.is_empty() {
        return Ok(vec![plan.choice(Family::Aggregator).name()]);
    }
    let mut found = Vec::new();
    for name in names {
        match (name.as_str(), all().find(|known| known == name)) {
            ("all", _) => found.extend(all()),
            (_, Some(known)) => found.push(known),
            (_, None) => {
                let expected = format!("all, or any of {}", all().collect::<Vec<_>>().join(", "));
                return Err(Error::caller("aggregators", expected, format!("{name:?}")));
            }
        }
    }
    Ok(found)
}

fn folder(out: Option<PathBuf>, plan: &Plan) -> Result<PathBuf, Error> {
    let dir = match out {
        Some(dir) => dir,
        None => {
            let name = |n: u32| PathBuf::from("runs").join(format!("{}-attack-{n}", plan.name()));
            let unused = (1..=1_000_000).map(name).find(|dir| !dir.exists());
            unused.ok_or_else(|| Error::caller("runs", "fewer than a million folders", "more"))?
        }
    };
    std::fs::create_dir_all(&dir)
        .map_err(|e| Error::world(format!("creating {}", dir.display()), e))?;
    Ok(dir)
}
