//! A picture that pictures, words and bars are put on.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Baseline, Text};
use fpga_core::RgbImage;

/// Height of a line of text.
pub(crate) const LINE: u32 = 12;
/// Of most words.
pub(crate) const INK: [u8; 3] = [20, 20, 28];

/// Nearly white where nothing is put.
pub(crate) struct Page(pub(crate) RgbImage);

impl Page {
    pub(crate) fn blank([width, height]: [u32; 2]) -> Self {
        Self(RgbImage::from_pixel(width, height, image::Rgb([250; 3])))
    }

    /// One line, cut off after `width` pixels; what the font lacks becomes a question mark.
    pub(crate) fn write(&mut self, text: &str, [x, y]: [u32; 2], (width, colour): (u32, [u8; 3])) {
        let fits = (width / FONT_6X10.character_size.width) as usize;
        let plain = |c: char| if c.is_ascii() { c } else { '?' };
        let text: String = text.chars().map(plain).take(fits).collect();
        let style = MonoTextStyle::new(&FONT_6X10, Rgb888::new(colour[0], colour[1], colour[2]));
        let place = Point::new(x as i32, y as i32);
        let drawn = Text::with_baseline(&text, place, style, Baseline::Top).draw(self);
        // `Infallible` cannot be made.
        drawn.unwrap_or_else(|never| match never {});
    }
}

impl OriginDimensions for Page {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Page {
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
