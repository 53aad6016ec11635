//! Five aggregators, each behind a server of its own, of whom three open a sum.

use crate::common::name;
use crate::shady::{Shady, listen, logged};
use crate::trial::Trial;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::exchange::{Letter, Message};
use tacit_core::run::Finish;
use tacit_node::client::HttpTransport;
use tacit_node::committee::{Aggregator, Counter, Setting};
use tacit_node::pki::{Identity, Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::Metrics;
use tacit_secagg::committee::orders::{self, CheckOrder, Shape};

const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];
const RULE: &str = "rule = \"committee\", aggregators = 5, threshold = 3, stage_timeout_s = 20.0";

/// The aggregators of one trial.
struct Town {
    addresses: Vec<SocketAddr>,
    identities: Vec<Arc<Identity>>,
    servers: BTreeMap<usize, Server>,
    /// Which of them forges its answers of a stage.
    forges: Option<(usize, u8)>,
}

impl Town {
    /// A trial under these changes to its plan, with its aggregators.
    async fn found(changes: &[(&str, &str)]) -> (Trial, Self) {
        Self::found_with(changes, None).await
    }

    async fn found_with(changes: &[(&str, &str)], forges: Option<(usize, u8)>) -> (Trial, Self) {
        let listeners: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let urls: Vec<String> = addresses.iter().map(|at| format!("\"https://{at}\"")).collect();
        let rule = format!("{{ {RULE}, addresses = [{}] }}", urls.join(", "));
        let mut trial = Trial::prepare(&plan(&rule, changes), Bounds::default());
        let issue = |number: usize| {
            let (who, hosts) = (format!("aggregator-{number}"), vec!["127.0.0.1".into()]);
            let issued = trial.pki.issue(&name(&who), &Role::Aggregator { hosts }).unwrap();
            let loaded = Identity::load(&trial.pki.ca_path(), &issued.cert, &issued.key);
            Arc::new(loaded.unwrap())
        };
        let identities = (0..5).map(issue).collect();
        let servers = BTreeMap::new();
        let mut town = Self { addresses, identities, servers, forges };
        for (number, listener) in listeners.into_iter().enumerate() {
            listener.set_nonblocking(true).unwrap();
            town.serve(&trial, number, tokio::net::TcpListener::from_std(listener).unwrap());
        }
        trial.open().await;
        (trial, town)
    }

    fn serve(&mut self, trial: &Trial, number: usize, listener: tokio::net::TcpListener) {
        let identity = self.identities[number].clone();
        let forges = self.forges.filter(|(liar, _)| *liar == number).map(|(_, stage)| stage);
        let coordinator = name("coordinator");
        let setting =
            Setting { plan: trial.plan.clone(), number, identity: identity.clone(), coordinator };
        let dir = trial.folder().with_file_name(format!("aggregator-{number}"));
        let revocations = Revocations::watch(&identity, &trial.pki.crl_path()).unwrap();
        let setup = Setup {
            identity,
            revocations: Arc::new(revocations),
            desk: Arc::new(Shady::new(Counter(Aggregator::open(&dir, setting).unwrap()), forges)),
            metrics: Arc::new(Metrics::new()),
            bounds: Bounds::default(),
        };
        self.servers.insert(number, Server::start(listener, setup).unwrap());
    }

    /// Stops an aggregator and starts another process's worth of it on the same folder.
    async fn restart(&mut self, trial: &Trial, number: usize) {
        self.kill(number).await;
        let listener = tokio::net::TcpListener::bind(self.addresses[number]).await.unwrap();
        self.serve(trial, number, listener);
    }

    async fn kill(&mut self, number: usize) {
        let server = self.servers.remove(&number).unwrap();
        server.stop(Duration::from_millis(10)).await;
    }
}

fn plan<'a>(rule: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("protection", rule),
        ("num_rounds", "2"),
        ("training.clip_norm", "1.0"),
        ("cohort.minimum", "3"),
    ];
    all.extend(changes);
    all
}

/// The model that the same plan gives with its committee in one process.
async fn expected(rounds: usize) -> Digest {
    let rule = format!("{{ {RULE} }}");
    let trial = Trial::prepare(&plan(&rule, &[]), Bounds::default());
    let rounds = vec![&ALL[..]; rounds];
    tokio::task::spawn_blocking(move || trial.expected(&rounds)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gives_the_model_of_one_process_and_survives_two_dead_aggregators() {
    let (mut trial, mut town) = Town::found(&[]).await;
    ALL.iter().for_each(|who| trial.join(who));
    trial.round_over(1).await;
    town.kill(1).await;
    town.kill(4).await;
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.finish), (expected(2).await, Finish::Completed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_dead_aggregators_cost_the_round_and_tell_nothing() {
    let (mut trial, mut town) = Town::found(&[("num_rounds", "1")]).await;
    for number in [0, 2, 3] {
        town.kill(number).await;
    }
    ALL.iter().for_each(|who| trial.join(who));
    let ended = trial.finish().await;
    assert!(ended.rounds[0].model_after.is_none());
}

/// An aggregator that contradicts the others is named, whatever it forges, and the sum is opened
/// without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_aggregator_is_named_and_done_without() {
    listen();
    for (liar, stage) in [(1, orders::CHECK), (3, orders::SUM)] {
        let changes = [("num_rounds", "1")];
        let (mut trial, _town) = Town::found_with(&changes, Some((liar, stage))).await;
        ALL.iter().for_each(|who| trial.join(who));
        let ended = trial.finish().await;
        assert_eq!((ended.model, ended.finish), (expected(1).await, Finish::Completed));
        let named = ["contradicts the others", &format!("aggregator={liar} ")];
        assert!(logged(&named), "{stage}");
    }
    assert!(!logged(&["contradicts the others", "aggregator=0 "]));
}

/// A participant whose shares are of no vector is named and left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_dealer_is_named_and_left_out() {
    listen();
    let (mut trial, _town) = Town::found(&[("num_rounds", "1")]).await;
    ALL[..3].iter().for_each(|who| trial.join(who));
    trial.join_crooked(ALL[3]);
    let ended = trial.finish().await;
    let three = {
        let trial = Trial::prepare(&plan(&format!("{{ {RULE} }}"), &[]), Bounds::default());
        tokio::task::spawn_blocking(move || trial.expected(&[&ALL[..3]])).await.unwrap()
    };
    assert_eq!((ended.model, ended.finish), (three, Finish::Completed));
    assert!(logged(&["shares of no vector", "participant=p3 "]));
    assert!(!logged(&["shares of no vector", "participant=p0 "]));
}

/// What was answered once is answered again after a restart, and nothing else of that round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_aggregator_answers_the_same_roster_alone() {
    let (mut trial, mut town) = Town::found(&[("num_rounds", "1")]).await;
    ALL.iter().for_each(|who| trial.join(who));
    trial.round_over(1).await;
    town.restart(&trial, 3).await;
    let model = trial.plan.digest();
    let coordinator = trial.coordinator_identity();
    let url = format!("https://{}", town.addresses[3]);
    let way = HttpTransport::new(&url, coordinator.clone(), crate::common::patience()).unwrap();
    let context = tacit_core::traits::Context { plan: trial.plan.digest(), round: 1, model };
    let order = CheckOrder {
        bits: 20,
        shape: Shape::new([(0, 16)]),
        roster: ALL[..3].iter().map(|who| name(who)).collect(),
        fixed: Digest::of_bytes(b"other"),
    };
    let body = tacit_core::codec::encode(&order);
    let message = Message::new(&context, coordinator.name(), orders::CHECK, &body);
    let letter = Letter { signed: coordinator.sign_message(message), body };
    let refused = way.say(&letter).await.unwrap_err().to_string();
    assert!(refused.contains("another one was answered"), "{refused}");
    assert!(way.mail(1, orders::CHECK).await.is_ok());

    let stranger = HttpTransport::new(&url, trial.identity("p0"), crate::common::patience());
    let stranger = stranger.unwrap();
    stranger.enrol().await.unwrap();
    let message = Message::new(&context, &name("p0"), orders::CHECK, &letter.body);
    let signed = trial.identity("p0").sign_message(message);
    let refused = stranger.say(&Letter { signed, body: letter.body }).await.unwrap_err();
    assert!(refused.to_string().contains("not in the cohort"), "{refused}");
    assert!(stranger.mail(1, orders::CHECK).await.is_err());
    assert!(stranger.mail(1, orders::SUM).await.is_err());
    trial.finish().await;
}
