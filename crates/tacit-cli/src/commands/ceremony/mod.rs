//! `tacit ceremony`: the keys of Groth16 proofs, made by many, of whom one honest one suffices.

mod make;
pub(super) mod place;
mod remote;
mod served;
mod turns;

use crate::Ending;
use std::net::SocketAddr;
use std::path::PathBuf;
use tacit_core::error::Error;

/// Make the keys of proofs together: sound unless every contributor is dishonest.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    New(New),
    Contribute(Contribute),
    Verify(Verify),
    Beacon(Beacon),
    Finalise(Finalise),
    /// Show who contributed what.
    Show {
        /// Folder of the ceremony.
        dir: PathBuf,
    },
    Serve(Serve),
}

/// Begin a ceremony: for powers of tau, or on such powers for the keys of one circuit.
#[derive(clap::Args)]
pub struct New {
    /// Folder of the ceremony.
    dir: PathBuf,
    /// Powers of tau, as a logarithm: circuits of as many constraints and public inputs fit.
    #[arg(long, conflicts_with = "circuit")]
    power: Option<u32>,
    /// Curve of the powers: bn254 or bls12-381.
    #[arg(long, default_value = "bn254")]
    curve: String,
    /// The circuit (.r1cs).
    #[arg(long, requires = "powers")]
    circuit: Option<PathBuf>,
    /// Powers of tau (.ptau) for the circuit.
    #[arg(long)]
    powers: Option<PathBuf>,
    /// The public value that will end the ceremony, in words; nobody must know it yet.
    #[arg(long, default_value = "")]
    announce: String,
}

/// Contribute secrets of your own, which are forgotten.
#[derive(clap::Args)]
pub struct Contribute {
    /// Folder of the ceremony; it goes from hand to hand.
    #[arg(required_unless_present = "to")]
    dir: Option<PathBuf>,
    /// Contribute to a ceremony that is served, such as https://host:8443.
    #[arg(long, conflicts_with = "dir")]
    to: Option<String>,
    /// Your name.
    #[arg(long)]
    name: String,
    /// Directory with your certificate and key, which signs; needed with --to.
    #[arg(long, conflicts_with = "key")]
    pki: Option<PathBuf>,
    /// File with your Ed25519 key as 64 hexadecimal digits; made if there is none.
    #[arg(long)]
    key: Option<PathBuf>,
    /// File with entropy of your own, such as what dice gave.
    #[arg(long)]
    entropy: Option<PathBuf>,
    /// A head that the ceremony must have passed, such as that of your last contribution.
    #[arg(long)]
    head: Option<String>,
    #[command(flatten)]
    on: On,
}

/// What keys are derived from.
#[derive(clap::Args)]
pub struct On {
    /// The circuit (.r1cs) of the keys.
    #[arg(long, requires = "powers")]
    circuit: Option<PathBuf>,
    /// The powers of tau (.ptau) that the keys are on.
    #[arg(long, requires = "circuit")]
    powers: Option<PathBuf>,
}

/// Verify a whole ceremony, offline.
#[derive(clap::Args)]
pub struct Verify {
    /// Folder of the ceremony, or a copy of it.
    dir: PathBuf,
    #[command(flatten)]
    on: On,
}

/// End a ceremony with a public value that nobody could choose.
#[derive(clap::Args)]
pub struct Beacon {
    /// Folder of the ceremony.
    dir: PathBuf,
    /// The value, in hexadecimal digits.
    #[arg(long)]
    source: String,
    /// How often it is hashed, as a logarithm.
    #[arg(long, default_value_t = 20)]
    exponent: u8,
}

/// Verify a ceremony and write what it made.
#[derive(clap::Args)]
pub struct Finalise {
    #[command(flatten)]
    verify: Verify,
    /// Where it is written.
    #[arg(long)]
    out: PathBuf,
    /// Accept a ceremony that no beacon ended.
    #[arg(long)]
    without_beacon: bool,
}

/// Hold a ceremony over the network, one contributor at a time.
#[derive(clap::Args)]
pub struct Serve {
    /// Folder of the ceremony.
    dir: PathBuf,
    /// Directory of the authority: who has its certificate may contribute.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
    /// Name of this server's certificate.
    #[arg(long, default_value = "coordinator")]
    name: String,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// How long one contributor has, in seconds.
    #[arg(long, default_value_t = 3600)]
    turn: u64,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    match args.action {
        Action::New(new) => make::new(&new)?,
        Action::Contribute(contribute) => match (&contribute.to, &contribute.dir) {
            (Some(url), _) => remote::contribute(&contribute, url)?,
            (None, Some(dir)) => make::contribute(&contribute, dir)?,
            (None, None) => {
                return Err(Error::caller("ceremony", "a folder or --to URL", "neither"));
            }
        },
        Action::Verify(verify) => make::verify(&verify)?,
        Action::Beacon(beacon) => make::beacon(&beacon)?,
        Action::Finalise(finalise) => make::finalise(&finalise)?,
        Action::Show { dir } => make::show(&dir)?,
        Action::Serve(serve) => served::main(&serve)?,
    }
    Ok(Ending::Done)
}
