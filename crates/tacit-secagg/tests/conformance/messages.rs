//! Messages that are not what an honest member or coordinator sent.

use crate::adapter::{Letter, System};
use crate::tacit::Tacit;
use crate::world::{Meddler, Nobody, Report, Round, World, setting};

const LEN: usize = 60;
const MEMBERS: usize = 6;

/// Places in what is changed, of a thousand.
const PLACES: usize = 25;

fn world(system: &dyn System) -> World<'_> {
    World::new(system, setting(MEMBERS, 1, 1), LEN)
}

fn all_stages(system: &dyn System) -> std::ops::Range<u8> {
    let (before, after) = system.stages();
    0..before + after
}

fn flip(bytes: &mut [u8], place: usize) {
    if let Some(last) = bytes.len().checked_sub(1) {
        bytes[place * last / PLACES] ^= 1;
    }
}

/// What is done to the letters of one member in one stage.
struct Letters<F> {
    stage: u8,
    sender: usize,
    done: usize,
    change: F,
}

impl<F: FnMut(Letter) -> Vec<Letter>> Meddler for Letters<F> {
    fn letter(&mut self, letter: Letter) -> Vec<Letter> {
        if (letter.stage, letter.sender) != (self.stage, self.sender) {
            return vec![letter];
        }
        self.done += 1;
        (self.change)(letter)
    }
}

fn changed(
    system: &dyn System,
    stage: u8,
    sender: usize,
    change: impl FnMut(Letter) -> Vec<Letter>,
) -> Report {
    let mut letters = Letters { stage, sender, done: 0, change };
    let world = world(system);
    let report = world.meddled(&mut letters);
    assert_eq!(letters.done, 1);
    world.assert_not_wrong(&report);
    report
}

/// A letter that was changed on its way is refused, and its sender counts as silent.
#[test]
fn forged_letters_are_refused() {
    let system = Tacit::new();
    for stage in all_stages(&system) {
        for place in 0..=PLACES {
            for part in 0..2 {
                let report = changed(&system, stage, 2, |mut letter| {
                    flip(if part == 0 { &mut letter.body } else { &mut letter.seal }, place);
                    vec![letter]
                });
                assert!(report.names(2), "stage {stage}, part {part}, place {place}");
                assert!(report.opened.is_ok(), "one silent member ends the round");
            }
        }
    }
}

/// Nobody speaks in another's name.
#[test]
fn letters_of_others_are_refused() {
    let system = Tacit::new();
    let setting = world(&system).setting;
    for stage in all_stages(&system) {
        let report = changed(&system, stage, 2, |letter| {
            let other = system.relabel(&setting, 3, &letter);
            vec![other]
        });
        assert!(report.caught.contains_key(&3), "stage {stage}");
    }
}

/// The same letter twice counts once; and so does another of the same member.
#[test]
fn a_second_letter_is_refused() {
    let system = Tacit::new();
    for stage in all_stages(&system) {
        let report = changed(&system, stage, 2, |letter| vec![letter.clone(), letter]);
        assert!(report.caught.contains_key(&2), "stage {stage}");
        assert!(report.opened.is_ok(), "stage {stage}");
    }
}

/// A member whose own words are cut off or changed, and signed so, is left out or named.
#[test]
fn broken_bodies_do_no_harm() {
    struct Break {
        stage: u8,
        place: usize,
        cut: bool,
    }
    impl Meddler for Break {
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            if (stage, from) != (self.stage, 2) {
            } else if self.cut {
                body.truncate(self.place * body.len() / (PLACES + 1));
            } else {
                flip(body, self.place);
            }
        }
    }
    let system = Tacit::new();
    for stage in all_stages(&system) {
        for (place, cut) in (0..=PLACES).flat_map(|place| [(place, true), (place, false)]) {
            let world = world(&system);
            let report = world.meddled(&mut Break { stage, place, cut });
            let opened = world.assert_not_wrong(&report);
            let empty = cut && report.view.letters.iter().any(|letter| letter.body.is_empty());
            assert!(!empty, "stage {stage}: nothing was taken for a message");
            assert!(opened || report.names(2), "stage {stage}, place {place}, cut {cut}");
            assert!(!cut || report.caught.contains_key(&2), "stage {stage}, place {place}");
        }
    }
}

/// Letters of one round are no letters of another, nor of another model.
#[test]
fn replayed_letters_are_refused() {
    let system = Tacit::new();
    let old = [(2, 1), (3, 2)].map(|(round, model)| {
        let mut world = world(&system);
        (world.setting.round, world.setting.model) = (round, model);
        world.run().view.letters
    });
    let setting = world(&system).setting;
    for (old, stage) in old.iter().flat_map(|old| all_stages(&system).map(move |s| (old, s))) {
        let mine = |letter: &&Letter| (letter.sender, letter.stage) == (2, stage);
        let letter = old.iter().find(mine).unwrap();
        for letter in [letter.clone(), system.relabel(&setting, 2, letter)] {
            let report = changed(&system, stage, 2, |_| vec![letter.clone()]);
            assert!(report.caught.contains_key(&2), "stage {stage}");
        }
    }
}

/// Letters arrive in any order, but a stage is not open before the last is closed, nor after.
#[test]
fn the_order_of_letters_does_not_matter_and_that_of_stages_does() {
    struct Backwards(Vec<Letter>);
    impl Meddler for Backwards {
        fn letter(&mut self, letter: Letter) -> Vec<Letter> {
            self.0.push(letter);
            match self.0.len() {
                MEMBERS => self.0.drain(..).rev().collect(),
                _ => Vec::new(),
            }
        }
    }
    let system = Tacit::new();
    let world = world(&system);
    let straight = world.run();
    let report = world.meddled(&mut Backwards(Vec::new()));
    assert_eq!(world.assert_right(&report), MEMBERS);
    assert!(report.opened.as_ref().unwrap() == straight.opened.as_ref().unwrap());
    let (before, _) = system.stages();
    let mut round = Round::new(&world, true);
    for letter in &straight.view.letters {
        if letter.stage != 0 {
            assert!(round.desk.hear(letter).is_err(), "stage {} before its time", letter.stage);
        }
    }
    assert!(round.desk.contributed(&[0, 1, 2, 3, 4, 5]).is_err());
    assert!(round.desk.open(&[], LEN).is_err());
    for stage in 0..before {
        round.stage(stage, stage, &mut Nobody).unwrap();
        for letter in straight.view.letters.iter().filter(|letter| letter.stage <= stage) {
            assert!(round.desk.hear(letter).is_err(), "stage {} after its time", letter.stage);
        }
    }
}

/// Mail that was changed, or cut off, on its way to one member: it refuses, or complains, and the
/// sum of the others is right.
#[test]
fn broken_mail_does_no_harm() {
    struct Break {
        stage: u8,
        place: usize,
        cut: bool,
    }
    impl Meddler for Break {
        fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
            if (stage, to) != (self.stage, 2) {
            } else if self.cut {
                mail.truncate(self.place * mail.len() / (PLACES + 1));
            } else {
                flip(mail, self.place);
            }
        }
    }
    let system = Tacit::new();
    for stage in all_stages(&system).skip(1) {
        for (place, cut) in (0..=PLACES).flat_map(|place| [(place, true), (place, false)]) {
            let world = world(&system);
            let report = world.meddled(&mut Break { stage, place, cut });
            world.assert_right(&report);
            assert!(!cut || report.refused.contains_key(&2), "stage {stage}, place {place}");
        }
    }
}

/// Mail for another member, of another stage or round: refused.
#[test]
fn mail_for_others_is_refused() {
    struct Other(u8, Vec<u8>);
    impl Meddler for Other {
        fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
            if (stage, to) == (self.0, 2) {
                mail.clone_from(&self.1);
            }
        }
    }
    let system = Tacit::new();
    let mut old = world(&system);
    old.setting.round -= 1;
    let views = [old.run().view, world(&system).run().view];
    for (number, view) in views.iter().enumerate() {
        for (stage, to, mail) in view.mail.iter().filter(|(stage, to, _)| *stage > 0 && *to < 4) {
            for at in all_stages(&system).skip(1) {
                let world = world(&system);
                let report = world.meddled(&mut Other(at, mail.clone()));
                world.assert_not_wrong(&report);
                let honest = views[1].mail.iter().find(|(s, t, _)| (*s, *t) == (at, 2));
                let same = honest.is_some_and(|(_, _, honest)| honest == mail);
                let noticed = report.refused.contains_key(&2) || report.caught.contains_key(&2);
                assert!(noticed || same, "round {number}, {stage} as {at} to {to}");
            }
        }
    }
}
