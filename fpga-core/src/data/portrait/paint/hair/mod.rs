//! Hair: what falls behind the body, what covers the skull, what frames the face.

mod cap;
mod falling;

use tiny_skia::Mask;

use super::Sitter;
use crate::data::portrait::brush::{INK, Matter};
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::Shape;
use crate::data::portrait::person::{HairCut, Hairline};
use crate::face::FacePart as Part;

/// What hangs behind neck and shoulders, and what is tied at the back of the head.
pub(super) fn behind(canvas: &mut Canvas, sitter: &Sitter) {
    let shapes = falling::behind(sitter);
    hairy(canvas, sitter, &shapes);
}

/// The back of the head, seen beside a turned face.
pub(super) fn skull(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let bald = matches!(person.hair.cut, HairCut::Bald | HairCut::Buzz);
    let grow = if bald { 0.0 } else { 0.5 * person.hair.volume };
    let wide = person.face.width * (0.5 + 0.5 * person.face.temples) + grow;
    let point = |(u, v): (f32, f32)| head.point([u * wide, -0.24 + v * (0.76 + grow), -0.34]);
    let ring = [
        (0.0, -1.0),
        (0.71, -0.71),
        (1.0, 0.0),
        (0.8, 0.6),
        (0.0, 0.9),
        (-0.8, 0.6),
        (-1.0, 0.0),
        (-0.71, -0.71),
    ];
    let shape = Shape::closed(&ring.map(point));
    if bald {
        brush.surface(canvas, &shape, Matter::skin(person.skin));
        canvas.label(&shape, Part::Skin);
    } else {
        hairy(canvas, sitter, &[shape]);
    }
}

/// What covers forehead, temples and ears, with its shadow on the skin.
pub(super) fn front(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter { brush, person, .. } = sitter;
    match person.hair.cut {
        HairCut::Bald => {
            if person.hair.line == Hairline::Receding {
                hairy(canvas, sitter, &cap::wreath(sitter));
            }
            return;
        }
        HairCut::Buzz => {
            let shape = cap::cover(sitter);
            let tone = person.skin.mix(person.hair.tone, 0.62);
            canvas.fill(&shape, &brush.flat(tone, 0.80));
            canvas.label(&shape, Part::Hair);
            return;
        }
        _ => {}
    }
    let mut shapes = vec![cap::cover(sitter)];
    shapes.extend(cap::bumps(sitter));
    let locks = falling::locks(sitter);
    if !brush.has_lines() {
        shadow(canvas, sitter, skin);
    }
    shapes.extend(locks);
    hairy(canvas, sitter, &shapes);
    let cap = canvas.mask(&shapes[0]);
    sheen(canvas, sitter, &cap);
    strands(canvas, sitter, &cap);
}

/// Which way the hair runs, where the picture is large enough to show it.
fn strands(canvas: &mut Canvas, sitter: &Sitter, cap: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let width = head.length(0.02);
    if width < 0.4 {
        return;
    }
    let wash = match brush.has_lines() {
        true => Wash::flat(INK, 0.75),
        false => Wash::flat(person.hair.tone.shade(0.8), 0.3),
    };
    for strand in cap::strands(sitter) {
        canvas.line_within(&strand, width, &wash, cap);
    }
}

fn hairy(canvas: &mut Canvas, sitter: &Sitter, shapes: &[Shape]) {
    if shapes.is_empty() {
        return;
    }
    sitter
        .brush
        .mass(canvas, shapes, Matter::hair(sitter.person.hair.tone));
    for shape in shapes {
        canvas.label(shape, Part::Hair);
    }
}

/// Of the hair on the forehead: the same edge, a little lower.
fn shadow(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let line: Vec<_> = cap::hairline(person)
        .iter()
        .map(|&[u, v]| head.on([u, v]))
        .collect();
    let wash = brush.flat(person.skin.skin_shade(1.0), 0.30);
    canvas.line_within(&Shape::open(&line), head.length(0.15), &wash, skin);
}

/// A soft band of light over the crown.
fn sheen(canvas: &mut Canvas, sitter: &Sitter, mask: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    if !brush.is_soft() || matches!(person.hair.cut, HairCut::Afro | HairCut::Curly) {
        return;
    }
    let tone = person.hair.tone.lit(
        0.35 + 0.25 * person.hair.tone.brightness(),
        brush.light.tone,
    );
    let side = brush.light.from[0];
    let at = |turn: f32| {
        head.above(
            [0.62 * person.face.width * turn, -0.86 + 0.16 * turn * turn],
            0.05,
        )
    };
    let band = Shape::open(&[
        at(side - 0.62),
        at(side - 0.2),
        at(side + 0.2),
        at(side + 0.62),
    ]);
    for (width, opacity) in [(0.17, 0.14), (0.10, 0.16), (0.04, 0.18)] {
        canvas.line_within(&band, head.length(width), &Wash::flat(tone, opacity), mask);
    }
}
