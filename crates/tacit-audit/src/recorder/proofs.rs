//! What the log says of the proofs of a round. No record names a participant, and proofs stand in
//! the order of their digests, so that their places tell nothing either: whose a proof is, and
//! whose were refused, stands in the round's log and in the history.

use crate::record::{Record, scheme};
use crate::round_record::RoundRecord;
use serde_json::json;
use tacit_core::error::BAD_PROOF;
use tacit_core::messages::ProofHeader;
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_core::round::Summary;

/// Kind of the record of one accepted proof, whose body names it under the same word.
pub(crate) const PROOF: &str = "proof";

/// What the records of a rule's proofs are called.
struct Schemes {
    rule: &'static str,
    /// Of one proof.
    proof: &'static str,
    /// Of its verification, where that is a record of its own.
    verify: Option<&'static str>,
}

/// By rule; what is not here is some other room's.
const SCHEMES: [Schemes; 2] = [
    Schemes { rule: "groth16", proof: scheme::ZKSNARK_PROOF, verify: Some(scheme::ZKSNARK_VERIFY) },
    Schemes { rule: "range", proof: scheme::RANGE_PROOF, verify: None },
];

const OTHER: Schemes = Schemes { rule: "", proof: scheme::PROOF, verify: None };

/// A record for each accepted proof and, where the rule has such, for its verification; one for
/// those that were refused; one for what was made of all that was proved. Nothing where nothing
/// is proved.
pub(super) fn records(plan: &Plan, round: &RoundRecord, summary: &Summary) -> Vec<Record> {
    if summary.setup.nonce.is_none() {
        return Vec::new();
    }
    let rule = plan.choice(Family::Proof).name();
    let schemes = SCHEMES.iter().find(|schemes| schemes.rule == rule).unwrap_or(&OTHER);
    let of = Of { rule, schemes, round };
    let headers = summary.accepted.iter();
    let mut proofs: Vec<ProofHeader> =
        headers.filter_map(|signed| signed.contribution.proof).collect();
    proofs.sort_by_key(|proof| proof.digest);
    let mut records: Vec<Record> = proofs.iter().flat_map(|proof| of.accepted(proof)).collect();
    records.extend(of.refused(summary));
    if let Ok(outcome) = &summary.result {
        records.push(of.aggregate(&proofs, summary, outcome.verify_ms));
    }
    records
}

struct Of<'a> {
    rule: &'a str,
    schemes: &'a Schemes,
    round: &'a RoundRecord,
}

impl Of<'_> {
    fn record(&self, kind: &str, what: &str, scheme: &str, body: serde_json::Value) -> Record {
        let (round, run) = (self.round.round, &self.round.run);
        Record {
            kind: kind.into(),
            title: format!("{what} of round {round} of run {run}"),
            description: String::new(),
            link: self.round.step_link(scheme),
            body,
        }
    }

    fn accepted(&self, proof: &ProofHeader) -> Vec<Record> {
        let Self { rule, schemes, .. } = self;
        let ProofHeader { digest, bytes, prove_ms } = *proof;
        let about = |record: Record, said: &str| Record {
            description: format!("{rule} proof of {bytes} bytes, {said}"),
            link: format!("{}/{digest}", record.link),
            ..record
        };
        let title = format!("Proof {}", digest.short());
        let body = json!({ "rule": rule, "proof": digest, "bytes": bytes, "prove_ms": prove_ms });
        let said = match schemes.verify {
            Some(_) => "kept for whoever checks the run",
            None => "verified before its contribution counted",
        };
        let made = about(self.record(PROOF, &title, schemes.proof, body), said);
        let verified = schemes.verify.map(|scheme| {
            let title = format!("Verification of proof {}", digest.short());
            let body = json!({ "rule": rule, "proof": digest, "verified": true });
            let said = "verified before its contribution counted";
            about(self.record("proof-verified", &title, scheme, body), said)
        });
        std::iter::once(made).chain(verified).collect()
    }

    /// How many proofs were refused, and of how many; nothing where none was.
    fn refused(&self, summary: &Summary) -> Option<Record> {
        let proofs = summary.refusals.get(BAD_PROOF).copied().unwrap_or(0);
        let of = summary.unproved.len();
        let scheme = self.schemes.verify.unwrap_or(self.schemes.proof);
        let body = json!({ "rule": self.rule, "refused": proofs, "of": of });
        let record = self.record("proofs-refused", "Refused proofs", scheme, body);
        (proofs > 0).then(|| Record {
            description: format!(
                "{proofs} proofs of {of} members of the cohort were refused by {}; what they were \
                 of does not count",
                self.rule
            ),
            link: format!("{}/refused", record.link),
            ..record
        })
    }

    fn aggregate(
        &self,
        proofs: &[ProofHeader],
        summary: &Summary,
        verify_ms: Option<u64>,
    ) -> Record {
        let bytes: u64 = proofs.iter().map(|proof| proof.bytes).sum();
        let (rule, accepted, round) = (self.rule, self.round.accepted, self.round);
        let body = json!({
            "rule": rule,
            "aggregator": round.aggregator,
            "protection": round.protection,
            "accepted": accepted,
            "unproved": summary.unproved.len(),
            "proof_bytes": bytes,
            "verify_ms": verify_ms,
            "model": round.model_after,
        });
        let what = "Proved aggregate";
        let record = self.record("proved-aggregate", what, scheme::ZK_AGGREGATE, body);
        Record {
            description: format!(
                "{} of {accepted} contributions, each with a {rule} proof that was verified",
                round.aggregator
            ),
            ..record
        }
    }
}
