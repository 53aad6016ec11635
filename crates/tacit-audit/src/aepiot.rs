//! aéPiot records: `backlink.create` and `randomSubdomain.generate`.
//!
//! aéPiot has no API, no account and no receipt. A backlink *is* a URL,
//! `{base}/backlink.html?title=…&description=…&link=…`, and whatever is in it is public. So
//! creating one here appends the three texts, verbatim, to our own log and returns a receipt.
//! **The URL proves nothing; the inclusion proof does.** A random subdomain is a name and no more:
//! nothing here registers it, and it need not resolve. Nothing is sent anywhere: see
//! [`PublishPolicy`](crate::PublishPolicy) for what an operator may send.

use crate::entropy::OsEntropy;
use crate::error::AuditError;
use crate::log::Log;
use crate::record::Record;
use crate::tree::{InclusionProof, leaf_hash};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::rng::Seed;
use tacit_core::traits::Entropy;

/// aéPiot's own base.
pub const DEFAULT_BASE: &str = "https://aepiot.com";
/// Subdomain names per record, as in the source document's distribution records.
const SUBDOMAINS: usize = 3;
/// Names that one call may ask for.
const NAMES: usize = 1000;

/// A log that several owners append to.
pub type SharedLog = Arc<Mutex<Log>>;

/// What a backlink says. All of it becomes public with the URL.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacklinkRequest {
    /// Title, verbatim.
    pub title: String,
    /// Description, verbatim.
    pub description: String,
    /// Link, verbatim; usually of a [`scheme`](crate::scheme).
    pub link: String,
}

/// What `backlink.create` returns: everything needed to check the record offline.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Position in the log, from 0.
    pub index: u64,
    /// RFC 6962 hash of the leaf.
    pub leaf_hash: Digest,
    /// That the leaf is in the tree of the checkpoint.
    pub inclusion_proof: InclusionProof,
    /// The signed checkpoint, as text.
    pub checkpoint: String,
    /// The aéPiot-format URL. Proves nothing.
    pub url: String,
    /// Subdomain names. They need not resolve.
    pub subdomains: Vec<String>,
}

/// The source document's `aepiotServices`.
pub struct AepiotServices {
    /// Appends backlink records to the log.
    pub backlink: BacklinkService,
    /// Makes up subdomain names.
    pub random_subdomain: RandomSubdomain,
}

/// Appends backlink records to the log.
pub struct BacklinkService {
    log: SharedLog,
    base: String,
    names: RandomSubdomain,
}

/// Makes up subdomain names.
#[derive(Clone)]
pub struct RandomSubdomain {
    host: String,
    entropy: Arc<Mutex<Box<dyn Entropy>>>,
}

impl AepiotServices {
    /// Services over `log` for `base` (usually [`DEFAULT_BASE`]), with the system's entropy.
    pub fn new(log: SharedLog, base: &str) -> Result<Self, AuditError> {
        Self::with_entropy(log, base, Box::new(OsEntropy))
    }

    /// As [`AepiotServices::new`], with the caller's entropy.
    pub fn with_entropy(
        log: SharedLog,
        base: &str,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, AuditError> {
        let base = check_base(base)?;
        let authority = base.split_once("://").map_or("", |(_, rest)| rest);
        let host = authority.split(['/', ':']).next().unwrap_or("").to_owned();
        let random_subdomain = RandomSubdomain { host, entropy: Arc::new(Mutex::new(entropy)) };
        let backlink = BacklinkService { log, base, names: random_subdomain.clone() };
        Ok(Self { backlink, random_subdomain })
    }

    /// The source document's `createBacklink`: [`BacklinkService::create`].
    pub fn create_backlink(&self, request: BacklinkRequest) -> Result<Receipt, Error> {
        self.backlink.create(request)
    }
}

impl BacklinkService {
    /// Appends title, description and link verbatim to the log; durable when it returns.
    pub fn create(&self, request: BacklinkRequest) -> Result<Receipt, Error> {
        let url = backlink_url(&self.base, &request);
        let subdomains = self.names.generate(SUBDOMAINS, "backlink")?;
        let BacklinkRequest { title, description, link } = request;
        let body = json!({ "subdomains": subdomains });
        let record = Record { kind: "backlink".into(), title, description, link, body };
        let leaf = record.to_leaf()?;
        let mut log = self.log.lock().map_err(|_| Error::Bug("a thread died holding the log"))?;
        let index = log.append(&leaf)?;
        let inclusion_proof = log.inclusion_proof(index, log.size())?;
        let checkpoint = String::from_utf8(log.checkpoint().to_bytes())
            .map_err(|_| Error::Bug("a checkpoint is not text"))?;
        let leaf_hash = leaf_hash(&leaf);
        Ok(Receipt { index, leaf_hash, inclusion_proof, checkpoint, url, subdomains })
    }

    /// The URL that [`BacklinkService::create`] gives for `request`.
    pub fn url(&self, request: &BacklinkRequest) -> String {
        backlink_url(&self.base, request)
    }
}

impl RandomSubdomain {
    /// Makes up `count` names: `<purpose>-<12 random characters>.<host of the base>`. Names only.
    /// `purpose` is public too; other characters than letters and digits become hyphens.
    pub fn generate(&self, count: usize, purpose: &str) -> Result<Vec<String>, Error> {
        if count > NAMES {
            return Err(Error::caller(
                "count of names",
                format!("at most {NAMES}"),
                count.to_string(),
            ));
        }
        let mut seed = [0; 32];
        // A poisoned lock guards no half-done work: the source of bytes has no state of ours.
        self.entropy.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut seed)?;
        let mut random = Seed::from_bytes(seed).rng();
        let mut character =
            || char::from(b"abcdefghijklmnopqrstuvwxyz234567"[random.below(32) as usize]);
        let label = label(purpose);
        Ok((0..count)
            .map(|_| {
                let random: String = (0..12).map(|_| character()).collect();
                format!("{label}-{random}.{}", self.host)
            })
            .collect())
    }
}

/// `{base}/backlink.html?title=…&description=…&link=…`, percent-encoded UTF-8.
pub fn backlink_url(base: &str, request: &BacklinkRequest) -> String {
    let mut url = format!("{}/backlink.html", base.trim_end_matches('/'));
    let BacklinkRequest { title, description, link } = request;
    for (name, text) in [("?title=", title), ("&description=", description), ("&link=", link)] {
        url.push_str(name);
        percent_encode(text, &mut url);
    }
    url
}

/// Everything but RFC 3986's unreserved characters as %XX: stricter than a browser's
/// `encodeURIComponent`, and decoded alike.
fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
    }
}

/// `http(s)://host[:port][/path]` without a trailing slash.
pub(crate) fn check_base(base: &str) -> Result<String, AuditError> {
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/".contains(c);
    match rest {
        Some(rest)
            if rest.starts_with(|c: char| c.is_ascii_alphanumeric())
                && rest.chars().all(allowed) =>
        {
            Ok(base.trim_end_matches('/').to_owned())
        }
        _ => Err(AuditError::Argument {
            what: "base URL",
            expected: "http(s)://host[:port][/path]",
            found: base.chars().take(80).collect(),
        }),
    }
}

/// At most 40 characters of a DNS label.
fn label(purpose: &str) -> String {
    let hyphen = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = purpose.chars().take(40).map(hyphen).collect();
    match label.trim_matches('-') {
        "" => "name".to_owned(),
        label => label.to_owned(),
    }
}
