//! A table as bars: a panel for each column, a bar for each row.

use fpga_core::RgbImage;
use image::{Rgb, imageops};

use crate::page::{INK, LINE, Page};
use crate::report::{Table, short};

/// Room for the names of rows.
const NAMES: u32 = 250;
/// Longest bar.
const BAR: u32 = 150;
/// Room for the number behind a bar.
const NUMBER: u32 = 60;
/// Space round everything, and between bars.
const GAP: u32 = 10;
/// Bars of one colour for each panel.
const COLOURS: [[u8; 3]; 5] = [
    [58, 110, 165],
    [201, 112, 60],
    [92, 145, 88],
    [140, 98, 160],
    [120, 120, 128],
];

pub(crate) fn draw(table: &Table) -> RgbImage {
    let columns = table.head.len() as u32 - 1;
    let panel = BAR + NUMBER + GAP;
    let height = 3 * GAP + 2 * LINE + table.rows.len() as u32 * (LINE + GAP / 2);
    let mut page = Page::blank([NAMES + columns * panel + 2 * GAP, height]);
    page.write(&table.title, [GAP, GAP], (NAMES + columns * panel, INK));
    let top = 2 * GAP + 2 * LINE;
    let row_top = |row: usize| top + row as u32 * (LINE + GAP / 2);
    for (row, (name, _)) in table.rows.iter().enumerate() {
        page.write(name, [GAP, row_top(row)], (NAMES, INK));
    }
    for (column, head) in table.head.iter().skip(1).enumerate() {
        let left = GAP + NAMES + column as u32 * panel;
        page.write(head, [left, GAP + LINE + GAP / 2], (panel, INK));
        let values = table.rows.iter().map(|(_, values)| values[column]);
        let longest = values.clone().flatten().fold(f64::MIN_POSITIVE, f64::max);
        for (row, value) in values.enumerate() {
            let share = (value.unwrap_or(0.0) / longest).clamp(0.0, 1.0);
            let wide = (share * f64::from(BAR)) as u32;
            let at = [left, row_top(row)];
            bar(&mut page, at, (wide, COLOURS[column % COLOURS.len()]));
            page.write(&short(value, head), [left + wide + 4, at[1]], (NUMBER, INK));
        }
    }
    page.0
}

fn bar(page: &mut Page, [x, y]: [u32; 2], (wide, colour): (u32, [u8; 3])) {
    let bar = RgbImage::from_pixel(wide.max(1), LINE - 2, Rgb(colour));
    imageops::replace(&mut page.0, &bar, i64::from(x), i64::from(y));
}
