//! Stand-ins for the rules of other rooms: they say what they need and reveal, and do nothing.

use std::sync::Arc;
use tacit_core::account::{Epsilon, Sampled, Spent};
use tacit_core::compress::{Form, Place, Signal};
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::{Error, Refusal};
use tacit_core::evidence::Cost;
use tacit_core::exchange::{Stages, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::plan::Plan;
use tacit_core::proof::{Sizes, Statement, Unprovable};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter, Registry};
use tacit_core::rng::Seed;
use tacit_core::traits::*;

struct Zero;

impl Trainer for Zero {
    fn initialise(&mut self, _: Seed) -> Result<Params, Error> {
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape: vec![1] }])?;
        Ok(Params::new(layout.into(), vec![0.0])?)
    }
    fn fit(&mut self, _: &FitOrder, _: &Params, _: &Shard) -> Result<Fitted, Error> {
        Err(Error::Bug("a stand-in does not train"))
    }
    fn evaluate(&mut self, _: &Params, _: &Shard) -> Result<Evaluation, Error> {
        Ok(Evaluation::default())
    }
}

struct Server {
    mu: f64,
}

impl Strategy for Server {
    fn adjust(&self, order: &mut FitOrder) {
        order.proximal_mu = order.proximal_mu.max(self.mu);
    }
    fn apply(&self, _: u32, _: &[f32], _: &mut [f32], _: &mut [&mut [f32]]) {}
}

struct Fold {
    needs: View,
    minimum: usize,
}

impl Aggregator for Fold {
    fn needs(&self) -> View {
        self.needs
    }
    fn minimum(&self) -> usize {
        self.minimum
    }
    fn fold(&mut self, _: &Rows<'_>) -> Result<(), Error> {
        Ok(())
    }
    fn finish(&mut self, _: &mut [f32]) -> Result<(), Error> {
        Ok(())
    }
}

struct Encode {
    additive: bool,
}

impl Compressor for Encode {
    fn form(&self, form: Form) -> Result<Form, Error> {
        if form.bits.is_some() {
            return Err(Error::caller("rule", "values to encode", form.describe()));
        }
        Ok(Form { bits: self.additive.then_some(8), ..form })
    }
    fn additive(&self) -> bool {
        self.additive
    }
    fn forward(&self, _: &Place, _: &mut Signal) -> Result<(), Error> {
        Ok(())
    }
    fn backward(&self, _: &Place, _: &mut Signal) -> Result<(), Refusal> {
        Ok(())
    }
}

struct Hide {
    reveals: View,
    blinds: bool,
}

impl Protection for Hide {
    fn reveals(&self) -> View {
        self.reveals
    }
    fn exchange(&self) -> Option<&dyn Exchange> {
        (self.reveals == View::Sum).then_some(self)
    }
}

struct Prove {
    needs: View,
}

/// Says something of plain steps.
impl Proof for Prove {
    fn needs(&self) -> View {
        self.needs
    }
    fn check(&self, plan: &Plan) -> Result<(), Unprovable> {
        match plan.training().momentum {
            0.0 => Ok(()),
            momentum => Err(Unprovable {
                key: "training.momentum",
                expected: "0.0, as only plain steps are proved".into(),
                found: momentum.to_string(),
                alternatives: vec!["momentum = 0.0 in [training]".into()],
            }),
        }
    }
    fn sizes(&self, _: &Statement<'_>) -> Result<Sizes, Error> {
        Ok(Sizes { proof_bytes: 32, blindings: 0, commits: false, model: false })
    }
    fn prover(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        Err(Error::Bug("nobody proves"))
    }
    fn verifier(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        Err(Error::Bug("nobody verifies"))
    }
}

/// Nobody ever meets at this table.
impl Exchange for Hide {
    fn stages(&self, _: &Terms) -> Stages {
        Stages::default()
    }
    fn blinds(&self) -> bool {
        self.blinds
    }
    fn resolution(&self) -> u32 {
        24
    }
    fn promise(&self, terms: &Terms) -> Result<String, Error> {
        match terms.dropping < 0.5 {
            true => Ok("nothing".into()),
            false => Err(Error::caller("adversary.dropping", "below 0.5", "more")),
        }
    }
    fn frame_bytes(&self, _: u32, count: usize) -> usize {
        8 * count
    }
    fn member(&self, _: &Terms, _: Arc<dyn Notary>) -> Result<Box<dyn Member>, Error> {
        Err(Error::Bug("nobody"))
    }
    fn table(&self, _: &Terms, _: &[ParticipantId]) -> Result<Box<dyn Table>, Error> {
        Err(Error::Bug("nobody"))
    }
}

struct Noise {
    discrete: bool,
}

impl Mechanism for Noise {
    fn discrete(&self) -> bool {
        self.discrete
    }
    fn by(&self) -> Party {
        if self.discrete { Party::Cohort } else { Party::Coordinator }
    }
    fn cost(&self, _: &Calibration) -> Result<Cost, Error> {
        let noise = tacit_core::evidence::Noise::Gaussian { noise_multiplier: 1.0 };
        Ok(Cost::Bounded { noise, total_variation: 0.0 })
    }
}

/// Bounds whatever is not drawn by coins.
struct Count;

impl Accountant for Count {
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
        if spent.iter().any(|(spent, _)| matches!(spent.sampled, Sampled::Poisson { .. })) {
            return Err(Error::caller("accountant count", "fixed cohorts", "coins"));
        }
        let upper = spent.iter().map(|(_, times)| *times as f64).sum();
        Ok(Epsilon { lower: 0.0, upper, delta })
    }
}

const fn number(name: &'static str, default: f64) -> Parameter {
    let kind = Kind::Number { min: 0.0, max: 1000.0 };
    Parameter { name, help: "A number.", kind, default: Default::Number(default) }
}

fn trainer(_: &Arguments, _: &DataShape) -> Result<Box<dyn Trainer>, Error> {
    Ok(Box::new(Zero))
}

fn krum(arguments: &Arguments) -> Result<Box<dyn Aggregator>, Error> {
    let faulty = usize::try_from(arguments.integer("num_byzantine")?).unwrap();
    Ok(Box::new(Fold { needs: View::EachSealed, minimum: 2 * faulty + 3 }))
}

fn noise(arguments: &Arguments) -> Result<Box<dyn Mechanism>, Error> {
    if arguments.number("noise_multiplier")? == 0.0 {
        return Err(Error::caller("noise_multiplier", "a positive number", "0.0"));
    }
    Ok(Box::new(Noise { discrete: false }))
}

const fn entry(
    name: &'static str,
    help: &'static str,
    parameters: &'static [Parameter],
    make: Make,
) -> Entry {
    Entry { name, help, parameters, make }
}

const HIDDEN: Parameter = Parameter {
    name: "hidden",
    help: "Units of each hidden layer.",
    kind: Kind::Integer { min: 1, max: 65_536 },
    default: Default::Integer(200),
};

const COMMAND: Parameter = Parameter {
    name: "command",
    help: "Program and arguments.",
    kind: Kind::List,
    default: Default::Required,
};

const BYZANTINE: Parameter = Parameter {
    name: "num_byzantine",
    help: "Participants that may lie.",
    kind: Kind::Integer { min: 0, max: 50_000 },
    default: Default::Integer(1),
};

const UNBIASED: Parameter = Parameter {
    name: "unbiased",
    help: "Whether rounding is random.",
    kind: Kind::Flag,
    default: Default::Flag(true),
};

const SCALE: Parameter = Parameter {
    name: "scale",
    help: "How the scale is chosen.",
    kind: Kind::Word(&["common", "own"]),
    default: Default::Text("common"),
};

const SIGMA: Parameter = number("noise_multiplier", 1.0);

static ENTRIES: &[Entry] = &[
    entry("logistic-regression", "Multinomial.", &[], Make::Trainer(trainer)),
    entry("2nn", "Two hidden layers.", &[HIDDEN], Make::Trainer(trainer)),
    entry("command", "A program.", &[COMMAND], Make::Trainer(trainer)),
    entry(
        "fedavg",
        "McMahan et al. 2017.",
        &[number("learning_rate", 1.0), number("momentum", 0.0)],
        Make::Strategy(|_| Ok(Box::new(Server { mu: 0.0 }))),
    ),
    entry(
        "fedprox",
        "Li et al. 2020.",
        &[number("mu", 0.01)],
        Make::Strategy(|a| Ok(Box::new(Server { mu: a.number("mu")? }))),
    ),
    entry(
        "mean",
        "Weighted.",
        &[],
        Make::Aggregator(|_| Ok(Box::new(Fold { needs: View::Sum, minimum: 1 }))),
    ),
    entry("krum", "Blanchard et al. 2017.", &[BYZANTINE], Make::Aggregator(krum)),
    entry(
        "plain",
        "None.",
        &[],
        Make::Protection(|_| Ok(Box::new(Hide { reveals: View::Each, blinds: false }))),
    ),
    entry(
        "enclave",
        "Sealed.",
        &[],
        Make::Protection(|_| Ok(Box::new(Hide { reveals: View::EachSealed, blinds: false }))),
    ),
    entry(
        "secagg",
        "Bell et al. 2020.",
        &[],
        Make::Protection(|_| Ok(Box::new(Hide { reveals: View::Sum, blinds: true }))),
    ),
    entry(
        "committee",
        "Sums without blindings.",
        &[],
        Make::Protection(|_| Ok(Box::new(Hide { reveals: View::Sum, blinds: false }))),
    ),
    entry("groth16", "Of each.", &[], Make::Proof(|_| Ok(Box::new(Prove { needs: View::Each })))),
    entry("range", "Of sums too.", &[], Make::Proof(|_| Ok(Box::new(Prove { needs: View::Sum })))),
    entry(
        "top-k",
        "Largest values.",
        &[number("k_ratio", 0.01)],
        Make::Compressor(|_| Ok(Box::new(Encode { additive: false }))),
    ),
    entry(
        "quantise",
        "Few bits.",
        &[UNBIASED, SCALE],
        Make::Compressor(|_| Ok(Box::new(Encode { additive: true }))),
    ),
    entry("none", "No proof.", &[], Make::Proof(|_| Ok(Box::new(tacit_core::plain::NoProof)))),
    entry("none", "No noise.", &[], Make::Mechanism(|_| Ok(Box::new(Noise { discrete: false })))),
    entry("none", "None.", &[], Make::Accountant(|_| Ok(Box::new(tacit_core::plain::NoAccount)))),
    entry("count", "Counts.", &[], Make::Accountant(|_| Ok(Box::new(Count)))),
    entry("gaussian", "Continuous.", &[SIGMA], Make::Mechanism(noise)),
    entry(
        "discrete-gaussian",
        "Canonne et al. 2020.",
        &[SIGMA],
        Make::Mechanism(|_| Ok(Box::new(Noise { discrete: true }))),
    ),
];

/// Every stand-in.
pub fn registry() -> Registry {
    Registry::new(&[ENTRIES]).unwrap()
}
