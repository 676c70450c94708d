//! How a checkpoint spells the paths of our modules: a table of ordered rules.
//!
//! A rule speaks of whole segments (`to_out` is not part of `to_out_lora`); `*` stands for any one
//! segment and is carried over. Every rule is applied once, in order, to what the rules before it
//! left. Alternative spellings keep both; the first one is what [`save`](super::save) writes.

use std::fmt;

/// Ordered rules from our paths to a checkpoint's keys.
#[derive(Clone, Debug, Default)]
pub struct KeyMap {
    rules: Vec<Rule>,
}

/// What to read for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    view: View,
}

/// Which part of a stored tensor a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All of it.
    Whole,
    /// Rows of one third: 0 query, 1 key, 2 value of a fused projection.
    Third(usize),
    /// The transpose of a matrix.
    Transposed,
}

#[derive(Clone, Debug)]
struct Rule {
    ours: Vec<String>,
    theirs: Vec<String>,
    place: Place,
    /// Whether the spelling before this rule is kept too.
    keeps_old: bool,
    view: View,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    Start,
}

impl KeyMap {
    /// Paths are keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// The segments `ours`, wherever they first occur, are `theirs` in the checkpoint.
    #[must_use]
    pub fn rename(self, ours: &str, theirs: &str) -> Self {
        self.rule(ours, theirs, Place::Anywhere)
    }

    /// Paths that start with `ours` start with `theirs` in the checkpoint. Either may be empty.
    #[must_use]
    pub fn prefix(self, ours: &str, theirs: &str) -> Self {
        self.rule(ours, theirs, Place::Start)
    }

    /// Like [`rename`](Self::rename), but checkpoints with the name before it load too.
    #[must_use]
    pub fn or_rename(self, ours: &str, theirs: &str) -> Self {
        self.rule(ours, theirs, Place::Anywhere).keeping_old()
    }

    /// Like [`prefix`](Self::prefix), but checkpoints with the name before it load too.
    #[must_use]
    pub fn or_prefix(self, ours: &str, theirs: &str) -> Self {
        self.rule(ours, theirs, Place::Start).keeping_old()
    }

    /// `ours` is one third of the rows of `theirs`.
    #[must_use]
    pub fn third(self, ours: &str, theirs: &str, index: usize) -> Self {
        self.rule(ours, theirs, Place::Anywhere)
            .viewing(View::Third(index))
    }

    /// `ours` is the transpose of `theirs`.
    #[must_use]
    pub fn transposed(self, ours: &str, theirs: &str) -> Self {
        self.rule(ours, theirs, Place::Anywhere)
            .viewing(View::Transposed)
    }

    /// First these rules, then the other map's.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }

    /// The key under which this path is written, and looked for first.
    pub fn key(&self, path: &str) -> Key {
        self.keys(path).swap_remove(0)
    }

    /// All keys under which this path may be found, the preferred one first.
    pub fn keys(&self, path: &str) -> Vec<Key> {
        let mut keys = vec![Key::whole(path)];
        for rule in &self.rules {
            let mut others = Vec::new();
            for key in &mut keys {
                if let Some(name) = rule.apply(&key.name) {
                    let old = std::mem::replace(&mut key.name, name);
                    if rule.view != View::Whole {
                        key.view = rule.view;
                    }
                    if rule.keeps_old {
                        let (name, view) = (std::mem::replace(&mut key.name, old), key.view);
                        others.push(Key { name, view });
                    }
                }
            }
            keys.extend(others);
        }
        keys
    }

    fn rule(mut self, ours: &str, theirs: &str, place: Place) -> Self {
        let segments = |text: &str| -> Vec<String> {
            text.split('.')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        self.rules.push(Rule {
            ours: segments(ours),
            theirs: segments(theirs),
            place,
            keeps_old: false,
            view: View::Whole,
        });
        self
    }

    fn keeping_old(mut self) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.keeps_old = true;
        }
        self
    }

    fn viewing(mut self, view: View) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.view = view;
        }
        self
    }
}

impl Rule {
    fn apply(&self, name: &str) -> Option<String> {
        let segments: Vec<&str> = name.split('.').collect();
        let matches_at = |start: &usize| {
            let window = segments.get(*start..*start + self.ours.len());
            window.is_some_and(|window| {
                window
                    .iter()
                    .zip(&self.ours)
                    .all(|(found, ours)| ours == "*" || ours == found)
            })
        };
        let start = match self.place {
            Place::Start => Some(0).filter(matches_at),
            Place::Anywhere => (0..segments.len()).find(matches_at),
        }?;

        let (before, rest) = segments.split_at(start);
        let (matched, after) = rest.split_at(self.ours.len());
        let stars = self
            .ours
            .iter()
            .zip(matched)
            .filter(|(ours, _)| *ours == "*");
        let mut carried = stars.map(|(_, found)| *found);
        let theirs = self.theirs.iter().map(|segment| match segment.as_str() {
            "*" => carried.next().unwrap_or("*"),
            other => other,
        });
        let written: Vec<&str> = before
            .iter()
            .copied()
            .chain(theirs)
            .chain(after.iter().copied())
            .collect();
        Some(written.join("."))
    }
}

impl Key {
    /// All of the tensor `name`.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            view: View::Whole,
        }
    }

    /// Name in the checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Part of it.
    pub fn view(&self) -> View {
        self.view
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.view {
            View::Whole => write!(f, "{}", self.name),
            View::Third(index) => write!(f, "{} (part {} of 3)", self.name, index + 1),
            View::Transposed => write!(f, "{} (transposed)", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_whole_segments_only() {
        let map = KeyMap::new().rename("to_out", "to_out.0");
        assert_eq!(map.key("attn.to_out.bias").name(), "attn.to_out.0.bias");
        assert_eq!(
            map.key("attn.to_out_lora.down").name(),
            "attn.to_out_lora.down"
        );
    }

    #[test]
    fn prefixes_match_at_the_start_only_and_may_be_empty() {
        let map = KeyMap::new().prefix("encoder", "").prefix("", "unet");
        assert_eq!(
            map.key("encoder.conv_in.weight").name(),
            "unet.conv_in.weight"
        );
        assert_eq!(
            map.key("vae.encoder.weight").name(),
            "unet.vae.encoder.weight"
        );
    }

    #[test]
    fn stars_carry_one_segment_over() {
        let map = KeyMap::new().rename("resnets.*.norm1", "resnets.*.in_layers.0");
        assert_eq!(
            map.key("a.resnets.12.norm1.bias").name(),
            "a.resnets.12.in_layers.0.bias"
        );
        assert_eq!(
            map.key("a.blocks.0.norm1.bias").name(),
            "a.blocks.0.norm1.bias"
        );
    }

    #[test]
    fn alternatives_come_after_the_preferred_spelling() {
        let map = KeyMap::new()
            .rename("to_out", "to_out.0")
            .or_rename("to_out.0", "proj_attn");
        let names: Vec<_> = map
            .keys("mid.to_out.bias")
            .iter()
            .map(Key::to_string)
            .collect();
        assert_eq!(names, ["mid.to_out.0.bias", "mid.proj_attn.bias"]);
    }

    #[test]
    fn fused_projections_are_read_in_thirds() {
        let map = KeyMap::new().third("k_proj.weight", "in_proj_weight", 1);
        let key = map.key("layers.0.k_proj.weight");
        assert_eq!(
            (key.name(), key.view()),
            ("layers.0.in_proj_weight", View::Third(1))
        );
    }
}
