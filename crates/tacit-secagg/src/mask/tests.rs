use super::*;
use crate::ring::Word;
use ctr::cipher::{StreamCipher, StreamCipherSeek};

const PRGS: [Prg; 2] = [Prg::Aes128Ctr, Prg::ChaCha20];

fn seed(number: u8) -> [u8; 32] {
    std::array::from_fn(|i| number.wrapping_mul(31).wrapping_add(i as u8))
}

fn read(mut cipher: impl StreamCipher + StreamCipherSeek, at: u128, bytes: &mut [u8]) {
    cipher.seek(at);
    cipher.write_keystream(bytes);
}

/// Words of a keystream one by one, and their sum with what was there.
fn expected<W: Word>(words: &[W], offset: u64, masks: &[(Prg, u8, Sign)]) -> Vec<W> {
    let mut sums = words.to_vec();
    for (prg, number, sign) in masks {
        let Mask(engine) = Mask::portable(*prg, &seed(*number));
        for (i, sum) in sums.iter_mut().enumerate() {
            let at = (u128::from(offset) + i as u128) * size_of::<W>() as u128;
            let mut word = [W::narrow(0)];
            let bytes = bytemuck::cast_slice_mut(&mut word);
            match &engine {
                Engine::Kernel(_) => unreachable!(),
                Engine::Aes(cipher) => read(counting(cipher), at, bytes),
                Engine::ChaCha(key) => read(chacha(key), at, bytes),
            }
            let word = word[0].to_native();
            *sum = if *sign == Sign::Plus { sum.plus(word) } else { sum.minus(word) };
        }
    }
    sums
}

fn check<W: Word>(make: fn(Prg, &[u8; 32]) -> Mask, len: usize, offset: u64) {
    let words: Vec<W> = (0..len).map(|i| W::narrow((i as u64).wrapping_mul(0x9e37_79b9))).collect();
    for prg in PRGS {
        let signs = [(prg, 1, Sign::Plus), (prg, 2, Sign::Minus), (prg, 3, Sign::Plus)];
        let masks = signs.map(|(prg, number, sign)| (make(prg, &seed(number)), sign));
        let masks: Vec<_> = masks.iter().map(|(mask, sign)| (mask, *sign)).collect();
        let mut found = words.clone();
        apply(&mut found, offset, &masks);
        assert_eq!(found, expected(&words, offset, &signs), "{prg:?} {len} from {offset}");
    }
}

/// Every length and offset within two strides of the kernel, and around the edges of blocks.
#[test]
fn every_way_gives_the_same_sums() {
    for make in [Mask::new, Mask::portable] {
        for offset in [0, 1, 2, 3, 5, 63, 64, 65, 127, 128, 129, 4094, 4096, 1 << 40] {
            for len in [0, 1, 2, 3, 4, 7, 63, 64, 65, 127, 128, 129, 191, 255, 257, 300] {
                check::<u32>(make, len, offset);
                check::<u64>(make, len, offset);
            }
        }
        for offset in [0, 77] {
            check::<u32>(make, 3 * BLOCK_BYTES / 4 + 13, offset);
            check::<u64>(make, 3 * BLOCK_BYTES / 8 + 13, offset);
        }
        check::<u64>(make, 700, u64::MAX - 700);
    }
}

/// Kernels of every width against the portable code, at every offset and length around their edges.
#[test]
fn every_width_gives_the_same_sums() {
    for (offset, len) in (0..20).flat_map(|offset| (0..300).map(move |len| (27 * offset, len))) {
        let mut due = vec![1u64; len];
        let of = |sign| (Mask::portable(Prg::Aes128Ctr, &seed(4)), sign);
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut due);
        let (plus, minus) = (of(Sign::Plus), of(Sign::Minus));
        apply(words, offset, &[(&plus.0, plus.1)]);
        apply(&mut due, offset, &[(&minus.0, minus.1)]);
        for (bits, mask) in Mask::every(&seed(4)) {
            let mut found = vec![1u64; len];
            apply(bytemuck::cast_slice_mut::<u64, u32>(&mut found), offset, &[(&mask, Sign::Plus)]);
            apply(&mut found, offset, &[(&mask, Sign::Minus)]);
            assert!(found == due, "{bits} bits, {len} from {offset}");
        }
    }
}

#[test]
fn a_part_is_the_part_of_the_whole() {
    for prg in PRGS {
        let mask = Mask::new(prg, &seed(9));
        let mut whole = vec![0u32; 10_000];
        apply(&mut whole, 0, &[(&mask, Sign::Plus)]);
        for (from, to) in [(0, 10_000), (1, 2), (4095, 9000), (9999, 10_000), (17, 4113)] {
            let mut part = vec![0u32; to - from];
            apply(&mut part, from as u64, &[(&mask, Sign::Plus)]);
            assert_eq!(part, whole[from..to], "{prg:?} {from} to {to}");
        }
    }
}

#[test]
fn plus_and_minus_cancel() {
    for prg in PRGS {
        let mask = Mask::new(prg, &seed(4));
        let mut words: Vec<u64> = (0..5000).collect();
        apply(&mut words, 3, &[(&mask, Sign::Plus), (&mask, Sign::Minus)]);
        assert!(words.iter().copied().eq(0..5000));
    }
}

/// NIST SP 800-38A, F.5.1: that what the kernel is compared with is AES-128 in counter mode.
#[test]
fn the_reference_gives_the_published_counter_mode() {
    let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
    let counter = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_feff_u128.to_be_bytes();
    let plain = [
        0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128,
        0xae2d_8a57_1e03_ac9c_9eb7_6fac_45af_8e51,
        0x30c8_1c46_a35c_e411_e5fb_c119_1a0a_52ef,
        0xf69f_2445_df4f_9b17_ad2b_417b_e66c_3710,
    ];
    let mut cipher = Ctr128BE::<Aes128>::new(&key.into(), &counter.into());
    let found = plain.map(|block| {
        let mut bytes = block.to_be_bytes();
        cipher.apply_keystream(&mut bytes);
        u128::from_be_bytes(bytes)
    });
    let published = [
        0x874d_6191_b620_e326_1bef_6864_990d_b6ce,
        0x9806_f66b_7970_fdff_8617_187b_b9ff_fdff,
        0x5ae4_df3e_dbd5_d35e_5b4f_0902_0db0_3eab,
        0x1e03_1dda_2fbe_03d1_7921_70a0_f300_9cee,
    ];
    assert_eq!(found, published);
}

/// Keystreams of another implementation; `bench/secagg_vectors.py` makes them.
#[test]
fn keystreams_are_those_of_another_implementation() {
    let text = include_str!("../../../../vectors/secagg/mask.json");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let bytes = |value: &serde_json::Value| -> Vec<u8> {
        let digits = value.as_str().unwrap();
        (0..digits.len()).step_by(2).map(|i| digits[i..][..2].parse_hex()).collect()
    };
    assert!(vectors.len() > 10);
    for vector in &vectors {
        let prg: Prg = serde_json::from_value(vector["prg"].clone()).unwrap();
        let seed: [u8; 32] = bytes(&vector["seed"]).try_into().unwrap();
        let (offset, stream) = (vector["offset"].as_u64().unwrap(), bytes(&vector["keystream"]));
        for make in [Mask::new, Mask::portable] {
            let mask = make(prg, &seed);
            let mut words = vec![0u32; stream.len() / 4];
            apply(&mut words, offset, &[(&mask, Sign::Plus)]);
            let found: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(found, stream, "{prg:?} from {offset}");
            let mut words = vec![0u64; stream.len() / 8];
            apply(&mut words, offset / 2, &[(&mask, Sign::Minus)]);
            let found = words.iter().flat_map(|word| word.wrapping_neg().to_le_bytes());
            assert!(found.eq(stream.iter().copied()), "{prg:?} from {offset}");
        }
    }
}

trait ParseHex {
    fn parse_hex(&self) -> u8;
}

impl ParseHex for str {
    fn parse_hex(&self) -> u8 {
        u8::from_str_radix(self, 16).unwrap()
    }
}
