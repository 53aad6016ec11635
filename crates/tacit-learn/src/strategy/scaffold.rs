//! SCAFFOLD (Karimireddy et al. 2020, "SCAFFOLD: Stochastic Controlled Averaging for Federated
//! Learning", algorithm 1). The server keeps a control variate c, participant i its own cᵢ:
//!
//! - local steps (line 10): y ← y − ηₗ (g(y) − cᵢ + c);
//! - afterwards (line 12, option II): cᵢ⁺ ← cᵢ − c + (x − y) / (K ηₗ), for K steps;
//! - server (lines 16, 17): x ← x + η_g mean(y − x), c ← c + |S|/N · mean(cᵢ⁺ − cᵢ).
//!
//! Means are whatever the plan's aggregator makes of updates and changes, so they are weighted by
//! examples where it weighs: c then estimates the gradient of the weighted objective. Variates
//! start at zero. Local momentum would make K ηₗ wrong: plans that ask for both are refused.

use tacit_core::error::Error;
use tacit_core::messages::FitOrder;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Control, Fitted, Strategy};

pub(super) const ENTRY: Entry = Entry {
    name: "scaffold",
    help: "local steps corrected by control variates, option II (Karimireddy et al. 2020)",
    parameters: &[Parameter {
        name: "learning_rate",
        help: "server step size; 1 replaces the model by the mean of the local ones",
        kind: Kind::Number { min: 0.0, max: 1000.0 },
        default: Default::Number(1.0),
    }],
    make: Make::Strategy(|arguments| Ok(Box::new(Scaffold::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Scaffold {
    learning_rate: f32,
}

impl Scaffold {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        Ok(Self { learning_rate: arguments.number("learning_rate")? as f32 })
    }
}

impl Strategy for Scaffold {
    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], _slots: &mut [&mut [f32]]) {
        model.iter_mut().zip(aggregate).for_each(|(x, delta)| *x += self.learning_rate * delta);
    }

    fn control(&self) -> Option<&dyn Control> {
        Some(self)
    }
}

impl Control for Scaffold {
    fn correction(&self, server: &[f32], mine: &[f32]) -> Vec<f32> {
        server.iter().zip(mine).map(|(c, own)| c - own).collect()
    }

    fn renew(
        &self,
        order: &FitOrder,
        fitted: &Fitted,
        correction: &[f32],
        mine: &mut [f32],
    ) -> Result<(), Error> {
        let travelled = fitted.steps as f64 * order.learning_rate;
        if !travelled.is_normal() {
            let expected = "a trainer that tells its steps, and a learning rate above 0";
            let found = format!("{} steps of {}", fitted.steps, order.learning_rate);
            return Err(Error::caller("training under control variates", expected, found));
        }
        let scale = (1.0 / travelled) as f32;
        let update = fitted.update.values();
        // cᵢ − c is the correction with its sign turned, and x − y the update with its.
        for ((own, correction), step) in mine.iter_mut().zip(correction).zip(update) {
            *own = -correction - step * scale;
        }
        Ok(())
    }

    fn absorb(&self, participation: f64, change: &[f32], server: &mut [f32]) {
        let share = participation as f32;
        server.iter_mut().zip(change).for_each(|(c, change)| *c += share * change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tacit_core::ids::ParticipantId;
    use tacit_core::params::{Layout, Tensor, Update};
    use tacit_core::plan::Plan;

    const RATE: f64 = 0.1;
    const STEPS: u64 = 5;

    fn rule() -> Scaffold {
        Scaffold::new(&Arguments::defaults(ENTRY.parameters).unwrap()).unwrap()
    }

    fn order() -> FitOrder {
        let registry = crate::registry().unwrap();
        let plan = Plan::parse("strategy = \"scaffold\"", &registry).unwrap();
        plan.fit_order(1, &ParticipantId::numbered(0, 2))
    }

    /// Local steps on curvature/2 · (y − optimum)², from `x`.
    fn fitted(x: f32, (curvature, optimum): (f32, f32), correction: f32) -> Fitted {
        let mut y = x;
        for _ in 0..STEPS {
            y -= RATE as f32 * (curvature * (y - optimum) + correction);
        }
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape: vec![1] }]).unwrap();
        let update = Update::new(Arc::new(layout), vec![y - x], 1).unwrap();
        Fitted { update, loss: 0.0, steps: STEPS }
    }

    /// Rounds over two participants of different curvature, whose common optimum is at 1.
    fn run(corrected: bool, rounds: u32) -> f32 {
        let (rule, order, tasks) = (rule(), order(), [(1.0, 4.0), (3.0, 0.0)]);
        let (mut x, mut server, mut own) = ([5.0f32], [0.0f32], [[0.0f32]; 2]);
        for _ in 0..rounds {
            let (mut step, mut change) = ([0.0f32], [0.0f32]);
            for (task, own) in tasks.iter().zip(&mut own) {
                let correction = rule.correction(&server, own);
                let fitted = fitted(x[0], *task, if corrected { correction[0] } else { 0.0 });
                let before = own[0];
                rule.renew(&order, &fitted, &correction, own).unwrap();
                step[0] += fitted.update.values()[0] / 2.0;
                change[0] += (own[0] - before) / 2.0;
            }
            rule.apply(1, &step, &mut x, &mut []);
            rule.absorb(1.0, &change, &mut server);
        }
        x[0]
    }

    #[test]
    fn corrected_steps_reach_the_common_optimum_and_plain_ones_do_not() {
        assert!((run(true, 100) - 1.0).abs() < 1e-4, "{}", run(true, 100));
        assert!((run(false, 100) - 1.0).abs() > 0.1, "{}", run(false, 100));
    }

    #[test]
    fn option_two_is_the_mean_gradient() {
        // From zero variates a participant's next variate is the mean of its gradients.
        let (rule, mut own) = (rule(), [0.0f32]);
        let fitted = fitted(2.0, (1.0, 0.0), 0.0);
        rule.renew(&order(), &fitted, &[0.0], &mut own).unwrap();
        let travelled = -f64::from(fitted.update.values()[0]) / (RATE * STEPS as f64);
        assert!((f64::from(own[0]) - travelled).abs() < 1e-6);
    }

    #[test]
    fn local_momentum_is_refused() {
        let registry = crate::registry().unwrap();
        let text = "strategy = \"scaffold\"\n[training]\nmomentum = 0.9";
        let refusal = Plan::parse(text, &registry).unwrap_err().to_string();
        assert!(refusal.contains("training.momentum: expected 0.0"), "{refusal}");
    }

    #[test]
    fn unknown_steps_are_refused() {
        let fitted = Fitted { steps: 0, ..fitted(1.0, (1.0, 0.0), 0.0) };
        let error = rule().renew(&order(), &fitted, &[0.0], &mut [0.0]).unwrap_err();
        assert!(error.to_string().contains("tells its steps"), "{error}");
    }

    #[test]
    fn a_part_of_the_participants_moves_the_server_by_its_part() {
        let mut server = [1.0f32];
        rule().absorb(0.1, &[2.0], &mut server);
        assert!((server[0] - 1.2).abs() < 1e-6);
    }
}
