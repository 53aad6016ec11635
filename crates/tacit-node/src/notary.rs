//! Whose message is whose: certificates of the federation's authority.

use crate::pki::{Identity, Subject};
use crate::tls;
use crate::wire::verify_message;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::SignedMessage;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::traits::Notary;

/// A credential is a participant's certificate (DER), by the authority that this node trusts.
pub struct CertificateNotary {
    identity: Arc<Identity>,
    chain: Arc<dyn ClientCertVerifier>,
    /// Certificates whose chain was verified, by their digest.
    known: Mutex<BTreeMap<Digest, Subject>>,
}

impl CertificateNotary {
    /// The notary of a participant.
    pub fn new(identity: Arc<Identity>) -> Result<Self, Error> {
        let chain = tls::participants_of(&identity)?;
        Ok(Self { identity, chain, known: Mutex::default() })
    }

    /// Whose a credential is; refuses one that is not the authority's.
    pub(crate) fn subject(&self, credential: &[u8]) -> Result<Subject, Refusal> {
        let digest = Digest::of_bytes(credential);
        // What is in the map is whole between any two steps: a poisoned lock guards nothing.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subject) = known.get(&digest) {
            return Ok(subject.clone());
        }
        let certificate = CertificateDer::from(credential);
        let verified = self.chain.verify_client_cert(&certificate, &[], UnixTime::now());
        verified.map_err(|e| Refusal::BadCertificate { why: e.to_string() })?;
        let subject = Subject::of_certificate(credential)?;
        if known.len() >= limits::COHORT {
            known.clear();
        }
        known.insert(digest, subject.clone());
        Ok(subject)
    }
}

impl Notary for CertificateNotary {
    fn me(&self) -> &ParticipantId {
        self.identity.name()
    }

    fn credential(&self) -> Vec<u8> {
        self.identity.credential()
    }

    fn verify(&self, signed: &SignedMessage, credential: &[u8]) -> Result<(), Refusal> {
        let subject = self.subject(credential)?;
        if subject.serves {
            return Err(Refusal::BadCertificate { why: "it is a server's".into() });
        }
        let claimed = &signed.message.participant;
        if subject.name != *claimed {
            let why = format!("it names {}, the message {claimed}", subject.name);
            return Err(Refusal::BadCertificate { why });
        }
        verify_message(signed, &subject.public_key)
    }
}
