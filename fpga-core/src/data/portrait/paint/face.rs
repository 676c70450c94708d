//! The face without its features: outline, ears, shading, cheeks, marks.

use tiny_skia::Mask;

use super::Sitter;
use crate::data::draws::{Draws, Purpose};
use crate::data::portrait::brush::{INK, Matter};
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::head::Head;
use crate::data::portrait::person::{FaceShape, HairCut};
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// Where a bald head's face begins: what detectors call the top of a face.
const FOREHEAD: f32 = -0.62;

/// The right half from the crown to the chin, (u, v, depth).
fn half_outline(face: &FaceShape) -> [[f32; 3]; 8] {
    let FaceShape {
        width,
        temples,
        jaw,
        chin_width,
        chin,
    } = *face;
    let jaw = jaw * width;
    let low = 0.56 + 0.25 * (chin - 0.97);
    [
        [0.56 * width, -0.93, -0.04],
        [0.97 * temples * width, -0.55, 0.0],
        [width * (0.5 + 0.5 * temples), -0.26, 0.02],
        [width, 0.02, 0.04],
        [0.62 * width + 0.38 * jaw, 0.30, 0.10],
        [jaw, low, 0.18],
        [
            0.50 * jaw + 0.50 * chin_width,
            0.40 * low + 0.60 * chin,
            0.30,
        ],
        [0.62 * chin_width, chin - 0.025, 0.38],
    ]
}

fn outline(head: &Head, face: &FaceShape) -> Vec<Point> {
    let half = half_outline(face);
    let right = half.iter().map(|&point| head.point(point));
    let left = half.iter().rev().map(|&[u, v, w]| head.point([-u, v, w]));
    let crown = head.point([0.0, -1.02, -0.05]);
    let chin = head.point([0.0, face.chin, 0.42]);
    std::iter::once(crown)
        .chain(right)
        .chain(std::iter::once(chin))
        .chain(left)
        .collect()
}

/// The face from the forehead to the chin, without ears: what a face box is drawn round.
pub(in crate::data::portrait) fn face_outline(head: &Head, face: &FaceShape) -> Shape {
    let half = half_outline(face);
    let brow = [half[1][0] * 0.98, FOREHEAD, 0.0];
    let side = |sign: f32| {
        let place = move |&[u, v, w]: &[f32; 3]| head.point([sign * u, v, w]);
        std::iter::once(&brow)
            .chain(&half[1..])
            .map(place)
            .collect::<Vec<_>>()
    };
    let mut points = side(1.0);
    points.push(head.point([0.0, face.chin, 0.42]));
    points.extend(side(-1.0).into_iter().rev());
    Shape::closed(&points)
}

/// Ears and skin; returns where skin is, for what is painted on it.
pub(super) fn base(canvas: &mut Canvas, sitter: &Sitter) -> Mask {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    for side in [-1.0, 1.0] {
        ear(canvas, sitter, side);
    }
    let shape = Shape::closed(&outline(head, &person.face));
    brush.surface(canvas, &shape, Matter::skin(person.skin));
    canvas.label(&shape, Part::Skin);
    let skin = canvas.mask(&shape);
    if brush.is_soft() {
        model(canvas, sitter, (&shape, &skin));
    }
    cheeks(canvas, sitter, &skin);
    age_lines(canvas, sitter, &skin);
    skin
}

fn covers_ears(cut: HairCut) -> bool {
    matches!(
        cut,
        HairCut::Bob | HairCut::Long | HairCut::Wavy | HairCut::Afro
    )
}

/// The far ear goes behind the head when the face turns away.
fn ear(canvas: &mut Canvas, sitter: &Sitter, side: f32) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let facing = 1.0 - 1.9 * (head.turn() * side).max(0.0);
    if covers_ears(person.hair.cut) || facing < 0.25 {
        return;
    }
    let (x, y, size) = (person.face.width, person.eyes.height + 0.10, person.ears);
    let at = |u: f32, v: f32| head.point([side * (x + u * facing), y + v * size, -0.02]);
    let shape = Shape::closed(&[
        at(-0.08, -0.75),
        at(0.05, -1.0),
        at(0.15, -0.70),
        at(0.125, 0.05),
        at(0.07, 0.75),
        at(-0.02, 0.95),
        at(-0.08, 0.5),
    ]);
    brush.surface(
        canvas,
        &shape,
        Matter::skin(person.skin.times([1.0, 0.95, 0.94])),
    );
    canvas.label(
        &shape,
        if side < 0.0 {
            Part::LeftEar
        } else {
            Part::RightEar
        },
    );
    let shell = Shape::open(&[
        at(0.03, -0.6),
        at(0.095, -0.45),
        at(0.06, 0.1),
        at(0.03, 0.4),
    ]);
    canvas.line(
        &shell,
        head.length(0.03),
        &brush.flat(person.skin.skin_shade(0.8), 0.6),
    );
}

/// Soft forms: the side away from the light, under the chin, round the eyes.
fn model(canvas: &mut Canvas, sitter: &Sitter, (shape, skin): (&Shape, &Mask)) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let (middle, radius) = shape.middle();
    let dark = person.skin.skin_shade(1.0);
    let depth = brush.light.depth;
    let (from, to) = (
        brush.lightward(middle, -0.05 * radius),
        brush.lightward(middle, -0.8 * radius),
    );
    let side = Wash::linear(
        from,
        to,
        &[(0.0, dark, 0.0), (1.0, dark, 0.20 + 0.42 * depth)],
    );
    canvas.fill(shape, &side);
    let chin = person.face.chin;
    let (from, to) = (
        head.point([0.0, 0.62, 0.3]),
        head.point([0.0, chin + 0.05, 0.4]),
    );
    canvas.fill(
        shape,
        &Wash::linear(from, to, &[(0.0, dark, 0.0), (1.0, dark, 0.28)]),
    );
    for side in [-1.0, 1.0] {
        let socket = head.on([side * person.eyes.spacing, person.eyes.height - 0.03]);
        brush.spot(canvas, (socket, head.length(0.28)), dark, 0.26, skin);
    }
    let glow = person.skin.lit(0.65, brush.light.tone);
    let brow = brush.lightward(head.on([0.0, -0.42]), head.length(0.12));
    brush.spot(canvas, (brow, head.length(0.5)), glow, 0.35, skin);
}

fn cheeks(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let red = person.skin.times([1.0, 0.62, 0.58]);
    let glow = person.skin.lit(0.6, brush.light.tone);
    for side in [-1.0, 1.0] {
        let cheek = head.on([side * 0.58 * person.face.width, 0.30]);
        brush.spot(
            canvas,
            (cheek, head.length(0.30)),
            red,
            0.22 + 0.5 * person.marks.blush,
            skin,
        );
        if brush.is_soft() {
            let bone = brush.lightward(
                head.on([side * 0.52 * person.face.width, 0.20]),
                head.length(0.05),
            );
            brush.spot(canvas, (bone, head.length(0.19)), glow, 0.36, skin);
        }
    }
}

/// From the nose to the mouth, and across the forehead.
fn age_lines(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let age = ((person.age - 42.0) / 34.0).clamp(0.0, 1.0);
    if age == 0.0 {
        return;
    }
    let wash = brush.flat(person.skin.skin_shade(1.0), 0.55 * age);
    let (mouth, nose) = (&person.mouth, &person.nose);
    for side in [-1.0, 1.0] {
        let at = |u: f32, v: f32| head.on([side * u, v]);
        let fold = Shape::open(&[
            at(nose.width + 0.05, nose.tip),
            at(mouth.width + 0.08, 0.5 * (nose.tip + mouth.height)),
            at(mouth.width + 0.10, mouth.height + 0.06),
        ]);
        canvas.line_within(&fold, head.length(0.026), &wash, skin);
    }
    for line in 0..2 {
        let v = -0.44 - 0.10 * line as f32;
        let points = head.all([[-0.32, v + 0.01], [0.0, v - 0.02], [0.32, v + 0.01]]);
        canvas.line_within(&Shape::open(&points), head.length(0.02), &wash, skin);
    }
}

/// Freckles, mole, scar.
pub(super) fn marks(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let marks = &person.marks;
    let draws = &mut Draws::new(person.seed, Purpose::Marks);
    let brown = brush.flat(person.skin.times([0.72, 0.52, 0.42]), 0.75);
    for _ in 0..marks.freckles {
        let (u, v) = (
            draws.near(0.0, 0.70 * person.face.width),
            draws.near(0.24, 0.15),
        );
        let dot = Shape::circle(head.on([u, v]), head.length(draws.between(0.014, 0.026)));
        canvas.fill_within(&dot, &brown, skin);
    }
    if let Some([u, v]) = marks.mole {
        let dot = Shape::circle(head.on([u, v]), head.length(0.034).max(0.6));
        canvas.fill_within(&dot, &brush.flat(Tone::hex(0x3A_2018), 0.9), skin);
    }
    if let Some([u, v]) = marks.scar {
        let points = head.all([[u - 0.03, v - 0.13], [u, v], [u + 0.05, v + 0.12]]);
        let pale = person.skin.times([1.05, 0.78, 0.76]).mix(Tone::WHITE, 0.15);
        canvas.line_within(
            &Shape::open(&points),
            head.length(0.035),
            &brush.flat(pale, 0.9),
            skin,
        );
    }
}

pub(super) fn earrings(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let Some(tone) = person.marks.earrings else {
        return;
    };
    for side in [-1.0, 1.0] {
        if head.turn() * side > 0.3 {
            continue;
        }
        let below = person.eyes.height + 0.10 + person.ears * 1.15;
        let drop = head.point([side * (person.face.width + 0.02), below, 0.0]);
        let shape = Shape::circle(drop, head.length(0.06));
        if brush.has_lines() {
            canvas.line(&shape, 2.0 * brush.line_width(), &brush.flat(INK, 1.0));
        }
        canvas.fill(&shape, &brush.flat(tone, 1.0));
        canvas.label(&shape, Part::Earring);
        let glint = brush.lightward(drop, head.length(0.02));
        canvas.fill(
            &Shape::circle(glint, head.length(0.02)),
            &brush.flat(Tone::WHITE, 0.8),
        );
    }
}
