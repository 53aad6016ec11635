//! Rows as they are read: names of columns, labels and groups become numbers, every value is
//! checked to be finite, every size to be within the limits.

use super::Source;
use crate::data::dataset::{Dataset, Groups};
use std::collections::HashMap;
use std::path::Path;
use tacit_core::data::{DataShape, Examples};
use tacit_core::error::Error;
use tacit_core::limits;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Feature,
    Label,
    Group,
    Ignored,
}

/// A data set that grows row by row.
pub(super) struct Table<'a> {
    pub source: &'a Source,
    shape: Vec<usize>,
    columns: Vec<String>,
    values: Vec<f32>,
    labels: Vec<u32>,
    /// Texts that labels are numbers of; empty if labels are the classes themselves.
    names: Names,
    groups: Vec<u32>,
    group_names: Names,
    first_test: Option<usize>,
}

impl<'a> Table<'a> {
    pub fn new(source: &'a Source) -> Self {
        let mut names = Names::default();
        source.classes.iter().for_each(|class| _ = names.number(class));
        Self {
            source,
            shape: Vec::new(),
            columns: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
            names,
            groups: Vec::new(),
            group_names: Names::default(),
            first_test: None,
        }
    }

    /// What each column of a file is for; all features must be those of the file before.
    pub fn roles(&mut self, columns: &[String], path: &Path) -> Result<Vec<Role>, Error> {
        let refuse = |expected: String, found: &str| Error::caller("columns", expected, found);
        let find = |name: &str| -> Result<usize, Error> {
            let mut places = (0..columns.len()).filter(|&i| columns[i] == name);
            match (places.next(), places.next()) {
                (Some(at), None) => Ok(at),
                (first, _) => Err(refuse(
                    format!("one column {name:?} in {}", path.display()),
                    if first.is_some() { "several" } else { "none" },
                )),
            }
        };
        let mut roles = vec![Role::Feature; columns.len()];
        for name in &self.source.ignore {
            roles[find(name)?] = Role::Ignored;
        }
        if let Some(name) = &self.source.group {
            roles[find(name)?] = Role::Group;
        }
        let last = roles.iter().rposition(|role| *role == Role::Feature);
        let label = match &self.source.label {
            Some(name) => find(name)?,
            None if columns.iter().any(|name| name == "label") => find("label")?,
            None => last.ok_or_else(|| refuse("a column for the label".into(), "none"))?,
        };
        if roles[label] != Role::Feature {
            let expected = format!("{:?} to be the label and nothing else", columns[label]);
            return Err(refuse(expected, "it among the groups or ignored columns"));
        }
        roles[label] = Role::Label;
        let features = columns.iter().zip(&roles).filter(|(_, role)| **role == Role::Feature);
        let features: Vec<String> = features.map(|(name, _)| name.clone()).collect();
        self.begin(vec![features.len()], features, path)?;
        Ok(roles)
    }

    /// Declares the shape of the rows that follow, and the names of their values if they have any.
    pub fn begin(
        &mut self,
        shape: Vec<usize>,
        columns: Vec<String>,
        path: &Path,
    ) -> Result<(), Error> {
        let width = shape.iter().try_fold(1usize, |width, &size| width.checked_mul(size));
        if width.is_none_or(|width| width == 0 || width > limits::FEATURES) {
            let expected = format!("1 to {} features in {}", limits::FEATURES, path.display());
            return Err(Error::caller("data file", expected, format!("shape {shape:?}")));
        }
        if self.shape.is_empty() {
            (self.shape, self.columns) = (shape, columns);
        } else if self.shape != shape || self.columns != columns {
            let expected = format!("the features of the training set in {}", path.display());
            return Err(Error::caller("test set", expected, format!("others, shape {shape:?}")));
        }
        Ok(())
    }

    /// Rows from here on are test rows.
    pub fn begin_test(&mut self, path: &Path) -> Result<(), Error> {
        if self.first_test.replace(self.labels.len()).is_some() {
            let expected = format!("one test set, not also {}", path.display());
            return Err(Error::caller("test set", expected, "two"));
        }
        Ok(())
    }

    /// Adds a feature; `place` says where it was found.
    pub fn value(&mut self, value: f64, place: impl Fn() -> String) -> Result<(), Error> {
        let single = value as f32;
        if !single.is_finite() {
            let expected = format!("a finite number (below 3.4e38) in {}", place());
            return Err(Error::caller("data file", expected, value.to_string()));
        }
        if self.values.len() >= limits::DATA_VALUES {
            let expected = format!("at most {} values", limits::DATA_VALUES);
            return Err(Error::caller("data file", expected, format!("more in {}", place())));
        }
        self.values.push(single);
        Ok(())
    }

    /// Adds a label that is a name.
    pub fn label(&mut self, text: &str, place: impl Fn() -> String) -> Result<(), Error> {
        let refuse = |expected: &str| {
            let expected = format!("{expected} in {}", place());
            Err(Error::caller("data file", expected, format!("{text:?}")))
        };
        let declared = self.source.classes.len();
        if text.is_empty() {
            return refuse("a label");
        }
        if self.labels.len() as u64 >= limits::EXAMPLES {
            return refuse("no more than 268435456 rows");
        }
        let number = self.names.number(text);
        if declared > 0 && number as usize >= declared {
            return refuse("one of the declared classes");
        }
        if number as usize >= limits::CLASSES {
            return refuse("no more than 65536 classes");
        }
        self.labels.push(number);
        Ok(())
    }

    /// Adds a label that is a class number.
    pub fn class(&mut self, number: f64, place: impl Fn() -> String) -> Result<(), Error> {
        let classes = match self.source.classes.len() {
            0 => limits::CLASSES,
            declared => declared,
        };
        if !(0.0..classes as f64).contains(&number) || number.fract() != 0.0 {
            let expected = format!("a whole number from 0 to {} in {}", classes - 1, place());
            return Err(Error::caller("data file", expected, number.to_string()));
        }
        self.labels.push(number as u32);
        Ok(())
    }

    /// Says whom the row belongs to.
    pub fn group(&mut self, text: &str) {
        let number = self.group_names.number(text);
        self.groups.push(number);
    }

    /// Numbers labels and groups in sorted order and checks the whole.
    pub fn finish(self) -> Result<Dataset, Error> {
        let Self { source, shape, columns, mut values, mut labels, names, .. } = self;
        values.shrink_to_fit();
        let classes = match (source.classes.is_empty(), names.texts.is_empty()) {
            (false, _) => source.classes.clone(),
            (true, false) => names.sort(&mut labels),
            (true, true) => {
                let largest = labels.iter().copied().max().unwrap_or(0);
                (0..=largest).map(|class| class.to_string()).collect()
            }
        };
        let shape = DataShape { features: shape, classes: classes.len() };
        let mut dataset = Dataset::new(Examples::new(shape, values, labels)?, classes)?;
        if !columns.is_empty() {
            dataset = dataset.with_features(columns)?;
        }
        if let Some(column) = &source.group {
            let mut of_row = self.groups;
            let names = self.group_names.sort(&mut of_row);
            dataset = dataset.with_groups(Groups { column: column.clone(), names, of_row })?;
        }
        match self.first_test {
            Some(first) => dataset.with_test_from(first),
            None => Ok(dataset),
        }
    }
}

/// Texts, numbered as they come.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// The texts in order, by value if all are numbers; renumbers `numbers` to match.
    fn sort(self, numbers: &mut [u32]) -> Vec<String> {
        let value = |text: &String| text.parse::<f64>().ok().filter(|x| x.is_finite());
        let values: Option<Vec<f64>> = self.texts.iter().map(value).collect();
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by(|&a, &b| {
            let by_value = values.as_ref().map(|values| values[a].total_cmp(&values[b]));
            by_value.unwrap_or(std::cmp::Ordering::Equal).then(self.texts[a].cmp(&self.texts[b]))
        });
        let mut rank = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| rank[old] = new as u32);
        numbers.iter_mut().for_each(|number| *number = rank[*number as usize]);
        order.into_iter().map(|old| self.texts[old].clone()).collect()
    }
}
