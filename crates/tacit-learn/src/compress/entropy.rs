//! Entropy coding of levels and positions: frequent levels and small gaps take fewer bits, as in
//! the Elias coding of QSGD (Alistarh et al. 2017, §3.2), by an adaptive range coder.
//!
//! A level is asked for bit by bit from the highest, each bit in the context of those above it, up
//! to eight of them. A position is asked for as its gap from the one before: the number of its bits
//! in unary, then the bits below the highest, of which the first two have contexts
//! (Exponential-Golomb, Teuhola 1978). Scales, and values that were not quantised, are f32.
//!
//! The first byte tells whether fields of fixed width are shorter; so an encoding is never longer
//! than those, by more than that byte.

use super::adaptive::{Answers, Question, Reader, Writer};
use tacit_core::compress::{Fields, Form, Place, Signal, check_positions};
use tacit_core::error::{Error, Refusal};
use tacit_core::params;
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Coder, Compressor};

pub(super) const ENTRY: Entry = Entry {
    name: "entropy",
    help: "frequent levels and small gaps take fewer bits (Alistarh et al. 2017, §3.2)",
    parameters: &[],
    make: Make::Compressor(|_| Ok(Box::new(Entropy))),
};

/// Bits of a level that have contexts; those below are as good as random.
const LEVEL_CONTEXTS: u32 = 8;

/// Bits of a gap, at most: positions have fewer than 16.
const GAP_BITS: u32 = 16;

/// What the first byte says.
const FIXED: u8 = 0;
const CODED: u8 = 1;

struct Entropy;

impl Compressor for Entropy {
    fn form(&self, form: Form) -> Result<Form, Error> {
        if form.coded || (form.bits.is_none() && !form.positions) {
            let found = form.describe();
            return Err(Error::caller("rule", "levels or positions to code", found));
        }
        Ok(Form { coded: true, ..form })
    }

    fn additive(&self) -> bool {
        false
    }

    fn forward(&self, _: &Place, _: &mut Signal) -> Result<(), Error> {
        Ok(())
    }

    fn backward(&self, _: &Place, _: &mut Signal) -> Result<(), Refusal> {
        Ok(())
    }

    fn coder(&self) -> Option<&dyn Coder> {
        Some(self)
    }
}

impl Coder for Entropy {
    fn max_bytes(&self, form: &Form) -> usize {
        1 + Fields.max_bytes(form)
    }

    fn write(&self, form: &Form, signal: &Signal, out: &mut Vec<u8>) {
        let start = out.len();
        out.push(CODED);
        out.extend(signal.scales.iter().flat_map(|x| x.to_le_bytes()));
        if form.bits.is_none() {
            out.extend(signal.values.iter().flat_map(|x| x.to_le_bytes()));
        }
        let mut writer = Writer::default();
        let Signal { positions, levels, .. } = signal;
        // What a writer is asked it is given: it refuses nothing.
        let coded = gaps(&mut writer, form, &mut positions.clone())
            .and_then(|()| self::levels(&mut writer, form, &mut levels.clone()));
        writer.finish(out);
        if coded.is_err() || out.len() - start > Fields.max_bytes(form) {
            out.truncate(start);
            out.push(FIXED);
            Fields.write(form, signal, out);
        }
    }

    fn read(&self, form: &Form, bytes: &[u8], signal: &mut Signal) -> Result<(), Refusal> {
        let malformed = || Refusal::Malformed { what: "coded levels of an update".into() };
        let (kind, rest) = bytes.split_first().ok_or_else(malformed)?;
        match *kind {
            FIXED => return Fields.read(form, rest, signal),
            CODED if bytes.len() <= Fields.max_bytes(form) => {}
            _ => return Err(malformed()),
        }
        let (scales, rest) = rest.split_at_checked(form.scales * 4).ok_or_else(malformed)?;
        signal.scales.clear();
        signal.scales.extend(params::values_of(scales));
        let values = if form.bits.is_none() { form.count * 4 } else { 0 };
        let (values, rest) = rest.split_at_checked(values).ok_or_else(malformed)?;
        signal.values.clear();
        signal.values.extend(params::values_of(values));
        let mut reader = Reader::new(rest)?;
        signal.positions.clear();
        signal.positions.resize(if form.positions { form.count } else { 0 }, 0);
        gaps(&mut reader, form, &mut signal.positions)?;
        check_positions(&signal.positions, form.chunk)?;
        signal.levels.clear();
        signal.levels.resize(if form.bits.is_some() { form.count } else { 0 }, 0);
        levels(&mut reader, form, &mut signal.levels)?;
        reader.finish()
    }
}

/// Writes levels, or reads them into `levels`.
fn levels(answers: &mut impl Answers, form: &Form, levels: &mut [u16]) -> Result<(), Refusal> {
    let Some(bits) = form.bits else { return Ok(()) };
    let mut questions = [Question::NEW; 1 << LEVEL_CONTEXTS];
    for level in levels {
        let mut context = 1usize;
        let mut found = 0u16;
        for place in (0..bits).rev() {
            let answer = *level >> place & 1 == 1;
            let answer = match bits - 1 - place {
                depth if depth < LEVEL_CONTEXTS => answers.ask(&mut questions[context], answer)?,
                _ => answers.ask(&mut { Question::NEW }, answer)?,
            };
            context = (context << 1 | usize::from(answer)) & ((1 << LEVEL_CONTEXTS) - 1);
            found = found << 1 | u16::from(answer);
        }
        *level = found;
    }
    Ok(())
}

/// Writes positions as their gaps, or reads them into `positions`.
fn gaps(answers: &mut impl Answers, form: &Form, positions: &mut [u16]) -> Result<(), Refusal> {
    let malformed = || Refusal::Malformed { what: "positions of an update".into() };
    let mut lengths = [Question::NEW; GAP_BITS as usize];
    let mut heads = [[Question::NEW; 4]; GAP_BITS as usize];
    let mut next = 0u32;
    for position in positions {
        // From 1: the gap's highest bit is always set.
        let gap = (u32::from(*position) + 1).wrapping_sub(next);
        let length = gap.checked_ilog2().unwrap_or_default();
        let mut found_length = 0;
        while answers.ask(&mut lengths[found_length as usize], found_length < length)? {
            found_length += 1;
            if found_length >= GAP_BITS {
                return Err(malformed());
            }
        }
        let mut found = 1u32;
        for place in (0..found_length).rev() {
            let answer = gap >> place & 1 == 1;
            let answer = match found_length - 1 - place {
                0 => answers.ask(&mut heads[found_length as usize][1], answer)?,
                1 => {
                    let context = 2 + (found & 1) as usize;
                    answers.ask(&mut heads[found_length as usize][context], answer)?
                }
                _ => answers.ask(&mut { Question::NEW }, answer)?,
            };
            found = found << 1 | u32::from(answer);
        }
        let at = next + found - 1;
        if at as usize >= form.chunk {
            return Err(malformed());
        }
        *position = at as u16;
        next = at + 1;
    }
    Ok(())
}
