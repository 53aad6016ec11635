//! Simulated runs of plans whose participants prove what they contribute.

use super::lying;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::referee::{Occasion, Referee};
use tacit_core::registry::Registry;
use tacit_core::round::Summary;
use tacit_core::traits::Keys;
use tacit_learn::federation::Federation;
use tacit_sim::attack::{Adversary, Chosen};
use tacit_sim::simulate::{Options, Recorder, SimOutcome, simulate};
use tacit_zk::gradient::{LINEAR, LOGISTIC};

/// Four participants; two are enough. As top-level keys and their values.
const PLAN: [(&str, &str); 6] = [
    ("participants", "4"),
    ("num_rounds", "2"),
    ("data.source", "\"breast-cancer\""),
    ("cohort.weights", "\"equal\""),
    ("cohort.minimum", "2"),
    ("cohort.max_failed_rounds", "1"),
];

fn registry() -> Registry {
    let own = [LINEAR, LOGISTIC, lying::RANGE, lying::GROTH16];
    let rooms = [tacit_core::plain::ENTRIES, &own];
    let rooms = [&rooms[..], &tacit_learn::ROOMS, &tacit_privacy::ROOMS, &tacit_secagg::ROOMS];
    Registry::new(&rooms.concat()).unwrap()
}

/// That plan with these changes.
pub fn plan(changes: &[(&str, &str)]) -> Plan {
    let mut keys = std::collections::BTreeMap::from(PLAN);
    keys.extend(changes.iter().copied());
    let text: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    Plan::parse(&text, &registry()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What a run leaves behind for others.
#[derive(Default)]
pub struct Left {
    pub proofs: Vec<Vec<u8>>,
    pub summaries: Vec<Summary>,
    /// The last is what was released last.
    pub models: Vec<Params>,
}

impl Recorder for Left {
    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        self.summaries.push(summary.clone());
        Ok(self.summaries.len() as u64 - 1)
    }

    fn evidence(&mut self, proof: &[u8]) -> Result<(), Error> {
        self.proofs.push(proof.to_vec());
        Ok(())
    }

    fn publish(&mut self, _round: u32, model: &Params) -> Result<(), Error> {
        self.models.push(model.clone());
        Ok(())
    }
}

pub fn initial(plan: &Plan) -> Params {
    Federation::assemble(plan).unwrap().initial_model().unwrap()
}

/// Runs a plan; some participants may be hostile.
pub fn run(plan: &Plan, keys: &dyn Keys, attack: Option<(&str, usize)>) -> (SimOutcome, Left) {
    let federation = Federation::assemble(plan).unwrap();
    let mut adversary = attack.map(|(name, byzantine)| {
        let attack = Chosen::parse(name).unwrap().make().unwrap();
        Adversary::draw(attack, byzantine, &federation, plan.seed()).unwrap()
    });
    let mut left = Left { models: vec![initial(plan)], ..Left::default() };
    let mut options = Options::new(&mut left);
    options.adversary = adversary.as_mut();
    options.keys = keys;
    // one prover, which remembers what it made before
    options.threads = 1;
    let outcome = simulate(plan, &federation, options, &mut |_| {}).unwrap();
    (outcome, left)
}

/// Verifies every proof that was kept, as somebody does who was not shown an update; gives how
/// many there are.
pub fn check(plan: &Plan, keys: &dyn Keys, left: &Left) -> usize {
    let referee = Referee::new(plan, left.models[0].layout(), keys).unwrap().unwrap();
    let mut checked = 0;
    for summary in &left.summaries {
        let setup = &summary.setup;
        let model = left.models.iter().find(|model| model.digest() == setup.model).unwrap();
        let exhibit = |of: &tacit_core::messages::SignedContribution, by: Digest| {
            let proof = left.proofs.iter().find(|proof| Digest::of_bytes(proof) == by).unwrap();
            referee.exhibit(of, proof.clone(), None).unwrap()
        };
        let own = |of: &tacit_core::messages::SignedContribution| of.contribution.proof.unwrap();
        let accepted = summary.accepted.iter();
        let exhibits: Vec<_> = accepted.clone().map(|of| exhibit(of, own(of).digest)).collect();
        let verdicts = referee.judge(&Occasion { setup, model: Some(model) }, &exhibits).unwrap();
        assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
        checked += verdicts.len();
        // Under another name, or in another round, none of them holds.
        let renamed = accepted.clone().zip(accepted.cycle().skip(1)).map(|(of, next)| {
            let mut of = of.clone();
            of.contribution.participant = next.contribution.participant.clone();
            let digest = own(&of).digest;
            exhibit(&of, digest)
        });
        let renamed: Vec<_> = renamed.collect();
        let verdicts = referee.judge(&Occasion { setup, model: Some(model) }, &renamed).unwrap();
        assert!(verdicts.iter().all(Result::is_err), "{verdicts:?}");
        let mut setup = setup.clone();
        setup.round += 1;
        let verdicts =
            referee.judge(&Occasion { setup: &setup, model: Some(model) }, &exhibits).unwrap();
        assert!(verdicts.iter().all(Result::is_err), "{verdicts:?}");
    }
    checked
}
