//! Tables, as Markdown and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{Bench, plot};

#[derive(Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What the rows are, then the columns.
    pub(crate) head: Vec<String>,
    /// Nothing where there was nothing to take the mean of.
    pub(crate) rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    pub(crate) fn new(title: &str, first: &str, columns: &[&str]) -> Self {
        let head = std::iter::once(&first).chain(columns);
        Self {
            title: title.to_owned(),
            head: head.map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, name: &str, values: Vec<f64>) {
        let values = values
            .into_iter()
            .map(|value| Some(value).filter(|value| !value.is_nan()));
        self.rows.push((name.to_owned(), values.collect()));
    }

    /// Its name in letters and dashes.
    fn file(&self) -> String {
        let words = self
            .title
            .split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).take(4).collect();
        words.join("-").to_lowercase()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n| {} |\n", self.title, self.head.join(" | "));
        writeln!(text, "|{}", "---|".repeat(self.head.len())).expect("a string takes all");
        for (name, values) in &self.rows {
            let values = values.iter().zip(&self.head[1..]);
            let values: Vec<_> = values.map(|(&value, head)| short(value, head)).collect();
            writeln!(text, "| {name} | {} |", values.join(" | ")).expect("a string takes all");
        }
        text
    }
}

/// A number under this head: shares of a hundred with one digit, whole numbers as they are, cosines with three
/// digits.
pub(crate) fn short(value: Option<f64>, head: &str) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if head.contains('%') => format!("{value:.1}"),
        Some(value) if value.fract() == 0.0 => format!("{value}"),
        Some(value) if value.abs() > 1.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// The tables that are in a folder already, if the same was measured.
pub(crate) fn known(bench: &Bench, folder: &Path) -> Result<Vec<Table>> {
    let path = folder.join("evaluation.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let found: Numbers = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    Ok(match found.of == Setting::of(bench) {
        true => found.tables,
        false => Vec::new(),
    })
}

/// What all numbers depend on.
#[derive(PartialEq, Serialize, Deserialize)]
struct Setting {
    scenes: u64,
    steps: usize,
    seed: u64,
}

impl Setting {
    fn of(bench: &Bench) -> Self {
        Self {
            scenes: bench.scenes,
            steps: bench.studio.steps,
            seed: bench.studio.seed,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Numbers<T = Vec<Table>> {
    #[serde(flatten)]
    of: Setting,
    tables: T,
}

/// All tables so far.
pub(crate) fn write(tables: &[Table], bench: &Bench, folder: &Path) -> Result<()> {
    let of = Setting::of(bench);
    let Setting {
        scenes,
        steps,
        seed,
    } = &of;
    let mut text = format!(
        "# What the small model can do\n\nMeasured on {scenes} scenes per row and {steps} steps per picture with \
         people whom no network was trained on, by `cargo run --release --example evaluate_mini -- --scenes {scenes} \
         --steps {steps} --seed {seed}`, with networks that are not in the box from `train_mini`.\n"
    );
    for table in tables {
        let picture = format!("{}.png", table.file());
        plot::draw(table).save(folder.join(&picture))?;
        write!(
            text,
            "\n{}\n![{}]({picture})\n",
            table.markdown(),
            table.title
        )?;
    }
    if !bench.networks.missing().is_empty() {
        let missing = bench.networks.missing().join(", ");
        writeln!(
            text,
            "\nNot measured, because no such network was there: {missing}."
        )?;
    }
    std::fs::write(folder.join("evaluation.md"), text)?;
    let numbers = serde_json::to_string_pretty(&Numbers { of, tables })?;
    std::fs::write(folder.join("evaluation.json"), numbers)?;
    Ok(())
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// In percent.
pub(crate) fn share(values: impl Iterator<Item = bool>) -> f64 {
    let values: Vec<_> = values.map(|value| f64::from(u8::from(value))).collect();
    100.0 * mean(&values)
}
