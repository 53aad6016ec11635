//! From spanned TOML to checked values, following the tables; every error is kept.

use super::choice::Choice;
use super::error::{Lines, PlanError, nearest, quoted, shorten};
use super::tables::{COMMAND, NONE, RULES, RuleKey, SECTIONS, one_of, takes};
use super::value::{Wrong, describe, value};
use crate::limits;
use crate::registry::{Arguments, Default, Entry, Family, Parameter, Registry};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Item<'t> = Spanned<DeValue<'t>>;

/// Where each setting of the file begins, in bytes: `cohort.size`.
pub(super) type Places = BTreeMap<String, usize>;

/// The values of a file in which every key and value is allowed by itself.
#[derive(Debug)]
pub(super) struct Settings {
    /// One for each of [`SECTIONS`].
    pub(super) sections: Vec<Arguments>,
    /// One list for each of [`RULES`]: of a single rule, unless the family is a list.
    pub(super) rules: Vec<Vec<Choice>>,
    pub(super) places: Places,
}

/// Reads a file and collects what is wrong with it.
pub(super) struct Reader<'t> {
    lines: Lines<'t>,
    places: Places,
    errors: Vec<PlanError>,
}

pub(super) fn read(text: &str, registry: &Registry) -> Result<Settings, Vec<PlanError>> {
    let mut reader = Reader { lines: Lines::new(text), places: Places::new(), errors: Vec::new() };
    if text.len() > limits::PLAN_BYTES {
        let expected = format!("at most {} bytes", limits::PLAN_BYTES);
        reader.error(0, "", Wrong::new(expected, format!("{} bytes", text.len())));
        return Err(reader.errors);
    }
    let (table, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        reader.syntax(error, text);
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    let table = table.get_ref();
    reader.top(table);
    let sections = SECTIONS.iter().map(|section| match section.name {
        "" => reader.arguments("", table, section.parameters, is_table_or_rule),
        name => match table.get(name) {
            Some(item) => match item.get_ref() {
                DeValue::Table(inner) => {
                    reader.arguments(name, inner, section.parameters, |_| false)
                }
                other => {
                    let start = item.span().start;
                    reader.error(start, name, Wrong::new("a table", describe(other)));
                    Arguments::default()
                }
            },
            None => Arguments::defaults(section.parameters).unwrap_or_default(),
        },
    });
    let sections = sections.collect();
    let rules: Vec<Option<Vec<Choice>>> =
        RULES.iter().map(|rule| reader.rule(rule, table, registry)).collect();
    match rules.into_iter().collect() {
        Some(rules) if reader.errors.is_empty() => {
            Ok(Settings { sections, rules, places: reader.places })
        }
        _ => Err(reader.errors),
    }
}

fn is_table_or_rule(key: &str) -> bool {
    SECTIONS.iter().any(|section| !key.is_empty() && section.name == key)
        || RULES.iter().any(|rule| rule.family.key() == key)
}

impl Reader<'_> {
    fn error(&mut self, offset: usize, key: &str, wrong: Wrong) {
        // Beyond the limit nothing is even looked up: a hostile file must not cost more.
        if self.errors.len() >= limits::PLAN_ERRORS {
            return;
        }
        let (line, column) = self.lines.position(offset);
        let Wrong { expected, found, alternatives } = wrong;
        let key = shorten(key);
        self.errors.push(PlanError {
            line,
            column,
            key,
            expected,
            found,
            because: None,
            alternatives,
        });
    }

    fn syntax(&mut self, error: &toml::de::Error, text: &str) {
        let span = error.span().unwrap_or(0..0);
        let rest = text.get(span.start..).unwrap_or_default();
        let found = match text.get(span.clone()).unwrap_or_default() {
            "" if rest.is_empty() => "the end of the file".to_owned(),
            "" => "the end of the line".to_owned(),
            found => format!("`{}`", shorten(found)),
        };
        let expected = format!("valid TOML ({})", error.message());
        self.error(span.start, "", Wrong::new(expected, found));
    }

    /// Notes where the top-level keys stand, so that contradictions can name them.
    fn top(&mut self, table: &DeTable<'_>) {
        for (key, _) in table.iter() {
            self.places.insert(key.get_ref().to_string(), key.span().start);
        }
    }

    /// Every declared parameter, from `table` or its default; `foreign` keys are read elsewhere.
    fn arguments(
        &mut self,
        path: &str,
        table: &DeTable<'_>,
        parameters: &'static [Parameter],
        foreign: fn(&str) -> bool,
    ) -> Arguments {
        let mut values = BTreeMap::new();
        for parameter in parameters {
            if let Ok(Arguments(default)) = Arguments::defaults(&[*parameter]) {
                values.extend(default);
            }
            let Some((key, item)) = table.get_key_value(parameter.name) else { continue };
            let full = join(path, parameter.name);
            match value(parameter, item.get_ref()) {
                Ok(value) => {
                    self.places.insert(full, key.span().start);
                    values.insert(parameter.name, value);
                }
                Err(wrong) => self.error(item.span().start, &full, wrong),
            }
        }
        for (key, _) in table.iter() {
            let name: &str = key.get_ref();
            if !foreign(name) && !parameters.iter().any(|p| p.name == name) {
                self.unknown(path, key, parameters);
            }
        }
        Arguments(values)
    }

    fn unknown(
        &mut self,
        path: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        parameters: &'static [Parameter],
    ) {
        if self.errors.len() >= limits::PLAN_ERRORS {
            return;
        }
        let name: &str = key.get_ref();
        let mut known: Vec<&str> = parameters.iter().map(|p| p.name).collect();
        if path.is_empty() {
            known.extend(RULES.iter().map(|rule| rule.family.key()));
            known.extend(SECTIONS.iter().map(|section| section.name).filter(|n| !n.is_empty()));
        }
        let mut wrong = Wrong::new(one_of("one of the keys", &known), "an unknown key");
        wrong.alternatives =
            nearest(name, known.into_iter()).into_iter().map(|n| join(path, n)).collect();
        for section in &SECTIONS {
            if section.name != path && section.parameters.iter().any(|p| p.name == name) {
                wrong.alternatives.push(match section.name {
                    "" => format!("{name} at the top of the file"),
                    table => format!("{name} in [{table}]"),
                });
            }
        }
        self.error(key.span().start, &join(path, name), wrong);
    }

    fn rule(
        &mut self,
        rule: &RuleKey,
        table: &DeTable<'_>,
        registry: &Registry,
    ) -> Option<Vec<Choice>> {
        let (family, key) = (rule.family, rule.family.key());
        let item = table.get(key);
        if family.is_list() {
            return match item.map(|item| (item, item.get_ref())) {
                None => Some(Vec::new()),
                Some((_, DeValue::String(name))) if name == NONE => Some(Vec::new()),
                Some((item, DeValue::Array(list))) => {
                    self.list(family, list, item.span().start, registry)
                }
                Some((item, _)) => self.single(family, key, item, registry).map(|one| vec![one]),
            };
        }
        let choice = match item {
            Some(item) => self.single(family, key, item, registry),
            None => self.named(family, key, rule.default, 0, registry),
        };
        choice.map(|choice| vec![choice])
    }

    /// Rules one after the other; the second of them is told of as `compression[2]`.
    fn list(
        &mut self,
        family: Family,
        list: &[Item<'_>],
        start: usize,
        registry: &Registry,
    ) -> Option<Vec<Choice>> {
        if list.len() > limits::PLAN_LIST {
            let expected = format!("at most {} rules", limits::PLAN_LIST);
            self.error(start, family.key(), Wrong::new(expected, list.len().to_string()));
            return None;
        }
        let mut choices = Vec::with_capacity(list.len());
        for (number, item) in list.iter().enumerate() {
            let path = nth(family.key(), number);
            self.places.insert(path.clone(), item.span().start);
            choices.push(self.single(family, &path, item, registry));
        }
        choices.into_iter().collect()
    }

    /// A rule as a name or as a table with the key `rule`.
    fn single(
        &mut self,
        family: Family,
        key: &str,
        item: &Item<'_>,
        registry: &Registry,
    ) -> Option<Choice> {
        let start = item.span().start;
        let inner = match item.get_ref() {
            DeValue::String(name) => return self.named(family, key, name, start, registry),
            DeValue::Table(inner) => inner,
            other => {
                let expected = "the name of a rule, or a table with the key `rule`";
                self.error(start, key, Wrong::new(expected, describe(other)));
                return None;
            }
        };
        let entry = match inner.get("rule").map(|item| (item.get_ref(), item.span().start)) {
            Some((DeValue::String(name), start)) => {
                self.entry(family, key, name, start, registry)?
            }
            Some((other, start)) => {
                let wrong = Wrong::new("the name of a rule", describe(other));
                self.error(start, &join(key, "rule"), wrong);
                return None;
            }
            None if inner.contains_key(COMMAND) && registry.find(family, COMMAND).is_some() => {
                self.entry(family, key, COMMAND, start, registry)?
            }
            None => {
                let names: Vec<&str> = registry.family(family).map(|e| e.name).collect();
                let mut wrong = Wrong::new("a table with the key `rule`", "none");
                wrong.alternatives = names.iter().map(|n| format!("rule = {n:?}")).collect();
                self.error(start, key, wrong);
                return None;
            }
        };
        self.required(key, &entry, inner, start);
        let arguments = self.arguments(key, inner, entry.parameters, |name| name == "rule");
        Some(Choice::new(entry, arguments))
    }

    fn required(&mut self, key: &str, entry: &Entry, table: &DeTable<'_>, start: usize) {
        for parameter in entry.parameters {
            let required = matches!(parameter.default, Default::Required);
            if required && !table.contains_key(parameter.name) {
                let expected = format!("{}, which {} requires", takes(parameter), entry.name);
                self.error(start, &join(key, parameter.name), Wrong::new(expected, "nothing"));
            }
        }
    }

    /// A rule without arguments.
    fn named(
        &mut self,
        family: Family,
        key: &str,
        name: &str,
        start: usize,
        registry: &Registry,
    ) -> Option<Choice> {
        let entry = self.entry(family, key, name, start, registry)?;
        self.required(key, &entry, &DeTable::new(), start);
        let arguments = Arguments::defaults(entry.parameters).unwrap_or_default();
        Some(Choice::new(entry, arguments))
    }

    fn entry(
        &mut self,
        family: Family,
        key: &str,
        name: &str,
        start: usize,
        registry: &Registry,
    ) -> Option<Entry> {
        let entry = registry.find(family, name).copied();
        if entry.is_none() {
            let names: Vec<&str> = registry.family(family).map(|entry| entry.name).collect();
            let mut wrong = Wrong::new(one_of("one of", &names), quoted(name));
            let near = nearest(name, names.into_iter());
            wrong.alternatives = near.iter().map(|name| format!("{name:?}")).collect();
            self.error(start, key, wrong);
        }
        entry
    }
}

/// A rule of a list by its place, counted from 1 as lines are.
pub(super) fn nth(key: &str, number: usize) -> String {
    format!("{key}[{}]", number + 1)
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
