//! Flat f32 vectors with a layout of named tensors.

use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::limits;
use std::borrow::Cow;
use std::sync::Arc;

/// One named tensor of a [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Name, as in the model's safetensors file.
    pub name: String,
    /// Dimensions, row-major; empty for a scalar.
    pub shape: Vec<usize>,
}

/// Names and shapes of a model's tensors, in the order in which their values lie in the vector.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Layout {
    tensors: Vec<Tensor>,
    #[serde(skip)]
    len: usize,
}

impl Layout {
    /// Checks names (unique, not empty) and sizes (within [`limits`]).
    pub fn new(tensors: Vec<Tensor>) -> Result<Self, Error> {
        let refuse = |expected: &str, found: String| Error::caller("layout", expected, found);
        if tensors.is_empty() || tensors.len() > limits::LAYOUT_TENSORS {
            return Err(refuse("1 to 65536 tensors", tensors.len().to_string()));
        }
        let mut names = std::collections::BTreeSet::new();
        let mut len: u64 = 0;
        for tensor in &tensors {
            if tensor.name.is_empty() || tensor.name.len() > 1024 || !names.insert(&tensor.name) {
                return Err(refuse("unique tensor names of 1 to 1024 bytes", tensor.name.clone()));
            }
            if tensor.shape.len() > limits::TENSOR_DIMENSIONS {
                return Err(refuse("at most 8 dimensions", format!("{:?}", tensor.shape)));
            }
            let count = tensor.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64));
            len = count
                .and_then(|count| len.checked_add(count))
                .filter(|&len| len <= limits::MODEL_VALUES)
                .ok_or_else(|| refuse("at most 2^32 values", format!("{:?}", tensor.shape)))?;
        }
        if len == 0 {
            return Err(refuse("at least one value", "0".into()));
        }
        Ok(Self { tensors, len: len as usize })
    }

    /// The tensors, in order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Number of values.
    #[expect(clippy::len_without_is_empty, reason = "a layout is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// One vector without a structure of its own.
    pub fn flat(name: &str, len: usize) -> Result<Self, Error> {
        Self::new(vec![Tensor { name: name.into(), shape: vec![len] }])
    }

    /// `copies` vectors of this layout one behind the other; the names of all but the first end
    /// in their number.
    pub fn repeated(self: &Arc<Self>, copies: usize) -> Result<Arc<Self>, Error> {
        if copies == 1 {
            return Ok(self.clone());
        }
        let named = |copy: usize, tensor: &Tensor| match copy {
            0 => tensor.clone(),
            _ => Tensor { name: format!("{}#{copy}", tensor.name), shape: tensor.shape.clone() },
        };
        let tensors = (0..copies).flat_map(|copy| self.tensors.iter().map(move |t| named(copy, t)));
        Ok(Arc::new(Self::new(tensors.collect())?))
    }

    /// Names and shapes hashed: participants of one round must agree on it.
    pub fn digest(&self) -> Digest {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for tensor in &self.tensors {
            parts.push(tensor.name.clone().into_bytes());
            parts.push(tensor.shape.iter().flat_map(|&d| (d as u64).to_le_bytes()).collect());
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Digest::of_parts("tacit/v1/layout", &parts)
    }
}

impl<'de> serde::Deserialize<'de> for Layout {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A model's parameters: finite, shaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    layout: Arc<Layout>,
    values: Vec<f32>,
}

impl Params {
    /// Checks length and finiteness.
    pub fn new(layout: Arc<Layout>, values: Vec<f32>) -> Result<Self, Refusal> {
        check_len(&layout, values.len())?;
        check_finite(&values, 0)?;
        Ok(Self { layout, values })
    }

    /// Reads the bytes of [`Params::to_bytes`].
    pub fn from_bytes(layout: Arc<Layout>, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() != layout.len() * 4 {
            let (expected, found) = (layout.len() as u64, bytes.len() as u64 / 4);
            return Err(Refusal::WrongShape { expected, found });
        }
        Self::new(layout, values_of(bytes).collect())
    }

    /// Values as little-endian f32: the blob in which a model travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes_of(&self.values)
    }

    /// SHA-256 of [`Params::to_bytes`]: the model's name.
    pub fn digest(&self) -> Digest {
        digest_values(&self.values)
    }

    /// Names and shapes.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the values out.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Values of the named tensor.
    pub fn tensor(&self, name: &str) -> Option<&[f32]> {
        let mut start = 0;
        for tensor in self.layout.tensors() {
            let len: usize = tensor.shape.iter().product();
            if tensor.name == name {
                return self.values.get(start..start + len);
            }
            start += len;
        }
        None
    }
}

/// What one participant learned: local minus global parameters, finite, within the exact range
/// of sums, with the number of examples behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    params: Params,
    examples: u64,
}

impl Update {
    /// Checks shape, finiteness, range ([`limits::UPDATE_MAGNITUDE`]) and weight.
    pub fn new(layout: Arc<Layout>, values: Vec<f32>, examples: u64) -> Result<Self, Refusal> {
        check_len(&layout, values.len())?;
        check_range(&values, 0)?;
        check_weight(examples)?;
        Ok(Self { params: Params { layout, values }, examples })
    }

    /// `local − global`, where both have the layout of `global`.
    pub fn between(global: &Params, local: Vec<f32>, examples: u64) -> Result<Self, Refusal> {
        check_len(&global.layout, local.len())?;
        let mut values = local;
        values.iter_mut().zip(&global.values).for_each(|(local, global)| *local -= global);
        Self::new(global.layout.clone(), values, examples)
    }

    /// Names and shapes.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.params.layout
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        &self.params.values
    }

    /// Number of examples it was learned from: its weight in FedAvg.
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// Euclidean norm, accumulated in f64.
    pub fn norm_l2(&self) -> f64 {
        sum_of_squares(self.values()).sqrt()
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.params.values
    }

    pub(crate) fn into_values(self) -> Vec<f32> {
        self.params.values
    }
}

/// Refuses a weight of zero or above [`limits::EXAMPLES`].
pub fn check_weight(examples: u64) -> Result<(), Refusal> {
    if examples == 0 || examples > limits::EXAMPLES {
        return Err(Refusal::BadWeight { limit: limits::EXAMPLES, found: examples });
    }
    Ok(())
}

/// Refuses NaN, infinity and magnitudes that exact sums cannot hold; `offset` is the position of
/// the first value.
pub fn check_range(values: &[f32], offset: u64) -> Result<(), Refusal> {
    let limit = limits::UPDATE_MAGNITUDE;
    // Without an early exit this runs on whole vectors; NaN is within no limit.
    if values.iter().fold(true, |within, x| within & (x.abs() <= limit as f32)) {
        return Ok(());
    }
    check_finite(values, offset)?;
    match values.iter().position(|x| f64::from(x.abs()) > limit) {
        Some(i) => Err(Refusal::OutOfRange { index: offset + i as u64, limit }),
        None => Ok(()),
    }
}

/// Σ x² in f64, in eight lanes of a fixed order: the same on every machine.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let square = |x: &f32| f64::from(*x) * f64::from(*x);
    let (lanes, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for lane in lanes {
        sums.iter_mut().zip(lane).for_each(|(sum, x)| *sum += square(x));
    }
    sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
}

fn check_len(layout: &Layout, found: usize) -> Result<(), Refusal> {
    if layout.len() != found {
        let (expected, found) = (layout.len() as u64, found as u64);
        return Err(Refusal::WrongShape { expected, found });
    }
    Ok(())
}

/// Refuses NaN and infinity; `offset` is the position of the first value.
pub fn check_finite(values: &[f32], offset: u64) -> Result<(), Refusal> {
    if values.iter().fold(true, |finite, x| finite & x.is_finite()) {
        return Ok(());
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(Refusal::NotFinite { index: offset + i as u64 }),
        None => Ok(()),
    }
}

/// Little-endian bytes of f32 values, without copying where the machine has that order.
pub fn as_bytes(values: &[f32]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(values)),
        false => Cow::Owned(bytes_of(values)),
    }
}

/// A copy of [`as_bytes`].
pub fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Values of little-endian f32 bytes; trailing bytes that make no value are ignored.
pub fn values_of(bytes: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}

/// SHA-256 of [`as_bytes`].
pub fn digest_values(values: &[f32]) -> Digest {
    Digest::of_bytes(&as_bytes(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize]) -> Arc<Layout> {
        Arc::new(Layout::new(vec![Tensor { name: "w".into(), shape: shape.into() }]).unwrap())
    }

    #[test]
    fn refuses_what_is_not_finite_or_shaped() {
        let two = layout(&[2]);
        assert!(Params::new(two.clone(), vec![0.0, f32::NAN]).is_err());
        assert!(Params::new(two.clone(), vec![0.0]).is_err());
        assert!(Update::new(two.clone(), vec![0.0, 1e9], 1).is_err());
        assert!(Update::new(two.clone(), vec![0.0, 1.0], 0).is_err());
        assert!(Params::from_bytes(two, &[0; 9]).is_err());
    }

    #[test]
    fn layout_limits() {
        let tensor = |shape: &[usize]| Tensor { name: "w".into(), shape: shape.into() };
        assert!(Layout::new(vec![tensor(&[usize::MAX, usize::MAX])]).is_err());
        assert!(Layout::new(vec![tensor(&[2]), tensor(&[3])]).is_err());
        assert!(Layout::new(vec![tensor(&[0])]).is_err());
        assert_eq!(layout(&[]).len(), 1);
    }

    #[test]
    fn bytes_round_trip_and_digest() {
        let params = Params::new(layout(&[3]), vec![1.0, -2.5, 3e-8]).unwrap();
        let bytes = params.to_bytes();
        assert_eq!(as_bytes(params.values()), bytes);
        assert_eq!(Params::from_bytes(layout(&[3]), &bytes).unwrap(), params);
        assert_eq!(params.digest(), Digest::of_bytes(&bytes));
    }
}
