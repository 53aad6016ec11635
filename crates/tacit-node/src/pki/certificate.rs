//! What a verified certificate says about its holder.

use tacit_core::error::Refusal;
use tacit_core::ids::ParticipantId;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Holder of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Common name.
    pub name: ParticipantId,
    /// Ed25519 public key.
    pub public_key: [u8; 32],
    /// Serial number, big-endian.
    pub serial: Vec<u8>,
    /// Whether it is a server's: a coordinator's or an aggregator's, and no participant's.
    pub serves: bool,
}

impl Subject {
    /// Reads a certificate whose chain was verified before: this checks only its contents.
    pub fn of_certificate(der: &[u8]) -> Result<Self, Refusal> {
        let refuse = |why: &str| Refusal::BadCertificate { why: why.into() };
        let (rest, cert) = X509Certificate::from_der(der).map_err(|_| refuse("not X.509"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes after the certificate"));
        }
        let mut names = cert.subject().iter_common_name();
        let name = match (names.next(), names.next()) {
            (Some(name), None) => name.as_str().ok().and_then(|n| ParticipantId::parse(n).ok()),
            _ => None,
        };
        let name = name.ok_or_else(|| refuse("no participant's name as its one common name"))?;
        let key = cert.public_key();
        if key.algorithm.algorithm != x509_parser::oid_registry::OID_SIG_ED25519 {
            return Err(refuse("its key is not Ed25519"));
        }
        let public_key = <[u8; 32]>::try_from(key.subject_public_key.data.as_ref());
        let public_key = public_key.map_err(|_| refuse("its key is not 32 bytes"))?;
        let usage = cert.extended_key_usage().map_err(|_| refuse("its usage is told twice"))?;
        let serves = usage.is_none_or(|usage| usage.value.server_auth || usage.value.any);
        Ok(Self { name, public_key, serial: cert.raw_serial().to_vec(), serves })
    }
}
