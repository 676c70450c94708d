//! What is behind the people.

use serde::{Deserialize, Serialize};

use super::brush::{Brush, Style};
use super::canvas::{Canvas, Wash};
use super::curve::{Point, Shape};
use super::tone::Tone;
use crate::data::draws::{Draws, Purpose};

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backdrop {
    /// A plain wall with a soft gradient.
    Studio,
    /// Trees and grass.
    Park,
    /// Sea and sand.
    Beach,
    /// Snowy peaks.
    Mountains,
    /// Houses.
    City,
    /// A wall with pictures and a window.
    Room,
    /// Shelves of books.
    Library,
    /// The sun low over hills.
    Sunset,
    /// Lights in the dark.
    Night,
}

impl Backdrop {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Studio,
        Self::Park,
        Self::Beach,
        Self::Mountains,
        Self::City,
        Self::Room,
        Self::Library,
        Self::Sunset,
        Self::Night,
    ];

    /// As captions say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Studio => "in front of a plain wall",
            Self::Park => "in a park",
            Self::Beach => "at the beach",
            Self::Mountains => "in the mountains",
            Self::City => "in a city street",
            Self::Room => "in a living room",
            Self::Library => "in a library",
            Self::Sunset => "at sunset",
            Self::Night => "in a city at night",
        }
    }
}

/// Widths and heights as shares of the picture.
struct Stage<'a> {
    canvas: &'a mut Canvas,
    brush: &'a Brush<'a>,
    draws: Draws,
    size: [f32; 2],
}

/// Covers the whole picture.
pub(super) fn paint(canvas: &mut Canvas, brush: &Brush, backdrop: Backdrop, seed: u64) {
    let size = canvas.size();
    let draws = Draws::new(seed, Purpose::Backdrop);
    let mut stage = Stage {
        canvas,
        brush,
        draws,
        size,
    };
    match backdrop {
        Backdrop::Studio => studio(&mut stage),
        Backdrop::Park => park(&mut stage),
        Backdrop::Beach => beach(&mut stage),
        Backdrop::Mountains => mountains(&mut stage),
        Backdrop::City => city(&mut stage),
        Backdrop::Room => room(&mut stage),
        Backdrop::Library => library(&mut stage),
        Backdrop::Sunset => sunset(&mut stage),
        Backdrop::Night => night(&mut stage),
    }
}

impl Stage<'_> {
    fn at(&self, [x, y]: Point) -> Point {
        [x * self.size[0], y * self.size[1]]
    }

    /// A length as a share of the picture's shorter side.
    fn length(&self, share: f32) -> f32 {
        share * self.size[0].min(self.size[1])
    }

    /// From top to bottom of the picture; flat styles use three even bands.
    fn sky(&mut self, top: u32, bottom: u32) {
        let (top, bottom) = (Tone::hex(top), Tone::hex(bottom));
        let whole = Shape::rectangle([-1.0, -1.0], [self.size[0] + 1.0, self.size[1] + 1.0]);
        let height = self.size[1];
        let wash = match self.brush.style {
            Style::Painted => Wash::linear(
                [0.0, 0.0],
                [0.0, height],
                &[(0.0, top, 1.0), (1.0, bottom, 1.0)],
            ),
            Style::Ink | Style::Paper => {
                let middle = top.mix(bottom, 0.5);
                let stops = [
                    (0.0, top, 1.0),
                    (0.33, top, 1.0),
                    (0.335, middle, 1.0),
                    (0.66, middle, 1.0),
                    (0.665, bottom, 1.0),
                    (1.0, bottom, 1.0),
                ];
                Wash::linear([0.0, 0.0], [0.0, height], &stops)
            }
        };
        self.canvas.fill(&whole, &wash);
    }

    fn block(&mut self, from: Point, to: Point, tone: Tone) {
        let shape = Shape::rectangle(self.at(from), self.at(to));
        let wash = self.brush.flat(tone, 1.0);
        self.canvas.fill(&shape, &wash);
    }

    fn disc(&mut self, centre: Point, share: f32, (tone, opacity): (Tone, f32)) {
        let shape = Shape::circle(self.at(centre), self.length(share));
        let wash = self.brush.flat(tone, opacity);
        self.canvas.fill(&shape, &wash);
    }

    /// A glow that fades out.
    fn glow(&mut self, centre: Point, share: f32, (tone, opacity): (Tone, f32)) {
        let (centre, radius) = (self.at(centre), self.length(share));
        let wash = Wash::radial(centre, radius, &[(0.0, tone, opacity), (1.0, tone, 0.0)]);
        self.canvas.fill(&Shape::circle(centre, radius), &wash);
    }

    /// Ground below a wavy line at `height`.
    fn ridge(&mut self, height: f32, swing: f32, tone: Tone) {
        let line: Vec<_> = (0..7)
            .map(|i| {
                let y = height + self.draws.near(0.0, swing);
                self.at([-0.1 + 0.2 * i as f32, y])
            })
            .collect();
        let floor = [self.at([1.1, 1.1]), self.at([-0.1, 1.1])];
        let wash = self.brush.flat(tone, 1.0);
        self.canvas.fill(&Shape::between(&line, &floor), &wash);
    }
}

fn studio(stage: &mut Stage) {
    let walls = [
        (0xB9_C7D4, 0x7F_92A6),
        (0xD9_C7B4, 0xA8_8C76),
        (0xB7_CDB9, 0x7C_9A82),
        (0xC9_BBD6, 0x8E_7BA3),
        (0xE2_D9CB, 0xB5_A791),
        (0x8F_A9B8, 0x4F_6675),
        (0xE8_C9B8, 0xC0_8F7C),
        (0x9C_A0A8, 0x5A_5E68),
    ];
    let (light, dark) = stage.draws.pick(&walls);
    stage.sky(light, dark);
    let from = stage.brush.light.from;
    stage.glow(
        [0.5 + 0.3 * from[0], 0.42 + 0.2 * from[1]],
        0.62,
        (Tone::WHITE, 0.28),
    );
}

fn park(stage: &mut Stage) {
    stage.sky(0x8F_C4E8, 0xD8_ECF2);
    for _ in 0..3 {
        let (x, y) = (stage.draws.unit(), stage.draws.between(0.05, 0.22));
        for puff in 0..3 {
            stage.disc([x + 0.07 * puff as f32, y], 0.06, (Tone::WHITE, 0.7));
        }
    }
    stage.ridge(0.58, 0.05, Tone::hex(0x8D_BE86));
    for tree in 0..5 {
        let x = 0.1 + 0.2 * tree as f32 + stage.draws.near(0.0, 0.08);
        let y = stage.draws.between(0.36, 0.48);
        stage.block([x - 0.012, y], [x + 0.012, 0.68], Tone::hex(0x7A_5A3E));
        let green = stage
            .draws
            .pick(&[0x4F_8F55, 0x5F_A25C, 0x3F_7C4E, 0x7B_AE5A]);
        let radius = stage.draws.between(0.09, 0.14);
        stage.disc([x, y], radius, (Tone::hex(green), 1.0));
        stage.disc(
            [x - 0.02, y - 0.03],
            0.6 * radius,
            (Tone::hex(green).mix(Tone::WHITE, 0.15), 1.0),
        );
    }
    stage.ridge(0.70, 0.03, Tone::hex(0x6F_AA62));
}

fn beach(stage: &mut Stage) {
    stage.sky(0x7E_C3EA, 0xE6_F3F4);
    let x = stage.draws.between(0.1, 0.9);
    stage.glow([x, 0.14], 0.22, (Tone::hex(0xFF_F4C2), 0.8));
    stage.disc([x, 0.14], 0.07, (Tone::hex(0xFF_F0B0), 1.0));
    stage.block([-0.1, 0.50], [1.1, 0.74], Tone::hex(0x3F_93B5));
    stage.block([-0.1, 0.66], [1.1, 0.74], Tone::hex(0x66_B8C4));
    stage.ridge(0.72, 0.02, Tone::hex(0xEB_D9AA));
}

fn mountains(stage: &mut Stage) {
    stage.sky(0x9F_BFE0, 0xE9_EEF3);
    for peak in 0..3 {
        let x = 0.15 + 0.35 * peak as f32 + stage.draws.near(0.0, 0.1);
        let (y, half) = (
            stage.draws.between(0.14, 0.30),
            stage.draws.between(0.24, 0.36),
        );
        let foot = [stage.at([x - half, 0.75]), stage.at([x + half, 0.75])];
        let top = stage.at([x, y]);
        let wash = stage.brush.flat(Tone::hex(0x76_87A3), 1.0);
        stage
            .canvas
            .fill(&Shape::polygon(&[foot[0], top, foot[1]]), &wash);
        let snow = [
            [x - 0.3 * half, y + 0.16],
            [x, y],
            [x + 0.3 * half, y + 0.16],
            [x, y + 0.12],
        ];
        let snow = snow.map(|point| stage.at(point));
        let wash = stage.brush.flat(Tone::hex(0xF4_F7FA), 1.0);
        stage.canvas.fill(&Shape::polygon(&snow), &wash);
    }
    stage.ridge(0.66, 0.04, Tone::hex(0x5F_7F6C));
    stage.ridge(0.78, 0.03, Tone::hex(0x7F_9F72));
}

fn city(stage: &mut Stage) {
    stage.sky(0xA9_CBE4, 0xEC_E9E2);
    houses(
        stage,
        &[0xB9_A99C, 0xC9_8F74, 0x9F_A9B5, 0xD8_C7A2, 0xA9_7F74],
        Tone::hex(0x5F_7486),
    );
    stage.block([-0.1, 0.86], [1.1, 1.1], Tone::hex(0x8A_8A8E));
}

fn houses(stage: &mut Stage, walls: &[u32], window: Tone) {
    let mut x = -0.05;
    while x < 1.0 {
        let width = stage.draws.between(0.15, 0.26);
        let top = stage.draws.between(0.10, 0.42);
        let wall = Tone::hex(stage.draws.pick(walls));
        stage.block([x, top], [x + width, 0.9], wall);
        for row in 0..4 {
            for column in 0..3 {
                let left = x + width * (0.12 + 0.30 * column as f32);
                let y = top + 0.05 + 0.13 * row as f32;
                let lit = stage.draws.chance(0.6);
                let tone = if lit { window } else { wall.mix(window, 0.45) };
                stage.block([left, y], [left + 0.17 * width, y + 0.065], tone);
            }
        }
        x += width + 0.005;
    }
}

fn room(stage: &mut Stage) {
    let wall = stage.draws.pick(&[
        (0xE6_D7C0, 0xCF_B999),
        (0xBF_D0CC, 0x98_B0AC),
        (0xD9_C3C0, 0xBA_9A97),
        (0xC6_CBDD, 0x9F_A6C0),
    ]);
    stage.sky(wall.0, wall.1);
    let x = if stage.draws.chance(0.5) { 0.06 } else { 0.62 };
    stage.block([x - 0.02, 0.08], [x + 0.34, 0.52], Tone::hex(0xF6_F2EA));
    stage.block([x, 0.10], [x + 0.15, 0.50], Tone::hex(0xA9_D3EC));
    stage.block([x + 0.17, 0.10], [x + 0.32, 0.50], Tone::hex(0xA9_D3EC));
    let other = 0.68 - x;
    let art = stage
        .draws
        .pick(&[0xC9_5F4A, 0x3F_7F8F, 0xD8_A83F, 0x6F_5F9F]);
    stage.block([other, 0.16], [other + 0.22, 0.40], Tone::hex(0x5A_4636));
    stage.block([other + 0.02, 0.18], [other + 0.20, 0.38], Tone::hex(art));
    stage.disc([other + 0.11, 0.28], 0.05, (Tone::hex(0xF2_E6CF), 0.9));
    stage.block([-0.1, 0.88], [1.1, 1.1], Tone::hex(0x9A_7554));
}

fn library(stage: &mut Stage) {
    stage.sky(0x6A_4A32, 0x4E_3626);
    for shelf in 0..5 {
        let bottom = 0.20 * (shelf + 1) as f32;
        let mut x = 0.0;
        while x < 1.0 {
            let width = stage.draws.between(0.025, 0.055);
            let height = stage.draws.between(0.11, 0.165);
            let book = stage.draws.pick(&[
                0x8F_3F3A, 0x3F_5F7F, 0x4F_7F5A, 0xB8_8F4A, 0x6A_4F7A, 0xC9_BCA0, 0x2F_3F4A,
            ]);
            stage.block(
                [x, bottom - height - 0.02],
                [x + width - 0.005, bottom - 0.02],
                Tone::hex(book),
            );
            x += width;
        }
        stage.block([-0.1, bottom - 0.02], [1.1, bottom], Tone::hex(0x8A_6444));
    }
}

fn sunset(stage: &mut Stage) {
    stage.sky(0x6E_5A9E, 0xF7_B267);
    let x = stage.draws.between(0.2, 0.8);
    stage.glow([x, 0.52], 0.5, (Tone::hex(0xFF_E2A0), 0.8));
    stage.disc([x, 0.52], 0.10, (Tone::hex(0xFF_E9B0), 1.0));
    stage.ridge(0.62, 0.06, Tone::hex(0x7A_4F6E));
    stage.ridge(0.78, 0.04, Tone::hex(0x4F_3A56));
}

fn night(stage: &mut Stage) {
    stage.sky(0x16_1C38, 0x3A_3A66);
    houses(
        stage,
        &[0x24_2A48, 0x2C_2A4A, 0x1F_2A40, 0x33_2F50],
        Tone::hex(0xF2_CE7A),
    );
    for _ in 0..9 {
        let place = [stage.draws.unit(), stage.draws.between(0.2, 0.9)];
        let tone = stage
            .draws
            .pick(&[0xFF_C86A, 0xF2_7A8A, 0x7A_C8F2, 0xFF_F0C0]);
        let radius = stage.draws.between(0.02, 0.055);
        stage.disc(place, radius, (Tone::hex(tone), 0.35));
    }
}
