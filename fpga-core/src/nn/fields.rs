//! Reads sizes and choices out of a model's `config.json`.
//!
//! A configuration is a foreign file: every number has a range, and a value that would change the
//! network in a way this crate does not build is refused by name. An absent key and `null` mean
//! the same, as they do where these files are written.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Widths, channel counts.
pub(crate) const WIDTHS: RangeInclusive<usize> = 1..=65_536;
/// Layers, blocks, heads.
pub(crate) const DEPTHS: RangeInclusive<usize> = 1..=1024;

/// One JSON object, read key by key.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    model: &'a str,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// `model` opens every error message.
    pub(crate) fn new(model: &'a str, config: &'a Value) -> Result<Self> {
        match config.as_object() {
            Some(object) => Ok(Self { model, object }),
            None => Err(Error::invalid(
                format!("{model} config"),
                format!("needs a JSON object, found {}", brief(config)),
            )),
        }
    }

    /// The value, unless it is absent or `null`.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// The object under `key`.
    pub(crate) fn nested(&self, key: &str) -> Result<Option<Self>> {
        self.get(key)
            .map(|value| match value.as_object() {
                Some(object) => Ok(Self { object, ..*self }),
                None => Err(self.wrong(key, "an object", value)),
            })
            .transpose()
    }

    /// A whole number within `range`; `default` where the key is absent.
    pub(crate) fn count(
        &self,
        key: &str,
        default: impl Into<Option<usize>>,
        range: RangeInclusive<usize>,
    ) -> Result<usize> {
        match (self.get(key), default.into()) {
            (Some(value), _) => self.whole(key, value, &range),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.absent(key)),
        }
    }

    /// A list of whole numbers, each within `range`.
    pub(crate) fn counts(&self, key: &str, range: RangeInclusive<usize>) -> Result<Vec<usize>> {
        let value = self.get(key).ok_or_else(|| self.absent(key))?;
        let list = value
            .as_array()
            .filter(|list| DEPTHS.contains(&list.len()))
            .ok_or_else(|| self.wrong(key, "a list of whole numbers", value))?;
        list.iter()
            .map(|item| self.whole(key, item, &range))
            .collect()
    }

    /// A finite number; `default` where the key is absent.
    pub(crate) fn number(&self, key: &str, default: f64) -> Result<f64> {
        self.get(key)
            .map_or(Ok(default), |value| self.finite(key, value))
    }

    /// A list of finite numbers, or nothing where the key is absent.
    pub(crate) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let list = value
            .as_array()
            .ok_or_else(|| self.wrong(key, "a list of numbers", value))?;
        let numbers = list.iter().map(|item| self.finite(key, item));
        numbers.collect::<Result<_>>().map(Some)
    }

    /// True or false; `default` where the key is absent.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        self.get(key).map_or(Ok(default), |value| {
            value
                .as_bool()
                .ok_or_else(|| self.wrong(key, "true or false", value))
        })
    }

    /// One of `choices`, the first of which stands where the key is absent.
    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.get(key) else {
            return Ok(choices[0].1);
        };
        let found = choices
            .iter()
            .find(|(name, _)| value.as_str() == Some(name));
        found.map(|&(_, choice)| choice).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            self.unsupported(key, names.join(" or "), value)
        })
    }

    /// `key` asks for something that is not built.
    pub(crate) fn unsupported(
        &self,
        key: &str,
        exists: impl std::fmt::Display,
        found: &Value,
    ) -> Error {
        let found = brief(found);
        Error::unsupported(
            self.name(key),
            format!("{exists} can be built, found {found}"),
        )
    }

    /// `key` contradicts another value.
    pub(crate) fn invalid(&self, key: &str, why: impl Into<String>) -> Error {
        Error::invalid(self.name(key), why)
    }

    fn whole(&self, key: &str, value: &Value, range: &RangeInclusive<usize>) -> Result<usize> {
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let needed = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, &needed, value)
            })
    }

    fn finite(&self, key: &str, value: &Value) -> Result<f64> {
        value
            .as_f64()
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong(key, "a finite number", value))
    }

    fn wrong(&self, key: &str, needed: &str, found: &Value) -> Error {
        self.invalid(key, format!("needs {needed}, found {}", brief(found)))
    }

    fn absent(&self, key: &str) -> Error {
        self.invalid(key, "is needed, and the config lacks it")
    }

    fn name(&self, key: &str) -> String {
        format!("{} config, {key}", self.model)
    }
}

/// The value as JSON, cut where a hostile file would fill the screen.
fn brief(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_name_the_key_the_need_and_the_finding() {
        let config = json!({ "heads": -3, "act": "swish", "list": [1, 2.5], "deep": null });
        let fields = Fields::new("clip", &config).unwrap();
        let message = |error: Error| error.to_string();
        assert_eq!(
            message(fields.count("heads", None, 1..=8).unwrap_err()),
            "clip config, heads: needs a whole number from 1 to 8, found -3"
        );
        assert_eq!(
            message(fields.choice("act", &[("silu", ())]).unwrap_err()),
            "clip config, act is not supported: silu can be built, found \"swish\""
        );
        assert!(fields.counts("list", 1..=8).is_err());
        assert_eq!(fields.count("deep", 4, 1..=8).unwrap(), 4);
        assert!(fields.count("deep", None, 1..=8).is_err());
    }
}
