//! Lips, and what is between them.

use tiny_skia::Mask;

use super::Sitter;
use crate::data::portrait::brush::INK;
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::{Point, Shape};
use crate::data::portrait::head::Head;
use crate::data::portrait::person::Mouth;
use crate::data::portrait::pose::Expression;
use crate::data::portrait::tone::Tone;
use crate::face::FacePart as Part;

/// The mouth as it is in this picture.
pub(super) struct Lips<'a> {
    head: &'a Head,
    mouth: &'a Mouth,
    /// Half the width.
    width: f32,
    /// How much higher the corners are than the middle.
    lift: f32,
    /// How far the lips are apart in the middle.
    gap: f32,
}

impl<'a> Lips<'a> {
    pub(super) fn new(head: &'a Head, mouth: &'a Mouth, expression: &Expression) -> Self {
        let (smile, open) = (expression.smile, expression.open);
        let round = open * (1.0 - smile.max(0.0));
        Self {
            head,
            mouth,
            width: mouth.width * (1.0 + 0.24 * smile.max(0.0) - 0.38 * round),
            lift: 0.075 * smile,
            gap: 0.24 * open,
        }
    }

    /// `out` from the left (−1) to the right corner (1), `down` from the line between the lips.
    fn at(&self, out: f32, down: f32) -> Point {
        let bend = self.lift * (out * out - 0.35);
        self.head
            .on([out * self.width, self.mouth.height - bend + down])
    }

    /// Left and right corner.
    pub(super) fn corners(&self) -> [Point; 2] {
        [self.at(-1.0, 0.0), self.at(1.0, 0.0)]
    }

    fn upper_edge(&self) -> [Point; 7] {
        let (lip, bow) = (self.mouth.upper, self.mouth.bow * self.mouth.upper);
        let rise = 0.28 * self.gap;
        [
            self.at(-1.0, 0.0),
            self.at(-0.6, -0.62 * lip - 0.7 * rise),
            self.at(-0.22, -lip - rise),
            self.at(0.0, bow - lip - rise),
            self.at(0.22, -lip - rise),
            self.at(0.6, -0.62 * lip - 0.7 * rise),
            self.at(1.0, 0.0),
        ]
    }

    /// The inner edge of the upper lip, from right to left.
    fn inner_upper(&self) -> [Point; 3] {
        [
            self.at(1.0, 0.0),
            self.at(0.0, 0.008 - 0.28 * self.gap),
            self.at(-1.0, 0.0),
        ]
    }

    /// The inner edge of the lower lip, from left to right.
    fn inner_lower(&self) -> [Point; 5] {
        let drop = 0.72 * self.gap;
        [
            self.at(-1.0, 0.0),
            self.at(-0.6, 0.72 * drop),
            self.at(0.0, 0.008 + drop),
            self.at(0.6, 0.72 * drop),
            self.at(1.0, 0.0),
        ]
    }

    fn lower_edge(&self) -> [Point; 5] {
        let (lip, drop) = (self.mouth.lower, 0.72 * self.gap);
        [
            self.at(1.0, 0.0),
            self.at(0.58, 0.74 * (lip + drop)),
            self.at(0.0, lip + drop),
            self.at(-0.58, 0.74 * (lip + drop)),
            self.at(-1.0, 0.0),
        ]
    }
}

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        expression,
        ..
    } = sitter;
    let lips = Lips::new(head, &person.mouth, expression);
    if brush.is_soft() {
        let below = head.on([
            0.0,
            person.mouth.height + person.mouth.lower + 0.75 * lips.gap + 0.06,
        ]);
        brush.spot(
            canvas,
            (below, head.length(0.17)),
            person.skin.skin_shade(1.0),
            0.30,
            skin,
        );
    }
    if lips.gap > 0.02 {
        inside(canvas, sitter, &lips);
    }
    let tone = person.mouth.tone;
    let lower = Shape::between(&lips.inner_lower(), &lips.lower_edge());
    canvas.fill(&lower, &brush.flat(tone, 0.96));
    canvas.label(&lower, Part::LowerLip);
    if brush.is_soft() {
        let shine = head.on([
            0.0,
            person.mouth.height + 0.55 * person.mouth.lower + 0.75 * lips.gap,
        ]);
        let spot = (brush.lightward(shine, head.length(0.03)), head.length(0.10));
        brush.spot(
            canvas,
            spot,
            tone.lit(0.7, brush.light.tone),
            0.45,
            &canvas.mask(&lower),
        );
    }
    let upper = Shape::between(&lips.upper_edge(), &lips.inner_upper());
    canvas.fill(&upper, &brush.flat(tone.shade(0.28), 0.96));
    canvas.label(&upper, Part::UpperLip);
    if lips.gap <= 0.02 {
        let mut line = lips.inner_upper();
        line.reverse();
        let dark = if brush.has_lines() {
            INK
        } else {
            tone.shade(1.0).shade(0.5)
        };
        canvas.line(
            &Shape::open(&line),
            head.length(0.028),
            &brush.flat(dark, 0.85),
        );
    }
}

/// The dark of the mouth, teeth above, tongue below.
fn inside(canvas: &mut Canvas, sitter: &Sitter, lips: &Lips) {
    let Sitter { brush, head, .. } = sitter;
    let shape = Shape::between(&lips.inner_lower(), &lips.inner_upper());
    canvas.fill(&shape, &Wash::flat(Tone::hex(0x4A_1218), 1.0));
    canvas.label(&shape, Part::Mouth);
    let within = canvas.mask(&shape);
    let tongue = lips.at(0.0, 0.80 * lips.gap);
    let size = [head.length(0.62 * lips.width), head.length(0.34 * lips.gap)];
    canvas.fill_within(
        &Shape::ellipse(tongue, size, 0.0),
        &brush.flat(Tone::hex(0xC8_5560), 1.0),
        &within,
    );
    let bottom = 0.06 * lips.gap;
    let teeth = Shape::between(
        &[
            lips.at(-0.86, -0.14),
            lips.at(0.0, -0.2),
            lips.at(0.86, -0.14),
        ],
        &[
            lips.at(0.80, 0.02),
            lips.at(0.0, bottom),
            lips.at(-0.80, 0.02),
        ],
    );
    canvas.fill_within(&teeth, &brush.flat(Tone::hex(0xF8_F4EC), 1.0), &within);
}
