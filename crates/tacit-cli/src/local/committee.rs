//! The aggregators of a plan's committee, each behind a loopback socket of its own.

use super::{Authority, FAREWELL, listening};
use crate::commands::pki::participant;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_node::committee::{Aggregator, Counter, Setting, named};
use tacit_node::pki::{Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::Metrics;
use tokio::runtime::Runtime;

/// The plan with an address on this machine for each aggregator, where it has none.
pub fn settled(plan: Plan) -> Result<Plan, Error> {
    let Some(rule) = named(&plan)? else { return Ok(plan) };
    if !rule.addresses().is_empty() {
        return Ok(plan);
    }
    // Held together, so that no port is found twice.
    let found: Vec<TcpListener> = (0..rule.aggregators())
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()
        .map_err(|e| Error::world("listening on loopback", e))?;
    let urls: Vec<String> = found
        .iter()
        .map(|listener| listener.local_addr().map(|address| format!("\"https://{address}\"")))
        .collect::<Result<_, _>>()
        .map_err(|e| Error::world("listening on loopback", e))?;
    let addresses = format!("addresses = [{}]", urls.join(", "));
    let text = plan.to_toml();
    let mut lines = text.lines();
    let rule = lines.find_map(|line| line.strip_prefix("protection = "));
    let rule = rule.ok_or(Error::Bug("a plan without a protection"))?;
    let rule = rule.replace("addresses = []", &addresses);
    Ok(plan.with(&[("protection", &rule)], &tacit_sim::registry()?)?)
}

/// The running aggregators; none where the plan names no committee.
pub(super) struct Town(Vec<Server>);

impl Town {
    /// Starts every aggregator where the plan says; each keeps its state in a folder of `state`.
    pub(super) fn start(
        plan: &Plan,
        pki: &Authority,
        state: &Path,
        runtime: &Runtime,
    ) -> Result<Self, Error> {
        let addresses = named(plan)?.map(|rule| rule.addresses().to_vec()).unwrap_or_default();
        let serve = |(number, url): (usize, &String)| {
            let address = loopback(url)?;
            let name = participant(&format!("aggregator-{number}"))?;
            let role = Role::Aggregator { hosts: vec![address.ip().to_string()] };
            let identity = Arc::new(pki.identity(&name, &role)?);
            let coordinator = participant("coordinator")?;
            let setting =
                Setting { plan: plan.clone(), number, identity: identity.clone(), coordinator };
            let aggregator = Aggregator::open(&state.join(name.as_str()), setting)?;
            let setup = Setup {
                revocations: Arc::new(Revocations::none(&identity)),
                identity,
                desk: Arc::new(Counter(aggregator)),
                metrics: Arc::new(Metrics::new()),
                bounds: Bounds::default(),
            };
            runtime.block_on(async { Server::start(listening(address).await?, setup) })
        };
        addresses.iter().enumerate().map(serve).collect::<Result<_, _>>().map(Self)
    }

    pub(super) async fn stop(self) {
        for server in self.0 {
            server.stop(FAREWELL).await;
        }
    }
}

fn loopback(url: &str) -> Result<SocketAddr, Error> {
    let address =
        url.strip_prefix("https://").and_then(|rest| rest.trim_end_matches('/').parse().ok());
    address.filter(|address: &SocketAddr| address.ip().is_loopback()).ok_or_else(|| {
        let expected =
            "none, or https://127.0.0.1:PORT for each: `tacit run` plays all aggregators";
        Error::caller("addresses of a committee", expected, url)
    })
}
