//! Rotation: a randomised Hadamard transform, after which the values of any update look normally
//! distributed, so that few levels fit them (Suresh et al. 2017, §3; DRIVE, Vargaftik et al. 2021,
//! §2 and appendix A; EDEN, Vargaftik et al. 2022, §2).
//!
//! R = H·D / √d with the Hadamard matrix H and random signs D; chunks are filled up with zeros to a
//! power of two. R is orthogonal: the way back is D·H / √d. Followed by `quantise` with
//! `levels = "normal"` this is EDEN, with one bit DRIVE. Both need signs of each participant's own
//! for the errors of a cohort to average out; where encodings must add up, signs are shared.

use tacit_core::compress::{Form, Place, Signal};
use tacit_core::error::{Error, Refusal};
use tacit_core::hadamard::{flip, transform};
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};
use tacit_core::rng::Random;
use tacit_core::traits::Compressor;

pub(super) const ENTRY: Entry = Entry {
    name: "rotate",
    help: "a random rotation that makes values look normal (Vargaftik et al. 2021 and 2022)",
    parameters: &[Parameter {
        name: "shared",
        help: "Whether a cohort rotates alike, so that encodings add up.",
        kind: Kind::Flag,
        default: Default::Flag(false),
    }],
    make: Make::Compressor(|arguments| Ok(Box::new(Rotate { shared: arguments.flag("shared")? }))),
};

struct Rotate {
    shared: bool,
}

impl Rotate {
    fn signs(&self, place: &Place) -> Random {
        if self.shared { place.shared() } else { place.own() }
    }
}

impl Compressor for Rotate {
    fn form(&self, form: Form) -> Result<Form, Error> {
        if !form.is_whole() || form.rotated {
            return Err(Error::caller("rule", "raw values to rotate", form.describe()));
        }
        Ok(Form { count: form.chunk.next_power_of_two(), rotated: true, ..form })
    }

    fn additive(&self) -> bool {
        self.shared
    }

    fn forward(&self, place: &Place, signal: &mut Signal) -> Result<(), Error> {
        flip(&mut signal.values, &mut self.signs(place));
        signal.values.resize(place.form.chunk.next_power_of_two(), 0.0);
        transform(&mut signal.values);
        Ok(())
    }

    fn backward(&self, place: &Place, signal: &mut Signal) -> Result<(), Refusal> {
        transform(&mut signal.values);
        signal.values.truncate(place.form.chunk);
        flip(&mut signal.values, &mut self.signs(place));
        Ok(())
    }
}
