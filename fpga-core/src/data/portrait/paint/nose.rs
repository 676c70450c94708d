//! Bridge, tip and wings.

use tiny_skia::Mask;

use super::Sitter;
use crate::data::portrait::brush::INK;
use crate::data::portrait::canvas::{Canvas, Wash};
use crate::data::portrait::curve::Shape;
use crate::face::FacePart as Part;

pub(super) fn paint(canvas: &mut Canvas, sitter: &Sitter, skin: &Mask) {
    let whole = silhouette(sitter);
    canvas.label(&whole, Part::Nose);
    if sitter.brush.is_soft() {
        soft(canvas, sitter, &whole, skin);
    } else {
        drawn(canvas, sitter);
    }
    nostrils(canvas, sitter);
}

fn silhouette(sitter: &Sitter) -> Shape {
    let Sitter { head, person, .. } = sitter;
    let nose = &person.nose;
    let (top, tip) = (person.eyes.height - 0.02, nose.tip);
    let bridge = |side: f32| head.above([side * nose.bridge, top], 0.04);
    let middle =
        |side: f32| head.above([side * nose.bridge * 1.15, 0.55 * tip], 0.55 * nose.relief);
    let wing = |side: f32| head.above([side * nose.width, tip + 0.01], 0.25 * nose.relief);
    let low = |side: f32| head.above([side * 0.6 * nose.width, tip + 0.065], 0.5 * nose.relief);
    let base = head.above([0.0, tip + 0.08 + nose.hook], 0.85 * nose.relief);
    Shape::closed(&[
        bridge(1.0),
        middle(1.0),
        wing(1.0),
        low(1.0),
        base,
        low(-1.0),
        wing(-1.0),
        middle(-1.0),
        bridge(-1.0),
    ])
}

/// A lit ridge, a shaded flank, a shadow below.
fn soft(canvas: &mut Canvas, sitter: &Sitter, whole: &Shape, skin: &Mask) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let nose = &person.nose;
    let dark = person.skin.skin_shade(1.0);
    let under = head.above([0.0, nose.tip + 0.10], 0.1);
    brush.spot(
        canvas,
        (
            brush.lightward(under, -head.length(0.04)),
            head.length(0.24),
        ),
        dark,
        0.34,
        skin,
    );
    let (middle, radius) = whole.middle();
    let across = 0.62 * radius.min(head.length(0.34));
    let away = if brush.light.from[0] > 0.0 { -1.0 } else { 1.0 };
    let [x, y] = middle;
    let stops = [
        (0.0, person.skin.lit(0.35, brush.light.tone), 0.75),
        (0.45, person.skin, 0.70),
        (1.0, dark, 0.35 + 0.25 * brush.light.depth),
    ];
    canvas.fill(
        whole,
        &Wash::linear([x - away * across, y], [x + away * across, y], &stops),
    );
    let tip = head.above([0.0, nose.tip - 0.02], nose.relief);
    let red = person.skin.times([1.0, 0.78, 0.74]);
    brush.spot(canvas, (tip, head.length(0.17)), red, 0.45, skin);
    let glint = brush.lightward(tip, head.length(0.045));
    brush.spot(
        canvas,
        (glint, head.length(0.075)),
        person.skin.lit(0.8, brush.light.tone),
        0.75,
        skin,
    );
}

/// A line down the shaded side and round the tip.
fn drawn(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let nose = &person.nose;
    let turn = head.turn();
    let towards = if turn.abs() > 0.08 {
        turn
    } else {
        -brush.light.from[0]
    };
    let side = if towards < 0.0 { -1.0 } else { 1.0 };
    let tip = nose.tip;
    let (tone, opacity) = match brush.has_lines() {
        true => (INK, 0.85),
        false => (person.skin.skin_shade(0.9), 0.8),
    };
    let flank = Shape::closed(&[
        head.above([side * nose.bridge * 0.6, 0.25 * tip], 0.04),
        head.above([side * nose.bridge * 1.2, 0.6 * tip], 0.6 * nose.relief),
        head.above([side * nose.width, tip + 0.02], 0.25 * nose.relief),
        head.above([0.0, tip + 0.08 + nose.hook], 0.85 * nose.relief),
        head.above([side * nose.bridge * 0.3, 0.75 * tip], nose.relief),
    ]);
    canvas.fill(&flank, &brush.flat(person.skin.skin_shade(0.6), 0.6));
    let under = Shape::open(&[
        head.above([-nose.width, tip - 0.01], 0.2 * nose.relief),
        head.above([-0.55 * nose.width, tip + 0.065], 0.5 * nose.relief),
        head.above([0.0, tip + 0.08 + nose.hook], 0.85 * nose.relief),
        head.above([0.55 * nose.width, tip + 0.065], 0.5 * nose.relief),
        head.above([nose.width, tip - 0.01], 0.2 * nose.relief),
    ]);
    canvas.line(&under, brush.line_width(), &brush.flat(tone, opacity));
}

fn nostrils(canvas: &mut Canvas, sitter: &Sitter) {
    let Sitter {
        brush,
        head,
        person,
        ..
    } = sitter;
    let nose = &person.nose;
    let wash = brush.flat(person.skin.skin_shade(1.0).shade(0.6), 0.75);
    for side in [-1.0, 1.0] {
        let hole = head.above(
            [side * 0.52 * nose.width, nose.tip + 0.045],
            0.55 * nose.relief,
        );
        let size = [head.length(0.24 * nose.width), head.length(0.022)];
        canvas.fill(&Shape::ellipse(hole, size, side * 0.25), &wash);
    }
}
