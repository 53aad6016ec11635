//! Messages of members, back from the spool.

use crate::store::NodeStore;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, SignedMessage};
use tacit_core::host::Host;
use tacit_core::limits;
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::round::{Entry, Record, Setup};
use tacit_core::traits::Spool as _;

/// The host of the round that a journal ends in; of one that is over nothing is asked any more,
/// and its messages may be gone.
pub(super) fn replay(
    mut host: Host,
    plan: &Plan,
    layout: &Layout,
    setup: &Setup,
    (journal, store): (&[Entry], &NodeStore),
) -> Result<Host, Error> {
    let over = |entry: &Entry| matches!(entry.fact, Record::Released | Record::Aborted { .. });
    if journal.iter().any(over) {
        return Ok(host);
    }
    for entry in journal {
        if let Record::Said { signed } = &entry.fact {
            host.table(entry.round)?.hear(&letter(store, signed)?)?;
        }
        host.follow(plan, layout, setup, entry)?;
    }
    Ok(host)
}

fn letter(store: &NodeStore, signed: &SignedMessage) -> Result<Letter, Error> {
    let broken = |refusal: Refusal| Error::world("reading a message", refusal);
    let (limit, found) = (limits::EXCHANGE_BYTES as u64, signed.message.body_bytes);
    if found > limit {
        return Err(broken(Refusal::TooLarge { what: "message".into(), limit, found }));
    }
    let mut body = vec![0; found as usize];
    store.read(signed.message.body, 0, &mut body)?;
    Letter::new(signed.clone(), body).map_err(broken)
}
