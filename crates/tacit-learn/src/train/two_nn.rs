//! The multilayer perceptron "2NN" of McMahan et al. 2017, section 3: two hidden layers of 200
//! units with ReLU; 199,210 parameters on 28 × 28 pictures in ten classes.

use super::classifier::Classifier;
use super::engine::Network;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};

/// `fc1`, `fc2`, `fc3`: features → hidden → hidden → classes.
pub const ENTRY: Entry = Entry {
    name: "2nn",
    help: "perceptron with two hidden layers (McMahan et al. 2017)",
    parameters: &[Parameter {
        name: "hidden",
        help: "units in each hidden layer",
        kind: Kind::Integer { min: 1, max: 16_384 },
        default: Default::Integer(200),
    }],
    make: Make::Trainer(|arguments, shape| {
        let hidden = arguments.integer("hidden")? as usize;
        let widths = [shape.width(), hidden, hidden, shape.classes];
        let network = Network::dense(&["fc1", "fc2", "fc3"], &widths)?;
        Ok(Classifier::boxed(network, shape))
    }),
};
