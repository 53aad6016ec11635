//! A contribution to a ceremony that is served.

use super::Contribute;
use super::make::{Signer, checked, contributed, entropy};
use crate::commands::pki;
use std::time::Duration;
use tacit_core::error::Error;
use tacit_node::client::Ceremony;
use tacit_zk::ceremony::Transcript;

/// Longest wait between two questions for the turn.
const PATIENCE: u64 = 30;

pub fn contribute(args: &Contribute, url: &str) -> Result<(), Error> {
    let dir = args.pki.as_deref();
    let dir = dir.ok_or_else(|| Error::caller("contributor", "--pki DIR with --to", "none"))?;
    let identity = pki::identity(dir, &pki::participant(&args.name)?)?;
    let signer = Signer::new(args)?;
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|e| Error::world("starting the runtime", e))?;
    let ceremony = Ceremony::new(url, &identity)?;
    let (transcript, file) = runtime.block_on(async {
        loop {
            let turn = ceremony.turn().await?;
            if turn.yours {
                eprintln!("your turn, for {} seconds", turn.seconds);
                break;
            }
            eprintln!("somebody else's turn, for up to {} seconds", turn.seconds);
            tokio::time::sleep(Duration::from_secs(turn.seconds.clamp(1, PATIENCE))).await;
        }
        let transcript = Transcript::read(&ceremony.transcript().await?)?;
        Ok::<_, Error>((transcript, ceremony.file().await?))
    })?;
    checked(args, &transcript, &file)?;
    // entropy is of this turn: nothing that could make the secrets anew waits before it, or is
    // there while the contribution travels
    let made = transcript.contribute(&file, &signer.contributor(), &mut entropy(args)?);
    let (after, record) = made?;
    let json =
        serde_json::to_vec(&record).map_err(|_| Error::Bug("a record that JSON cannot hold"))?;
    runtime.block_on(ceremony.give(&json, &after))?;
    contributed(&transcript.with(record)?);
    Ok(())
}
