//! What became of every tensor when weights were loaded.

use std::fmt;

/// A tensor whose shape in the file is not the model's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Name in the model.
    pub name: String,
    /// Shape that the model needs.
    pub expected: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

/// What became of every tensor of a checkpoint. Names are the model's, in the checkpoint's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LoadReport {
    /// Loaded into the model.
    pub applied: Vec<String>,
    /// Needed by the model, absent from the checkpoint.
    pub missing: Vec<String>,
    /// In the checkpoint, not needed by the model.
    pub unused: Vec<String>,
    /// In both, with different shapes.
    pub mismatched: Vec<Mismatch>,
}

impl LoadReport {
    /// Whether every parameter of the model got its weights.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty()
    }
}

/// Longer lists are cut in messages; the fields hold all names.
const SHOWN: usize = 8;

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} applied, {} missing, {} mismatched, {} unused",
            self.applied.len(),
            self.missing.len(),
            self.mismatched.len(),
            self.unused.len()
        )?;
        let mismatched = self
            .mismatched
            .iter()
            .map(|m| format!("{} needs {:?}, found {:?}", m.name, m.expected, m.found));
        write_list(f, "missing", self.missing.iter().cloned())?;
        write_list(f, "mismatched", mismatched)?;
        write_list(f, "unused", self.unused.iter().cloned())
    }
}

fn write_list(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    names: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    let rest = names.len().saturating_sub(SHOWN);
    for (index, name) in names.take(SHOWN).enumerate() {
        let lead = if index == 0 {
            format!("; {title}: ")
        } else {
            ", ".to_owned()
        };
        write!(f, "{lead}{name}")?;
    }
    if rest > 0 {
        write!(f, " and {rest} more")
    } else {
        Ok(())
    }
}
