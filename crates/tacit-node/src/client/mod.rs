//! The participant's side of the wire.
//!
//! [`HttpTransport`] is async and may be shared; [`BlockingTransport`] is the
//! [`Transport`](tacit_core::traits::Transport) of a training thread. Both go on after broken
//! connections and restarts of the coordinator, and give up at once on what repeating cannot
//! mend.

mod adapter;
mod connection;
mod patience;
mod transfer;
mod turns;

pub use adapter::{BlockingTransport, LogWatch};
pub use patience::{Patience, retriable};
pub use turns::Ceremony;

use crate::pki::Identity;
use crate::wire::{
    Cosign, Decline, EnrolRequest, Heartbeat, MEDIA_TYPE, PROTOCOL, Phase, Said, Status, TaskOffer,
    TaskRequest, Welcome,
};
use bytes::Bytes;
use connection::Connection;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::codec;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Letter;
use tacit_core::limits;
use tacit_core::proof::Dataset;

/// Time for the answer to a request that does not wait.
const ANSWER: Duration = Duration::from_millis(limits::REQUEST_TIMEOUT_MS);

/// Time for the answer to a long poll.
const POLL: Duration = Duration::from_millis(limits::POLL_MS + limits::REQUEST_TIMEOUT_MS);

/// One participant's way to its coordinator.
pub struct HttpTransport {
    connection: Connection,
    identity: Arc<Identity>,
    patience: Patience,
}

impl HttpTransport {
    /// Prepares to reach the coordinator at `url`, such as `https://host:8443`; connects when
    /// first used.
    pub fn new(url: &str, identity: Arc<Identity>, patience: Patience) -> Result<Self, Error> {
        let connection = Connection::new(url, &identity)?;
        Ok(Self { connection, identity, patience })
    }

    /// Who this is: it signs contributions.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Binds the certificate's key to its name and learns the plan.
    pub async fn enrol(&self) -> Result<Welcome, Error> {
        self.enrol_with(&[]).await
    }

    /// The same with a commitment to this participant's data, where the plan asks for one.
    pub async fn commit(&self, dataset: &Dataset) -> Result<Welcome, Error> {
        self.enrol_with(dataset.bytes()).await
    }

    async fn enrol_with(&self, dataset: &[u8]) -> Result<Welcome, Error> {
        let dataset = Bytes::copy_from_slice(dataset);
        let request = EnrolRequest { protocol: PROTOCOL, dataset };
        let welcome: Welcome = self.post("/v1/enrol", &request).await?;
        if welcome.protocol != PROTOCOL {
            let what =
                format!("welcome: protocol version {}, expected {PROTOCOL}", welcome.protocol);
            return Err(Refusal::Malformed { what }.into());
        }
        Ok(welcome)
    }

    /// Waits for work, as long as one long poll; `None` when there is none yet. `seen_size` is
    /// the size of the last log checkpoint that was verified here.
    pub async fn next_task(&self, seen_size: u64) -> Result<Option<TaskOffer>, Error> {
        let body: Bytes = TaskRequest { seen_size }.encode_to_vec().into();
        let ask =
            async || self.connection.exchange(Method::POST, "/v1/task", body.clone(), POLL).await;
        match self.patience.persist(ask).await? {
            (204, _) => Ok(None),
            (_, answer) => decode("task offer", answer).map(Some),
        }
    }

    /// Says that the task is still being worked on. Not repeated on failure: the next will do.
    pub async fn heartbeat(&self, round: u32, phase: Phase) -> Result<(), Error> {
        let body = Heartbeat { round, phase: phase.into() }.encode_to_vec().into();
        self.connection.exchange(Method::POST, "/v1/heartbeat", body, ANSWER).await.map(drop)
    }

    /// Says that the task cannot be done; `why` is cut to what the wire allows.
    pub async fn decline(&self, round: u32, why: &str) -> Result<(), Error> {
        let mut end = why.len().min(limits::REASON_BYTES);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        let why = why.get(..end).unwrap_or_default().to_owned();
        self.tell("/v1/decline", &Decline { round, why }).await
    }

    /// What this member is handed before its message of a stage.
    pub async fn mail(&self, round: u32, stage: u8) -> Result<Bytes, Error> {
        let path = format!("/v1/mail/{round}/{stage}");
        let ask = async || {
            let none = hyper::header::HeaderMap::new();
            let response = self.connection.send(Method::GET, &path, none, Bytes::new(), ANSWER);
            let mut body = response.await?.into_body();
            let mut mail = bytes::BytesMut::new();
            while let Some(piece) = connection::piece(&mut body).await? {
                let (limit, found) = (limits::MAIL_BYTES as u64, mail.len() + piece.len());
                if found as u64 > limit {
                    let (what, found) = ("mail".into(), found as u64);
                    return Err(Refusal::TooLarge { what, limit, found }.into());
                }
                mail.extend_from_slice(&piece);
            }
            Ok(mail.freeze())
        };
        self.patience.persist(ask).await
    }

    /// Delivers a message of a stage.
    pub async fn say(&self, letter: &Letter) -> Result<(), Error> {
        let signed = codec::encode(&letter.signed).into();
        self.tell("/v1/messages", &Said { signed, body: letter.body.clone().into() }).await
    }

    /// Says that a checkpoint of the log was verified.
    pub async fn cosign(&self, cosign: &Cosign) -> Result<(), Error> {
        self.tell("/v1/cosign", cosign).await
    }

    /// How the run stands.
    pub async fn status(&self) -> Result<Status, Error> {
        let ask = async || {
            self.connection.exchange(Method::GET, "/v1/status", Bytes::new(), ANSWER).await
        };
        decode("status", self.patience.persist(ask).await?.1)
    }

    /// A file of the transparency log, such as `checkpoint`.
    pub async fn log_file(&self, path: &str) -> Result<Bytes, Error> {
        let path = format!("/v1/log/{path}");
        let ask = async || self.connection.exchange(Method::GET, &path, Bytes::new(), ANSWER).await;
        Ok(self.patience.persist(ask).await?.1)
    }

    async fn tell(&self, path: &str, message: &impl Message) -> Result<(), Error> {
        let body: Bytes = message.encode_to_vec().into();
        let ask = async || self.connection.exchange(Method::POST, path, body.clone(), ANSWER).await;
        self.patience.persist(ask).await.map(drop)
    }

    async fn post<M: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
    ) -> Result<M, Error> {
        let body: Bytes = message.encode_to_vec().into();
        let ask = async || self.connection.exchange(Method::POST, path, body.clone(), ANSWER).await;
        decode("answer", self.patience.persist(ask).await?.1)
    }
}

fn decode<M: Message + Default>(what: &'static str, bytes: Bytes) -> Result<M, Error> {
    M::decode(bytes).map_err(|_| Refusal::Malformed { what: what.into() }.into())
}

fn media_type() -> (hyper::header::HeaderName, &'static str) {
    (CONTENT_TYPE, MEDIA_TYPE)
}
