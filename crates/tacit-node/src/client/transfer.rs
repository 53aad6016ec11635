//! Models down, contributions up: each goes on where it broke off.

use super::connection::piece;
use super::{ANSWER, HttpTransport, decode};
use crate::wire::{ContributionHeader, UploadStatus};
use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use prost::Message as _;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::messages::SignedContribution;

/// Memory reserved on the word of a task alone, in bytes; the rest grows with what arrives.
const RESERVED: u64 = 64 << 20;

/// Answers without progress before an upload is given up.
const STALLS: u32 = 8;

impl HttpTransport {
    /// Fetches a blob of `size` bytes and checks it against its digest.
    pub async fn fetch(&self, digest: Digest, size: u64) -> Result<Vec<u8>, Error> {
        let limit = limits::MODEL_VALUES * 4;
        if size > limit {
            return Err(Refusal::TooLarge { what: "model".into(), limit, found: size }.into());
        }
        let mut bytes = Vec::with_capacity(size.min(RESERVED) as usize);
        let mut pauses = self.patience.pauses();
        while bytes.len() as u64 != size || size == 0 {
            let had = bytes.len();
            match self.fetch_on(digest, size, &mut bytes).await {
                Ok(()) => break,
                Err(error) => {
                    if bytes.len() > had {
                        pauses.reset();
                    }
                    pauses.after(error).await?;
                }
            }
        }
        let found = Digest::of_bytes(&bytes);
        if found != digest {
            return Err(Refusal::HashMismatch { expected: digest, found }.into());
        }
        Ok(bytes)
    }

    /// Appends what is missing, up to the end or to a failure.
    async fn fetch_on(&self, digest: Digest, size: u64, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        let start = bytes.len() as u64;
        if start > 0 {
            let range = HeaderValue::try_from(format!("bytes={start}-"));
            headers.insert(RANGE, range.map_err(|_| Error::Bug("a range is no header"))?);
        }
        let path = format!("/v1/blobs/{digest}");
        let response =
            self.connection.send(Method::GET, &path, headers, Bytes::new(), ANSWER).await?;
        if start > 0 {
            let range = response.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok());
            if !range.is_some_and(|range| range.starts_with(&format!("bytes {start}-"))) {
                return Err(Refusal::Malformed { what: "range of a blob".into() }.into());
            }
        }
        let mut body = response.into_body();
        while let Some(piece) = piece(&mut body).await? {
            let found = bytes.len() as u64 + piece.len() as u64;
            if found > size {
                let what = "blob".into();
                return Err(Refusal::TooLarge { what, limit: size, found }.into());
            }
            bytes.extend_from_slice(&piece);
        }
        match bytes.len() as u64 {
            found if found == size => Ok(()),
            found => Err(Refusal::Truncated { expected: size, found }.into()),
        }
    }

    /// Delivers a contribution, its payload and behind that its proof; returns once the
    /// coordinator can no longer lose it. Goes on where an earlier attempt, of this process or
    /// another, broke off.
    pub async fn deliver(&self, signed: &SignedContribution, payload: &[u8]) -> Result<(), Error> {
        let signed_bytes = codec::encode(signed).into();
        let header: Bytes = ContributionHeader { signed: signed_bytes }.encode_to_vec().into();
        let digest = signed.contribution.payload;
        let mut pauses = self.patience.pauses();
        let (mut furthest, mut stalls) = (0, 0);
        let mut known: Option<UploadStatus> = None;
        loop {
            let next = match known {
                Some(status) => self.upload(digest, status, payload).await,
                None => self.announce(header.clone()).await,
            };
            match next {
                Ok(status) if status.accepted => return Ok(()),
                Ok(status) => {
                    if status.offset > furthest {
                        (furthest, stalls) = (status.offset, 0);
                        pauses.reset();
                    }
                    // The announcement and an empty payload count as stalls too: few enough.
                    stalls += 1;
                    if stalls > STALLS {
                        return Err(Error::world("upload", "the coordinator makes no progress"));
                    }
                    known = Some(status);
                }
                Err(error) => {
                    pauses.after(error).await?;
                    // What the coordinator holds may differ from what we believe.
                    known = None;
                }
            }
        }
    }

    async fn announce(&self, header: Bytes) -> Result<UploadStatus, Error> {
        let answer = self.connection.exchange(Method::POST, "/v1/contributions", header, ANSWER);
        decode("upload status", answer.await?.1)
    }

    /// Sends the bytes that are asked for; none when all are there and only its word is missing.
    async fn upload(
        &self,
        digest: Digest,
        status: UploadStatus,
        payload: &[u8],
    ) -> Result<UploadStatus, Error> {
        let most = status.chunk_bytes.clamp(1, limits::TRANSFER_CHUNK_BYTES as u64) as usize;
        let rest = usize::try_from(status.offset).ok().and_then(|start| payload.get(start..));
        let malformed = || Refusal::Malformed { what: "offset of an upload".into() };
        let rest = rest.ok_or_else(malformed)?;
        let chunk = Bytes::copy_from_slice(&rest[..rest.len().min(most)]);
        let path = format!("/v1/contributions/{digest}?offset={}", status.offset);
        let answer = self.connection.exchange(Method::PUT, &path, chunk, ANSWER).await?;
        decode("upload status", answer.1)
    }
}
