//! Small data sets inside the library, so that a first run needs no download. Sources and
//! licences are in `assets/ATTRIBUTION.md`.

use super::dataset::Dataset;
use flate2::read::GzDecoder;
use tacit_core::data::{DataShape, Examples};
use tacit_core::error::Error;

/// One data set of this library.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// Name in a plan.
    pub name: &'static str,
    /// What it is, and from whom.
    pub help: &'static str,
    load: fn() -> Result<Dataset, Error>,
}

/// Every data set of this library.
pub const EMBEDDED: &[Embedded] = &[
    Embedded {
        name: "digits",
        help: "1,797 handwritten digits of 8 x 8 pixels, ten classes (UCI, CC BY 4.0)",
        load: digits,
    },
    Embedded {
        name: "breast-cancer",
        help: "569 tumours with 30 standardised measurements, two classes (UCI, CC BY 4.0)",
        load: breast_cancer,
    },
];

impl Embedded {
    /// Decodes the data set; the same on every machine.
    pub fn load(&self) -> Result<Dataset, Error> {
        (self.load)()
    }
}

/// The data set of that name.
pub fn find(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|set| set.name == name)
}

/// Optical recognition of handwritten digits: shape 1 × 8 × 8, values 0 to 1, ten classes.
pub fn digits() -> Result<Dataset, Error> {
    let bytes: &[u8] = include_bytes!("../../assets/digits.csv.gz");
    let (mut features, labels) = decode(bytes, false)?;
    features.iter_mut().for_each(|x| *x /= 16.0);
    let shape = DataShape { features: vec![1, 8, 8], classes: 10 };
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new(Examples::new(shape, features, labels)?, classes)
}

const MEASUREMENTS: [&str; 10] = [
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
];

/// Breast cancer Wisconsin (diagnostic): 30 values, standardised over all rows, two classes.
pub fn breast_cancer() -> Result<Dataset, Error> {
    let bytes: &[u8] = include_bytes!("../../assets/breast-cancer.csv.gz");
    let (features, labels) = decode(bytes, true)?;
    let shape = DataShape { features: vec![30], classes: 2 };
    let classes = vec!["malignant".into(), "benign".into()];
    let of = |kind: &'static str| MEASUREMENTS.iter().map(move |what| format!("{kind} {what}"));
    let names = of("mean").chain(of("error of")).chain(of("worst")).collect();
    Dataset::new(Examples::new(shape, features, labels)?, classes)?
        .with_features(names)?
        .standardise()
}

/// Numbers of a compressed table whose last column is the label.
fn decode(bytes: &[u8], header: bool) -> Result<(Vec<f32>, Vec<u32>), Error> {
    const BROKEN: Error = Error::Bug("an embedded data set does not decode");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(header)
        .flexible(true)
        .from_reader(GzDecoder::new(bytes));
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|_| BROKEN)?;
        let last = record.len().saturating_sub(1);
        for (column, field) in record.iter().enumerate() {
            match column == last {
                true => labels.push(field.parse().map_err(|_| BROKEN)?),
                false => features.push(field.parse().map_err(|_| BROKEN)?),
            }
        }
    }
    Ok((features, labels))
}
