//! One node's certificate and key: it authenticates connections and signs contributions.

use super::{PEM_BYTES, certificate::Subject};
use crate::files;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::{Message, SignedMessage};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution};
use zeroize::Zeroizing;

/// A node's certificate, its private key and the root it trusts.
pub struct Identity {
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: Zeroizing<Vec<u8>>,
    signer: Ed25519KeyPair,
    subject: Subject,
}

impl Identity {
    /// Reads PEM files: the authority's certificate, this node's certificate and its key.
    pub fn load(ca: &Path, cert: &Path, key: &Path) -> Result<Self, Error> {
        let ca = super::read_pem(ca)?;
        let cert = super::read_pem(cert)?;
        let key = Zeroizing::new(files::read_limited(key, PEM_BYTES)?);
        let key = std::str::from_utf8(&key);
        let key = key.map_err(|_| Error::caller("private key", "a PEM file", "other bytes"))?;
        Self::from_pem(&ca, &cert, key)
    }

    /// The same from PEM texts.
    pub fn from_pem(ca: &str, cert: &str, key: &str) -> Result<Self, Error> {
        let bad =
            |what, e: rustls::pki_types::pem::Error| Error::caller(what, "PEM", e.to_string());
        let root = CertificateDer::from_pem_slice(ca.as_bytes()).map_err(|e| bad("root", e))?;
        let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|e| bad("certificate", e))?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes());
        let key =
            Zeroizing::new(key.map_err(|e| bad("private key", e))?.secret_pkcs8_der().to_vec());
        let first = chain.first();
        let first = first.ok_or_else(|| Error::caller("certificate", "a PEM block", "none"))?;
        let subject = Subject::of_certificate(first)?;
        let signer = Ed25519KeyPair::from_pkcs8(&key);
        let signer = signer
            .map_err(|e| Error::caller("private key", "Ed25519 in PKCS #8", e.to_string()))?;
        if signer.public_key().as_ref() != subject.public_key {
            return Err(Error::caller("private key", "the certificate's own", "another"));
        }
        Ok(Self { root, chain, key, signer, subject })
    }

    /// Common name of the certificate.
    pub fn name(&self) -> &ParticipantId {
        &self.subject.name
    }

    /// Ed25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.subject.public_key
    }

    /// Signs a contribution; it must carry this identity's name to be accepted.
    pub fn sign(&self, contribution: Contribution) -> SignedContribution {
        let signature = self.signer.sign(&contribution.digest().0);
        SignedContribution {
            key: codec::hex(&self.subject.public_key),
            signature: codec::hex(signature.as_ref()),
            contribution,
        }
    }

    /// Signs a digest that says by its label what it is of.
    pub fn sign_digest(&self, digest: &Digest) -> Vec<u8> {
        self.signer.sign(&digest.0).as_ref().to_vec()
    }

    /// Signs a message of a stage.
    pub fn sign_message(&self, message: Message) -> SignedMessage {
        let signature = self.signer.sign(&message.digest().0);
        SignedMessage {
            key: codec::hex(&self.subject.public_key),
            signature: codec::hex(signature.as_ref()),
            message,
        }
    }

    /// The certificate (DER): what shows others whose the key is.
    pub(crate) fn credential(&self) -> Vec<u8> {
        self.chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default()
    }

    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.to_vec()).into()
    }
}
