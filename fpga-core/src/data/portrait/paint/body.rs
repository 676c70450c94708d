//! Neck, trunk, arms and legs, and the joints between them.

use super::Sitter;
use crate::data::draws::sin_cos;
use crate::data::portrait::brush::{Brush, INK, Matter};
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::person::{Person, Presentation};
use crate::data::portrait::pose::{Garment, Pose};
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// Shoulder to elbow, elbow to wrist, in units.
const ARM: [f32; 2] = [1.32, 1.18];

/// How far the trunk is pushed up under the chin, in units.
const RAISE: f32 = 0.26;

/// Where a body bends, in picture pixels; pairs are viewer's left, right.
#[derive(Clone, Debug)]
pub(in crate::data::portrait) struct Joints {
    pub(in crate::data::portrait) neck: Point,
    pub(in crate::data::portrait) shoulders: [Point; 2],
    pub(in crate::data::portrait) elbows: [Point; 2],
    pub(in crate::data::portrait) wrists: [Point; 2],
    pub(in crate::data::portrait) hips: [Point; 2],
    pub(in crate::data::portrait) knees: [Point; 2],
    pub(in crate::data::portrait) ankles: [Point; 2],
}

/// Half the width between the shoulder joints.
fn shoulder_width(person: &Person) -> f32 {
    match person.presentation {
        Presentation::Woman => 1.02,
        Presentation::Man => 1.20,
    }
}

pub(in crate::data::portrait) fn joints(person: &Person, pose: &Pose) -> Joints {
    let at = |x: f32, y: f32| {
        [
            pose.centre[0] + x * pose.unit,
            pose.centre[1] + (y - RAISE) * pose.unit,
        ]
    };
    let half = shoulder_width(person);
    let sides = [-1.0_f32, 1.0];
    let shoulders = sides.map(|side| at(side * half, 1.78));
    let reach = |from: Point, angle: f32, side: f32, length: f32| {
        let (sin, cos) = sin_cos(angle);
        [
            from[0] + side * sin * length * pose.unit,
            from[1] + cos * length * pose.unit,
        ]
    };
    let elbows = [0, 1].map(|i| reach(shoulders[i], pose.arms[i].shoulder, sides[i], ARM[0]));
    let wrists = [0, 1].map(|i| reach(elbows[i], pose.arms[i].elbow, sides[i], ARM[1]));
    Joints {
        neck: at(0.0, 1.62),
        shoulders,
        elbows,
        wrists,
        hips: sides.map(|side| at(pose.lean + side * 0.58 * half, 4.25)),
        knees: sides.map(|side| at(0.8 * pose.lean + side * 0.54 * half, 6.15)),
        ankles: sides.map(|side| at(0.6 * pose.lean + side * 0.52 * half, 8.0)),
    }
}

pub(super) fn neck(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        pose,
        ..
    } = sitter;
    let wide = match person.presentation {
        Presentation::Woman => 0.37,
        Presentation::Man => 0.47,
    };
    let at = |x: f32, y: f32| {
        [
            pose.centre[0] + x * pose.unit,
            pose.centre[1] + (y - RAISE) * pose.unit,
        ]
    };
    let [left, right] = [-1.0, 1.0].map(|side: f32| head.point([side * wide, 0.55, -0.05]));
    let shape = Shape::polygon(&[
        left,
        at(-wide, 1.25),
        at(-wide - 0.30, 1.72),
        at(wide + 0.30, 1.72),
        at(wide, 1.25),
        right,
    ]);
    let tone = person.skin.times([0.97, 0.94, 0.93]);
    brush.surface(canvas, &shape, Matter::skin(tone));
    canvas.label(&shape, Part::Neck);
    let dark = person.skin.skin_shade(1.0);
    let (from, to) = (
        head.point([0.0, person.face.chin - 0.05, 0.1]),
        at(0.0, 1.55),
    );
    let opacity = 0.35 + 0.3 * brush.light.depth;
    let wash = match brush.is_soft() {
        true => Wash::linear(from, to, &[(0.0, dark, opacity), (1.0, dark, 0.0)]),
        false => Wash::linear(
            from,
            to,
            &[(0.0, dark, 0.5), (0.5, dark, 0.5), (0.51, dark, 0.0)],
        ),
    };
    canvas.fill(&shape, &wash);
}

/// Legs, trunk and what covers them.
pub(super) fn trunk(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        person,
        pose,
        attire,
        ..
    } = sitter;
    legs(canvas, sitter);
    let half = shoulder_width(person);
    let lean = pose.lean;
    let at = |x: f32, y: f32| {
        [
            pose.centre[0] + x * pose.unit,
            pose.centre[1] + (y - RAISE) * pose.unit,
        ]
    };
    let side = |sign: f32| {
        [
            at(sign * 0.40, 1.38),
            at(sign * (half - 0.30), 1.52),
            at(sign * (half + 0.10), 1.74),
            at(sign * (half + 0.02), 2.35),
            at(0.5 * lean + sign * 0.76 * half, 3.25),
            at(lean + sign * 0.84 * half, 4.35),
        ]
    };
    let mut back = side(-1.0);
    back.reverse();
    let mut points = vec![at(0.0, 1.52)];
    points.extend(side(1.0));
    points.extend(back);
    let shape = Shape::closed(&points);
    brush.surface(canvas, &shape, Matter::cloth(attire.tone));
    canvas.label(&shape, Part::Cloth);
    garment(canvas, sitter, &shape);
}

fn legs(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        person,
        pose,
        attire,
        ..
    } = sitter;
    let joints = joints(person, pose);
    let skirt = attire.garment == Garment::Dress;
    let tone = if skirt { person.skin } else { attire.legs };
    for i in 0..2 {
        let [x, y] = joints.ankles[i];
        let path = [joints.hips[i], joints.knees[i], joints.ankles[i]];
        limb(canvas, sitter, &path, 0.62, tone);
        let shoe = Shape::ellipse(
            [x + (i as f32 - 0.5) * 0.3 * pose.unit, y + 0.18 * pose.unit],
            [0.46 * pose.unit, 0.22 * pose.unit],
            0.0,
        );
        sitter
            .brush
            .surface(canvas, &shoe, Matter::cloth(Tone::hex(0x2C_2730)));
        canvas.label(&shoe, Part::Cloth);
    }
    if skirt {
        let [[x0, y0], [x1, _]] = joints.hips;
        let (u, low) = (pose.unit, joints.knees[0][1]);
        let shape = Shape::closed(&[
            [x0 - 0.1 * u, y0 - 0.9 * u],
            [x1 + 0.1 * u, y0 - 0.9 * u],
            [x1 + 0.65 * u, low],
            [(x0 + x1) / 2.0, low + 0.1 * u],
            [x0 - 0.65 * u, low],
        ]);
        sitter
            .brush
            .surface(canvas, &shape, Matter::cloth(attire.tone));
        canvas.label(&shape, Part::Cloth);
    }
}

/// Collar, stripes, lapels: what tells garments apart.
fn garment(canvas: &mut Canvas, sitter: &Sitter, trunk: &Shape) {
    let Sitter {
        brush,
        pose,
        attire,
        ..
    } = sitter;
    let within = canvas.mask(trunk);
    let unit = pose.unit;
    let at = |x: f32, y: f32| {
        [
            pose.centre[0] + x * unit,
            pose.centre[1] + (y - RAISE) * unit,
        ]
    };
    let dark = brush.flat(attire.tone.shade(0.9), 0.85);
    let second = brush.flat(attire.second, 1.0);
    let neckline = Shape::open(&[
        at(-0.50, 1.36),
        at(-0.28, 1.56),
        at(0.0, 1.62),
        at(0.28, 1.56),
        at(0.50, 1.36),
    ]);
    match attire.garment {
        Garment::TShirt | Garment::Dress => {
            canvas.line_within(&neckline, 0.10 * unit, &dark, &within)
        }
        Garment::Sweater => canvas.line_within(&neckline, 0.24 * unit, &dark, &within),
        Garment::Striped => {
            for stripe in 0..6 {
                let y = 1.95 + 0.46 * stripe as f32;
                let band = Shape::open(&[at(-2.0, y - 0.08), at(0.0, y + 0.06), at(2.0, y - 0.08)]);
                canvas.line_within(&band, 0.19 * unit, &second, &within);
            }
        }
        Garment::Shirt => {
            collar(canvas, sitter, attire.tone.mix(Tone::WHITE, 0.25));
            canvas.line_within(
                &Shape::segment(at(0.0, 1.7), at(0.3 * pose.lean, 4.4)),
                0.05 * unit,
                &dark,
                &within,
            );
            for button in 0..4 {
                let dot = at(0.0, 2.05 + 0.5 * button as f32);
                canvas.fill(&Shape::circle(dot, 0.06 * unit), &dark);
            }
        }
        Garment::Suit => {
            let shirt = Shape::polygon(&[at(-0.42, 1.36), at(0.42, 1.36), at(0.0, 2.9)]);
            canvas.fill_within(&shirt, &brush.flat(Tone::hex(0xF2_F0EA), 1.0), &within);
            let tie = Shape::polygon(&[
                at(-0.10, 1.58),
                at(0.10, 1.58),
                at(0.15, 2.5),
                at(0.0, 2.85),
                at(-0.15, 2.5),
            ]);
            canvas.fill_within(&tie, &second, &within);
            let lapel = |side: f32| {
                Shape::polygon(&[
                    at(side * 0.44, 1.36),
                    at(side * 0.80, 1.72),
                    at(side * 0.62, 2.05),
                    at(0.0, 2.95),
                ])
            };
            for side in [-1.0, 1.0] {
                canvas.fill_within(
                    &lapel(side),
                    &brush.flat(attire.tone.shade(0.4), 1.0),
                    &within,
                );
            }
        }
        Garment::Hoodie => {
            let hood = Shape::open(&[
                at(-0.72, 1.42),
                at(-0.38, 1.70),
                at(0.0, 1.80),
                at(0.38, 1.70),
                at(0.72, 1.42),
            ]);
            canvas.line(
                &hood,
                0.34 * unit,
                &brush.flat(attire.tone.shade(0.45), 1.0),
            );
            canvas.label_line(&hood, 0.34 * unit, Part::Cloth);
            for side in [-1.0, 1.0] {
                let string = Shape::segment(at(side * 0.2, 1.78), at(side * 0.24, 2.4));
                canvas.line(&string, 0.06 * unit, &brush.flat(Tone::hex(0xF2_F0EA), 1.0));
            }
        }
    }
}

fn collar(canvas: &mut Canvas, sitter: &Sitter, tone: Tone) {
    let Sitter { brush, pose, .. } = sitter;
    let at = |x: f32, y: f32| {
        [
            pose.centre[0] + x * pose.unit,
            pose.centre[1] + (y - RAISE) * pose.unit,
        ]
    };
    for side in [-1.0, 1.0] {
        let flap = Shape::polygon(&[
            at(side * 0.48, 1.24),
            at(side * 0.60, 1.62),
            at(side * 0.30, 1.92),
            at(0.0, 1.60),
        ]);
        brush.surface(canvas, &flap, Matter::cloth(tone));
        canvas.label(&flap, Part::Cloth);
    }
}

pub(super) fn arms(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        person,
        pose,
        attire,
        ..
    } = sitter;
    let joints = joints(person, pose);
    for i in 0..2 {
        let (shoulder, elbow, wrist) = (joints.shoulders[i], joints.elbows[i], joints.wrists[i]);
        let bare = matches!(attire.garment, Garment::TShirt | Garment::Dress);
        let hand = Shape::circle(
            [
                wrist[0] + 0.14 * (wrist[0] - elbow[0]),
                wrist[1] + 0.14 * (wrist[1] - elbow[1]),
            ],
            0.24 * pose.unit,
        );
        let sleeve = if bare { person.skin } else { attire.tone };
        limb(canvas, sitter, &[shoulder, elbow, wrist], 0.42, sleeve);
        if bare {
            canvas.label_line(
                &Shape::open(&[shoulder, elbow, wrist]),
                0.42 * pose.unit,
                Part::Background,
            );
        }
        if attire.garment == Garment::TShirt {
            let middle = [
                (shoulder[0] + elbow[0]) / 2.0,
                (shoulder[1] + elbow[1]) / 2.0,
            ];
            limb(canvas, sitter, &[shoulder, middle], 0.56, attire.tone);
        }
        brush.surface(canvas, &hand, Matter::skin(person.skin));
        canvas.label(&hand, Part::Background);
    }
}

/// A thick line with round ends, shaded across.
fn limb(canvas: &mut Canvas, sitter: &Sitter, path: &[Point], width: f32, tone: Tone) {
    let Sitter { brush, pose, .. } = sitter;
    let (shape, width) = (bent(path), width * pose.unit);
    if brush.has_lines() {
        canvas.line(
            &shape,
            width + 2.0 * brush.line_width(),
            &Wash::flat(INK, 1.0),
        );
    }
    canvas.line(&shape, width, &brush.flat(tone, 1.0));
    canvas.label_line(&shape, width, Part::Cloth);
    shade_limb(canvas, brush, (&shape, path[0]), width, tone);
}

/// Straight pieces: a bone does not bend.
fn bent(path: &[Point]) -> Shape {
    let doubled: Vec<_> = path.iter().flat_map(|&point| [point, point]).collect();
    Shape::open(&doubled)
}

fn shade_limb(
    canvas: &mut Canvas,
    brush: &Brush,
    (shape, from): (&Shape, Point),
    width: f32,
    tone: Tone,
) {
    if !brush.is_soft() {
        return;
    }
    let (middle, radius) = shape.middle();
    let _ = from;
    let dark = tone.shade(0.9);
    let (start, end) = (
        brush.lightward(middle, 0.2 * radius),
        brush.lightward(middle, -radius),
    );
    let wash = Wash::linear(
        start,
        end,
        &[
            (0.0, dark, 0.0),
            (1.0, dark, 0.35 + 0.3 * brush.light.depth),
        ],
    );
    canvas.line(shape, width, &wash);
}
