//! Adaptive binary models over the range coder of the crate `constriction` (Martin 1979; Bamler
//! 2022, §2.3). Each yes-or-no question has a model of its own that learns while it codes, the same
//! way on both sides: nothing about the distribution travels.

use constriction::backends::Cursor;
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{RangeDecoder, SmallRangeDecoder, SmallRangeEncoder};
use constriction::stream::{Decode, Encode};
use std::borrow::Borrow;
use std::num::NonZeroU16;
use tacit_core::error::Refusal;

/// Bits of a probability where it is coded: with words of 16 bits and a state of 32, four bits of
/// the state are left to divide the range precisely.
const PRECISION: usize = 12;

/// Bits of a probability where it is learned.
const LEARNED: u32 = 24;

/// A model forgets as if it had seen at most so many answers.
const MEMORY: i32 = 1_023;

/// The weight of the next answer after so many, in units of 2⁻³²: 2 / (2·seen + 3).
static SHARES: [i64; MEMORY as usize + 1] = {
    let mut shares = [0; MEMORY as usize + 1];
    let mut seen = 0;
    while seen < shares.len() {
        shares[seen] = (2 << 32) / (2 * seen as i64 + 3);
        seen += 1;
    }
    shares
};

/// How probable the answer "no" to one question is, learned from the answers so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// Probability of "no" in units of 2⁻²⁴.
    no: i32,
    seen: i32,
}

impl Question {
    /// Nothing is known.
    pub(super) const NEW: Self = Self { no: 1 << (LEARNED - 1), seen: 0 };

    /// Learns an answer: the mean of all, as long as they are few (Krichevsky & Trofimov 1981).
    fn learn(&mut self, yes: bool) {
        let target = if yes { 0 } else { 1 << LEARNED };
        let share = SHARES[self.seen as usize % SHARES.len()];
        self.no += ((i64::from(target - self.no) * share) >> 32) as i32;
        self.seen = (self.seen + 1).min(MEMORY);
    }

    fn model(&self) -> Binary {
        let no = self.no >> (LEARNED - PRECISION as u32);
        Binary(no.clamp(1, (1 << PRECISION) - 1) as u16)
    }
}

/// A distribution over {no, yes}: the probability of "no" in units of 2⁻¹², neither 0 nor 1.
struct Binary(u16);

impl Binary {
    fn parts(&self, yes: bool) -> (u16, NonZeroU16) {
        let no = self.0;
        let (left, width) = if yes { (no, (1 << PRECISION) - no) } else { (0, no) };
        (left, NonZeroU16::new(width).unwrap_or(NonZeroU16::MIN))
    }
}

impl EntropyModel<PRECISION> for Binary {
    type Symbol = bool;
    type Probability = u16;
}

impl EncoderModel<PRECISION> for Binary {
    fn left_cumulative_and_probability(
        &self,
        symbol: impl Borrow<bool>,
    ) -> Option<(u16, NonZeroU16)> {
        Some(self.parts(*symbol.borrow()))
    }
}

impl DecoderModel<PRECISION> for Binary {
    fn quantile_function(&self, quantile: u16) -> (bool, u16, NonZeroU16) {
        let yes = quantile >= self.0;
        let (left, width) = self.parts(yes);
        (yes, left, width)
    }
}

/// Asks questions: a writer is told the answers, a reader finds them out.
pub(super) trait Answers {
    /// The answer, which a writer is given and a reader ignores.
    fn ask(&mut self, question: &mut Question, answer: bool) -> Result<bool, Refusal>;
}

/// Writes answers.
#[derive(Default)]
pub(super) struct Writer(SmallRangeEncoder<Vec<u16>>);

/// Reads answers; behind the end of its bytes there are zeros.
pub(super) struct Reader(SmallRangeDecoder<Cursor<u16, Vec<u16>>>);

fn malformed() -> Refusal {
    Refusal::Malformed { what: "coded levels of an update".into() }
}

impl Writer {
    /// Everything that was written, as bytes.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let words = self.0.into_compressed().unwrap_or_default();
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
}

impl Answers for Writer {
    fn ask(&mut self, question: &mut Question, answer: bool) -> Result<bool, Refusal> {
        let coded = self.0.encode_symbol(answer, question.model());
        coded.map_err(|_| malformed())?;
        question.learn(answer);
        Ok(answer)
    }
}

impl Reader {
    /// Of bytes that [`Writer::finish`] made.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        let (words, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(malformed());
        }
        let words: Vec<u16> = words.iter().map(|word| u16::from_le_bytes(*word)).collect();
        RangeDecoder::from_compressed(words).map(Self).map_err(|_| malformed())
    }

    /// Refuses bytes behind the last answer.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.0.maybe_exhausted() { Ok(()) } else { Err(malformed()) }
    }
}

impl Answers for Reader {
    fn ask(&mut self, question: &mut Question, _: bool) -> Result<bool, Refusal> {
        let answer = self.0.decode_symbol(question.model()).map_err(|_| malformed())?;
        question.learn(answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn answers_cost_what_they_tell() {
        let mut rng = Seed::root(7).rng();
        for probability in [0.5f64, 0.1, 0.01] {
            let answers: Vec<bool> = (0..20_000).map(|_| rng.unit() < probability).collect();
            let (mut writer, mut question, mut bytes) = (Writer::default(), Question::NEW, vec![]);
            for answer in &answers {
                writer.ask(&mut question, *answer).unwrap();
            }
            writer.finish(&mut bytes);
            let found = answers.iter().filter(|answer| **answer).count();
            let probability = found as f64 / answers.len() as f64;
            let entropy = -probability * probability.log2()
                - (1.0 - probability) * (1.0 - probability).log2();
            let bits = bytes.len() as f64 * 8.0 / answers.len() as f64;
            assert!(bits < entropy * 1.05 + 0.002, "{probability}: {bits} over {entropy}");
            let (mut reader, mut question) = (Reader::new(&bytes).unwrap(), Question::NEW);
            for answer in &answers {
                assert_eq!(reader.ask(&mut question, false).unwrap(), *answer);
            }
            reader.finish().unwrap();
        }
    }
}
