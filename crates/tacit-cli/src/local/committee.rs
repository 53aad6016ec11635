//! The aggregators of a plan's committee, each behind a loopback socket of its own. Addresses that
//! the plan has are for other machines and are not used.

use super::{Authority, FAREWELL, listen};
use std::path::Path;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_node::committee::{Aggregator, Committee, Counter, Setting, named};
use tacit_node::pki::{Identity, Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::Metrics;
use tokio::runtime::Runtime;

/// The aggregators; none where the plan names no committee.
pub(super) struct Town {
    plan: Plan,
    addresses: Vec<String>,
    servers: Vec<Server>,
}

impl Town {
    /// Starts every aggregator; each keeps its state in a folder of `state`.
    pub(super) fn start(
        plan: &Plan,
        pki: &Authority,
        state: &Path,
        runtime: &Runtime,
    ) -> Result<Self, Error> {
        let mut town = Self { plan: plan.clone(), addresses: Vec::new(), servers: Vec::new() };
        let all = named(plan)?.map_or(0, |rule| rule.aggregators());
        for number in 0..all {
            let name = crate::commands::pki::participant(&format!("aggregator-{number}"))?;
            let role = Role::Aggregator { hosts: vec!["127.0.0.1".to_owned()] };
            let identity = Arc::new(pki.identity(&name, &role)?);
            let coordinator = crate::commands::pki::participant("coordinator")?;
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
            let server = runtime.block_on(async { Server::start(listen().await?, setup) })?;
            town.addresses.push(format!("https://{}", server.address()));
            town.servers.push(server);
        }
        Ok(town)
    }

    /// The way to them for somebody.
    pub(super) fn way(
        &self,
        identity: &Arc<Identity>,
        runtime: &Runtime,
    ) -> Result<Option<Arc<Committee>>, Error> {
        let way = |rule| Committee::at(rule, &self.addresses, identity, runtime.handle().clone());
        named(&self.plan)?.map(way).transpose()
    }

    pub(super) async fn stop(self) {
        for server in self.servers {
            server.stop(FAREWELL).await;
        }
    }
}
