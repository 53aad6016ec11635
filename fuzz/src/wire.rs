//! Every message of the protocol, and what both sides make of it.

use prost::Message;
use tacit_core::codec::decode;
use tacit_core::limits::{MESSAGE_BYTES, PLAN_BYTES};
use tacit_core::messages::SignedContribution;
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_node::wire::{
    ContributionHeader, Cosign, Decline, EnrolRequest, ErrorReply, Heartbeat, Status, TaskOffer,
    TaskRequest, UploadStatus, Welcome, verify_signature,
};

use crate::rules::registry;

/// Every type reads the same bytes: proto3 accepts most of them as several types.
pub fn run(data: &[u8]) {
    check::<Cosign>(data);
    check::<Decline>(data);
    check::<EnrolRequest>(data);
    check::<Heartbeat>(data);
    check::<Status>(data);
    check::<TaskRequest>(data);
    check::<UploadStatus>(data);
    if let Some(offer) = check::<TaskOffer>(data) {
        let _ = offer.task();
    }
    if let Some(reply) = check::<ErrorReply>(data) {
        assert!(reply.into_error(503).to_string().len() < 16 * 1024);
    }
    if let Some(header) = check::<ContributionHeader>(data) {
        let signed = decode::<SignedContribution>("contribution", &header.signed, MESSAGE_BYTES);
        if let Ok(signed) = signed {
            assert!(verify_signature(&signed, &[0; 32]).is_err(), "a forged signature");
        }
    }
    if let Some(welcome) = check::<Welcome>(data) {
        let _ = decode::<Layout>("layout", &welcome.layout, MESSAGE_BYTES);
        let text = std::str::from_utf8(&welcome.plan).unwrap_or_default();
        if text.len() <= PLAN_BYTES {
            let _ = Plan::parse(text, registry());
        }
    }
}

/// What decodes is the same after another trip.
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(data: &[u8]) -> Option<M> {
    let message = M::decode(data).ok()?;
    let bytes = message.encode_to_vec();
    let again = M::decode(&bytes[..]).expect("what is encoded decodes");
    // Not by `==`: a figure may be no number.
    assert_eq!(again.encode_to_vec(), bytes);
    Some(message)
}
