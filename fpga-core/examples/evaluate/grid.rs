//! The pictures side by side, each with its name and numbers.

use anyhow::{Context, Result};
use fpga_core::RgbImage;
use image::imageops::{self, FilterType};

use crate::measure::{Folder, MethodReport};
use crate::page::{INK, LINE, Page};

/// Side of a picture in the grid.
const CELL: u32 = 192;
/// Space between cells.
const GAP: u32 = 8;
/// Lines below each picture.
const LINES: u32 = 3;
/// Of numbers.
const PALE: [u8; 3] = [70, 70, 90];

/// References in the first column, one column for each measured folder.
pub(crate) fn draw(reference: &Folder, reports: &[MethodReport], rows: usize) -> Result<RgbImage> {
    let names: Vec<_> = reference.pictures.keys().take(rows).collect();
    let (columns, rows) = (1 + reports.len() as u32, names.len() as u32);
    let (width, height) = (CELL + GAP, CELL + LINES * LINE + GAP);
    let size = [GAP + columns * width, LINE + 2 * GAP + rows * height];
    let mut page = Page::blank(size);
    let heads = std::iter::once(&reference.name).chain(reports.iter().map(|report| &report.name));
    for (column, head) in (0..).zip(heads) {
        page.write(head, [GAP + column * width, GAP], (CELL, INK));
    }
    for (row, name) in (0..).zip(names) {
        let top = LINE + 2 * GAP + row * height;
        place(&mut page, reference.pictures.get(name), (GAP, top))?;
        page.write(name, [GAP, top + CELL + 2], (CELL, INK));
        for (column, report) in (1..).zip(reports) {
            let left = GAP + column * width;
            place(&mut page, report.pictures.get(name), (left, top))?;
            for (line, text) in (0..LINES).zip(numbers(report, name)) {
                let below = top + CELL + 2 + line * LINE;
                page.write(&text, [left, below], (CELL, PALE));
            }
        }
    }
    Ok(page.0)
}

/// A picture in the middle of its cell.
fn place(page: &mut Page, path: Option<&std::path::PathBuf>, (x, y): (u32, u32)) -> Result<()> {
    let Some(path) = path else {
        return Ok(());
    };
    let picture = image::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let picture = picture.resize(CELL, CELL, FilterType::Triangle).into_rgb8();
    let (dx, dy) = ((CELL - picture.width()) / 2, (CELL - picture.height()) / 2);
    imageops::replace(&mut page.0, &picture, i64::from(x + dx), i64::from(y + dy));
    Ok(())
}

/// Two numbers per line.
fn numbers(report: &MethodReport, name: &str) -> Vec<String> {
    let Some(values) = report.values.get(name) else {
        return vec!["no reference of this name".to_owned()];
    };
    let short = |measure: &str| measure.split(' ').next().unwrap_or_default().to_owned();
    let words: Vec<_> = values
        .iter()
        .map(|(measure, value)| format!("{} {value:.2}", short(measure)))
        .collect();
    words.chunks(2).map(|pair| pair.join("  ")).collect()
}
