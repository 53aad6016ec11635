//! FedProx (Li et al. 2020, "Federated Optimization in Heterogeneous Networks", algorithm 2):
//! participants minimise their loss + μ/2 · ‖w − w_global‖²; the server takes the mean of their
//! models, as FedAvg does.
//!
//! Every participant is given the same number of local epochs. FedAvg with `proximal_mu` under
//! `training` is the same training with a server step size and momentum.

use tacit_core::error::Error;
use tacit_core::messages::FitOrder;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::Strategy;

pub(super) const ENTRY: Entry = Entry {
    name: "fedprox",
    help: "the mean of models held near the global one (Li et al. 2020)",
    parameters: &[Parameter {
        name: "mu",
        help: "pull towards the global model; a larger training.proximal_mu takes precedence",
        kind: Kind::Number { min: 0.0, max: 1e6 },
        default: Default::Number(0.01),
    }],
    make: Make::Strategy(|arguments| Ok(Box::new(FedProx::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct FedProx {
    mu: f64,
}

impl FedProx {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        Ok(Self { mu: arguments.number("mu")? })
    }
}

impl Strategy for FedProx {
    fn adjust(&self, order: &mut FitOrder) {
        order.proximal_mu = order.proximal_mu.max(self.mu);
    }

    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], _slots: &mut [&mut [f32]]) {
        model.iter_mut().zip(aggregate).for_each(|(x, delta)| *x += delta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::ids::ParticipantId;
    use tacit_core::plan::Plan;

    fn ordered(text: &str) -> f64 {
        let plan = Plan::parse(text, &crate::registry().unwrap()).unwrap();
        plan.fit_order(1, &ParticipantId::numbered(0, 2)).proximal_mu
    }

    #[test]
    fn participants_are_told_mu() {
        assert_eq!(ordered("strategy = \"fedprox\""), 0.01);
        assert_eq!(ordered("strategy = { rule = \"fedprox\", mu = 0.5 }"), 0.5);
        let trained = "[training]\nproximal_mu = 0.2";
        assert_eq!(ordered(&format!("strategy = \"fedprox\"\n{trained}")), 0.2);
        let larger = format!("strategy = {{ rule = \"fedprox\", mu = 0.5 }}\n{trained}");
        assert_eq!(ordered(&larger), 0.5);
    }

    #[test]
    fn the_server_takes_the_mean_of_the_models() {
        let rule = FedProx::new(&Arguments::defaults(ENTRY.parameters).unwrap()).unwrap();
        let mut model = [1.0f32, 2.0];
        rule.apply(1, &[0.5, -0.5], &mut model, &mut []);
        assert_eq!(model, [1.5, 1.5]);
        assert_eq!(rule.slots(), 0);
    }
}
