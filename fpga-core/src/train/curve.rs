//! The loss over the steps as a picture: every step faintly, their running mean boldly.

use std::path::Path;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_7X13;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Alignment, Text};
use image::{Rgb, RgbImage};
use tiny_skia::{Color, Paint, PathBuilder, Pixmap, Stroke, Transform};

use crate::error::{Error, Result};

const SIZE: [u32; 2] = [960, 480];
/// Left, top, right, bottom.
const FRAME: [f32; 4] = [80.0, 20.0, 940.0, 440.0];
/// Lines across.
const LINES: u32 = 5;
/// More points than these are not told apart.
const MOST_POINTS: usize = 2000;

/// Writes the picture; nothing without a loss.
pub(super) fn draw_curve(losses: &[(u64, f64)], path: &Path) -> Result<()> {
    if losses.is_empty() {
        return Ok(());
    }
    let scale = Scale::of(losses);
    let mut picture = draw_lines(losses, &scale);
    write_numbers(&mut picture, &scale);

    let beside = path.with_extension("partial.png");
    let failed = |error: image::ImageError| Error::io(&beside, std::io::Error::other(error));
    picture.save(&beside).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(|error| Error::io(path, error))
}

/// From step and loss to pixels. The loss is on a logarithmic scale where all are positive.
struct Scale {
    steps: [f64; 2],
    losses: [f64; 2],
    logarithmic: bool,
}

impl Scale {
    fn of(losses: &[(u64, f64)]) -> Self {
        let (first, last) = (losses[0].0, losses[losses.len() - 1].0);
        let least = losses
            .iter()
            .map(|&(_, loss)| loss)
            .fold(f64::MAX, f64::min);
        let most = losses
            .iter()
            .map(|&(_, loss)| loss)
            .fold(f64::MIN, f64::max);
        let logarithmic = least > 0.0;
        let bend = |loss: f64| if logarithmic { loss.log10() } else { loss };
        let (low, high) = (bend(least), bend(most));
        let air = ((high - low) * 0.05).max(1e-3);
        Self {
            steps: [first as f64, (last as f64).max(first as f64 + 1.0)],
            losses: [low - air, high + air],
            logarithmic,
        }
    }

    fn x(&self, step: f64) -> f32 {
        let share = (step - self.steps[0]) / (self.steps[1] - self.steps[0]);
        FRAME[0] + (FRAME[2] - FRAME[0]) * share as f32
    }

    fn y(&self, loss: f64) -> f32 {
        let bent = if self.logarithmic { loss.log10() } else { loss };
        let share = (bent - self.losses[0]) / (self.losses[1] - self.losses[0]);
        FRAME[3] - (FRAME[3] - FRAME[1]) * share as f32
    }

    /// The loss that line number `index` from below stands for, and its height.
    fn line(&self, index: u32) -> (f64, f32) {
        let share = f64::from(index) / f64::from(LINES - 1);
        let bent = self.losses[0] + (self.losses[1] - self.losses[0]) * share;
        let loss = if self.logarithmic {
            10f64.powf(bent)
        } else {
            bent
        };
        (loss, self.y(loss))
    }
}

fn draw_lines(losses: &[(u64, f64)], scale: &Scale) -> RgbImage {
    let mut canvas = Pixmap::new(SIZE[0], SIZE[1]).expect("a size that is not zero");
    canvas.fill(Color::WHITE);
    for index in 0..LINES {
        let (_, y) = scale.line(index);
        stroke(
            &mut canvas,
            &[(FRAME[0], y), (FRAME[2], y)],
            [225, 225, 225],
            1.0,
        );
    }
    let every = losses.len().div_ceil(MOST_POINTS);
    let point = |&(step, loss): &(u64, f64)| (scale.x(step as f64), scale.y(loss));
    let points: Vec<_> = losses.iter().step_by(every).map(point).collect();
    stroke(&mut canvas, &points, [170, 200, 235], 1.0);
    let smooth = running_mean(losses);
    let points: Vec<_> = smooth.iter().step_by(every).map(point).collect();
    stroke(&mut canvas, &points, [20, 80, 160], 2.0);

    // The canvas is opaque, so that its colours are not multiplied by anything.
    let pixels = canvas.pixels().iter();
    let bytes = pixels.flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]);
    RgbImage::from_raw(SIZE[0], SIZE[1], bytes.collect()).expect("three bytes per pixel")
}

fn stroke(canvas: &mut Pixmap, points: &[(f32, f32)], colour: [u8; 3], width: f32) {
    let mut builder = PathBuilder::new();
    for (index, &(x, y)) in points.iter().enumerate() {
        match index {
            0 => builder.move_to(x, y),
            _ => builder.line_to(x, y),
        }
    }
    let mut paint = Paint::default();
    paint.set_color_rgba8(colour[0], colour[1], colour[2], 255);
    let stroke = Stroke {
        width,
        ..Stroke::default()
    };
    // A single point is no path, and leaves nothing.
    if let Some(path) = builder.finish() {
        canvas.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }
}

/// Each mean is over a fiftieth of the steps before, at least ten.
fn running_mean(losses: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let window = (losses.len() / 50).max(10) as f64;
    let mut mean = losses[0].1;
    let mut seen = 0.0;
    let smooth = |&(step, loss): &(u64, f64)| {
        seen += 1.0;
        mean += (loss - mean) / window.min(seen);
        (step, mean)
    };
    losses.iter().map(smooth).collect()
}

fn write_numbers(picture: &mut RgbImage, scale: &Scale) {
    let style = MonoTextStyle::new(&FONT_7X13, Rgb888::new(60, 60, 60));
    let mut write = |text: &str, x: f32, y: f32, alignment| {
        let place = Point::new(x as i32, y as i32);
        let Ok(_) = Text::with_alignment(text, place, style, alignment).draw(&mut Page(picture));
    };
    for index in 0..LINES {
        let (loss, y) = scale.line(index);
        write(
            &format!("{loss:.3e}"),
            FRAME[0] - 6.0,
            y + 4.0,
            Alignment::Right,
        );
    }
    let (below, middle) = (FRAME[3] + 18.0, (FRAME[0] + FRAME[2]) / 2.0);
    write(
        &format!("{}", scale.steps[0]),
        FRAME[0],
        below,
        Alignment::Left,
    );
    write(
        &format!("{}", scale.steps[1]),
        FRAME[2],
        below,
        Alignment::Right,
    );
    write("loss over steps", middle, below, Alignment::Center);
}

/// A picture that text can be written on.
struct Page<'a>(&'a mut RgbImage);

impl OriginDimensions for Page<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Page<'_> {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> std::result::Result<(), Self::Error>
    where
        I: IntoIterator<Item = embedded_graphics::Pixel<Rgb888>>,
    {
        for embedded_graphics::Pixel(Point { x, y }, colour) in pixels {
            let place = u32::try_from(x).ok().zip(u32::try_from(y).ok());
            let inside = place.and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y));
            if let Some(pixel) = inside {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_loss_falls_in_the_picture() {
        let losses: Vec<_> = (1..=400)
            .map(|step| (step, 2.0 * 0.99f64.powi(step as i32)))
            .collect();
        let scale = Scale::of(&losses);
        let picture = draw_lines(&losses, &scale);
        // The height of the bold line in a column.
        let height = |x: u32| {
            let mut rows = 0..picture.height();
            rows.find(|&y| picture.get_pixel(x, y).0[0] < 60)
        };
        let (left, middle, right) = (height(120), height(500), height(920));
        assert!(
            left < middle && middle < right,
            "{left:?} {middle:?} {right:?}"
        );
        // On a logarithmic scale it is straight.
        let rise = |a: Option<u32>, b: Option<u32>| f64::from(b.unwrap() - a.unwrap());
        let ratio = rise(left, middle) / rise(middle, right);
        assert!((ratio - 380.0 / 420.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn odd_losses_are_drawn_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        for losses in [
            vec![(1, 0.0)],
            vec![(3, -1.0), (4, 2.0)],
            vec![(1, 5.0), (2, 5.0)],
        ] {
            draw_curve(&losses, &path).unwrap();
            assert_eq!(image::open(&path).unwrap().width(), SIZE[0]);
        }
        assert!(draw_curve(&[], &path).is_ok());
    }
}
