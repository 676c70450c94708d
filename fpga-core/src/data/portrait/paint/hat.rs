//! What is worn on the head.

use super::Sitter;
use crate::data::portrait::brush::Matter;
use crate::data::portrait::canvas::Canvas;
use crate::data::portrait::curve::Shape;
use crate::data::portrait::pose::Hat;
use crate::face::FacePart as Part;

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter) {
    let shapes = match sitter.attire.hat {
        Some(Hat::Beanie) => beanie(sitter),
        Some(Hat::Brimmed) => brimmed(sitter),
        None => return,
    };
    let tones = [sitter.attire.tone, sitter.attire.second];
    for (shape, tone) in shapes.iter().zip(tones) {
        sitter.brush.surface(canvas, shape, Matter::cloth(tone));
        canvas.label(shape, Part::Hat);
    }
}

fn beanie(sitter: &Sitter) -> [Shape; 2] {
    let wide = sitter.person.face.width + 0.10;
    let at = |u: f32, v: f32| sitter.head.point([u * wide, v, 0.05]);
    let dome = Shape::closed(&[
        at(-1.0, -0.50),
        at(-0.95, -0.95),
        at(-0.5, -1.26),
        at(0.0, -1.34),
        at(0.5, -1.26),
        at(0.95, -0.95),
        at(1.0, -0.50),
        at(0.0, -0.62),
    ]);
    let band = Shape::closed(&[
        at(-1.05, -0.40),
        at(-1.06, -0.66),
        at(0.0, -0.80),
        at(1.06, -0.66),
        at(1.05, -0.40),
        at(0.0, -0.52),
    ]);
    [dome, band]
}

fn brimmed(sitter: &Sitter) -> [Shape; 2] {
    let wide = sitter.person.face.width;
    let at = |u: f32, v: f32| sitter.head.point([u * wide, v, 0.05]);
    let crown = Shape::closed(&[
        at(-0.98, -0.60),
        at(-0.92, -1.15),
        at(-0.5, -1.38),
        at(0.0, -1.34),
        at(0.5, -1.38),
        at(0.92, -1.15),
        at(0.98, -0.60),
        at(0.0, -0.52),
    ]);
    let brim = Shape::closed(&[
        at(-1.75, -0.52),
        at(-1.0, -0.72),
        at(0.0, -0.76),
        at(1.0, -0.72),
        at(1.75, -0.52),
        at(0.0, -0.42),
    ]);
    [crown, brim]
}
