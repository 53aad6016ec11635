//! Which certificates are no longer good: a signed list, read again whenever its file changes.

use crate::files;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;
use tacit_core::error::{Error, Refusal};
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

/// The revocation list in force. Every request asks it, so that a revoked certificate is of no
/// use on a connection that was opened before. A list that cannot be read or verified, or that
/// is older than the last one, refuses everybody until it is mended.
pub struct Revocations {
    path: Option<PathBuf>,
    authority: CertificateDer<'static>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stamp: Option<Stamp>,
    number: BigUint,
    serials: BTreeSet<Vec<u8>>,
}

/// What tells two versions of a file apart: a rename changes the inode.
#[derive(PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Revocations {
    /// Nothing is ever revoked: for a throw-away authority.
    pub fn none(authority: &super::Identity) -> Self {
        Self { path: None, authority: authority.root().clone(), state: Mutex::default() }
    }

    /// Watches the list at `path`, signed by the authority that `identity` trusts.
    pub fn watch(identity: &super::Identity, path: &Path) -> Result<Self, Error> {
        let list = Self { path: Some(path.to_owned()), ..Self::none(identity) };
        list.with_current(|_| ())?;
        Ok(list)
    }

    /// Refuses a revoked certificate by its serial number (big-endian).
    pub fn check(&self, serial: &[u8]) -> Result<(), Error> {
        match self.with_current(|serials| serials.contains(serial))? {
            true => Err(Refusal::BadCertificate { why: "revoked".into() }.into()),
            false => Ok(()),
        }
    }

    fn with_current<T>(&self, ask: impl FnOnce(&BTreeSet<Vec<u8>>) -> T) -> Result<T, Error> {
        let mut state = self.state.lock().map_err(|_| Error::Bug("a revocation check panicked"))?;
        if let Some(path) = &self.path {
            let metadata = std::fs::metadata(path);
            let metadata = metadata.map_err(|source| files::failed("look at", path, source))?;
            let stamp = Stamp::of(&metadata);
            if state.stamp.as_ref() != Some(&stamp) {
                let (number, serials) = self.read(path)?;
                if number < state.number {
                    let found = format!("number {number}");
                    return Err(Error::caller("revocation list", "no older one", found));
                }
                tracing::info!(entries = serials.len(), %number, "revocation list read");
                *state = State { stamp: Some(stamp), number, serials };
            }
        }
        Ok(ask(&state.serials))
    }

    fn read(&self, path: &Path) -> Result<(BigUint, BTreeSet<Vec<u8>>), Error> {
        let bytes = files::read_limited(path, super::PEM_BYTES)?;
        let bad =
            |found: &str| Error::caller("revocation list", "one signed by the authority", found);
        let der =
            CertificateRevocationListDer::from_pem_slice(&bytes).map_err(|_| bad("no PEM"))?;
        let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| bad("no list"))?;
        let (_, root) = X509Certificate::from_der(&self.authority).map_err(|_| bad("no root"))?;
        // RFC 8410 signs the encoded list directly; the root's key is Ed25519 because ours are.
        let key = UnparsedPublicKey::new(&ED25519, &root.public_key().subject_public_key.data);
        key.verify(list.tbs_cert_list.as_ref(), &list.signature_value.data)
            .map_err(|_| bad("another signature"))?;
        let number = list.crl_number().cloned().ok_or_else(|| bad("no number"))?;
        let serials = list.iter_revoked_certificates().map(|entry| entry.raw_serial().to_vec());
        Ok((number, serials.collect()))
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), bytes: metadata.len(), inode }
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").field("path", &self.path).finish_non_exhaustive()
    }
}
