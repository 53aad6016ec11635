//! Backdoor with model replacement (Bagdasaryan, Veit, Hua, Estrin, Shmatikov 2020, section 4):
//! a part of the hostile participants' examples is stamped with a trigger and labelled as the
//! adversary wants it answered, and the update is lengthened so that it survives averaging:
//! n/f times by default, as if everybody had trained on that.
//!
//! The trigger is a square in the last corner of a picture of shape `[channels, height, width]`,
//! or of a flat vector that is a square picture's; of any other vector its last values. The attack
//! succeeds on a test example whose label was another one if the model answers the wanted one when
//! it carries the trigger.

use super::label_flip::relabelled;
use super::{Attack, Entry, Means, Scene};
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::Error;
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::{Random, Seed};

pub(super) const ENTRY: Entry = Entry {
    name: "backdoor",
    help: "a trigger that is answered as the adversary wants (Bagdasaryan et al. 2020)",
    parameters: &[
        Parameter {
            name: "target",
            help: "the class that triggered examples should get",
            kind: Kind::Integer { min: 0, max: 65_535 },
            default: Default::Integer(0),
        },
        Parameter {
            name: "ratio",
            help: "part of the hostile participants' examples that carries the trigger",
            kind: Kind::Number { min: 0.0, max: 1.0 },
            default: Default::Number(0.5),
        },
        Parameter {
            name: "size",
            help: "side of the trigger's square, or its number of values",
            kind: Kind::Integer { min: 1, max: 4_096 },
            default: Default::Integer(2),
        },
        Parameter {
            name: "value",
            help: "value of the trigger's features",
            kind: Kind::Number { min: -1e6, max: 1e6 },
            default: Default::Number(1.0),
        },
        Parameter {
            name: "factor",
            help: "how many times as long the update becomes; 0 = n/f",
            kind: Kind::Number { min: 0.0, max: 1e6 },
            default: Default::Number(0.0),
        },
    ],
    make: |arguments| {
        Ok(Box::new(Backdoor {
            target: arguments.integer("target")? as u32,
            ratio: arguments.number("ratio")?,
            size: arguments.integer("size")?.max(1) as usize,
            value: arguments.number("value")? as f32,
            factor: arguments.number("factor")?,
        }))
    },
};

/// See the module.
#[derive(Debug)]
struct Backdoor {
    target: u32,
    ratio: f64,
    size: usize,
    value: f32,
    factor: f64,
}

impl Backdoor {
    fn check(&self, shape: &DataShape) -> Result<(), Error> {
        if self.target as usize >= shape.classes {
            let expected = format!("a class below {}", shape.classes);
            return Err(Error::caller("target of the backdoor", expected, self.target.to_string()));
        }
        Ok(())
    }

    fn stamp(&self, shape: &DataShape, features: &mut [f32]) {
        trigger(shape, self.size).into_iter().for_each(|place| features[place] = self.value);
    }
}

/// The features of one example that the trigger overwrites.
fn trigger(shape: &DataShape, size: usize) -> Vec<usize> {
    let width = shape.width();
    let side = width.isqrt();
    let (height, across) = match shape.features.as_slice() {
        [.., height, across] => (*height, *across),
        _ if side * side == width && side > 1 => (side, side),
        _ => (1, width),
    };
    let from = |length: usize| length.saturating_sub(size);
    let inside = |place: &usize| {
        let place = place % (height * across).max(1);
        place / across >= from(height) && place % across >= from(across)
    };
    (0..width).filter(inside).collect()
}

impl Attack for Backdoor {
    fn means(&self) -> Means {
        Means::Own
    }

    fn poison(&self, mine: &Shard, seed: Seed) -> Result<Option<Shard>, Error> {
        self.check(mine.shape())?;
        let mut order: Vec<usize> = (0..mine.len()).collect();
        seed.rng().shuffle(&mut order);
        let stamped = (mine.len() as f64 * self.ratio).round() as usize;
        let poisoned = relabelled(mine, |i, mut features, label| match order[i] < stamped {
            true => {
                self.stamp(mine.shape(), &mut features);
                (features, self.target)
            }
            false => (features, label),
        });
        poisoned.map(Some)
    }

    fn alter(&mut self, scene: &Scene, own: &mut [f32], _random: &mut Random) {
        let factor = match self.factor {
            0.0 => scene.participants as f64 / scene.hostile.max(1) as f64,
            factor => factor,
        };
        own.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
    }

    fn goal(&self, test: &Shard) -> Result<Option<Shard>, Error> {
        self.check(test.shape())?;
        let others = |&row: &u32| test.examples().label(row as usize) != self.target;
        let rows = test.rows().iter().copied().filter(others).collect();
        let others = Shard::new(test.examples().clone(), rows)?;
        let triggered = relabelled(&others, |_, mut features, _| {
            self.stamp(test.shape(), &mut features);
            (features, self.target)
        });
        triggered.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_is_in_the_last_corner() {
        let shape = |features: &[usize]| DataShape { features: features.to_vec(), classes: 2 };
        assert_eq!(trigger(&shape(&[2, 3, 4]), 2), [6, 7, 10, 11, 18, 19, 22, 23]);
        assert_eq!(trigger(&shape(&[16]), 2), [10, 11, 14, 15]);
        assert_eq!(trigger(&shape(&[7]), 2), [5, 6]);
        assert_eq!(trigger(&shape(&[1]), 3), [0]);
        assert_eq!(trigger(&shape(&[2, 2]), 9), [0, 1, 2, 3]);
    }
}
