//! What tells garments apart: necklines, stripes, collars, lapels.

use super::Sitter;
use super::body::RAISE;
use crate::data::portrait::brush::Matter;
use crate::data::portrait::canvas::Canvas;
use crate::data::portrait::curve::Shape;
use crate::data::portrait::pose::Garment;
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// Collar, stripes, lapels: what tells garments apart.
pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter, trunk: &Shape) {
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
