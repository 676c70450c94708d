//! Glasses.

use super::Sitter;
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::person::{Glasses, Lens};
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// Frames stand off the face.
const OFF: f32 = 0.08;

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let Some(glasses) = &person.glasses else {
        return;
    };
    let width = head.length(glasses.weight).max(0.9);
    let frame = brush.flat(glasses.tone, 1.0);
    let mut stroke = |shape: &Shape| {
        canvas.line(shape, width, &frame);
        canvas.label_line(shape, width, Part::Glasses);
    };
    for side in [-1.0, 1.0] {
        stroke(&arm(sitter, glasses, side));
    }
    stroke(&bridge(sitter, glasses));
    for side in [-1.0, 1.0] {
        let lens = lens(sitter, glasses, side);
        stroke(&lens);
    }
    for side in [-1.0, 1.0] {
        shine(canvas, sitter, glasses, side);
    }
}

fn at(sitter: &Sitter, [u, v]: [f32; 2]) -> Point {
    sitter
        .head
        .above([u, v + sitter.person.eyes.height + 0.02], OFF)
}

/// A lens: offsets from its middle in half widths, outwards and down.
fn outline(lens: Lens) -> &'static [[f32; 2]] {
    match lens {
        Lens::Round => &[
            [1.0, 0.0],
            [0.71, 0.71],
            [0.0, 1.0],
            [-0.71, 0.71],
            [-1.0, 0.0],
            [-0.71, -0.71],
            [0.0, -1.0],
            [0.71, -0.71],
        ],
        Lens::Square => &[
            [1.04, -0.1],
            [1.0, 0.55],
            [0.8, 0.74],
            [0.0, 0.78],
            [-0.8, 0.74],
            [-0.98, 0.5],
            [-1.0, -0.1],
            [-0.96, -0.6],
            [-0.8, -0.70],
            [0.0, -0.72],
            [0.84, -0.70],
            [1.0, -0.6],
        ],
        Lens::CatEye => &[
            [1.22, -0.86],
            [1.02, 0.1],
            [0.62, 0.66],
            [-0.1, 0.76],
            [-0.8, 0.5],
            [-1.0, -0.1],
            [-0.84, -0.52],
            [-0.1, -0.62],
            [0.6, -0.72],
        ],
        Lens::Aviator => &[
            [1.06, -0.3],
            [0.98, 0.3],
            [0.62, 0.92],
            [0.0, 1.1],
            [-0.62, 0.82],
            [-0.98, 0.1],
            [-0.96, -0.46],
            [-0.5, -0.66],
            [0.5, -0.70],
            [0.96, -0.60],
        ],
    }
}

fn lens(sitter: &Sitter, glasses: &Glasses, side: f32) -> Shape {
    let middle = sitter.person.eyes.spacing + 0.01;
    let place = |&[out, down]: &[f32; 2]| {
        at(
            sitter,
            [
                side * (middle + out * glasses.size),
                down * glasses.size * 0.92,
            ],
        )
    };
    let points: Vec<_> = outline(glasses.lens).iter().map(place).collect();
    Shape::closed(&points)
}

fn bridge(sitter: &Sitter, glasses: &Glasses) -> Shape {
    let inner = sitter.person.eyes.spacing - glasses.size + 0.02;
    let rise = -0.25 * glasses.size;
    Shape::open(&[
        at(sitter, [-inner, rise]),
        sitter
            .head
            .above([0.0, rise + sitter.person.eyes.height - 0.01], 0.15),
        at(sitter, [inner, rise]),
    ])
}

fn arm(sitter: &Sitter, glasses: &Glasses, side: f32) -> Shape {
    let outer = sitter.person.eyes.spacing + glasses.size;
    let v = sitter.person.eyes.height - 0.10;
    let hinge = at(sitter, [side * outer, -0.45 * glasses.size]);
    Shape::segment(
        hinge,
        sitter.head.point([side * sitter.person.face.width, v, 0.0]),
    )
}

/// A faint tint, and a glint towards the light.
fn shine(canvas: &mut Canvas, sitter: &Sitter, glasses: &Glasses, side: f32) {
    let shape = lens(sitter, glasses, side);
    canvas.fill(&shape, &Wash::flat(Tone::hex(0xDC_ECF6), 0.10));
    if !sitter.brush.is_soft() {
        return;
    }
    let mask = canvas.mask(&shape);
    let middle = sitter.person.eyes.spacing;
    let from = at(sitter, [side * middle - 0.16, 0.10]);
    let to = at(sitter, [side * middle - 0.02, -0.16]);
    let width = sitter.head.length(0.05);
    canvas.line_within(
        &Shape::segment(from, to),
        width,
        &Wash::flat(Tone::WHITE, 0.26),
        &mask,
    );
}
