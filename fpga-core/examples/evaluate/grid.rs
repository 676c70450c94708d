//! The pictures side by side, each with its name and numbers.

use std::convert::Infallible;

use anyhow::{Context, Result};
use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Baseline, Text};
use fpga_core::RgbImage;
use image::imageops::{self, FilterType};

use crate::measure::{Folder, MethodReport};

/// Side of a picture in the grid.
const CELL: u32 = 192;
/// Space between cells.
const GAP: u32 = 8;
/// Height of a line of text.
const LINE: u32 = 12;
/// Lines below each picture.
const LINES: u32 = 3;

/// A picture that text can be written on.
struct Sheet(RgbImage);

impl OriginDimensions for Sheet {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Sheet {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = embedded_graphics::Pixel<Rgb888>>,
    {
        for embedded_graphics::Pixel(Point { x, y }, colour) in pixels {
            let place = u32::try_from(x).ok().zip(u32::try_from(y).ok());
            if let Some((x, y)) = place.filter(|&(x, y)| x < self.0.width() && y < self.0.height())
            {
                self.0
                    .put_pixel(x, y, image::Rgb([colour.r(), colour.g(), colour.b()]));
            }
        }
        Ok(())
    }
}

impl Sheet {
    /// Cut off at the cell's width; what the font lacks becomes a question mark.
    fn write(&mut self, text: &str, (x, y): (u32, u32), colour: Rgb888) {
        let fits = (CELL / FONT_6X10.character_size.width) as usize;
        let plain = |c: char| if c.is_ascii() { c } else { '?' };
        let text: String = text.chars().map(plain).take(fits).collect();
        let style = MonoTextStyle::new(&FONT_6X10, colour);
        let place = Point::new(x as i32, y as i32);
        let drawn = Text::with_baseline(&text, place, style, Baseline::Top).draw(self);
        // `Infallible` cannot be made.
        drawn.unwrap_or_else(|never| match never {});
    }
}

/// References in the first column, one column for each measured folder.
pub(crate) fn draw(reference: &Folder, reports: &[MethodReport], rows: usize) -> Result<RgbImage> {
    let names: Vec<_> = reference.pictures.keys().take(rows).collect();
    let (columns, rows) = (1 + reports.len() as u32, names.len() as u32);
    let (width, height) = (CELL + GAP, CELL + LINES * LINE + GAP);
    let blank = RgbImage::from_pixel(
        GAP + columns * width,
        LINE + 2 * GAP + rows * height,
        image::Rgb([250; 3]),
    );
    let mut sheet = Sheet(blank);
    let ink = Rgb888::new(20, 20, 28);
    let heads = std::iter::once(&reference.name).chain(reports.iter().map(|report| &report.name));
    for (column, head) in (0..).zip(heads) {
        sheet.write(head, (GAP + column * width, GAP), ink);
    }
    for (row, name) in (0..).zip(names) {
        let top = LINE + 2 * GAP + row * height;
        place(&mut sheet, reference.pictures.get(name), (GAP, top))?;
        sheet.write(name, (GAP, top + CELL + 2), ink);
        for (column, report) in (1..).zip(reports) {
            let left = GAP + column * width;
            place(&mut sheet, report.pictures.get(name), (left, top))?;
            for (line, text) in (0..LINES).zip(numbers(report, name)) {
                sheet.write(
                    &text,
                    (left, top + CELL + 2 + line * LINE),
                    Rgb888::new(70, 70, 90),
                );
            }
        }
    }
    Ok(sheet.0)
}

/// A picture in the middle of its cell.
fn place(sheet: &mut Sheet, path: Option<&std::path::PathBuf>, (x, y): (u32, u32)) -> Result<()> {
    let Some(path) = path else {
        return Ok(());
    };
    let picture = image::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let picture = picture.resize(CELL, CELL, FilterType::Triangle).into_rgb8();
    let (dx, dy) = ((CELL - picture.width()) / 2, (CELL - picture.height()) / 2);
    imageops::replace(&mut sheet.0, &picture, i64::from(x + dx), i64::from(y + dy));
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
