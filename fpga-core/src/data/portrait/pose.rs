//! What changes from picture to picture of the same person: posture, expression, clothes.

use serde::{Deserialize, Serialize};

use super::tone::Tone;
use crate::data::draws::{Draws, Purpose};

/// Where a head is and how a body stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Of the face, in picture pixels.
    pub centre: [f32; 2],
    /// Half a head's height in pixels.
    pub unit: f32,
    /// Radians; positive looks to the viewer's right. Up to ±0.5 is drawn well.
    pub yaw: f32,
    /// Radians; positive looks up. Up to ±0.3 is drawn well.
    pub pitch: f32,
    /// Radians; positive tilts the crown to the viewer's right.
    pub roll: f32,
    /// How far the hips are to the right of the neck, in units.
    pub lean: f32,
    /// Of the arm on the viewer's left, then right.
    pub arms: [Arm; 2],
}

/// Angles of an arm in radians, measured from hanging straight down, positive outwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Of the upper arm.
    pub shoulder: f32,
    /// Of the forearm.
    pub elbow: f32,
}

impl Arm {
    const HANGING: Self = Self {
        shoulder: 0.16,
        elbow: 0.06,
    };
    const ON_HIP: Self = Self {
        shoulder: 0.75,
        elbow: -0.85,
    };
    const WAVING: Self = Self {
        shoulder: 1.15,
        elbow: 2.75,
    };
    const FOLDED: Self = Self {
        shoulder: 0.22,
        elbow: -1.75,
    };
    const AWAY: Self = Self {
        shoulder: 0.6,
        elbow: 0.75,
    };

    fn jittered(self, draws: &mut Draws) -> Self {
        Self {
            shoulder: self.shoulder + draws.near(0.0, 0.12),
            elbow: self.elbow + draws.near(0.0, 0.18),
        }
    }
}

impl Pose {
    /// Upright, facing the viewer, arms hanging.
    pub fn frontal(centre: [f32; 2], unit: f32) -> Self {
        Self {
            centre,
            unit,
            yaw: 0.0,
            pitch: 0.0,
            roll: 0.0,
            lean: 0.0,
            arms: [Arm::HANGING; 2],
        }
    }

    /// Another posture at the same place; `free` says which arms have room to be raised.
    pub(super) fn drawn(seed: u64, centre: [f32; 2], unit: f32, free: [bool; 2]) -> Self {
        let draws = &mut Draws::new(seed, Purpose::Pose);
        let arms = free.map(|free| {
            let (waving, away) = if free { (1.0, 1.0) } else { (0.0, 0.0) };
            let arm = draws.weighted(&[
                (Arm::HANGING, 3.0),
                (Arm::ON_HIP, 1.2),
                (Arm::FOLDED, 1.2),
                (Arm::WAVING, waving),
                (Arm::AWAY, away),
            ]);
            arm.jittered(draws)
        });
        Self {
            centre,
            unit,
            yaw: draws.near(0.0, 0.52),
            pitch: draws.near(0.0, 0.24),
            roll: draws.near(0.0, 0.26),
            lean: draws.near(0.0, 0.35),
            arms,
        }
    }
}

/// What a face does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// How captions name it.
    pub mood: Mood,
    /// Corners of the mouth: −1 down, 1 up.
    pub smile: f32,
    /// How far the mouth is open, 0–1.
    pub open: f32,
    /// How far the eyes are open: 0 closed, 1 at ease, 1.3 wide.
    pub eyes: f32,
    /// Brows: −1 drawn together, 1 raised.
    pub brows: f32,
    /// Where the eyes look, −1–1 each way.
    pub gaze: [f32; 2],
}

/// How captions name an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Nothing to name.
    Calm,
    /// "smiling"
    Smiling,
    /// "laughing"
    Laughing,
    /// "looking surprised"
    Surprised,
    /// "looking sad"
    Sad,
    /// "frowning"
    Stern,
    /// "with closed eyes"
    Resting,
}

impl Expression {
    /// Eyes open, mouth closed.
    pub fn calm() -> Self {
        Self {
            mood: Mood::Calm,
            smile: 0.1,
            open: 0.0,
            eyes: 1.0,
            brows: 0.0,
            gaze: [0.0; 2],
        }
    }

    pub(super) fn drawn(seed: u64) -> Self {
        let draws = &mut Draws::new(seed ^ 0xE1, Purpose::Pose);
        let mood = draws.weighted(&[
            (Mood::Calm, 3.0),
            (Mood::Smiling, 3.5),
            (Mood::Laughing, 1.6),
            (Mood::Surprised, 0.8),
            (Mood::Sad, 0.7),
            (Mood::Stern, 0.7),
            (Mood::Resting, 0.3),
        ]);
        let [smile, open, eyes, brows] = match mood {
            Mood::Calm => [0.12, 0.0, 1.0, 0.0],
            Mood::Smiling => [0.85, 0.0, 0.92, 0.15],
            Mood::Laughing => [0.95, 0.75, 0.75, 0.35],
            Mood::Surprised => [0.1, 0.7, 1.28, 0.95],
            Mood::Sad => [-0.7, 0.0, 0.85, 0.3],
            Mood::Stern => [-0.35, 0.0, 0.85, -0.8],
            Mood::Resting => [0.35, 0.0, 0.0, 0.1],
        };
        Self {
            mood,
            smile: smile + draws.near(0.0, 0.15),
            open: if open > 0.0 {
                open + draws.near(0.0, 0.2)
            } else {
                0.0
            },
            eyes: if eyes > 0.0 {
                eyes + draws.near(0.0, 0.08)
            } else {
                0.0
            },
            brows: brows + draws.near(0.0, 0.15),
            gaze: [draws.near(0.0, 0.7), draws.near(0.0, 0.35)],
        }
    }
}

/// What somebody wears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attire {
    /// What covers the chest.
    pub garment: Garment,
    /// Its colour.
    pub tone: Tone,
    /// How captions name the colour.
    pub colour: String,
    /// Of collar, stripes, tie or shirt.
    pub second: Tone,
    /// Of trousers or skirt.
    pub legs: Tone,
    /// On the head, where something is.
    pub hat: Option<Hat>,
}

/// What covers the chest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garment {
    /// Short sleeves, round neck.
    TShirt,
    /// Long sleeves, ribbed neck.
    Sweater,
    /// Horizontal stripes.
    Striped,
    /// A collar and buttons.
    Shirt,
    /// Lapels, shirt and tie.
    Suit,
    /// With a hood.
    Hoodie,
    /// A dress with bare arms.
    Dress,
}

/// What is on the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hat {
    /// Knitted.
    Beanie,
    /// With a brim all round.
    Brimmed,
}

const CLOTHS: [(&str, u32); 14] = [
    ("red", 0xC8_3A3A),
    ("orange", 0xE0_8035),
    ("yellow", 0xE8_C04A),
    ("green", 0x4C_9A58),
    ("dark green", 0x2C_5F46),
    ("teal", 0x2E_8F94),
    ("light blue", 0x7F_B7DE),
    ("blue", 0x35_66B0),
    ("navy", 0x26_3658),
    ("purple", 0x77_4F9E),
    ("pink", 0xE3_8FA8),
    ("white", 0xEE_ECE6),
    ("grey", 0x8C_9098),
    ("black", 0x2B_2A30),
];

impl Attire {
    pub(super) fn drawn(seed: u64, may_hide_hair: bool) -> Self {
        let draws = &mut Draws::new(seed, Purpose::Attire);
        let (colour, code) = draws.pick(&CLOTHS);
        let (_, second) = draws.pick(&CLOTHS);
        let garment = draws.weighted(&[
            (Garment::TShirt, 2.0),
            (Garment::Sweater, 1.8),
            (Garment::Striped, 1.2),
            (Garment::Shirt, 1.5),
            (Garment::Suit, 1.2),
            (Garment::Hoodie, 1.2),
            (Garment::Dress, 0.8),
        ]);
        let legs = draws.pick(&[0x2F_3E5C, 0x22_2228, 0x6B_5B49, 0x4A_5A44, 0x7A_7F88]);
        let hat =
            (may_hide_hair && draws.chance(0.08)).then(|| draws.pick(&[Hat::Beanie, Hat::Brimmed]));
        Self {
            garment,
            tone: Tone::hex(code),
            colour: colour.to_owned(),
            second: Tone::hex(second),
            legs: Tone::hex(legs),
            hat,
        }
    }
}
