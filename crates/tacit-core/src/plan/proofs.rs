//! The laws of proofs: a proof of something else than what is contributed is none.

use super::coherence::{Conflict, Facts, within};
use super::laws::seen;
use super::tables::NONE;
use crate::registry::{Family, Make};
use crate::traits::{Party, Proof, View};

/// No proof at all.
const NOTHING: &str = "proof = \"none\"";

/// The proofs of a registry that are content with a view of updates.
fn content(facts: &Facts<'_>, view: View) -> impl Iterator<Item = String> {
    facts.sound(Family::Proof, move |make, arguments| match make {
        Make::Proof(make) => Ok(make(arguments)?.needs() <= view),
        _ => Ok(false),
    })
}

/// The verifier must see of updates what the proof is held against.
pub(super) fn view(facts: &Facts<'_>) -> Option<Conflict> {
    let (needs, reveals) = (facts.proof.as_ref()?.needs(), facts.protection.reveals());
    // A sum of a group is opened as a sum is.
    let needs = if needs == View::Sum { View::Sum } else { needs.max(View::Each) };
    (needs > reveals).then(|| Conflict {
        key: "proof",
        because: "protection",
        expected: format!("a proof that is held against {}", seen(reveals)),
        found: format!("{}, which is held against {}", facts.name(Family::Proof), seen(needs)),
        alternatives: content(facts, reveals).chain(facts.protections(needs)).collect(),
    })
}

/// What hides updates in commitments must be summed beside them, or no sum can be held against
/// them.
pub(super) fn sums(facts: &Facts<'_>) -> Option<Conflict> {
    let summed = facts.proof.as_ref()?.needs() == View::Sum;
    let blinds = facts.protection.exchange()?.blinds();
    let protections = facts.sound(Family::Protection, |make, arguments| match make {
        Make::Protection(make) => {
            let protection = make(arguments)?;
            let seen = protection.reveals() == View::Each;
            Ok(seen || protection.exchange().is_some_and(|exchange| exchange.blinds()))
        }
        _ => Ok(false),
    });
    (summed && !blinds).then(|| Conflict {
        key: "proof",
        because: "protection",
        expected: "\"none\", as no commitments are opened with these sums".into(),
        found: facts.name(Family::Proof),
        alternatives: std::iter::once(NOTHING.into()).chain(protections).collect(),
    })
}

/// A weight that only a sum shows is proved by nobody.
pub(super) fn weights(facts: &Facts<'_>) -> Option<Conflict> {
    let hidden = facts.proof.is_some() && facts.protection.exchange().is_some();
    (hidden && !facts.plan.cohort.equal_weights).then(|| Conflict {
        key: "cohort.weights",
        because: "proof",
        expected: "\"equal\", as nobody proves a weight that is summed".into(),
        found: "\"examples\"".into(),
        alternatives: vec![within("cohort", "weights = \"equal\""), NOTHING.into()],
    })
}

/// What is proved of an update says nothing of what an encoding makes of it, nor of what it drops
/// and remembers.
pub(super) fn encoding(facts: &Facts<'_>) -> Option<Conflict> {
    let compressed = !facts.plan.choices(Family::Compressor).is_empty();
    (facts.proof.is_some() && compressed).then(|| Conflict {
        key: "compression",
        because: "proof",
        expected: "[], as the update is proved and not what an encoding makes of it".into(),
        found: facts.name(Family::Compressor),
        alternatives: vec!["compression = []".into(), NOTHING.into()],
    })
}

/// Noise of a participant, for itself or in shares, comes between what is proved and what is sent.
pub(super) fn noise(facts: &Facts<'_>) -> Option<Conflict> {
    let own = matches!(facts.mechanism.by(), Party::Participant | Party::Cohort);
    let mechanisms = facts.sound(Family::Mechanism, |make, arguments| match make {
        Make::Mechanism(make) => Ok(make(arguments)?.by() == Party::Coordinator),
        _ => Ok(false),
    });
    let none = format!("mechanism = {NONE:?}");
    (facts.proof.is_some() && own).then(|| Conflict {
        key: "mechanism",
        because: "proof",
        expected: "no noise before the update is sent, as the update is proved without it".into(),
        found: facts.name(Family::Mechanism),
        alternatives: std::iter::once(none).chain(mechanisms).chain([NOTHING.into()]).collect(),
    })
}

/// The bound is part of what is proved, and of the keys of the proof.
pub(super) fn quantile(facts: &Facts<'_>) -> Option<Conflict> {
    let target = facts.plan.training.quantile?.target;
    facts.proof.is_some().then(|| Conflict {
        key: "training.clip_quantile",
        because: "proof",
        expected: "0.0, as the clipping norm is part of what is proved".into(),
        found: super::write::number(target),
        alternatives: vec![within("training", "clip_quantile = 0.0"), NOTHING.into()],
    })
}

/// What only the rule can know.
pub(super) fn statement(facts: &Facts<'_>) -> Option<Conflict> {
    let proof: &dyn Proof = &**facts.proof.as_ref()?;
    let unprovable = proof.check(facts.plan).err()?;
    Some(Conflict {
        key: unprovable.key,
        because: "proof",
        expected: unprovable.expected,
        found: unprovable.found,
        alternatives: unprovable.alternatives,
    })
}
