//! `tacit pki`: a small certificate authority.

use crate::Ending;
use std::path::{Path, PathBuf};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_node::pki::{Identity, Pki, Role};

/// Run a small certificate authority: three commands make a federation.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// Directory of the authority.
    #[arg(long, default_value = "pki", global = true)]
    dir: PathBuf,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a new authority.
    Init {
        /// Its name, shown in certificates.
        #[arg(default_value = "tacit authority")]
        name: String,
    },
    /// Issue a certificate with a fresh key.
    Issue {
        /// Name of the node, unique in the federation.
        name: String,
        /// Make it the coordinator's, reachable under these DNS names or addresses.
        #[arg(long = "coordinator", value_name = "HOST")]
        hosts: Vec<String>,
        /// Make it an aggregator's, reachable under these DNS names or addresses.
        #[arg(long = "aggregator", value_name = "HOST", conflicts_with = "hosts")]
        aggregator: Vec<String>,
    },
    /// Revoke a node's certificates.
    Revoke {
        /// Name of the node.
        name: String,
    },
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let dir = args.dir;
    match args.action {
        Action::Init { name } => {
            let pki = Pki::init(&dir, &name)?;
            println!("authority: {} (its key stays in {})", pki.ca_path().display(), dir.display());
        }
        Action::Issue { name, hosts, aggregator } => {
            let role = match (hosts.is_empty(), aggregator.is_empty()) {
                (true, true) => Role::Participant,
                (false, _) => Role::Coordinator { hosts },
                (true, false) => Role::Aggregator { hosts: aggregator },
            };
            let issued = Pki::open(&dir)?.issue(&participant(&name)?, &role)?;
            println!("certificate: {}", issued.cert.display());
            println!("key:         {} (give it to {name} alone)", issued.key.display());
        }
        Action::Revoke { name } => {
            let pki = Pki::open(&dir)?;
            let count = pki.revoke(&participant(&name)?)?;
            println!("revoked {count} certificates of {name}: {}", pki.crl_path().display());
        }
    }
    Ok(Ending::Done)
}

/// Loads a node's certificate and key from an authority's directory, or a copy of part of it.
pub fn identity(dir: &Path, name: &ParticipantId) -> Result<Identity, Error> {
    let issued = |kind: &str| dir.join("issued").join(format!("{name}.{kind}.pem"));
    Identity::load(&dir.join("ca.cert.pem"), &issued("cert"), &issued("key"))
}

/// Reads a node's name.
pub fn participant(name: &str) -> Result<ParticipantId, Error> {
    ParticipantId::parse(name)
        .map_err(|e| Error::caller("name", "1 to 64 characters of a-z 0-9 . _ -", e.found))
}
