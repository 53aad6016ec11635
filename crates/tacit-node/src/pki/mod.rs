//! A small certificate authority: who may connect, under which name, with which key.
//!
//! Keys are Ed25519. The authority's directory holds `ca.cert.pem`, `ca.key.pem`, `index.jsonl`
//! (every certificate ever issued or revoked, append only), `revoked.crl.pem` (an X.509
//! revocation list that any tool reads) and `issued/NAME.{cert,key}.pem`.

mod authority;
mod certificate;
mod identity;
mod index;
mod revocation;

pub use authority::{Authority, Role};
pub use certificate::Subject;
pub use identity::Identity;
pub use revocation::Revocations;

use crate::files::{self, Access};
use index::{Index, Line};
use std::path::{Path, PathBuf};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;

/// A PEM file in bytes: ours are below 1 KiB, a revocation list takes 40 bytes per entry.
const PEM_BYTES: u64 = 16 << 20;

/// Where one certificate and its key were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key, readable by the owner alone.
    pub key: PathBuf,
}

/// A certificate authority that lives in a directory.
pub struct Pki {
    dir: PathBuf,
    authority: Authority,
}

impl Pki {
    /// Makes a new authority called `name` in `dir`; refuses to replace one.
    pub fn init(dir: &Path, name: &str) -> Result<Self, Error> {
        files::make_dir(&dir.join("issued"))?;
        if dir.join("ca.key.pem").exists() {
            let found = dir.display().to_string();
            return Err(Error::caller("authority", "a directory that holds none", found));
        }
        let authority = Authority::new(name)?;
        files::write_whole(
            &dir.join("ca.cert.pem"),
            authority.cert_pem().as_bytes(),
            Access::Shared,
        )?;
        let crl = authority.revocation_list(&[])?;
        files::write_whole(&dir.join("revoked.crl.pem"), crl.as_bytes(), Access::Shared)?;
        // Last: an authority without its key is none, and the next `init` starts anew.
        files::write_whole(&dir.join("ca.key.pem"), authority.key_pem().as_bytes(), Access::Owner)?;
        Ok(Self { dir: dir.to_owned(), authority })
    }

    /// Opens the authority in `dir`.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let cert = read_pem(&dir.join("ca.cert.pem"))?;
        let key = zeroize::Zeroizing::new(read_pem(&dir.join("ca.key.pem"))?);
        Ok(Self { dir: dir.to_owned(), authority: Authority::from_pem(&cert, &key)? })
    }

    /// An authority in memory, for a run whose participants all live in one process.
    pub fn throw_away() -> Result<Authority, Error> {
        Authority::new("tacit throw-away authority")
    }

    /// The authority's certificate: the root that every node trusts.
    pub fn ca_path(&self) -> PathBuf {
        self.dir.join("ca.cert.pem")
    }

    /// The revocation list that the coordinator watches.
    pub fn crl_path(&self) -> PathBuf {
        self.dir.join("revoked.crl.pem")
    }

    /// Issues a certificate with a fresh key. A name is issued again only after it was revoked.
    pub fn issue(&self, name: &ParticipantId, role: &Role) -> Result<Issued, Error> {
        let mut index = Index::lock(&self.dir)?;
        if index.live(name).next().is_some() {
            return Err(Error::caller("name", "one that is not in use", name.to_string()));
        }
        let leaf = self.authority.issue(name, role)?;
        // First: a certificate that exists can be revoked.
        index.append(Line::Issued {
            serial: leaf.serial,
            name: name.clone(),
            role: role.word().into(),
        })?;
        let cert = self.dir.join("issued").join(format!("{name}.cert.pem"));
        let key = self.dir.join("issued").join(format!("{name}.key.pem"));
        files::write_whole(&key, leaf.key_pem.as_bytes(), Access::Owner)?;
        files::write_whole(&cert, leaf.cert_pem.as_bytes(), Access::Shared)?;
        Ok(Issued { cert, key })
    }

    /// Revokes every certificate of `name`; says how many there were. A coordinator that watches
    /// [`Pki::crl_path`] refuses the participant from its next request on.
    pub fn revoke(&self, name: &ParticipantId) -> Result<usize, Error> {
        let mut index = Index::lock(&self.dir)?;
        let serials: Vec<String> = index.live(name).map(str::to_owned).collect();
        if serials.is_empty() && !index.knows(name) {
            return Err(Error::caller("name", "one that was issued", name.to_string()));
        }
        for serial in &serials {
            index.append(Line::Revoked { serial: serial.clone(), at: index::now_seconds() })?;
        }
        let crl = self.authority.revocation_list(&index.revoked())?;
        files::write_whole(&self.crl_path(), crl.as_bytes(), Access::Shared)?;
        Ok(serials.len())
    }
}

fn read_pem(path: &Path) -> Result<String, Error> {
    let bytes = files::read_limited(path, PEM_BYTES)?;
    String::from_utf8(bytes)
        .map_err(|_| Error::caller("PEM file", "text", path.display().to_string()))
}
