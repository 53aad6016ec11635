//! A contributor's way to a ceremony that is served.

use super::ANSWER;
use super::connection::{Connection, piece};
use crate::pki::Identity;
use crate::server::{Turn, VERIFYING};
use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;

/// One contributor's way.
pub struct Ceremony {
    connection: Connection,
}

impl Ceremony {
    /// Prepares to reach the ceremony at `url`, such as `https://host:8443`.
    pub fn new(url: &str, identity: &Identity) -> Result<Self, Error> {
        Ok(Self { connection: Connection::new(url, identity)? })
    }

    /// Everything so far.
    pub async fn transcript(&self) -> Result<Vec<u8>, Error> {
        self.fetch("/v1/ceremony", limits::TRANSCRIPT_BYTES).await
    }

    /// Asks for the turn.
    pub async fn turn(&self) -> Result<Turn, Error> {
        let path = "/v1/ceremony/turn";
        let (_, body) = self.connection.exchange(Method::POST, path, Bytes::new(), ANSWER).await?;
        serde_json::from_slice(&body).map_err(|_| Refusal::Malformed { what: "turn".into() }.into())
    }

    /// The file to contribute to.
    pub async fn file(&self) -> Result<Vec<u8>, Error> {
        self.fetch("/v1/ceremony/file", limits::CIRCUIT_BYTES).await
    }

    /// Gives record and file; returns once the ceremony can no longer lose them.
    pub async fn give(&self, record: &[u8], file: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(record.len())
            .map_err(|_| Error::Bug("a record is shorter than 4 GiB"))?;
        let body = [&length.to_le_bytes()[..], record, file].concat();
        let path = "/v1/ceremony/contribution";
        self.connection.exchange(Method::POST, path, body.into(), VERIFYING).await.map(drop)
    }

    async fn fetch(&self, path: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let sent = self.connection.send(Method::GET, path, HeaderMap::new(), Bytes::new(), ANSWER);
        let mut body = sent.await?.into_body();
        let mut bytes = Vec::new();
        while let Some(piece) = piece(&mut body).await? {
            let found = bytes.len() + piece.len();
            if found > limit {
                let (what, limit, found) = ("answer".into(), limit as u64, found as u64);
                return Err(Refusal::TooLarge { what, limit, found }.into());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}
