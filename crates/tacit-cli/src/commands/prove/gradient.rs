//! `tacit prove gradient`: that an update is the clipped gradient of committed data.

use super::{apart, digest, read_bytes, write, write_secret};
use crate::Ending;
use crate::commands::{pki, read_plan, read_text};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tacit_core::codec::{hex, unhex};
use tacit_core::data::Shard;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::proof::{Claim, Secret, Statement, Values, Work};
use tacit_core::traits::{Context, Proof};
use tacit_learn::federation::Federation;
use tacit_learn::train::safetensors;
use tacit_node::keys::FolderKeys;
use tacit_sim::ports::SystemEntropy;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// 64 hexadecimal digits that hide the data in the commitment to them; drawn if there is no
    /// such file. Whoever has it can find out which rows were committed to.
    #[arg(long, default_value = "data-secret.hex")]
    secret: PathBuf,
    /// The coordinator's number of the round, 64 hexadecimal digits; zeros by default.
    #[arg(long)]
    nonce: Option<String>,
    /// Where the proof goes, with what it is about.
    #[arg(long, default_value = "proof.json")]
    out: PathBuf,
    /// Leave the update out of the file, as for third parties.
    #[arg(long)]
    without_update: bool,
}

/// What a proof is about, for those who make one and those who verify it.
#[derive(clap::Args)]
pub(in crate::commands) struct Place {
    /// The plan, which names the proof's keys.
    plan: PathBuf,
    /// The folder with the keys, each in a file that is named by its SHA-256.
    #[arg(long)]
    keys: PathBuf,
    /// Who proves.
    #[arg(long, default_value = "p0")]
    participant: String,
    /// The round, from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    round: u32,
    /// The round's model as safetensors; by default the plan's first one.
    #[arg(long)]
    model: Option<PathBuf>,
}

/// A place, read.
pub(in crate::commands) struct Scene {
    pub plan: Plan,
    pub proof: Box<dyn Proof>,
    pub keys: FolderKeys,
    pub participant: ParticipantId,
    pub round: u32,
    pub model: Params,
    pub data: Federation,
}

/// A proof with what it is about, as a file.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct File {
    pub plan: Digest,
    pub round: u32,
    pub model: Digest,
    pub participant: ParticipantId,
    pub nonce: Digest,
    /// The commitment to the participant's data, hexadecimal.
    pub dataset: String,
    pub examples: u64,
    /// The update, and 32 bytes that open the commitment to it: both or neither. Third parties
    /// need neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Vec<f32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Hexadecimal.
    pub proof: String,
}

impl Place {
    pub fn open(self) -> Result<Scene, Error> {
        let plan = read_plan(Some(&self.plan))?;
        let Some(proof) = plan.proof()? else {
            return Err(Error::caller("plan", "proof = \"groth16\" or another proof", "none"));
        };
        let data = Federation::assemble(&plan)?;
        let first = data.initial_model()?;
        let model = match &self.model {
            None => first,
            Some(path) => {
                let limit = model_bytes(&first);
                let bytes = read_bytes(path, limit)?;
                safetensors::read_as(&bytes, first.layout())?
            }
        };
        let participant = pki::participant(&self.participant)?;
        if self.round > plan.num_rounds() {
            let expected = format!("1 to {}, as the plan has", plan.num_rounds());
            return Err(Error::caller("round", expected, self.round.to_string()));
        }
        let keys = FolderKeys(Some(self.keys));
        Ok(Scene { plan, proof, keys, participant, round: self.round, model, data })
    }
}

/// Most bytes of a file with a model of this size.
fn model_bytes(model: &Params) -> u64 {
    model.layout().len() as u64 * 8 + safetensors::HEADER_BYTES
}

impl Scene {
    pub fn context(&self) -> Context {
        let (plan, model) = (self.plan.digest(), self.model.digest());
        Context { plan, round: self.round, model }
    }

    fn shard(&self) -> Result<&Shard, Error> {
        let mut all = self.data.participants().iter();
        let found = all.find(|(id, _)| *id == self.participant);
        found.map(|(_, local)| &local.train).ok_or_else(|| {
            let names = self.data.participants().iter().map(|(id, _)| id.to_string());
            let names: Vec<String> = names.take(20).collect();
            let found = self.participant.to_string();
            Error::caller("participant", names.join(", "), found)
        })
    }
}

fn secret(path: &Path) -> Result<Secret, Error> {
    if path.exists() {
        return Ok(Secret::from_bytes(digest("data secret", &read_text(path, 256)?)?.0));
    }
    let secret = Secret::draw(&mut SystemEntropy)?;
    write_secret(path, &secret)?;
    Ok(secret)
}

pub(super) fn main(args: Args) -> Result<Ending, Error> {
    let nonce = args.nonce.as_deref().map_or(Ok(Digest::default()), |n| digest("nonce", n))?;
    apart(&[Some(&args.place.plan), Some(&args.secret), Some(&args.out)])?;
    let scene = args.place.open()?;
    let (secret, seed) = (secret(&args.secret)?, Secret::draw(&mut SystemEntropy)?);
    let shard = scene.shard()?;
    let order = scene.plan.fit_order(scene.round, &scene.participant);
    let fitted = scene.data.trainer()?.fit(&order, &scene.model, shard)?;
    let values = fitted.update.values();
    let Some(dataset) = scene.proof.commit(&scene.plan, shard, &secret)? else {
        let found = "one that commits to no data";
        return Err(Error::caller("proof", "one that is about committed data", found));
    };
    let claim = Claim {
        context: scene.context(),
        participant: &scene.participant,
        signer: &[],
        nonce,
        dataset: &dataset,
        examples: fitted.update.examples(),
    };
    let statement = Statement { plan: &scene.plan, layout: scene.model.layout() };
    let (model, values) = (&scene.model, Values::Each(values));
    let work = Work { order: &order, model, shard, secret: &secret, values, seed: &seed };
    let start = Instant::now();
    let mut prover = scene.proof.prover(&statement, &scene.keys)?;
    let ready = start.elapsed();
    let start = Instant::now();
    let proved = prover.prove(&claim, &work, &mut SystemEntropy)?;
    let proving = start.elapsed();
    let file = File {
        plan: scene.plan.digest(),
        round: scene.round,
        model: scene.model.digest(),
        participant: scene.participant.clone(),
        nonce,
        dataset: hex(&dataset),
        examples: fitted.update.examples(),
        update: (!args.without_update).then(|| fitted.update.values().to_vec()),
        seed: (!args.without_update).then(|| hex(seed.bytes())),
        proof: hex(&proved.proof),
    };
    let text = serde_json::to_string_pretty(&file)
        .map_err(|_| Error::Bug("a proof's file is written as JSON"))?;
    write(&args.out, text.as_bytes())?;
    println!(
        "{}: proof of {}, {} bytes, {:.0} ms (and {:.0} ms to read the key and the circuit)",
        args.out.display(),
        scene.participant,
        proved.proof.len(),
        proving.as_secs_f64() * 1e3,
        ready.as_secs_f64() * 1e3
    );
    Ok(Ending::Done)
}

impl File {
    pub fn read(path: &Path) -> Result<Self, Error> {
        // an update as JSON takes up to twenty bytes a value, a proof two a byte
        let bytes = read_bytes(path, limits::PROOF_BYTES * 2)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::caller("proof file", "what tacit prove writes", error.to_string())
        })
    }

    pub fn bytes(what: &'static str, text: &str) -> Result<Vec<u8>, Error> {
        unhex(text).ok_or_else(|| Error::caller(what, "lower-case hexadecimal", "other text"))
    }
}
