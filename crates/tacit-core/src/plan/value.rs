//! One TOML value against its declaration.

use super::error::{nearest, quoted, shorten};
use super::tables::takes;
use crate::registry::{Kind, Parameter, Value};
use toml::de::DeValue;

/// What is wrong at one place.
pub(super) struct Wrong {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) alternatives: Vec<String>,
}

impl Wrong {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into(), alternatives: Vec::new() }
    }
}

/// A TOML value as it may stand in an error.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => shorten(&number.to_string()),
        DeValue::Float(number) => shorten(number.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Array(list) => format!("a list of {}", list.len()),
        DeValue::Table(_) => "a table".into(),
    }
}

/// Checks one value against its declaration.
pub(super) fn value(parameter: &Parameter, value: &DeValue<'_>) -> Result<Value, Wrong> {
    let wrong = || Wrong::new(takes(parameter), describe(value));
    match (parameter.kind, value) {
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Integer { min, max }, DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            number.filter(|n| (min..=max).contains(n)).map(Value::Integer).ok_or_else(wrong)
        }
        (Kind::Number { min, max }, DeValue::Integer(_) | DeValue::Float(_)) => {
            let number = finite(value).filter(|n| (min..=max).contains(n));
            number.map(Value::Number).ok_or_else(wrong)
        }
        (Kind::Text, DeValue::String(text)) => Ok(Value::Text(text.to_string())),
        (Kind::Word(words), DeValue::String(text)) if words.contains(&text.as_ref()) => {
            Ok(Value::Text(text.to_string()))
        }
        (Kind::Word(words), DeValue::String(text)) => {
            let near = nearest(text, words.iter().copied());
            let alternatives = near.iter().map(|word| format!("{word:?}")).collect();
            Err(Wrong { alternatives, ..wrong() })
        }
        (Kind::List, DeValue::Array(_)) => Ok(Value::List(texts(value).ok_or_else(wrong)?)),
        (Kind::Words(words), DeValue::Array(_)) => {
            let mut found = texts(value).ok_or_else(wrong)?;
            // A set has one canonical order: the declared one.
            let place = |text: &String| words.iter().position(|word| word == text);
            if found.iter().any(|text| place(text).is_none()) {
                return Err(Wrong::new(takes(parameter), shorten(&found.join(", "))));
            }
            found.sort_by_key(place);
            let repeated = found.windows(2).any(|pair| pair[0] == pair[1]);
            if repeated { Err(wrong()) } else { Ok(Value::List(found)) }
        }
        _ => Err(wrong()),
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let list = value.as_array()?;
    list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// A finite number, with one spelling of zero.
fn finite(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok()? as f64
        }
        DeValue::Float(number) => number.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number + 0.0)
}
