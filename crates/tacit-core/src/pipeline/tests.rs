use super::*;
use crate::plain::Plain;
use std::collections::BTreeMap;

/// More than one chunk, the last one short.
const LEN: usize = limits::CHUNK_VALUES + 3;

/// Adds rows up without weights.
#[derive(Default)]
struct Add(Vec<f32>);

impl Aggregator for Add {
    fn needs(&self) -> View {
        View::Sum
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        self.0.resize(rows.rows[0].len(), 0.0);
        for row in rows.rows {
            assert!(row.iter().all(|x| x.is_finite()), "a rule saw what was not checked");
            self.0.iter_mut().zip(*row).for_each(|(sum, x)| *sum += x);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        out.copy_from_slice(&std::mem::take(&mut self.0));
        Ok(())
    }
}

struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Spool for Memory {
    fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let start = offset as usize;
        let found = self.0.get(&payload).and_then(|bytes| bytes.get(start..start + out.len()));
        out.copy_from_slice(found.ok_or(Error::Bug("read beyond a payload"))?);
        Ok(())
    }

    fn forget(&self, _: u32) -> Result<(), Error> {
        Ok(())
    }
}

fn payload(values: &[f32]) -> Vec<u8> {
    let frame = |chunk: &[f32]| {
        let bytes = params::bytes_of(chunk);
        [(bytes.len() as u32).to_le_bytes().to_vec(), bytes].concat()
    };
    values.chunks(limits::CHUNK_VALUES).flat_map(frame).collect()
}

fn aggregate_all(payloads: &[Vec<u8>], limit: f64) -> Result<Summed, Error> {
    let (chain, protection, seed) = (Chain::default(), Box::new(Plain), Seed::root(1));
    let channel = Channel {
        chain,
        protection,
        bound: Bound::L2 { limit },
        follows: true,
        proof: None,
        equal: None,
        sums: None,
        seed,
    };
    let mut spool = Memory(BTreeMap::new());
    let mut accepted = Vec::new();
    for (number, bytes) in payloads.iter().enumerate() {
        let payload = Digest::of_bytes(bytes);
        let participant = ParticipantId::numbered(number, payloads.len());
        let payload_bytes = bytes.len() as u64;
        accepted.push(Accepted { participant, payload, payload_bytes, examples: 1 });
        spool.0.insert(payload, bytes.clone());
    }
    let context = Context { plan: Digest::default(), round: 1, model: Digest::default() };
    let (context, accepted, spool) = (&context, &accepted[..], &spool);
    let cohort =
        Cohort { context, accepted, spool, len: LEN, before: &[], bound: Bound::L2 { limit } };
    aggregate(&channel, &mut Add::default(), &cohort)
}

#[test]
fn payloads_become_their_sum() {
    let rows = [payload(&[1.0; LEN]), payload(&[0.5; LEN])];
    let sum = aggregate_all(&rows, 1e6).unwrap();
    assert_eq!(sum.contributions(), 2);
    assert_eq!(sum.values(), [1.5; LEN]);
}

#[test]
fn what_the_disk_spoiled_is_refused_by_name() {
    let good = payload(&[1.0; LEN]);
    let mut infinite = [1.0; LEN];
    infinite[LEN - 1] = f32::INFINITY;
    let (longer, shorter) = ([&good[..], &[0; 4]].concat(), good[..good.len() - 4].to_vec());
    let long_norm = payload(&[2.0; LEN]);
    for bad in [payload(&infinite), longer, shorter, long_norm] {
        let error = aggregate_all(&[good.clone(), bad], (LEN as f64).sqrt());
        let error = error.map(drop).unwrap_err();
        assert!(error.to_string().contains("update of p1"), "{error}");
    }
    assert!(aggregate_all(&[good], (LEN as f64).sqrt()).is_ok());
}
