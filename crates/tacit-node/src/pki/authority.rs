//! Issues certificates and revocation lists (RFC 5280) with Ed25519 keys (RFC 8410).

use super::identity::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SanType, SerialNumber,
};
use std::net::IpAddr;
use tacit_core::codec::{hex, unhex};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// How long an authority is valid: longer than any federation it serves.
const AUTHORITY_DAYS: i64 = 20 * 365;

/// How long a certificate is valid: what browsers allowed at most.
const CERTIFICATE_DAYS: i64 = 825;

/// What a certificate may be used for: a participant cannot stand in for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Accepts connections under these DNS names and IP addresses.
    Coordinator {
        /// Names and addresses under which participants reach it.
        hosts: Vec<String>,
    },
    /// One of a committee: accepts connections like a coordinator, signs receipts.
    Aggregator {
        /// Names and addresses under which it is reached.
        hosts: Vec<String>,
    },
    /// Connects to the coordinator; signs contributions.
    Participant,
}

impl Role {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Role::Coordinator { .. } => "coordinator",
            Role::Aggregator { .. } => "aggregator",
            Role::Participant => "participant",
        }
    }
}

/// A certificate with its key.
pub(super) struct Leaf {
    pub(super) serial: String,
    pub(super) cert_pem: String,
    pub(super) key_pem: Zeroizing<String>,
}

/// The key that everybody of a federation trusts, in memory.
pub struct Authority {
    cert_pem: String,
    key_pem: Zeroizing<String>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A fresh key with a self-signed certificate.
    pub fn new(name: &str) -> Result<Self, Error> {
        let key = new_key()?;
        let mut params = params(name, AUTHORITY_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key).map_err(made)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        Ok(Self { cert_pem: cert.pem(), key_pem, issuer: Issuer::new(params, key) })
    }

    pub(super) fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Self, Error> {
        let broken = |source: rcgen::Error| Error::world("read the authority", source);
        let key = KeyPair::from_pem(key_pem).map_err(broken)?;
        let issuer = Issuer::from_ca_cert_pem(cert_pem, key).map_err(broken)?;
        let key_pem = Zeroizing::new(key_pem.to_owned());
        Ok(Self { cert_pem: cert_pem.to_owned(), key_pem, issuer })
    }

    /// The root certificate that every node trusts.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    pub(super) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Issues a certificate and keeps no copy.
    pub fn identity(&self, name: &ParticipantId, role: &Role) -> Result<Identity, Error> {
        let leaf = self.issue(name, role)?;
        Identity::from_pem(&self.cert_pem, &leaf.cert_pem, &leaf.key_pem)
    }

    pub(super) fn issue(&self, name: &ParticipantId, role: &Role) -> Result<Leaf, Error> {
        let key = new_key()?;
        let mut params = params(name.as_str(), CERTIFICATE_DAYS)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        match role {
            // The coordinator connects to aggregators, and they show it whose their receipts are.
            Role::Coordinator { hosts } | Role::Aggregator { hosts } => {
                params.extended_key_usages =
                    vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
                params.subject_alt_names =
                    hosts.iter().map(|h| host(h)).collect::<Result<_, _>>()?;
            }
            Role::Participant => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                let uri = format!("tacit://participant/{name}");
                params.subject_alt_names = vec![SanType::URI(uri.try_into().map_err(made)?)];
            }
        }
        let serial = serial()?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let cert = params.signed_by(&key, &self.issuer).map_err(made)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        Ok(Leaf { serial: hex(&serial), cert_pem: cert.pem(), key_pem })
    }

    /// Signs the list of revoked serials. Its number grows with it, so that an older list is
    /// recognised.
    pub(super) fn revocation_list(&self, revoked: &[(String, i64)]) -> Result<String, Error> {
        let mut revoked_certs = Vec::with_capacity(revoked.len());
        for (serial, at) in revoked {
            let serial = unhex(serial).ok_or(Error::Bug("the index holds a bad serial"))?;
            let at = OffsetDateTime::from_unix_timestamp(*at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            revoked_certs.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial),
                revocation_time: at,
                reason_code: Some(RevocationReason::Unspecified),
                invalidity_date: None,
            });
        }
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: now + Duration::days(AUTHORITY_DAYS),
            crl_number: SerialNumber::from(revoked.len() as u64 + 1),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(made)
    }
}

fn made(source: rcgen::Error) -> Error {
    Error::world("make a certificate", source)
}

fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(made)
}

fn params(name: &str, days: i64) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new()).map_err(made)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    // An hour back: the clocks of the parties differ.
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
    Ok(params)
}

/// 126 random bits (RFC 5280, 4.1.2.2 wants a positive number of at most 20 bytes); the second
/// bit is set so that the encoding never sheds a leading zero.
fn serial() -> Result<[u8; 16], Error> {
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|e| Error::world("draw a serial number", e))?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn host(host: &str) -> Result<SanType, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let valid = rustls::pki_types::DnsName::try_from(host).is_ok();
    match host.try_into() {
        Ok(name) if valid => Ok(SanType::DnsName(name)),
        _ => Err(Error::caller("host", "a DNS name or an IP address", host)),
    }
}
