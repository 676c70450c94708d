//! All pictures side by side, each with what is said of it.

use fpga_core::RgbImage;
use image::imageops::{FilterType, replace, resize};

use crate::jobs::Shown;
use crate::page::{INK, LINE, Page};

/// Side of a picture on the sheet.
const CELL: u32 = 256;
/// Space between cells.
const GAP: u32 = 8;
/// Lines below each picture.
const LINES: u32 = 3;
/// Pictures in a row.
const COLUMNS: u32 = 3;

/// Row after row.
pub(crate) fn draw(shown: &[Shown]) -> RgbImage {
    let (wide, high) = (CELL + GAP, CELL + LINES * LINE + 2 * GAP);
    let rows = (shown.len() as u32).div_ceil(COLUMNS);
    let mut page = Page::blank([GAP + COLUMNS * wide, GAP + rows * high]);
    for (place, Shown { picture, lines, .. }) in (0..).zip(shown) {
        let (left, top) = (GAP + place % COLUMNS * wide, GAP + place / COLUMNS * high);
        let picture = resize(picture, CELL, CELL, FilterType::CatmullRom);
        replace(&mut page.0, &picture, i64::from(left), i64::from(top));
        for (line, text) in (0..LINES).zip(lines) {
            let below = top + CELL + GAP / 2 + line * LINE;
            page.write(text, [left, below], (wide, INK));
        }
    }
    page.0
}
