//! An attack with its arguments, as it is written on a command line.

use super::{Attack, ENTRIES, Entry, find};
use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Kind, Parameter, Value};

/// One attack with every argument checked.
#[derive(Clone, Debug)]
pub struct Chosen {
    entry: &'static Entry,
    arguments: Arguments,
}

impl Chosen {
    /// Reads `name` or `name:key=value:key=value`; what is not named has its default.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let Some(entry) = find(name) else {
            let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::caller("attack", expected, format!("{name:?}")));
        };
        let mut arguments = Arguments::defaults(entry.parameters)?;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let Some(parameter) = entry.parameters.iter().find(|p| p.name == key) else {
                let names: Vec<&str> = entry.parameters.iter().map(|p| p.name).collect();
                let expected = match names.as_slice() {
                    [] => format!("no parameters of {name}"),
                    names => format!("one of {}", names.join(", ")),
                };
                return Err(Error::caller("parameter of an attack", expected, format!("{key:?}")));
            };
            arguments = arguments.with(parameter.name, read(parameter, value)?);
        }
        Ok(Self { entry, arguments })
    }

    /// Every attack with its defaults.
    pub fn all() -> Result<Vec<Self>, Error> {
        ENTRIES.iter().map(|entry| Self::parse(entry.name)).collect()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// The attack, which has seen nothing.
    pub fn make(&self) -> Result<Box<dyn Attack>, Error> {
        (self.entry.make)(&self.arguments)
    }
}

fn read(parameter: &Parameter, text: &str) -> Result<Value, Error> {
    let (found, expected) = match parameter.kind {
        Kind::Integer { min, max } => {
            let value = text.parse().ok().filter(|x| (min..=max).contains(x));
            (value.map(Value::Integer), format!("a whole number from {min} to {max}"))
        }
        Kind::Number { min, max } => {
            let value = text.parse().ok().filter(|x| (min..=max).contains(x));
            (value.map(Value::Number), format!("a number from {min} to {max}"))
        }
        _ => return Err(Error::Bug("an attack has a parameter that is no number")),
    };
    found.ok_or_else(|| Error::caller(parameter.name, expected, format!("{text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_is_read() {
        assert_eq!(Chosen::all().unwrap().len(), ENTRIES.len());
        let chosen = Chosen::parse("backdoor:target=3:ratio=0.25").unwrap();
        assert_eq!(chosen.arguments.integer("target").unwrap(), 3);
        assert_eq!(chosen.arguments.number("ratio").unwrap(), 0.25);
        assert!(chosen.make().is_ok());
        for bad in [
            "",
            "Mimic",
            "mimic:x=1",
            "scaling:factor",
            "scaling:factor=NaN",
            "scaling:factor=1e9",
            "nan:spacing=0",
            "nan:spacing=1.5",
            "gaussian:deviation=-1",
            "gaussian:deviation=inf",
        ] {
            assert!(matches!(Chosen::parse(bad), Err(Error::Caller(_))), "{bad}");
        }
    }
}
