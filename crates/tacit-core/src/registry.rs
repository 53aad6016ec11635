//! The rules a plan can name. Parameters are declared once, here as data: the plan's parser, its
//! schema, `tacit rules` and the book's tables all read them.

use crate::data::DataShape;
use crate::error::Error;
use crate::traits::{
    Accountant, Aggregator, Compressor, Mechanism, PreAggregator, Proof, Protection, Strategy,
    Trainer,
};
use std::collections::BTreeMap;

/// A value in a plan.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// What values a parameter takes; bounds are inclusive.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A finite number.
    Number {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// Free text, possibly empty.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    List,
    /// A set of these words.
    Words(&'static [&'static str]),
}

/// The value of a parameter that a plan does not name.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// The plan must name it.
    Required,
    /// It has none: the rule tells what its absence means.
    Absent,
    /// A flag.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// An empty list.
    Empty,
    /// A set of words.
    Words(&'static [&'static str]),
}

/// One documented parameter of a rule or of a section of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Key in the plan.
    pub name: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// Values it takes.
    pub kind: Kind,
    /// Value when absent.
    pub default: Default,
}

/// Checked values, one for every declared parameter.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Arguments(pub(crate) BTreeMap<&'static str, Value>);

const UNDECLARED: Error = Error::Bug("a rule read a parameter that it does not declare");

impl Arguments {
    /// The declared defaults; fails if a parameter is required.
    pub fn defaults(parameters: &[Parameter]) -> Result<Self, Error> {
        let present = |p: &&Parameter| !matches!(p.default, Default::Absent);
        let values = parameters.iter().filter(present).map(|p| match p.default {
            Default::Required | Default::Absent => Err(Error::caller(p.name, "a value", "nothing")),
            Default::Flag(x) => Ok((p.name, Value::Flag(x))),
            Default::Integer(x) => Ok((p.name, Value::Integer(x))),
            Default::Number(x) => Ok((p.name, Value::Number(x))),
            Default::Text(x) => Ok((p.name, Value::Text(x.into()))),
            Default::Empty => Ok((p.name, Value::List(Vec::new()))),
            Default::Words(x) => Ok((p.name, Value::List(x.iter().map(|&x| x.into()).collect()))),
        });
        Ok(Self(values.collect::<Result<_, _>>()?))
    }

    /// A copy with one value changed: for tests and benchmarks.
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.0.insert(name, value);
        self
    }

    /// Every value by name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.0.get(name) {
            Some(Value::Flag(x)) => Ok(*x),
            _ => Err(UNDECLARED),
        }
    }

    /// A whole number; declared bounds make the conversion safe.
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        match self.0.get(name) {
            Some(Value::Integer(x)) => Ok(*x),
            _ => Err(UNDECLARED),
        }
    }

    /// Whether a parameter whose default is [`Default::Absent`] has a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        match self.0.get(name) {
            Some(Value::Number(x)) => Ok(*x),
            Some(Value::Integer(x)) => Ok(*x as f64),
            _ => Err(UNDECLARED),
        }
    }

    /// A text or word.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.0.get(name) {
            Some(Value::Text(x)) => Ok(x),
            _ => Err(UNDECLARED),
        }
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> Result<&[String], Error> {
        match self.0.get(name) {
            Some(Value::List(x)) => Ok(x),
            _ => Err(UNDECLARED),
        }
    }
}

/// How a rule of each family is made from its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Make {
    /// A [`Trainer`] for data of a shape.
    #[expect(clippy::type_complexity, reason = "an alias would hide what it takes")]
    Trainer(fn(&Arguments, &DataShape) -> Result<Box<dyn Trainer>, Error>),
    /// A [`Strategy`].
    Strategy(fn(&Arguments) -> Result<Box<dyn Strategy>, Error>),
    /// An [`Aggregator`].
    Aggregator(fn(&Arguments) -> Result<Box<dyn Aggregator>, Error>),
    /// A [`PreAggregator`].
    PreAggregator(fn(&Arguments) -> Result<Box<dyn PreAggregator>, Error>),
    /// A [`Compressor`].
    Compressor(fn(&Arguments) -> Result<Box<dyn Compressor>, Error>),
    /// A [`Protection`].
    Protection(fn(&Arguments) -> Result<Box<dyn Protection>, Error>),
    /// A [`Proof`].
    Proof(fn(&Arguments) -> Result<Box<dyn Proof>, Error>),
    /// A [`Mechanism`].
    Mechanism(fn(&Arguments) -> Result<Box<dyn Mechanism>, Error>),
    /// An [`Accountant`].
    Accountant(fn(&Arguments) -> Result<Box<dyn Accountant>, Error>),
}

/// A family of rules: one key of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Key `trainer`.
    Trainer,
    /// Key `strategy`.
    Strategy,
    /// Key `aggregator`.
    Aggregator,
    /// Key `pre_aggregation`.
    PreAggregator,
    /// Key `compression`.
    Compressor,
    /// Key `downlink`: rules of [`Family::Compressor`], for models.
    Downlink,
    /// Key `protection`.
    Protection,
    /// Key `proof`.
    Proof,
    /// Key `mechanism`.
    Mechanism,
    /// Key `accountant`.
    Accountant,
}

impl Family {
    /// Every family of rules, in the order of a round.
    pub const ALL: [Family; 9] = [
        Family::Trainer,
        Family::Compressor,
        Family::Protection,
        Family::Proof,
        Family::PreAggregator,
        Family::Aggregator,
        Family::Mechanism,
        Family::Accountant,
        Family::Strategy,
    ];

    /// Whether the plan gives a list of rules, which work one after the other; `[]` for none.
    pub fn is_list(self) -> bool {
        matches!(self, Family::Compressor | Family::Downlink | Family::PreAggregator)
    }

    /// The family that its rules are registered in.
    pub fn registered(self) -> Family {
        if self == Family::Downlink { Family::Compressor } else { self }
    }

    /// The plan's key.
    pub fn key(self) -> &'static str {
        match self {
            Family::Trainer => "trainer",
            Family::Strategy => "strategy",
            Family::Aggregator => "aggregator",
            Family::PreAggregator => "pre_aggregation",
            Family::Compressor => "compression",
            Family::Downlink => "downlink",
            Family::Protection => "protection",
            Family::Proof => "proof",
            Family::Mechanism => "mechanism",
            Family::Accountant => "accountant",
        }
    }
}

/// One registered rule.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name in the plan.
    pub name: &'static str,
    /// One sentence, with its source.
    pub help: &'static str,
    /// What it can be told.
    pub parameters: &'static [Parameter],
    /// Its constructor, which also tells its family.
    pub make: Make,
}

impl Entry {
    /// The family of the rule.
    pub fn family(&self) -> Family {
        match self.make {
            Make::Trainer(_) => Family::Trainer,
            Make::Strategy(_) => Family::Strategy,
            Make::Aggregator(_) => Family::Aggregator,
            Make::PreAggregator(_) => Family::PreAggregator,
            Make::Compressor(_) => Family::Compressor,
            Make::Protection(_) => Family::Protection,
            Make::Proof(_) => Family::Proof,
            Make::Mechanism(_) => Family::Mechanism,
            Make::Accountant(_) => Family::Accountant,
        }
    }
}

/// All rules a build knows.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// Joins the entries of several rooms; a name given twice in one family is our bug.
    pub fn new(rooms: &[&[Entry]]) -> Result<Self, Error> {
        let mut entries: Vec<Entry> = rooms.concat();
        entries.sort_by_key(|entry| (entry.family(), entry.name));
        let same =
            |pair: &[Entry]| pair[0].family() == pair[1].family() && pair[0].name == pair[1].name;
        if entries.windows(2).any(same) {
            return Err(Error::Bug("two rules of one family share a name"));
        }
        Ok(Self { entries })
    }

    /// The rules of a family, by name.
    pub fn family(&self, family: Family) -> impl Iterator<Item = &Entry> {
        let family = family.registered();
        self.entries.iter().filter(move |entry| entry.family() == family)
    }

    /// One rule.
    pub fn find(&self, family: Family, name: &str) -> Option<&Entry> {
        self.family(family).find(|entry| entry.name == name)
    }
}
