//! A round of any system in one process, in which members leave and everything that travels can be
//! seen and changed.

use crate::adapter::{Desk, Draw, Letter, Party, Refused, Setting, System};
use std::collections::BTreeMap;
use tacit_core::rng::{Random, Seed};

/// Repeatable bytes of one member in one stage, written down.
pub struct Drawn {
    rng: Random,
    /// Every byte that was drawn.
    pub bytes: Vec<u8>,
    /// A byte that is drawn otherwise than it would be.
    pub flipped: Option<usize>,
}

impl Drawn {
    pub fn new(seed: u64, member: usize, stage: u8) -> Self {
        let parts = [&seed.to_le_bytes()[..], &member.to_le_bytes(), &[stage]];
        let rng = Seed::root(seed).derive("conformance", &parts).rng();
        Self { rng, bytes: Vec::new(), flipped: None }
    }
}

impl Draw for Drawn {
    fn draw(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.rng.below(256) as u8;
            if self.flipped == Some(self.bytes.len()) {
                *byte ^= 1;
            }
            self.bytes.push(*byte);
        }
    }
}

/// Changes what travels.
pub trait Meddler {
    /// What a member is handed.
    fn mail(&mut self, _stage: u8, _to: usize, _mail: &mut Vec<u8>) {}
    /// What a member says before it signs it.
    fn body(&mut self, _stage: u8, _from: usize, _body: &mut Vec<u8>) {}
    /// What arrives of it: any number of letters.
    fn letter(&mut self, letter: Letter) -> Vec<Letter> {
        vec![letter]
    }
    /// What a member contributes.
    fn contribution(&mut self, _from: usize, _sealed: &mut Vec<u8>) {}
}

/// Changes nothing.
pub struct Nobody;
impl Meddler for Nobody {}

/// Everything that the coordinator sees.
#[derive(Clone, Default, PartialEq)]
pub struct View {
    pub letters: Vec<Letter>,
    pub mail: Vec<(u8, usize, Vec<u8>)>,
    pub contributions: Vec<(usize, Vec<u8>)>,
}

/// What came of a round.
pub struct Report {
    /// The sum, and the numbers of those in it.
    pub opened: Result<(Vec<u64>, Vec<usize>), Refused>,
    /// Members that refused to go on, and in which stage.
    pub refused: BTreeMap<usize, (u8, Refused)>,
    /// Letters that the coordinator refused, by their senders.
    pub caught: BTreeMap<usize, Refused>,
    pub view: View,
    /// What the members drew, by member and stage.
    pub drawn: BTreeMap<(usize, u8), Vec<u8>>,
}

impl Report {
    /// Whether a member was named by the error or by the refusal of its letter.
    pub fn names(&self, member: usize) -> bool {
        let named = |refused: &Refused| refused.named.contains(&member);
        self.opened.as_ref().err().is_some_and(named) || self.caught.contains_key(&member)
    }
}

/// A round to be.
pub struct World<'a> {
    pub system: &'a dyn System,
    pub setting: Setting,
    pub inputs: Vec<Vec<u64>>,
    /// From which step on a member is silent: stage 0, 1, ..., contribution, and the stages after.
    pub leaves: BTreeMap<usize, u8>,
    pub seed: u64,
    /// A byte that a member draws otherwise in stage 0.
    pub flipped: Option<(usize, usize)>,
}

pub fn setting(members: usize, colluding: usize, leaving: usize) -> Setting {
    let (minimum, bits, round, model) = (2, 32, 3, 1);
    Setting { members, minimum, colluding, leaving, bits, round, model, signatures: true }
}

/// Integers of a member.
pub fn input(setting: &Setting, seed: u64, member: usize, len: usize) -> Vec<u64> {
    let mut rng = Seed::root(seed).derive("input", &[&member.to_le_bytes()]).rng();
    (0..len).map(|_| rng.next_u64() & setting.mask()).collect()
}

pub fn sum(setting: &Setting, inputs: &[Vec<u64>], roster: &[usize]) -> Vec<u64> {
    let add = |place: usize| {
        let of = roster.iter().map(|member| inputs[*member][place]);
        of.fold(0u64, u64::wrapping_add) & setting.mask()
    };
    (0..inputs.first().map_or(0, Vec::len)).map(add).collect()
}

impl<'a> World<'a> {
    pub fn new(system: &'a dyn System, setting: Setting, len: usize) -> Self {
        let inputs = (0..setting.members).map(|member| input(&setting, 1, member, len)).collect();
        Self { system, setting, inputs, leaves: BTreeMap::new(), seed: 1, flipped: None }
    }

    pub fn leaving(mut self, leaves: impl IntoIterator<Item = (usize, u8)>) -> Self {
        self.leaves = leaves.into_iter().collect();
        self
    }

    pub fn run(&self) -> Report {
        self.meddled(&mut Nobody)
    }

    pub fn meddled(&self, meddler: &mut dyn Meddler) -> Report {
        let mut round = Round::new(self, true);
        let opened = round.run(meddler);
        round.report.opened = opened;
        round.report
    }

    /// Asserts that what was opened is the sum of those in it.
    pub fn assert_right(&self, report: &Report) -> usize {
        let (found, roster) = match &report.opened {
            Ok(opened) => opened,
            Err(refused) => panic!("not opened: {}", refused.why),
        };
        let fewest = self.system.fewest(&self.setting, roster.len());
        assert!(roster.len() >= fewest, "opened of {} members", roster.len());
        assert!(*found == sum(&self.setting, &self.inputs, roster), "a wrong sum");
        roster.len()
    }

    /// Asserts that nothing, or the sum of those in it, was opened.
    pub fn assert_not_wrong(&self, report: &Report) -> bool {
        report.opened.is_ok() && self.assert_right(report) > 0
    }
}

/// A round as it goes.
pub struct Round<'a> {
    pub world: &'a World<'a>,
    pub parties: Vec<Box<dyn Party>>,
    pub desk: Box<dyn Desk>,
    pub alive: Vec<bool>,
    pub report: Report,
}

impl<'a> Round<'a> {
    pub fn new(world: &'a World<'a>, checks: bool) -> Self {
        let (system, setting) = (world.system, &world.setting);
        let parties = (0..setting.members).map(|number| system.member(setting, number)).collect();
        let nothing = Refused { why: "nothing was opened yet".into(), named: Vec::new() };
        let report = Report {
            opened: Err(nothing),
            refused: BTreeMap::new(),
            caught: BTreeMap::new(),
            view: View::default(),
            drawn: BTreeMap::new(),
        };
        let desk = system.coordinator(setting, checks);
        Self { world, parties, desk, alive: vec![true; setting.members], report }
    }

    /// All of it.
    pub fn run(&mut self, meddler: &mut dyn Meddler) -> Result<(Vec<u64>, Vec<usize>), Refused> {
        let (before, after) = self.world.system.stages();
        for stage in 0..before {
            self.stage(stage, stage, meddler)?;
        }
        let sealed = self.contribute(before, meddler)?;
        for stage in before..before + after {
            self.stage(stage, stage + 1, meddler)?;
        }
        let len = self.world.inputs.first().map_or(0, Vec::len);
        let sum = self.desk.open(&sealed, len)?;
        Ok((sum, sealed.into_iter().map(|(member, _)| member).collect()))
    }

    fn leave(&mut self, step: u8) {
        for (member, first) in &self.world.leaves {
            self.alive[*member] &= *first > step;
        }
    }

    /// What a member answers.
    pub fn say(&mut self, stage: u8, member: usize, mail: &[u8]) -> Option<Vec<u8>> {
        let mut drawn = Drawn::new(self.world.seed, member, stage);
        if let (0, Some((_, byte))) = (stage, self.world.flipped.filter(|of| of.0 == member)) {
            drawn.flipped = Some(byte);
        }
        let said = self.parties[member].say(stage, mail, &mut drawn);
        self.report.drawn.insert((member, stage), drawn.bytes);
        match said {
            Ok(body) => Some(body),
            Err(refused) => {
                self.report.refused.insert(member, (stage, refused));
                self.alive[member] = false;
                None
            }
        }
    }

    /// Everybody who still talks is asked once.
    pub fn stage(&mut self, stage: u8, step: u8, meddler: &mut dyn Meddler) -> Result<(), Refused> {
        self.leave(step);
        let setting = &self.world.setting;
        for member in 0..self.alive.len() {
            if !self.alive[member] {
                continue;
            }
            let mut mail = self.desk.mail(stage, member)?;
            meddler.mail(stage, member, &mut mail);
            let Some(mut body) = self.say(stage, member, &mail) else { continue };
            self.report.view.mail.push((stage, member, mail));
            meddler.body(stage, member, &mut body);
            let letter = self.world.system.sign(setting, member, stage, body);
            for letter in meddler.letter(letter) {
                self.hear(letter);
            }
        }
        // Whoever was not heard counts as silent from here on.
        let heard = |member| {
            let of = |letter: &Letter| (letter.stage, letter.sender) == (stage, member);
            self.report.view.letters.iter().any(of)
        };
        let silent: Vec<usize> = (0..self.alive.len()).filter(|member| !heard(*member)).collect();
        silent.into_iter().for_each(|member| self.alive[member] = false);
        self.desk.close(stage)
    }

    /// The letter with which a member answers this mail, whatever the coordinator has for it.
    pub fn ask(&mut self, stage: u8, member: usize, mail: &[u8]) -> Option<Letter> {
        let body = self.say(stage, member, mail)?;
        Some(self.world.system.sign(&self.world.setting, member, stage, body))
    }

    fn hear(&mut self, letter: Letter) {
        let sender = letter.sender;
        match self.desk.hear(&letter) {
            Ok(()) => self.report.view.letters.push(letter),
            Err(refused) => {
                self.report.caught.insert(sender, refused);
            }
        }
    }

    /// Everybody who still talks contributes.
    pub fn contribute(
        &mut self,
        step: u8,
        meddler: &mut dyn Meddler,
    ) -> Result<Vec<(usize, Vec<u8>)>, Refused> {
        self.leave(step);
        let mut sealed = Vec::new();
        for member in 0..self.alive.len() {
            if !self.alive[member] {
                continue;
            }
            let mut drawn = Drawn::new(self.world.seed, member, u8::MAX);
            let input = &self.world.inputs[member];
            let mut contribution = self.parties[member].contribute(input, &mut drawn)?;
            meddler.contribution(member, &mut contribution);
            sealed.push((member, contribution));
        }
        let roster: Vec<usize> = sealed.iter().map(|(member, _)| *member).collect();
        self.report.view.contributions.clone_from(&sealed);
        self.desk.contributed(&roster)?;
        Ok(sealed)
    }
}
