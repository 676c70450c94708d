//! Eyes and brows.

use tiny_skia::Mask;

use super::Sitter;
use crate::data::portrait::brush::INK;
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// An eye's ball stands out of its socket.
const BALL: f32 = 0.03;

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    for side in [-1.0, 1.0] {
        match sitter.expression.eyes > 0.15 {
            true => open(canvas, sitter, side),
            false => closed(canvas, sitter, side),
        }
        brow(canvas, sitter, side, skin);
    }
}

fn part(side: f32, [left, right]: [Part; 2]) -> Part {
    if side < 0.0 { left } else { right }
}

/// A point of an eye: `out` from the inner (−1) to the outer corner (1), `up` in openings.
fn place(sitter: &Sitter, side: f32, [out, up]: [f32; 2]) -> Point {
    let eyes = &sitter.person.eyes;
    let u = side * (eyes.spacing + out * eyes.width);
    let v = eyes.height - eyes.tilt * out - up * eyes.opening;
    sitter.head.above([u, v], BALL)
}

/// The middle of an eye, wherever it looks.
pub(super) fn centre(sitter: &Sitter, side: f32) -> Point {
    place(sitter, side, [0.0, 0.0])
}

/// Corner to corner, over the top and along the bottom.
fn lids(sitter: &Sitter, side: f32) -> ([Point; 5], [Point; 5]) {
    let lift = sitter.expression.eyes;
    let squeeze = (sitter.expression.smile * sitter.expression.open).max(0.0);
    let low = 0.68 - 0.3 * squeeze;
    let at = |out: f32, up: f32| place(sitter, side, [out, up]);
    let upper = [
        at(-1.0, -0.12),
        at(-0.5, 0.72 * lift),
        at(0.05, 1.0 * lift),
        at(0.6, 0.80 * lift),
        at(1.0, 0.08),
    ];
    let lower = [
        at(1.0, 0.08),
        at(0.55, -0.50 * low),
        at(0.05, -low),
        at(-0.5, -0.80 * low),
        at(-1.0, -0.12),
    ];
    (upper, lower)
}

fn open(canvas: &mut Canvas, sitter: &Sitter, side: f32) {
    let Sitter {
        brush,
        head,
        person,
        expression,
        ..
    } = sitter;
    let (upper, lower) = lids(sitter, side);
    let shape = Shape::between(&upper, &lower);
    let white = Tone::hex(0xFA_F6F2).mix(person.skin, 0.06);
    canvas.fill(&shape, &brush.flat(white, 1.0));
    canvas.label(&shape, part(side, [Part::LeftEye, Part::RightEye]));
    let within = canvas.mask(&shape);

    let [gaze_x, gaze_y] = expression.gaze;
    let u = side * person.eyes.spacing + 0.30 * person.eyes.width * gaze_x;
    let v = person.eyes.height - 0.012 + 0.20 * person.eyes.opening * gaze_y;
    let centre = head.above([u, v], BALL + 0.02);
    let radius = head
        .length(0.60 * person.eyes.width)
        .min(head.length(0.105));
    let iris = person.eyes.iris;
    let wash = match brush.is_soft() {
        true => {
            let stops = [
                (0.0, iris.mix(Tone::WHITE, 0.25), 1.0),
                (0.7, iris, 1.0),
                (1.0, iris.shade(0.8), 1.0),
            ];
            Wash::radial([centre[0], centre[1] + 0.5 * radius], 1.5 * radius, &stops)
        }
        false => brush.flat(iris, 1.0),
    };
    canvas.fill_within(&Shape::circle(centre, radius), &wash, &within);
    canvas.fill_within(
        &Shape::circle(centre, 0.50 * radius),
        &Wash::flat(Tone::hex(0x12_0E12), 1.0),
        &within,
    );
    let shadow = Wash::flat(person.skin.skin_shade(1.0), 0.35);
    canvas.line_within(&Shape::open(&upper), head.length(0.06), &shadow, &within);
    let glint = brush.lightward(centre, 0.45 * radius);
    canvas.fill_within(
        &Shape::circle(glint, 0.30 * radius),
        &Wash::flat(Tone::WHITE, 0.95),
        &within,
    );
    lashes(canvas, sitter, side, (&upper, &lower));
}

/// The dark line of the upper lid, the faint one of the lower, and the fold above.
fn lashes(
    canvas: &mut Canvas,
    sitter: &Sitter,
    side: f32,
    (upper, lower): (&[Point; 5], &[Point; 5]),
) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let dark = INK.mix(person.hair.tone, 0.15);
    let mut rim = upper.to_vec();
    if person.eyes.lashes > 0.036 {
        rim.push(place(sitter, side, [1.22, 0.42]));
    }
    canvas.line(
        &Shape::open(&rim),
        head.length(person.eyes.lashes * 1.35),
        &brush.flat(dark, 0.95),
    );
    let below = brush.flat(person.skin.skin_shade(1.0), 0.55);
    canvas.line(&Shape::open(lower), head.length(0.016), &below);
    let lift = sitter.expression.eyes;
    let fold = Shape::open(&[
        place(sitter, side, [-0.75, 0.85 * lift + 0.2]),
        place(sitter, side, [0.05, 1.0 * lift + 0.52]),
        place(sitter, side, [0.95, 0.6 * lift + 0.25]),
    ]);
    canvas.line(
        &fold,
        head.length(0.018),
        &brush.flat(person.skin.skin_shade(1.0), 0.55),
    );
}

fn closed(canvas: &mut Canvas, sitter: &Sitter, side: f32) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let at = |out: f32, up: f32| place(sitter, side, [out, up]);
    let line = Shape::open(&[
        at(-1.0, 0.0),
        at(-0.4, -0.42),
        at(0.3, -0.45),
        at(1.0, 0.02),
    ]);
    let width = head.length(person.eyes.lashes * 1.3);
    canvas.line(
        &line,
        width,
        &brush.flat(INK.mix(person.hair.tone, 0.15), 0.95),
    );
    canvas.label_line(&line, width, part(side, [Part::LeftEye, Part::RightEye]));
}

fn brow(canvas: &mut Canvas, sitter: &Sitter, side: f32, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        expression,
        ..
    } = sitter;
    let brows = &person.brows;
    let reach = brows.length * person.eyes.width;
    let mood = expression.brows;
    let base = person.eyes.height - brows.height - 0.05 * mood.max(0.0);
    // Drawn together, the inner ends go down and in; raised, they go up.
    let inner = -0.07 * mood.min(0.0)
        - if expression.smile < -0.4 && mood > 0.0 {
            0.08
        } else {
            0.0
        };
    let line = |out: f32| {
        let rise = brows.arch * (1.0 - out * out) + brows.slope * 0.5 * (out + 1.0);
        let share = 0.5 * (1.0 - out);
        let u = person.eyes.spacing + out * reach - 0.03 * (-mood).max(0.0) * share;
        (u, base - rise + inner * share)
    };
    let at = |out: f32, thick: f32| {
        let (u, v) = line(out);
        head.above([side * u, v + thick * brows.thickness], 0.02)
    };
    let shape = Shape::between(
        &[
            at(-1.0, -0.40),
            at(-0.4, -0.52),
            at(0.3, -0.5),
            at(1.0, -0.12),
        ],
        &[at(1.0, 0.12), at(0.3, 0.42), at(-0.4, 0.5), at(-1.0, 0.5)],
    );
    canvas.fill_within(&shape, &brush.flat(brows.tone, 0.92), skin);
    canvas.label(&shape, part(side, [Part::LeftBrow, Part::RightBrow]));
}
