//! All pictures side by side, each with what is said of it.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Baseline, Text};
use fpga_core::RgbImage;
use image::imageops::{FilterType, replace, resize};

use crate::jobs::Shown;

/// Side of a picture on the sheet.
const CELL: u32 = 256;
/// Space between cells.
const GAP: u32 = 8;
/// Height of a line of text.
const LINE: u32 = 12;
/// Lines below each picture.
const LINES: u32 = 3;
/// Pictures in a row.
const COLUMNS: u32 = 3;

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
            if let Some(pixel) = place.and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y)) {
                *pixel = image::Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// Row after row.
pub(crate) fn draw(shown: &[Shown]) -> RgbImage {
    let (wide, high) = (CELL + GAP, CELL + LINES * LINE + 2 * GAP);
    let rows = (shown.len() as u32).div_ceil(COLUMNS);
    let size = [GAP + COLUMNS * wide, GAP + rows * high];
    let mut sheet = Sheet(RgbImage::from_pixel(size[0], size[1], image::Rgb([250; 3])));
    for (place, Shown { picture, lines, .. }) in (0..).zip(shown) {
        let (left, top) = (GAP + place % COLUMNS * wide, GAP + place / COLUMNS * high);
        let picture = resize(picture, CELL, CELL, FilterType::CatmullRom);
        replace(&mut sheet.0, &picture, i64::from(left), i64::from(top));
        for (line, text) in (0..LINES).zip(lines) {
            let at = Point::new(left as i32, (top + CELL + GAP / 2 + line * LINE) as i32);
            let style = MonoTextStyle::new(&FONT_6X10, Rgb888::new(20, 20, 28));
            let drawn = Text::with_baseline(text, at, style, Baseline::Top).draw(&mut sheet);
            // `Infallible` cannot be made.
            drawn.unwrap_or_else(|never| match never {});
        }
    }
    sheet.0
}
