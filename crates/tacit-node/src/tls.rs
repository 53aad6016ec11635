//! TLS 1.3 between a coordinator and its participants, both authenticated by certificates of
//! the federation's own authority. No session is resumed: every connection proves its key.

use crate::pki::{Identity, Revocations, Subject};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    ServerConfig, SignatureScheme,
};
use std::sync::Arc;
use tacit_core::error::Error;

/// A server's side: demands a participant's certificate that is not revoked, or where `servers`
/// may connect too anybody's of the federation.
pub fn server_config(
    identity: &Identity,
    revocations: Arc<Revocations>,
    servers: bool,
) -> Result<Arc<ServerConfig>, Error> {
    let (provider, chain) = (provider(), participants_of(identity)?);
    let verifier = Arc::new(ParticipantVerifier { chain, revocations, servers });
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    let mut config = builder
        .map_err(failed)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.key())
        .map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Verifies certificates by the authority that a node trusts.
pub(crate) fn participants_of(identity: &Identity) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let roots = Arc::new(roots(identity)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    verifier.map_err(|e| Error::world("trust the authority", e))
}

/// The participant's side: presents its certificate and demands the coordinator's.
pub fn client_config(identity: &Identity) -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
    let mut config = builder
        .map_err(failed)?
        .with_root_certificates(roots(identity)?)
        .with_client_auth_cert(identity.chain(), identity.key())
        .map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Parses the name or address that the coordinator's certificate must carry.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned());
    name.map_err(|_| Error::caller("coordinator", "a DNS name or an IP address", host))
}

/// aws-lc-rs with the hybrid key exchange first: what is recorded today stays unreadable.
fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
    let kx_groups = vec![X25519MLKEM768, X25519, SECP256R1];
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

fn roots(identity: &Identity) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.root().clone()).map_err(failed)?;
    Ok(roots)
}

fn failed(source: rustls::Error) -> Error {
    Error::world("set up TLS", source)
}

/// The chain is WebPKI's business; the name, the key's kind and revocation are ours.
#[derive(Debug)]
struct ParticipantVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    revocations: Arc<Revocations>,
    /// Whether servers may connect too.
    servers: bool,
}

impl ClientCertVerifier for ParticipantVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let refuse = rustls::Error::InvalidCertificate;
        let subject = Subject::of_certificate(end_entity)
            .map_err(|_| refuse(CertificateError::ApplicationVerificationFailure))?;
        if subject.serves && !self.servers {
            return Err(refuse(CertificateError::InvalidPurpose));
        }
        match self.revocations.check(&subject.serial) {
            Ok(()) => Ok(verified),
            Err(Error::Peer(_)) => Err(refuse(CertificateError::Revoked)),
            Err(error) => {
                tracing::error!(%error, "revocation cannot be checked");
                Err(refuse(CertificateError::UnknownRevocationStatus))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
