//! The convolutional network of McMahan et al. 2017, section 3: two 5 × 5 convolutions with 32 and
//! 64 filters ("same" padding), each with ReLU and 2 × 2 maximum, 512 units with ReLU, softmax;
//! 1,663,370 parameters on 28 × 28 pictures in ten classes.

use super::classifier::Classifier;
use super::engine::Network;
use tacit_core::error::Error;
use tacit_core::registry::{Entry, Make};

/// Largest side of a picture in pixels: scratch memory grows with its square.
const SIDE: usize = 256;
/// Most channels of a picture.
const CHANNELS: usize = 64;

/// `conv1`, `conv2`, `fc1`, `fc2`, for pictures of `[channels, height, width]`.
pub const ENTRY: Entry = Entry {
    name: "cnn",
    help: "two 5 x 5 convolutions and two dense layers (McMahan et al. 2017)",
    parameters: &[],
    make: Make::Trainer(|_, shape| match shape.features[..] {
        [channels @ 1..=CHANNELS, height @ 4..=SIDE, width @ 4..=SIDE] => {
            let network = Network::convolutional([channels, height, width], shape.classes)?;
            Ok(Classifier::boxed(network, shape))
        }
        _ => Err(Error::caller(
            "trainer cnn",
            format!("pictures of 1 to {CHANNELS} channels with sides of 4 to {SIDE} pixels"),
            format!("features of shape {:?}", shape.features),
        )),
    }),
};
