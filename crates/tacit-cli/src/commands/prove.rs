//! `tacit prove`: a proof by itself, without a round, in a file that `tacit verify` reads.

pub(super) mod gradient;
pub(super) mod range;

use super::read_plan;
use crate::Ending;
use std::path::{Path, PathBuf};
use tacit_core::codec::hex;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::proof::Secret;
use tacit_learn::federation::Federation;
use tacit_node::files::{Access, write_whole};

/// Prove something of an update.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Prove that one participant's update is the gradient of data that it committed to.
    Gradient(gradient::Args),
    /// Prove that every coordinate of a gradient lies within bounds, and its norm.
    Range(range::Args),
    /// Write the circuit of a plan's gradient proofs, for the ceremony that makes its keys.
    Circuit {
        /// The plan; keys that do not exist yet can be any 64 digits.
        plan: PathBuf,
        /// Where the circuit goes (.r1cs).
        #[arg(long, default_value = "circuit.r1cs")]
        out: PathBuf,
    },
}

pub fn main(args: Args) -> Result<Ending, Error> {
    match args.what {
        What::Gradient(args) => gradient::main(args),
        What::Range(args) => range::main(&args),
        What::Circuit { plan, out } => circuit(&plan, &out),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_whole(path, bytes, Access::Shared)
}

/// Refuses one file in two places: what is written there last would be all that is left.
fn apart(files: &[Option<&Path>]) -> Result<(), Error> {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let all: Vec<PathBuf> = files.iter().flatten().map(|path| whole(path)).collect();
    match all.iter().enumerate().find(|(place, path)| all[..*place].contains(path)) {
        Some((_, path)) => {
            let found = format!("{} twice", path.display());
            Err(Error::caller("files", "another one for each purpose", found))
        }
        None => Ok(()),
    }
}

fn circuit(plan: &Path, out: &Path) -> Result<Ending, Error> {
    apart(&[Some(plan), Some(out)])?;
    let plan = read_plan(Some(plan))?;
    let model = Federation::assemble(&plan)?.initial_model()?;
    let circuit = tacit_zk::gradient::circuit_of(&plan, model.layout())?;
    let bytes = circuit.write();
    write(out, &bytes)?;
    println!(
        "{}: {} bytes, for powers of tau of 2^{}",
        out.display(),
        bytes.len(),
        circuit.log_domain()
    );
    Ok(Ending::Done)
}

pub(super) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::world(format!("reading {}", path.display()), source);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > limit {
        let expected = format!("at most {limit} bytes in {}", path.display());
        return Err(Error::caller("file", expected, size.to_string()));
    }
    std::fs::read(path).map_err(failed)
}

/// Parses 64 hexadecimal digits.
pub(super) fn digest(what: &'static str, text: &str) -> Result<Digest, Error> {
    let found = || Error::caller(what, "64 hexadecimal digits", text.to_owned());
    Digest::parse(text.trim()).ok_or_else(found)
}

/// Writes 64 digits where only the file's owner reads them.
fn write_secret(path: &Path, secret: &Secret) -> Result<(), Error> {
    write_whole(path, hex(secret.bytes()).as_bytes(), Access::Owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_two_purposes() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
        std::fs::write(&one, "").unwrap();
        let roundabout = dir.path().join(".").join("one");
        assert!(apart(&[Some(&one), None, Some(&other)]).is_ok());
        assert!(apart(&[Some(&one), Some(&other), Some(&roundabout)]).is_err());
        assert!(apart(&[Some(&other), None, Some(&other)]).is_err());
    }

    #[test]
    fn digits_are_counted() {
        assert!(digest("nonce", &"0".repeat(64)).is_ok());
        assert!(digest("nonce", "0").is_err());
    }
}
