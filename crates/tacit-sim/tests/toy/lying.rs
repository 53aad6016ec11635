//! The rules of proofs as they are, but for a participant that lies under them.

use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::plan::Plan;
use tacit_core::proof::{Claim, Proved, Secret, Sizes, Statement, Unprovable, Values, Work};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Entropy, Keys, Proof, Prover, Verifier, View};
use tacit_zk::{gradient, range};

const LIAR: Parameter = Parameter {
    name: "liar",
    help: "who lies; `all` for everybody",
    kind: Kind::Text,
    default: Default::Text(""),
};

const LIE: Parameter = Parameter {
    name: "lie",
    help: "whether the proof is of another update, the liar's first, or another participant's",
    kind: Kind::Word(&["other", "old", "stolen"]),
    default: Default::Text("other"),
};

const R: &[Parameter] = range::rule::ENTRY.parameters;

/// Proofs of ranges.
pub const RANGE: Entry = Entry {
    parameters: &[R[0], R[1], R[2], R[3], LIAR, LIE],
    make: Make::Proof(|arguments| Lying::boxed(range::rule::ENTRY.make, arguments)),
    ..range::rule::ENTRY
};

const G: &[Parameter] = gradient::ENTRY.parameters;

/// Proofs of gradients.
pub const GROTH16: Entry = Entry {
    parameters: &[G[0], G[1], G[2], G[3], G[4], LIAR, LIE],
    make: Make::Proof(|arguments| Lying::boxed(gradient::ENTRY.make, arguments)),
    ..gradient::ENTRY
};

struct Lying {
    honest: Box<dyn Proof>,
    liar: String,
    lie: String,
}

impl Lying {
    fn boxed(make: Make, arguments: &Arguments) -> Result<Box<dyn Proof>, Error> {
        let Make::Proof(make) = make else { return Err(Error::Bug("no rule of proofs")) };
        let [liar, lie] = [arguments.text("liar")?, arguments.text("lie")?].map(str::to_owned);
        Ok(Box::new(Self { honest: make(arguments)?, liar, lie }))
    }
}

impl Proof for Lying {
    fn needs(&self) -> View {
        self.honest.needs()
    }

    fn check(&self, plan: &Plan) -> Result<(), Unprovable> {
        self.honest.check(plan)
    }

    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error> {
        self.honest.sizes(of)
    }

    fn settle(&self, update: &mut [f32]) {
        self.honest.settle(update);
    }

    fn commit(&self, of: &Plan, shard: &Shard, secret: &Secret) -> Result<Option<Vec<u8>>, Error> {
        self.honest.commit(of, shard, secret)
    }

    fn prover(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        let (honest, liar, lie) = (self.honest.prover(of, keys)?, &self.liar, &self.lie);
        let (liar, lie) = (liar.clone(), lie.clone());
        Ok(Box::new(Liar { honest, liar, lie, first: None, last: None }))
    }

    fn verifier(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        self.honest.verifier(of, keys)
    }
}

struct Liar {
    honest: Box<dyn Prover>,
    liar: String,
    lie: String,
    /// The first proof that the liar made.
    first: Option<Proved>,
    /// The last that somebody else made here.
    last: Option<Proved>,
}

impl Prover for Liar {
    fn prove(
        &mut self,
        claim: &Claim<'_>,
        work: &Work<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        if self.liar != "all" && self.liar != claim.participant.as_str() {
            let proved = self.honest.prove(claim, work, entropy)?;
            self.last = Some(proved.clone());
            return Ok(proved);
        }
        if self.lie == "old" && self.first.is_none() {
            self.first = Some(self.honest.prove(claim, work, entropy)?);
        }
        let taken = if self.lie == "old" { &self.first } else { &self.last };
        if let (Some(taken), "old" | "stolen") = (taken, &*self.lie) {
            return Ok(taken.clone());
        }
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let values = match work.values {
            Values::Each(update) => {
                values.extend_from_slice(update);
                values[0] = if values[0] == 0.0 { 1.0 } else { 0.0 };
                Values::Each(&values)
            }
            Values::Levels(update) => {
                levels.extend_from_slice(update);
                levels[0] = i64::from(levels[0] == 0);
                Values::Levels(&levels)
            }
        };
        self.honest.prove(claim, &Work { values, ..*work }, entropy)
    }
}
