//! `tacit join`: one participant of a real federation.

use super::{pki, read_plan};
use crate::Ending;
use std::path::PathBuf;
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::data::Shard;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::local::Local;
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::plan::tables::COMMAND;
use tacit_core::registry::Family;
use tacit_learn::{data, federation};
use tacit_node::client::{BlockingTransport, Patience};
use tacit_node::committee::{Committee, Dealing};
use tacit_node::coordinator::SystemClock;
use tacit_node::keys::FolderKeys;
use tacit_node::memory::FileMemory;
use tacit_node::participant::{Testimony, Worker, work};
use tacit_node::wire::Welcome;
use tacit_node::witness::LogWitness;
use tokio::runtime::Runtime;

/// Take part in a federation with your own data.
#[derive(clap::Args)]
pub struct Args {
    /// The coordinator, such as `https://coordinator.example:8443`.
    #[arg(long)]
    coordinator: String,
    /// Name of this participant's certificate.
    #[arg(long)]
    name: String,
    /// Directory with ca.cert.pem, issued/NAME.cert.pem and issued/NAME.key.pem.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
    /// The data to train on: a file, a folder, or the name of an embedded set.
    #[arg(long)]
    data: String,
    /// Train on part I of N of the data, dealt as the plan's partition says: to try a federation
    /// on one data set.
    #[arg(long, value_name = "I/N", value_parser = part)]
    part: Option<(usize, usize)>,
    /// The plan that was agreed on: take part under no other. Required where the plan's trainer
    /// is a program: what runs on this machine is not the coordinator's to choose.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Where this participant keeps its witness key, what it has seen of the run's log, and what
    /// its rules keep between rounds.
    #[arg(long, default_value = "tacit-participant")]
    state: PathBuf,
    /// Folder with the keys of the plan's proof, in files that are named by their digests.
    #[arg(long)]
    keys: Option<PathBuf>,
}

fn part(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parsed.filter(|(i, n)| i < n).ok_or_else(|| "expected I/N with I from 0 to N - 1".to_owned())
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let name = pki::participant(&args.name)?;
    let identity = Arc::new(pki::identity(&args.pki, &name)?);
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let handle = runtime.handle().clone();
    let patience = Patience::default();
    let mut transport =
        BlockingTransport::new(handle, &args.coordinator, identity.clone(), patience)?;
    let welcome = transport.enrol()?;
    let (plan, layout) = read_welcome(&welcome)?;
    consent(&args, &plan)?;
    let folder = args.state.join(name.as_str());
    transport.watch(Box::new(LogWitness::open(&name, &welcome.log_key, Some(&folder))?));
    eprintln!("{name} joined {} (plan {})", plan.name(), plan.digest());
    let shard = shard(&args, &plan)?;
    let mut trainer = plan.trainer(shard.shape())?;
    let data = federation::local_data(&plan, &name, shard)?;
    let committee = Committee::of(&plan, &identity, runtime.handle().clone())?;
    let local = Local { plan: &plan, participant: &name, data: &data };
    let keys = FolderKeys(args.keys.clone());
    let testimony = Testimony::prepare(&local, &layout, &keys, &folder, &identity.public_key())?;
    testimony.as_ref().map_or(Ok(()), |testimony| testimony.enrol(&mut transport))?;
    let mut worker = Worker {
        testimony,
        local,
        trainer: &mut *trainer,
        layout: Arc::new(layout),
        signer: &identity,
        clock: &SystemClock,
        memory: &mut FileMemory::new(&folder, plan.digest()),
        committee: committee.map(|way| way as Arc<dyn Dealing>),
    };
    let delivered = work(&mut worker, &mut transport)?;
    println!("{name}: the run is over; {delivered} contributions delivered");
    Ok(Ending::Done)
}

/// The coordinator's plan and layout, checked against the digest it names.
fn read_welcome(welcome: &Welcome) -> Result<(Plan, Layout), Error> {
    let malformed = |what: &str| Error::Peer(Refusal::Malformed { what: what.into() });
    let text = std::str::from_utf8(&welcome.plan).map_err(|_| malformed("plan of the welcome"))?;
    let plan = Plan::parse(text, &tacit_sim::registry()?)?;
    let named = tacit_node::wire::digest("plan digest", &welcome.plan_digest)?;
    if plan.digest() != named {
        return Err(Refusal::WrongPlan { expected: named, found: plan.digest() }.into());
    }
    Ok((plan, codec::decode("layout", &welcome.layout, limits::MESSAGE_BYTES)?))
}

/// Refuses another plan than the agreed one, and a program that nobody here agreed to run.
fn consent(args: &Args, plan: &Plan) -> Result<(), Error> {
    let trainer = plan.choice(Family::Trainer);
    match &args.plan {
        Some(file) => {
            let (agreed, found) = (read_plan(Some(file))?.digest(), plan.digest());
            if agreed != found {
                let expected = format!("the agreed one, {agreed}");
                return Err(Error::caller("plan of the coordinator", expected, found.to_string()));
            }
        }
        None if trainer.name() == COMMAND => {
            let program = trainer.arguments().list("command")?.join(" ");
            let expected = "the plan you agreed to (--plan FILE), since it runs a program here";
            return Err(Error::caller("plan", expected, program));
        }
        None => {}
    }
    Ok(())
}

/// This participant's examples.
fn shard(args: &Args, plan: &Plan) -> Result<Shard, Error> {
    // The plan's test set is a file of the coordinator.
    let source = data::Source { test: None, ..federation::source(plan, &args.data)? };
    let dataset = data::open(&source)?;
    match args.part {
        None => dataset.shard(dataset.train().to_vec()),
        Some((i, n)) => {
            let dataset = dataset.hold_out(plan.data().held_out, plan.seed())?;
            let parts = federation::deal(plan, &dataset, n)?;
            dataset.shard(parts.into_iter().nth(i).unwrap_or_default())
        }
    }
}
