//! Somebody with a valid certificate who says whatever a test wants said.

use crate::common::{answer, client_at, raw_http1, send};
use prost::Message as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::local::{Holding, Local, LocalData, Ports, Proofs, Start, Witness, contribute};
use tacit_core::messages::{Contribution, SignedContribution, Task};
use tacit_core::params::{Layout, Params, bytes_of};
use tacit_core::plan::Plan;
use tacit_core::proof::{Secret, Statement};
use tacit_node::client::HttpTransport;
use tacit_node::coordinator::SystemClock;
use tacit_node::pki::Identity;
use tacit_node::telemetry::{Metrics, REFUSALS};
use tacit_node::wire::{ContributionHeader, ErrorReply, UploadStatus};
use tokio::io::AsyncWriteExt as _;

pub struct Attacker {
    plan: Plan,
    pub id: ParticipantId,
    data: LocalData,
    layout: Arc<Layout>,
    address: SocketAddr,
    pub identity: Arc<Identity>,
    metrics: Arc<Metrics>,
    pub http: HttpTransport,
}

impl Attacker {
    pub fn new(
        (plan, id, data): (Plan, ParticipantId, LocalData),
        layout: Arc<Layout>,
        address: SocketAddr,
        identity: Arc<Identity>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let http = client_at(&format!("https://{address}"), identity.clone());
        Self { plan, id, data, layout, address, identity, metrics, http }
    }

    /// Waits for this task.
    pub async fn task(&self, round: u32) -> Task {
        loop {
            if let Some(offer) = self.http.next_task(0).await.unwrap() {
                assert!(!offer.finished, "the run is over before round {round}");
                if offer.round == round {
                    return offer.task().unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// What the rules ask for.
    pub async fn learn(&self, task: &Task) -> (Contribution, Vec<u8>) {
        let model = self.http.fetch(task.model, task.model_bytes).await.unwrap();
        let model = Params::from_bytes(self.layout.clone(), &model).unwrap();
        let local = Local { plan: &self.plan, participant: &self.id, data: &self.data };
        let mut trainer = self.plan.trainer(self.data.train.shape()).unwrap();
        let start = Start { task, model: &model, control: None, kept: None };
        let entropy = &mut tacit_audit::OsEntropy;
        let mut ports = Ports { clock: &SystemClock, entropy, member: None, witness: None };
        let made = contribute(&local, &mut *trainer, &start, &mut ports).unwrap();
        (made.contribution, made.payload)
    }

    fn holding(&self) -> Holding {
        let (secret, signer) = (Secret::from_bytes([3; 32]), self.identity.public_key());
        Holding::new(&self.plan, &self.data.train, secret, &signer).unwrap()
    }

    /// Joins the roster with a commitment to its data.
    pub async fn commit(&self) {
        self.http.commit(self.holding().dataset().unwrap()).await.unwrap();
    }

    /// What the rules ask for, with its proof.
    pub async fn prove(&self, task: &Task) -> (Contribution, Vec<u8>, Vec<u8>) {
        let model = self.http.fetch(task.model, task.model_bytes).await.unwrap();
        let model = Params::from_bytes(self.layout.clone(), &model).unwrap();
        let local = Local { plan: &self.plan, participant: &self.id, data: &self.data };
        let mut trainer = self.plan.trainer(self.data.train.shape()).unwrap();
        let start = Start { task, model: &model, control: None, kept: None };
        let statement = Statement { plan: &self.plan, layout: &self.layout };
        let mut proofs = Proofs::new(&statement, &crate::keys::Ring).unwrap().unwrap();
        let (entropy, holding) = (&mut tacit_audit::OsEntropy, self.holding());
        let witness = Some(Witness { proofs: &mut proofs, holding: &holding });
        let mut ports = Ports { clock: &SystemClock, entropy, member: None, witness };
        let made = contribute(&local, &mut *trainer, &start, &mut ports).unwrap();
        (made.contribution, made.payload, made.proof)
    }

    /// Learns and delivers, as an honest participant would.
    pub async fn behave(&self, task: &Task) -> (Contribution, Vec<u8>) {
        let (header, payload) = self.learn(task).await;
        self.deliver(header.clone(), &payload).await.unwrap();
        (header, payload)
    }

    /// A header without a fault for any payload.
    pub fn header(&self, task: &Task, payload: &[u8]) -> Contribution {
        Contribution {
            proof: None,
            participant: self.id.clone(),
            round: task.round,
            plan: task.plan,
            model: task.model,
            payload: Digest::of_bytes(payload),
            payload_bytes: payload.len() as u64,
            examples: 10,
            loss: 0.5,
            fit_ms: 1,
            evaluation: None,
            within: None,
        }
    }

    /// As many values as the model has.
    pub fn values(&self, value: f32) -> Vec<f32> {
        vec![value; self.layout.len()]
    }

    pub async fn deliver(&self, header: Contribution, payload: &[u8]) -> Result<(), Error> {
        self.http.deliver(&self.identity.sign(header), payload).await
    }

    pub async fn announce(&self, header: Contribution) -> Result<UploadStatus, Error> {
        self.announce_signed(&self.identity.sign(header)).await
    }

    pub async fn announce_signed(
        &self,
        signed: &SignedContribution,
    ) -> Result<UploadStatus, Error> {
        let header = ContributionHeader { signed: codec::encode(signed).into() };
        let answer = self.say("POST /v1/contributions", &header.encode_to_vec()).await?;
        Ok(UploadStatus::decode(&answer[..]).unwrap())
    }

    pub async fn upload(
        &self,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error> {
        let put = format!("PUT /v1/contributions/{payload}?offset={offset}");
        let answer = self.say(&put, bytes).await?;
        Ok(UploadStatus::decode(&answer[..]).unwrap())
    }

    /// One request on a connection of its own, once, whatever comes of it.
    pub async fn say(&self, method_and_path: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        let mut stream = raw_http1(self.address, &self.identity).await.unwrap();
        let (status, _, body) = send(&mut stream, method_and_path, body).await;
        match status {
            200..300 => Ok(body),
            _ => Err(ErrorReply::decode(&body[..]).expect("an error reply").into_error(status)),
        }
    }

    /// Announces a body of `claimed` bytes and sends these only.
    pub async fn say_less(
        &self,
        method_and_path: &str,
        claimed: usize,
        sent: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut stream = raw_http1(self.address, &self.identity).await.unwrap();
        let head = format!("{method_and_path} HTTP/1.1\r\nhost: a\r\ncontent-length: {claimed}");
        stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let (status, _, body) = answer(&mut stream).await;
        Err(ErrorReply::decode(&body[..]).expect("an error reply").into_error(status))
    }

    /// Sends half of a contribution; then the connection ends.
    pub async fn break_off(&self, signed: &SignedContribution, payload: &[u8]) {
        let offset = self.announce_signed(signed).await.unwrap().offset as usize;
        let put = format!("PUT /v1/contributions/{}?offset={offset}", signed.contribution.payload);
        let (claimed, half) = (payload.len() - offset, (payload.len() - offset) / 2);
        let mut stream = raw_http1(self.address, &self.identity).await.unwrap();
        let head = format!("{put} HTTP/1.1\r\nhost: a\r\ncontent-length: {claimed}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&payload[offset..][..half]).await.unwrap();
        stream.flush().await.unwrap();
    }

    /// Sends a body until the coordinator has had enough.
    pub async fn say_without_end(&self, method_and_path: &str) {
        let mut stream = raw_http1(self.address, &self.identity).await.unwrap();
        let head = format!("{method_and_path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked");
        stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
        let chunk = format!("{:x}\r\n{}\r\n", 65536, "x".repeat(65536));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    }

    /// The attempt must be refused, for this reason, and be counted once.
    pub async fn refused<T: std::fmt::Debug>(
        &self,
        reason: &'static str,
        attempt: impl Future<Output = Result<T, Error>>,
    ) -> Refusal {
        let counted = || self.metrics.value(&REFUSALS, &[("reason", reason)]);
        let before = counted();
        match attempt.await {
            Err(Error::Peer(refusal)) => {
                assert_eq!(refusal.label(), reason, "{refusal}");
                assert_eq!(counted(), before + 1.0, "{reason} is counted once");
                refusal
            }
            other => panic!("expected {reason}, found {other:?}"),
        }
    }
}

/// The payload of raw values: a frame per chunk.
pub fn payload(values: &[f32]) -> Vec<u8> {
    let mut payload = Vec::new();
    for chunk in values.chunks(limits::CHUNK_VALUES) {
        payload.extend((chunk.len() as u32 * 4).to_le_bytes());
        payload.extend(bytes_of(chunk));
    }
    payload
}
