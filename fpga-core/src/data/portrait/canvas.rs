//! The picture under the brush, and beside it what each pixel shows.
//!
//! Every shape is painted twice: anti-aliased into the picture, hard-edged into the labels, so that
//! part and person masks are exact by construction. Labels hold the part in red, the person in green.

use image::RgbImage;
use ndarray::Array2;
use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Mask, Paint, Pixmap,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

use super::curve::{Point, Shape};
use super::tone::Tone;
use crate::face::FacePart as Part;

pub(super) struct Canvas {
    picture: Pixmap,
    labels: Pixmap,
    /// Of the person being painted, from 1; 0 for the background.
    person: u8,
}

/// What a shape is filled with.
#[derive(Clone)]
pub(super) struct Wash(Shader<'static>);

/// Place along a gradient, colour, opacity.
pub(super) type Stop = (f32, Tone, f32);

impl Wash {
    pub(super) fn flat(tone: Tone, opacity: f32) -> Self {
        Self(Shader::SolidColor(colour(tone, opacity)))
    }

    pub(super) fn linear(from: Point, to: Point, stops: &[Stop]) -> Self {
        let gradient = LinearGradient::new(
            tiny_skia::Point::from_xy(from[0], from[1]),
            tiny_skia::Point::from_xy(to[0], to[1]),
            gradient_stops(stops),
            SpreadMode::Pad,
            Transform::identity(),
        );
        Self(gradient.unwrap_or(last_colour(stops)))
    }

    pub(super) fn radial(centre: Point, radius: f32, stops: &[Stop]) -> Self {
        let centre = tiny_skia::Point::from_xy(centre[0], centre[1]);
        let gradient = RadialGradient::new(
            centre,
            0.0,
            centre,
            radius,
            gradient_stops(stops),
            SpreadMode::Pad,
            Transform::identity(),
        );
        Self(gradient.unwrap_or(last_colour(stops)))
    }
}

fn gradient_stops(stops: &[Stop]) -> Vec<GradientStop> {
    let stop = |&(place, tone, opacity): &Stop| GradientStop::new(place, colour(tone, opacity));
    stops.iter().map(stop).collect()
}

/// What a gradient without extent looks like.
fn last_colour(stops: &[Stop]) -> Shader<'static> {
    let (_, tone, opacity) = stops[stops.len() - 1];
    Shader::SolidColor(colour(tone, opacity))
}

fn colour(Tone([r, g, b]): Tone, opacity: f32) -> Color {
    let unit = |value: f32| value.clamp(0.0, 1.0);
    Color::from_rgba(unit(r), unit(g), unit(b), unit(opacity)).unwrap_or(Color::BLACK)
}

impl Canvas {
    /// `None` if a side is 0 or the area overflows.
    pub(super) fn new([width, height]: [u32; 2]) -> Option<Self> {
        let mut labels = Pixmap::new(width, height)?;
        labels.fill(Color::BLACK);
        Some(Self {
            picture: Pixmap::new(width, height)?,
            labels,
            person: 0,
        })
    }

    pub(super) fn size(&self) -> [f32; 2] {
        [self.picture.width() as f32, self.picture.height() as f32]
    }

    /// From now on labels carry this person; 0 for none.
    pub(super) fn begin_person(&mut self, number: u8) {
        self.person = number;
    }

    pub(super) fn fill(&mut self, shape: &Shape, wash: &Wash) {
        self.fill_where(shape, wash, None);
    }

    pub(super) fn fill_within(&mut self, shape: &Shape, wash: &Wash, mask: &Mask) {
        self.fill_where(shape, wash, Some(mask));
    }

    fn fill_where(&mut self, shape: &Shape, wash: &Wash, mask: Option<&Mask>) {
        if let Some(path) = &shape.0 {
            let paint = paint(wash, true);
            let rule = FillRule::Winding;
            self.picture
                .fill_path(path, &paint, rule, Transform::identity(), mask);
        }
    }

    pub(super) fn line(&mut self, shape: &Shape, width: f32, wash: &Wash) {
        self.line_where(shape, width, wash, None);
    }

    pub(super) fn line_within(&mut self, shape: &Shape, width: f32, wash: &Wash, mask: &Mask) {
        self.line_where(shape, width, wash, Some(mask));
    }

    fn line_where(&mut self, shape: &Shape, width: f32, wash: &Wash, mask: Option<&Mask>) {
        if let Some(path) = &shape.0 {
            let (paint, stroke) = (paint(wash, true), round_stroke(width));
            self.picture
                .stroke_path(path, &paint, &stroke, Transform::identity(), mask);
        }
    }

    pub(super) fn label(&mut self, shape: &Shape, part: Part) {
        if let Some(path) = &shape.0 {
            let paint = paint(&self.mark(part), false);
            let rule = FillRule::Winding;
            self.labels
                .fill_path(path, &paint, rule, Transform::identity(), None);
        }
    }

    pub(super) fn label_line(&mut self, shape: &Shape, width: f32, part: Part) {
        if let Some(path) = &shape.0 {
            // A line thinner than a pixel would be blended even without anti-aliasing.
            let (paint, stroke) = (paint(&self.mark(part), false), round_stroke(width.max(1.0)));
            self.labels
                .stroke_path(path, &paint, &stroke, Transform::identity(), None);
        }
    }

    fn mark(&self, part: Part) -> Wash {
        Wash(Shader::SolidColor(Color::from_rgba8(
            part as u8,
            self.person,
            0,
            255,
        )))
    }

    /// Where the shape is, for painting within it.
    pub(super) fn mask(&self, shape: &Shape) -> Mask {
        let mut mask = Mask::new(self.picture.width(), self.picture.height())
            .expect("a picture of this size exists already");
        if let Some(path) = &shape.0 {
            mask.fill_path(path, FillRule::Winding, true, Transform::identity());
        }
        mask
    }

    /// The picture; the part of every pixel; the person of every pixel.
    pub(super) fn finish(self) -> (RgbImage, Array2<u8>, Array2<u8>) {
        let (width, height) = (self.picture.width(), self.picture.height());
        let shape = (height as usize, width as usize);
        // The background covers everything, so colours are not premultiplied by anything but 1.
        let bytes = self
            .picture
            .data()
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect();
        let picture = RgbImage::from_raw(width, height, bytes).expect("three bytes per pixel");
        let channel = |index: usize| {
            let values = self
                .labels
                .data()
                .iter()
                .skip(index)
                .step_by(4)
                .copied()
                .collect();
            Array2::from_shape_vec(shape, values).expect("one value per pixel")
        };
        (picture, channel(0), channel(1))
    }
}

fn paint(wash: &Wash, anti_alias: bool) -> Paint<'static> {
    Paint {
        shader: wash.0.clone(),
        anti_alias,
        ..Paint::default()
    }
}

fn round_stroke(width: f32) -> Stroke {
    Stroke {
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    }
}
