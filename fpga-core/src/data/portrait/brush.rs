//! How surfaces are rendered: the style of the whole picture and the light that falls on it.

use serde::{Deserialize, Serialize};
use tiny_skia::Mask;

use super::canvas::{Canvas, Wash};
use super::curve::{Point, Shape};
use super::tone::Tone;

/// How a picture is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Soft shading, no outlines.
    Painted,
    /// Flat colours, hard shadows, dark outlines.
    Ink,
    /// Flat pale colours without lines, like cut paper.
    Paper,
}

impl Style {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Painted, Self::Ink, Self::Paper];
}

/// Where light comes from, and its colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// Direction towards the light in the picture, y down; of length 1 or less.
    pub from: [f32; 2],
    /// How deep shadows are, 0–1.
    pub depth: f32,
    /// Colour of what it falls on.
    pub tone: Tone,
    /// How captions name it; empty for plain daylight.
    pub name: String,
}

/// A style under a light, at one size of head.
pub(super) struct Brush<'a> {
    pub(super) style: Style,
    pub(super) light: &'a Light,
    /// Pixels per unit, for the width of outlines.
    pub(super) unit: f32,
}

/// What a surface is made of: its colour in plain light and in shade.
#[derive(Clone, Copy)]
pub(super) struct Matter {
    tone: Tone,
    shade: Tone,
}

impl Matter {
    pub(super) fn skin(tone: Tone) -> Self {
        Self {
            tone,
            shade: tone.skin_shade(0.8),
        }
    }

    pub(super) fn cloth(tone: Tone) -> Self {
        Self {
            tone,
            shade: tone.shade(0.9),
        }
    }

    pub(super) fn hair(tone: Tone) -> Self {
        Self {
            tone,
            shade: tone.shade(1.0),
        }
    }
}

impl Brush<'_> {
    pub(super) fn is_soft(&self) -> bool {
        self.style == Style::Painted
    }

    pub(super) fn has_lines(&self) -> bool {
        self.style == Style::Ink
    }

    /// Towards the light, times `length`.
    pub(super) fn lightward(&self, [x, y]: Point, length: f32) -> Point {
        [
            x + self.light.from[0] * length,
            y + self.light.from[1] * length,
        ]
    }

    /// One surface.
    pub(super) fn surface(&self, canvas: &mut Canvas, shape: &Shape, matter: Matter) {
        self.mass(canvas, std::slice::from_ref(shape), matter);
    }

    /// Shapes that are one surface: shaded as a whole, outlined round the whole.
    pub(super) fn mass(&self, canvas: &mut Canvas, shapes: &[Shape], matter: Matter) {
        if self.has_lines() {
            self.outline(canvas, shapes);
        }
        let wash = self.wash(middle(shapes), matter);
        for shape in shapes {
            canvas.fill(shape, &wash);
        }
    }

    /// Behind a surface, so that half the line shows round it.
    fn outline(&self, canvas: &mut Canvas, shapes: &[Shape]) {
        for shape in shapes {
            canvas.line(shape, self.line_width() * 2.0, &Wash::flat(INK, 1.0));
        }
    }

    /// Of an outline, in pixels.
    pub(super) fn line_width(&self) -> f32 {
        (0.035 * self.unit).max(0.55)
    }

    /// The colours of a round surface of this middle and radius.
    fn wash(&self, (middle, radius): (Point, f32), matter: Matter) -> Wash {
        let depth = self.light.depth;
        let Matter { tone, shade } = matter;
        let deep = |least: f32, most: f32| tone.mix(shade, least + (most - least) * depth);
        match self.style {
            Style::Painted => {
                let lit = tone.lit(0.10 + 0.16 * depth, self.light.tone);
                let centre = self.lightward(middle, 0.55 * radius);
                let stops = [
                    (0.0, lit, 1.0),
                    (0.42, tone, 1.0),
                    (1.0, deep(0.45, 1.0), 1.0),
                ];
                Wash::radial(centre, 1.55 * radius, &stops)
            }
            Style::Ink => {
                let (centre, shade) = (self.lightward(middle, 0.5 * radius), deep(0.35, 0.75));
                let stops = [
                    (0.0, tone, 1.0),
                    (0.775, tone, 1.0),
                    (0.785, shade, 1.0),
                    (1.0, shade, 1.0),
                ];
                Wash::radial(centre, 1.5 * radius, &stops)
            }
            Style::Paper => Wash::flat(paper(tone), 1.0),
        }
    }

    /// A flat patch, or a line of it, in the style's colours.
    pub(super) fn flat(&self, tone: Tone, opacity: f32) -> Wash {
        match self.style {
            Style::Paper => Wash::flat(paper(tone), opacity),
            Style::Painted | Style::Ink => Wash::flat(tone, opacity),
        }
    }

    /// A spot that fades out; hard-edged styles show a smaller, fainter, even one.
    pub(super) fn spot(
        &self,
        canvas: &mut Canvas,
        (centre, radius): (Point, f32),
        tone: Tone,
        opacity: f32,
        mask: &Mask,
    ) {
        let (shape, wash) = match self.style {
            Style::Painted => {
                let stops = [
                    (0.0, tone, opacity),
                    (0.5, tone, 0.55 * opacity),
                    (1.0, tone, 0.0),
                ];
                (
                    Shape::circle(centre, radius),
                    Wash::radial(centre, radius, &stops),
                )
            }
            Style::Ink | Style::Paper => (
                Shape::circle(centre, 0.62 * radius),
                Wash::flat(tone, 0.55 * opacity),
            ),
        };
        canvas.fill_within(&shape, &wash, mask);
    }
}

/// Of outlines: not quite black.
pub(super) const INK: Tone = Tone::hex(0x1D_1822);

/// Pale, as if cut from coloured paper.
fn paper(tone: Tone) -> Tone {
    tone.mix(Tone::hex(0xFB_F3E6), 0.16)
}

/// Middle and radius of what the shapes cover together.
fn middle(shapes: &[Shape]) -> (Point, f32) {
    let boxes = shapes.iter().filter_map(|shape| {
        let bounds = shape.0.as_ref()?.bounds();
        Some([bounds.left(), bounds.top(), bounds.right(), bounds.bottom()])
    });
    let Some([x0, y0, x1, y1]) = boxes.reduce(|a, b| {
        [
            a[0].min(b[0]),
            a[1].min(b[1]),
            a[2].max(b[2]),
            a[3].max(b[3]),
        ]
    }) else {
        return ([0.0; 2], 1.0);
    };
    let (width, height) = ((x1 - x0) / 2.0, (y1 - y0) / 2.0);
    ([x0 + width, y0 + height], (width.max(height)).max(0.5))
}
