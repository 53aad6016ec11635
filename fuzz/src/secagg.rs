//! What a member of secure aggregation is handed, and what the coordinator is told, in every stage.

#[path = "../../crates/tacit-secagg/tests/common/mod.rs"]
mod common;

use common::{Meddler, Seeded, World, terms};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use tacit_core::registry::Value;
use tacit_core::traits::{Exchange, Table};

/// Stages before the members contribute, and all stages.
const STAGES: (u8, u8) = (3, 5);

/// Members of the round.
const MEMBERS: usize = 4;

/// A round as it went: what the first member was handed, and what all members said.
struct Transcript {
    world: World,
    mails: BTreeMap<u8, Vec<u8>>,
    bodies: Vec<(u8, usize, Vec<u8>)>,
}

impl Meddler for Transcript {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        if to == 0 {
            self.mails.insert(stage, mail.clone());
        }
    }

    fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
        self.bodies.push((stage, from, body.clone()));
    }
}

impl Transcript {
    fn new(agreement: &str) -> Self {
        let world = || {
            let changes = [("agreement", Value::Text(agreement.into()))];
            World::new(&changes, terms(MEMBERS, 2, (0.0, 0.25), 16))
        };
        let (mails, bodies) = (BTreeMap::new(), Vec::new());
        let mut transcript = Self { world: world(), mails, bodies };
        let world = world();
        let outcome = world.meddled(&world.inputs(1), &mut transcript).expect("a round");
        assert!(outcome.refused.is_empty() && outcome.caught.is_empty());
        transcript
    }

    /// A member that has come so far is handed `mail`.
    fn ask(&self, stage: u8, mail: &[u8]) {
        let seal = self.world.seals[0].clone();
        let mut member = self.world.rule.member(&self.world.terms, seal).expect("a member");
        let mut entropy = Seeded::new(0);
        for before in 0..stage {
            member.say(before, &self.mails[&before], &mut entropy).expect("as it went");
        }
        if member.say(stage, mail, &mut entropy).is_err() {
            let again = member.say(stage, &self.mails[&stage], &mut entropy);
            assert!(again.is_err(), "a member that refused goes on");
        }
    }

    /// A table that has heard all of the stages before, and all members but the first of this.
    fn table(&self, stage: u8) -> Box<dyn Table> {
        let World { rule, terms, names, seals, .. } = &self.world;
        let mut table = rule.table(terms, names).expect("a table");
        for of in 0..=stage {
            if of == STAGES.0 {
                table.contributed(names).expect("as it went");
            }
            for (_, from, body) in self.bodies.iter().filter(|(found, ..)| *found == of) {
                if (of, *from) != (stage, 0) {
                    let letter = seals[*from].sign(&terms.context, of, body.clone());
                    table.hear(&letter).expect("as it went");
                }
            }
            if of < stage {
                table.close(of).expect("as it went");
            }
        }
        table
    }
}

/// Tables by transcript and stage: one that refuses a message is as it was.
type Tables = BTreeMap<(u8, u8), Box<dyn Table>>;

thread_local! {
    static TABLES: RefCell<Tables> = const { RefCell::new(BTreeMap::new()) };
}

/// The first byte tells which keys, which stage and which side.
pub fn run(data: &[u8]) {
    static TRANSCRIPTS: OnceLock<[Transcript; 2]> = OnceLock::new();
    let Some((first, rest)) = data.split_first() else { return };
    let transcripts =
        TRANSCRIPTS.get_or_init(|| ["x25519", "x25519-ml-kem-768"].map(Transcript::new));
    let (hybrid, which) = (first >> 7, first & 127);
    let (stage, side) = (which % STAGES.1, which / STAGES.1 % 2);
    let transcript = &transcripts[usize::from(hybrid)];
    if side == 0 {
        return transcript.ask(stage, rest);
    }
    let context = &transcript.world.terms.context;
    let letter = transcript.world.seals[0].sign(context, stage, rest.to_vec());
    let accepted = TABLES.with_borrow_mut(|tables| {
        let table = tables.entry((hybrid, stage)).or_insert_with(|| transcript.table(stage));
        table.hear(&letter).is_ok().then(|| tables.remove(&(hybrid, stage)))
    });
    if let Some(Some(mut table)) = accepted {
        assert!(table.hear(&letter).is_err(), "the same message twice");
        let closed = table.close(stage);
        if stage + 1 == STAGES.1 && closed.is_ok() {
            // Whether it opens depends on what was said; that it is told does not.
            let _opened = table.open().map(|_| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the corpus anew, where a folder for it is named.
    #[test]
    fn what_was_said_is_accepted() {
        for (hybrid, agreement) in ["x25519", "x25519-ml-kem-768"].iter().enumerate() {
            let transcript = Transcript::new(agreement);
            let first = |stage: u8, side: u8| stage + side * STAGES.1 + ((hybrid as u8) << 7);
            let mails = transcript.mails.iter().map(|(stage, mail)| (first(*stage, 0), mail));
            let bodies = transcript.bodies.iter().filter(|(_, from, _)| *from == 0);
            let bodies = bodies.map(|(stage, _, body)| (first(*stage, 1), body));
            for (first, bytes) in mails.chain(bodies) {
                let data = [&[first][..], bytes].concat();
                run(&data);
                if let Some(folder) = std::env::var_os("TACIT_CORPUS") {
                    let path = std::path::Path::new(&folder).join(format!("stage-{first:03}"));
                    std::fs::write(path, data).unwrap();
                }
            }
        }
    }
}
