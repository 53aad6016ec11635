//! A real coordinator behind a real server, honest participants in threads, and what must hold
//! of the run's books whatever was done to it.

use crate::attacker::Attacker;
use crate::common::{name, patience};
use crate::crooked::Crooked;
use crate::{keys, lying, toy};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tacit_audit::{Body, Checks, Evidence, OsEntropy, Replayer, RoundRecord, records, verify_dir};
use tacit_core::central::{Centre, Ports};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::{Ask, Letter, Message};
use tacit_core::history::RoundReport;
use tacit_core::ids::ParticipantId;
use tacit_core::kept::Kept;
use tacit_core::local::{self, Local, LocalData, Start, contribute};
use tacit_core::messages::{Offer, SignedContribution};
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::round::{Entry, Record, Roster, Setup};
use tacit_core::run::Finish;
use tacit_core::traits::{Member as Side, Transport};
use tacit_learn::federation::Federation;
use tacit_node::client::BlockingTransport;
use tacit_node::committee::{Committee, Dealing};
use tacit_node::coordinator::{
    Coordinator, Front, HistoryFile, PROOFS, Progress, Setting, SystemClock,
};
use tacit_node::memory::FileMemory;
use tacit_node::participant::{Signer as _, Testimony, Worker, work};
use tacit_node::pki::{Identity, Issued, Pki, Revocations, Role};
use tacit_node::server::{self, Bounds, Server};
use tacit_node::store::{NodeStore, Transfer};
use tacit_node::telemetry::Metrics;
use tacit_node::witness::LogWitness;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// Whatever hangs fails after this.
const LIMIT: Duration = Duration::from_secs(60);

/// Four participants and a model of three blocks. Time-outs are long: where a test waits for one,
/// it says so.
const PLAN: [(&str, &str); 9] = [
    ("name", "\"trial\""),
    ("participants", "4"),
    ("num_rounds", "1"),
    ("trainer", "{ rule = \"2nn\", hidden = 64 }"),
    ("cohort.minimum", "2"),
    ("cohort.collect_timeout_s", "50"),
    ("cohort.distribute_timeout_s", "50"),
    ("cohort.enrol_timeout_s", "50"),
    ("evaluation.on", "[]"),
];

pub struct Trial {
    dir: Arc<tempfile::TempDir>,
    run: PathBuf,
    pub plan: Plan,
    data: Arc<Federation>,
    layout: Arc<Layout>,
    pub pki: Pki,
    identity: Arc<Identity>,
    pub metrics: Arc<Metrics>,
    bounds: Bounds,
    pub address: SocketAddr,
    pub progress: Arc<Mutex<Vec<Progress>>>,
    running: Option<Running>,
    honest: Vec<JoinHandle<Result<u32, Error>>>,
}

struct Running {
    coordinator: Arc<Coordinator>,
    server: Server,
    drive: tokio::task::JoinHandle<Result<Finish, Error>>,
}

/// What is left of a run that is over.
pub struct Ended {
    pub finish: Finish,
    pub model: Digest,
    pub rounds: Vec<RoundRecord>,
}

impl Trial {
    /// Starts a coordinator with these changes to the plan.
    pub async fn start(changes: &[(&str, &str)]) -> Self {
        Self::bounded(changes, Bounds::default()).await
    }

    pub async fn bounded(changes: &[(&str, &str)], bounds: Bounds) -> Self {
        let mut trial = Self::prepare(changes, bounds);
        trial.open().await;
        trial
    }

    pub fn prepare(changes: &[(&str, &str)], bounds: Bounds) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let plan = plan(changes);
        let data = Arc::new(Federation::assemble(&plan).unwrap());
        let layout = data.initial_model().unwrap().layout().clone();
        let pki = Pki::init(&dir.path().join("pki"), "test authority").unwrap();
        let hosts = vec!["localhost".into(), "127.0.0.1".into()];
        let issued = pki.issue(&name("coordinator"), &Role::Coordinator { hosts }).unwrap();
        let identity = Identity::load(&pki.ca_path(), &issued.cert, &issued.key).unwrap();
        Self {
            run: dir.path().join("run"),
            dir,
            plan,
            data,
            layout,
            pki,
            identity: Arc::new(identity),
            metrics: Arc::new(Metrics::new()),
            bounds,
            address: "127.0.0.1:0".parse().unwrap(),
            progress: Arc::default(),
            running: None,
            honest: Vec::new(),
        }
    }

    /// A coordinator that was given a copy of this one's folder, under the same certificate.
    pub async fn fork(&self) -> Self {
        assert!(self.running.is_none(), "a copy is taken of what nobody writes");
        let run = self.dir.path().join("fork");
        copy(&self.run, &run);
        let mut fork = Self {
            run,
            dir: self.dir.clone(),
            plan: self.plan.clone(),
            data: self.data.clone(),
            layout: self.layout.clone(),
            pki: Pki::open(&self.dir.path().join("pki")).unwrap(),
            identity: self.identity.clone(),
            metrics: Arc::new(Metrics::new()),
            bounds: self.bounds,
            address: "127.0.0.1:0".parse().unwrap(),
            progress: Arc::default(),
            running: None,
            honest: Vec::new(),
        };
        fork.open().await;
        fork
    }

    /// Digest of the model before the first round.
    pub fn initial(&self) -> Digest {
        self.data.initial_model().unwrap().digest()
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.run
    }

    /// The coordinator that runs now.
    pub fn coordinator(&self) -> &Arc<Coordinator> {
        &self.running.as_ref().expect("a running coordinator").coordinator
    }

    /// The way to the aggregators, where the plan names any.
    fn committee(&self, identity: &Arc<Identity>) -> Option<Arc<Committee>> {
        Committee::of(&self.plan, identity, Handle::current()).unwrap()
    }

    fn setting(&self) -> Setting {
        let seen = self.progress.clone();
        Setting {
            plan: self.plan.clone(),
            model: self.data.initial_model().unwrap(),
            evaluator: None,
            observer: Box::new(move |progress| seen.lock().unwrap().push(progress)),
            committee: self.committee(&self.identity),
            keys: Box::new(keys::Ring),
            metrics: self.metrics.clone(),
        }
    }

    /// Opens the run's folder, as soon as a former coordinator has let go of it, and serves.
    pub async fn open(&mut self) {
        let coordinator = loop {
            match Coordinator::open(&self.run, self.setting()) {
                Ok(coordinator) => break coordinator,
                Err(Error::Caller(error)) if error.what == "state directory" => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        let revocations = Revocations::watch(&self.identity, &self.pki.crl_path()).unwrap();
        let setup = server::Setup {
            identity: self.identity.clone(),
            revocations: Arc::new(revocations),
            desk: Arc::new(Front(coordinator.clone())),
            metrics: self.metrics.clone(),
            bounds: self.bounds,
        };
        let listener = TcpListener::bind(self.address).await.unwrap();
        let server = Server::start(listener, setup).unwrap();
        self.address = server.address();
        let drive = tokio::spawn(coordinator.clone().drive());
        self.running = Some(Running { coordinator, server, drive });
    }

    /// Ends the coordinator in the middle of whatever it does.
    pub fn kill(&mut self) {
        let running = self.running.take().expect("a running coordinator");
        running.drive.abort();
    }

    /// Ends the coordinator and waits until it has let go of its folder.
    pub async fn stop(&mut self) {
        let Running { coordinator, server, drive } = self.running.take().expect("running");
        drive.abort();
        let _ = drive.await;
        server.stop(Duration::from_secs(1)).await;
        let gone = Arc::downgrade(&coordinator);
        drop(coordinator);
        self.until("the coordinator has gone", |_| gone.strong_count() == 0).await;
    }

    /// Why driving the run failed.
    pub async fn failure(&mut self) -> Error {
        let drive = &mut self.running.as_mut().expect("a running coordinator").drive;
        let ended = tokio::time::timeout(LIMIT, drive).await.expect("the driver ends");
        ended.unwrap().expect_err("the driver fails")
    }

    pub fn identity(&self, who: &str) -> Arc<Identity> {
        let at = |kind| self.dir.path().join(format!("pki/issued/{who}.{kind}.pem"));
        let issued = match at("cert").exists() {
            true => Issued { cert: at("cert"), key: at("key") },
            false => self.pki.issue(&name(who), &Role::Participant).unwrap(),
        };
        Arc::new(Identity::load(&self.pki.ca_path(), &issued.cert, &issued.key).unwrap())
    }

    /// The coordinator's own certificate.
    pub fn coordinator_identity(&self) -> Arc<Identity> {
        self.identity.clone()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A participant that keeps to the rules, in a thread of its own.
    pub fn join(&mut self, who: &str) {
        let (member, runtime) = (self.member(who), Handle::current());
        self.honest.push(std::thread::spawn(move || member.work(runtime, None)));
    }

    /// A participant that keeps to the rules until a step at which its process ends.
    pub fn join_until(&mut self, who: &str, step: Step) {
        let (member, runtime) = (self.member(who), Handle::current());
        std::thread::spawn(move || member.work_until(runtime, Some(step)));
    }

    /// A participant of a committee that deals shares of no vector, and says so of them.
    pub fn join_crooked(&mut self, who: &str) {
        let (mut member, runtime) = (self.member(who), Handle::current());
        let honest = self.committee(&self.identity(who)).unwrap();
        member.committee = Some(Arc::new(Crooked::new(honest, &self.plan)));
        self.honest.push(std::thread::spawn(move || member.work(runtime, None)));
    }

    /// A participant whose connection ends in the middle of its contribution; if it `returns`, it
    /// delivers the rest.
    pub fn join_halfway(&mut self, who: &str, returns: bool) {
        let (member, runtime) = (self.member(who), Handle::current());
        let (attacker, step) = (self.stranger(who), Step::Half { returns });
        let works = move || {
            let mut transport = member.transport(runtime.clone())?;
            transport.enrol()?;
            let (half, identity) = (Some((attacker, runtime)), member.identity.clone());
            member.labour(&mut Leaving { transport, step: Some(step), half, identity }, None)
        };
        let thread = std::thread::spawn(works);
        if returns {
            self.honest.push(thread);
        }
    }

    fn member(&self, who: &str) -> Member {
        let committee = self.committee(&self.identity(who));
        Member {
            plan: self.plan.clone(),
            id: name(who),
            data: self.examples(who),
            layout: self.layout.clone(),
            identity: self.identity(who),
            url: self.url(),
            state: self.dir.path().join(format!("state-{who}")),
            committee: committee.map(|way| way as Arc<dyn Dealing>),
        }
    }

    /// A participant that keeps to the rules, and whose witness must raise the alarm.
    pub async fn watcher(&self, who: &str, witness: &Path) {
        let (member, runtime) = (self.member(who), Handle::current());
        let witness = witness.to_owned();
        let ended = tokio::task::spawn_blocking(move || member.work(runtime, Some(&witness)));
        let alarm = ended.await.unwrap().unwrap_err().to_string();
        assert!(alarm.contains("split view"), "{alarm}");
    }

    /// Somebody with a certificate, enrolled.
    pub async fn attacker(&self, who: &str) -> Attacker {
        let attacker = self.stranger(who);
        attacker.http.enrol().await.unwrap();
        attacker
    }

    /// Somebody with a certificate, not enrolled.
    pub fn stranger(&self, who: &str) -> Attacker {
        let local = (self.plan.clone(), name(who), self.examples(who));
        let (identity, metrics) = (self.identity(who), self.metrics.clone());
        Attacker::new(local, self.layout.clone(), self.address, identity, metrics)
    }

    fn examples(&self, who: &str) -> LocalData {
        let found = self.data.participants().iter().find(|(id, _)| id.as_str() == who);
        found.unwrap_or(&self.data.participants()[0]).1.clone()
    }

    /// Waits until a condition holds.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let started = std::time::Instant::now();
        while !condition(self) {
            assert!(started.elapsed() < LIMIT, "never: {what}\n{}", self.metrics.render());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a round is over.
    pub async fn round_over(&self, round: u32) {
        let over = |p: &Progress| matches!(p, Progress::Round(report) if report.round == round);
        self.until("the round is over", |t| t.progress.lock().unwrap().iter().any(over)).await;
    }

    /// Reports of the rounds that are over.
    pub fn reports(&self) -> Vec<RoundReport> {
        let seen = self.progress.lock().unwrap();
        let report = |progress: &Progress| match progress {
            Progress::Round(report) => Some((**report).clone()),
            _ => None,
        };
        seen.iter().filter_map(report).collect()
    }

    /// Contributions accepted so far, in all rounds.
    pub fn accepted(&self) -> usize {
        let seen = self.progress.lock().unwrap();
        seen.iter().filter(|progress| matches!(progress, Progress::Accepted { .. })).count()
    }

    /// Waits for the end of the run and of the honest participants, and checks the books.
    pub async fn finish(mut self) -> Ended {
        let Running { coordinator, server, drive } = self.running.take().expect("running");
        let finish = tokio::time::timeout(LIMIT, drive).await.expect("the run ends");
        let finish = finish.unwrap().unwrap();
        for honest in std::mem::take(&mut self.honest) {
            let joined = tokio::task::spawn_blocking(|| honest.join().expect("no panic"));
            let joined = tokio::time::timeout(LIMIT, joined).await.expect("participants end");
            joined.unwrap().expect("an honest participant is not disturbed");
        }
        let model = coordinator.model().unwrap().digest();
        drop(coordinator);
        server.stop(Duration::from_secs(1)).await;
        self.check_proofs();
        let rounds = check_books(&self.run);
        Ended { finish, model, rounds }
    }

    /// Every proof that counted, and every sum that was kept, is verified again by whoever has the
    /// run's folder.
    fn check_proofs(&self) {
        let folder = &self.run.join("log").join(PROOFS);
        let (layout, keys, clock) = (self.layout.clone(), Some(&keys::Ring as _), &SystemClock);
        let evidence = Evidence { folder, layout, keys, clock };
        let replayer = Replayer::new(&self.plan).with_evidence(evidence);
        let replay = |bytes: &[u8]| replayer.replay(bytes);
        let checks = Checks { replay: Some(&replay), ..Checks::default() };
        let report = verify_dir(&self.run, &checks).unwrap();
        assert_eq!((report.verified.proofs, report.replayed), (report.proofs, report.rounds));
        let released = |sum: &&Entry| matches!(sum.fact, Record::Aggregated { .. });
        let hidden = self.plan.protection().unwrap().exchange().is_some();
        if report.proofs > 0 && hidden {
            let rounds = (1..=report.rounds).map(|round| journal(&self.run, round as u32));
            let kept: usize = rounds.map(|all| all.iter().filter(released).count()).sum();
            assert_eq!(report.verified.sums, kept as u64);
        }
    }

    /// The model after rounds in which these participants contribute what they honestly learn:
    /// computed without a network. Nobody means that the round is aborted.
    pub fn expected(&self, rounds: &[&[&str]]) -> Digest {
        let dir = tempfile::tempdir().unwrap();
        let store = NodeStore::open(dir.path()).unwrap();
        let mut centre = Centre::new(&self.plan, self.layout.clone(), None).unwrap();
        let mut trainer = self.data.trainer().unwrap();
        let mut model = self.data.initial_model().unwrap();
        tacit_core::traits::Blobs::put(&store, &model.to_bytes()).unwrap();
        let authority = Pki::throw_away().unwrap();
        let mut memories: BTreeMap<&str, Kept> = BTreeMap::new();
        let mut slots = Vec::new();
        let channel = self.plan.channel(&self.layout).unwrap();
        let bits = channel.sums.map(|sums| sums.bits);
        let sums = channel.protection.exchange().zip(bits);
        for (round, who) in (1..).zip(rounds).filter(|(_, who)| !who.is_empty()) {
            let setup = Setup { slots, ..self.setup(round, model.digest()) };
            let mut contributions = Vec::new();
            for who in *who {
                let (participant, data) = (name(who), self.examples(who));
                let local = Local { plan: &self.plan, participant: &participant, data: &data };
                let task = setup.task();
                let kept = memories.get(who);
                let start = Start { task: &task, model: &model, control: None, kept };
                let entropy = &mut tacit_audit::OsEntropy;
                let mut member = sums.as_ref().map(|(exchange, bits)| {
                    let terms = self.plan.terms(&task.context(), *bits);
                    let notary = self.identity.notary().unwrap();
                    let mut member = exchange.member(&terms, notary).unwrap();
                    member.say(0, &[], entropy).unwrap();
                    member
                });
                let member = member.as_mut().map(|member| &mut **member as &mut dyn Side);
                let mut ports =
                    local::Ports { clock: &SystemClock, entropy, member, witness: None };
                let made = contribute(&local, &mut *trainer, &start, &mut ports).unwrap();
                memories.insert(who, made.kept);
                let (header, payload) = (made.contribution, made.payload);
                let (bytes, digest) = (header.payload_bytes, header.payload);
                let transfer = Transfer { round, participant, payload: digest, bytes };
                store.spool_write(&transfer, 0, &payload).unwrap();
                store.spool_finish(&transfer).unwrap();
                let signer = authority.identity(&header.participant, &Role::Participant);
                contributions.push(signer.unwrap().sign(header));
            }
            let entropy = &mut OsEntropy;
            let opening = sums.as_ref().map(|(exchange, bits)| {
                let names: Vec<ParticipantId> = who.iter().map(|who| name(who)).collect();
                let terms = self.plan.terms(&setup.context(), *bits);
                let mut table = exchange.table(&terms, &names).unwrap();
                table.contributed(&names).unwrap();
                table.open().unwrap()
            });
            let clock = &SystemClock;
            let mut ports = Ports { blobs: &store, spool: &store, clock, entropy, opening };
            let outcome = centre.aggregate(&setup, &contributions, &mut ports).unwrap();
            model = centre.load(&store, outcome.model).unwrap();
            slots = outcome.slots;
        }
        model.digest()
    }

    fn setup(&self, round: u32, model: Digest) -> Setup {
        Setup {
            nonce: None,
            nonces: None,
            round,
            plan: self.plan.digest(),
            model,
            model_bytes: self.layout.len() as u64 * 4,
            control: false,
            account: None,
            clip_norm: None,
            slots: Vec::new(),
            deltas: Vec::new(),
            seed: self.plan.seed(),
            rules: self.plan.cohort().clone(),
            roster: Roster::new(),
        }
    }
}

impl Ended {
    /// Refused requests of a round by reason, as the transparency log has them.
    pub fn refusals(&self, round: usize) -> Vec<(&str, u64)> {
        let refusals = self.rounds[round - 1].refusals.iter();
        // Connections are counted too, but when an idle one ends is nobody's promise.
        let requests = refusals.filter(|(reason, _)| !reason.starts_with("connection-"));
        requests.map(|(reason, count)| (reason.as_str(), *count)).collect()
    }

    /// (cohort, accepted, missing) of a round.
    pub fn counts(&self, round: usize) -> (u64, u64, u64) {
        let record = &self.rounds[round - 1];
        (record.cohort, record.accepted, record.missing)
    }
}

struct Member {
    plan: Plan,
    id: ParticipantId,
    data: LocalData,
    layout: Arc<Layout>,
    identity: Arc<Identity>,
    url: String,
    /// Its own folder.
    state: PathBuf,
    committee: Option<Arc<dyn Dealing>>,
}

impl Member {
    fn work(self, runtime: Handle, witness: Option<&Path>) -> Result<u32, Error> {
        let mut transport = self.transport(runtime)?;
        let welcome = transport.enrol()?;
        transport.watch(Box::new(LogWitness::open(&self.id, &welcome.log_key, witness)?));
        let testimony = self.testimony(&mut transport)?;
        self.labour(&mut transport, testimony)
    }

    fn work_until(self, runtime: Handle, step: Option<Step>) -> Result<u32, Error> {
        let mut transport = self.transport(runtime)?;
        transport.enrol()?;
        let identity = self.identity.clone();
        let testimony = self.testimony(&mut transport)?;
        self.labour(&mut Leaving { transport, step, half: None, identity }, testimony)
    }

    fn transport(&self, runtime: Handle) -> Result<BlockingTransport, Error> {
        BlockingTransport::new(runtime, &self.url, self.identity.clone(), patience())
    }

    fn local(&self) -> Local<'_> {
        Local { plan: &self.plan, participant: &self.id, data: &self.data }
    }

    fn testimony(&self, transport: &mut BlockingTransport) -> Result<Option<Testimony>, Error> {
        let (signer, state) = (self.identity.public_key(), &self.state);
        let made = Testimony::prepare(&self.local(), &self.layout, &keys::Ring, state, &signer)?;
        made.as_ref().map_or(Ok(()), |testimony| testimony.enrol(transport))?;
        Ok(made)
    }

    fn labour(
        self,
        transport: &mut dyn Transport,
        testimony: Option<Testimony>,
    ) -> Result<u32, Error> {
        let mut trainer = self.plan.trainer(self.data.train.shape())?;
        let mut worker = Worker {
            testimony,
            local: Local { plan: &self.plan, participant: &self.id, data: &self.data },
            trainer: &mut *trainer,
            layout: self.layout,
            signer: &self.identity,
            clock: &SystemClock,
            memory: &mut FileMemory::new(&self.state, self.plan.digest()),
            committee: self.committee,
        };
        work(&mut worker, transport)
    }
}

/// Where a participant's process ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Before its message of a stage.
    Say(u8),
    /// Before it delivers its contribution.
    Deliver,
    /// In the middle of that, once.
    Half {
        /// Whether it goes on afterwards.
        returns: bool,
    },
    /// At a stage whose message it alters.
    Lie(u8),
}

/// A transport that is gone from some step on.
struct Leaving {
    transport: BlockingTransport,
    step: Option<Step>,
    /// What it sends a half by.
    half: Option<(Attacker, Handle)>,
    identity: Arc<Identity>,
}

impl Leaving {
    fn at(&self, step: Step) -> Result<(), Error> {
        match self.step == Some(step) {
            true => Err(Error::world("going on", "the process ended")),
            false => Ok(()),
        }
    }
}

impl Transport for Leaving {
    fn next_task(&mut self) -> Result<Offer, Error> {
        self.transport.next_task()
    }
    fn fetch(&mut self, digest: Digest) -> Result<Vec<u8>, Error> {
        self.transport.fetch(digest)
    }
    fn mail(&mut self, ask: &Ask) -> Result<Vec<u8>, Error> {
        self.transport.mail(ask)
    }
    fn say(&mut self, letter: &Letter) -> Result<(), Error> {
        let message = &letter.signed.message;
        self.at(Step::Say(message.stage))?;
        if self.step != Some(Step::Lie(message.stage)) {
            return self.transport.say(letter);
        }
        let mut body = letter.body.clone();
        *body.last_mut().unwrap() ^= 1;
        let message = Message { body: Digest::of_bytes(&body), ..message.clone() };
        self.transport.say(&Letter { signed: self.identity.sign_message(message), body })
    }
    fn deliver(&mut self, signed: &SignedContribution, payload: &[u8]) -> Result<(), Error> {
        self.at(Step::Deliver)?;
        if let Some((attacker, runtime)) = self.half.take() {
            runtime.block_on(attacker.break_off(signed, payload));
            self.at(Step::Half { returns: false })?;
        }
        self.transport.deliver(signed, payload)
    }
    fn decline(&mut self, _: u32, _: &str) -> Result<(), Error> {
        Err(Error::world("declining", "the process ended"))
    }
}

fn plan(changes: &[(&str, &str)]) -> Plan {
    let mut keys = BTreeMap::from(PLAN);
    keys.extend(changes.iter().copied());
    let text: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let exact = [tacit_zk::gradient::LINEAR, tacit_zk::gradient::LOGISTIC];
    let proofs = [toy::ENTRY, lying::RANGE, lying::GROTH16];
    let rules = [tacit_core::plain::ENTRIES, &exact, &proofs];
    let own = [&rules[..], &tacit_learn::ROOMS, &tacit_secagg::ROOMS];
    let registry = tacit_core::registry::Registry::new(&own.concat()).unwrap();
    Plan::parse(&text, &registry).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Log, journal and history must agree, whatever happened: nothing is counted twice, nothing is
/// left out, and no update is left behind. Returns the rounds' records.
fn check_books(run: &Path) -> Vec<RoundRecord> {
    verify_dir(run, &Checks::default()).unwrap();
    let (mut rounds, mut ends) = (Vec::new(), 0);
    for record in records(run).unwrap() {
        match record.body("a record").unwrap() {
            Body::Round(round) => rounds.push(*round),
            Body::RunEnd(_) => ends += 1,
            _ => {}
        }
    }
    assert_eq!(ends, 1, "the end of the run is recorded once");
    let numbers: Vec<u32> = rounds.iter().map(|round| round.round).collect();
    assert_eq!(numbers, (1..=rounds.len() as u32).collect::<Vec<_>>());
    let history = HistoryFile::read(&run.join("history.jsonl")).unwrap();
    assert_eq!(history.len(), rounds.len());
    for (round, report) in rounds.iter().zip(&history) {
        assert_eq!(round.accepted + round.missing, round.cohort);
        check_journal(run, round, report);
    }
    let spooled: Vec<_> = std::fs::read_dir(run.join("state/spool")).unwrap().collect();
    assert!(spooled.is_empty(), "updates do not outlive their round: {spooled:?}");
    rounds
}

fn journal(run: &Path, round: u32) -> Vec<Entry> {
    let path = run.join("log").join(tacit_audit::round_log_path(round));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check_journal(run: &Path, round: &RoundRecord, report: &RoundReport) {
    let (mut accepted, mut turned_away) = (Vec::new(), BTreeMap::new());
    let mut refusals = BTreeMap::<String, u64>::new();
    for entry in journal(run, round.round) {
        match entry.fact {
            Record::Accepted { signed } => accepted.push(signed.contribution.participant),
            Record::Refused { reason, .. } => *refusals.entry(reason).or_default() += 1,
            Record::Aggregated { outcome } => turned_away = outcome.turned_away,
            _ => {}
        }
    }
    accepted.sort();
    accepted.dedup();
    assert_eq!(accepted.len() as u64, round.accepted, "one contribution each");
    assert_eq!((report.round, report.contributions.len()), (round.round, accepted.len()));
    assert_eq!(report.refusals, refusals);
    for (reason, count) in turned_away {
        *refusals.entry(reason).or_default() += count;
    }
    assert_eq!(round.refusals, refusals);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
