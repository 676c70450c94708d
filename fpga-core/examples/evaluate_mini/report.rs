//! Tables, as Markdown and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::{Bench, plot};

#[derive(Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What the rows are, then the columns.
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<f64>)>,
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
        self.rows.push((name.to_owned(), values));
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
            let values: Vec<_> = values.iter().map(|&value| short(value)).collect();
            writeln!(text, "| {name} | {} |", values.join(" | ")).expect("a string takes all");
        }
        text
    }
}

/// Whole numbers as they are, shares of a hundred with one digit, cosines with three; a dash for the mean of
/// nothing.
pub(crate) fn short(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value.fract() == 0.0 => format!("{value}"),
        value if value.abs() > 1.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

/// All tables so far.
pub(crate) fn write(tables: &[Table], bench: &Bench, folder: &Path) -> Result<()> {
    let (scenes, steps, seed) = (bench.scenes, bench.studio.steps, bench.studio.seed);
    let mut text = format!(
        "# What the small model can do\n\nMeasured on {scenes} scenes per row and {steps} steps per picture with \
         people whom no network was trained on, from seed {seed}, by `cargo run --release --example evaluate_mini`.\n"
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
    if !bench.missing().is_empty() {
        let missing = bench.missing().join(", ");
        writeln!(
            text,
            "\nNot measured, because no such network was there: {missing}."
        )?;
    }
    std::fs::write(folder.join("evaluation.md"), text)?;
    let numbers = json!({ "scenes": scenes, "steps": steps, "seed": seed, "tables": tables });
    let numbers = serde_json::to_string_pretty(&numbers)?;
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
