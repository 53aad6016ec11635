//! Keys of logs and witnesses, in the text forms of C2SP signed-note: `<name>+<id>+<base64>` for
//! verifiers and `PRIVATE+KEY+<name>+<id>+<base64>` for signers.

use crate::error::AuditError;
use base64::prelude::*;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::{Zeroize, Zeroizing};

/// Length of a key's text in bytes: a name and 33 bytes in base64.
const KEY_TEXT_BYTES: usize = 512;

/// What a key signs: the signature types of C2SP signed-note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Type 1: Ed25519 over the note's text. Logs.
    Log,
    /// Type 4: timestamped Ed25519 cosignature of C2SP tlog-cosignature. Witnesses.
    Witness,
}

impl Role {
    fn tag(self) -> u8 {
        match self {
            Role::Log => 1,
            Role::Witness => 4,
        }
    }

    fn from_tag(tag: u8) -> Option<Self> {
        [Role::Log, Role::Witness].into_iter().find(|role| role.tag() == tag)
    }
}

/// A public key with its owner's name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    role: Role,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Parses `<name>+<id>+<base64>`; surrounding white space (a file's last newline) is ignored.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let fail = |why| AuditError::Key { why };
        let text = text.trim_ascii();
        if text.len() > KEY_TEXT_BYTES {
            return Err(fail("verifier key is too long"));
        }
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fail("verifier key is not <name>+<id>+<base64>"));
        };
        let data = BASE64_STANDARD.decode(data).map_err(|_| fail("verifier key is not base64"))?;
        let (role, bytes) = split_tag(&data)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| fail("not a point of Ed25519"))?;
        let key = Self::new(name, role, key)?;
        // One spelling: identifiers in upper case or with a sign would parse as numbers too.
        if id == format!("{:08x}", key.id()) {
            Ok(key)
        } else {
            Err(fail("verifier key does not match its identifier"))
        }
    }

    fn new(name: &str, role: Role, key: VerifyingKey) -> Result<Self, AuditError> {
        if !signed_note::is_key_name_valid(name) || name.chars().any(char::is_control) {
            return Err(AuditError::Key { why: "name is empty or has spaces, controls or a plus" });
        }
        Ok(Self { name: name.to_owned(), role, key })
    }

    /// Owner's name; for a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn role(&self) -> Role {
        self.role
    }

    /// First 32 bits of SHA-256(name ‖ newline ‖ type ‖ key).
    pub fn id(&self) -> u32 {
        signed_note::key_id(&self.name, &self.tagged())
    }

    /// Whether both are the same key, whatever their names.
    pub(crate) fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    fn tagged(&self) -> Vec<u8> {
        [&[self.role.tag()], self.key.as_bytes().as_slice()].concat()
    }

    /// Strict Ed25519: no small-order keys, no second encoding of one signature.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id(), BASE64_STANDARD.encode(self.tagged()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A secret key with its owner's name: erased when dropped, never shown.
pub struct SignerKey {
    secret: SigningKey,
    public: VerifierKey,
}

impl SignerKey {
    /// A new key. `name`: for a log its origin, such as `tacit.local/<run>`.
    pub fn generate(name: &str, role: Role, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        Ok(Self::from_seed(name, role, &seed)?)
    }

    fn from_seed(name: &str, role: Role, seed: &[u8; 32]) -> Result<Self, AuditError> {
        let secret = SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, role, secret.verifying_key())?;
        Ok(Self { secret, public })
    }

    /// Parses `PRIVATE+KEY+<name>+<id>+<base64>`; surrounding white space is ignored.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let fail = |why| AuditError::Key { why };
        let text = text.trim_ascii();
        if text.len() > KEY_TEXT_BYTES {
            return Err(fail("signer key is too long"));
        }
        let mut parts = text.strip_prefix("PRIVATE+KEY+").unwrap_or("").splitn(3, '+');
        let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fail("signer key is not PRIVATE+KEY+<name>+<id>+<base64>"));
        };
        let data = BASE64_STANDARD.decode(data).map_err(|_| fail("signer key is not base64"))?;
        let data = Zeroizing::new(data);
        let (role, seed) = split_tag(&data)?;
        let key = Self::from_seed(name, role, seed)?;
        if id == format!("{:08x}", key.public.id()) {
            Ok(key)
        } else {
            Err(fail("signer key does not match its identifier"))
        }
    }

    /// The text form, for a file that only its owner may read; erased when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut data = Zeroizing::new(vec![self.public.role.tag()]);
        let mut seed = self.secret.to_bytes();
        data.extend_from_slice(&seed);
        seed.zeroize();
        let data = Zeroizing::new(BASE64_STANDARD.encode(&*data));
        let (name, id) = (&self.public.name, self.public.id());
        Zeroizing::new(format!("PRIVATE+KEY+{name}+{id:08x}+{}", *data))
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

fn split_tag(data: &[u8]) -> Result<(Role, &[u8; 32]), AuditError> {
    let fail = |why| AuditError::Key { why };
    let (tag, bytes) = data.split_first().ok_or(fail("key is empty"))?;
    let role = Role::from_tag(*tag).ok_or(fail("key type is neither 1 (log) nor 4 (witness)"))?;
    Ok((role, bytes.try_into().map_err(|_| fail("key is not 32 bytes"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of golang.org/x/mod/sumdb/note.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SECRET: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    #[test]
    fn known_answers() {
        let signer = SignerKey::parse(SECRET).unwrap();
        assert_eq!(signer.verifier().to_string(), PETER);
        assert_eq!(VerifierKey::parse(PETER).unwrap(), *signer.verifier());
        assert_eq!(signer.to_text().as_str(), SECRET);
        assert_eq!(signer.verifier().role(), Role::Log);
    }

    #[test]
    fn every_changed_character_is_refused() {
        for (text, secret) in [(PETER, false), (SECRET, true)] {
            for at in 0..text.len() {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
                let bad = String::from_utf8(bytes).unwrap();
                let refused = match secret {
                    true => SignerKey::parse(&bad).is_err(),
                    false => VerifierKey::parse(&bad).is_err(),
                };
                assert!(refused, "{bad}");
            }
        }
    }

    #[test]
    fn errors_do_not_show_the_secret() {
        let bad = SECRET.replace("c74f20a3", "c74f20a4");
        let Err(error) = SignerKey::parse(&bad) else { panic!("accepted") };
        assert!(!format!("{error:?} {error}").contains("AYEK"));
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\0"] {
            let key = SignerKey::generate(name, Role::Log, &mut crate::OsEntropy);
            assert!(key.is_err(), "{name:?}");
        }
    }
}
