//! What a pixel of a person shows.

use serde::{Deserialize, Serialize};

/// The 19 classes of face parsing networks, with their numbers.
///
/// "Left" is what a viewer sees on the left, as in [`Landmarks5`](crate::face::Landmarks5). Arms and
/// hands count as [`Part::Background`], as they do for those networks; the person mask has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Part {
    /// Nothing of a head, neck or garment.
    Background = 0,
    /// Of the face; beards count as skin, as they do for those networks.
    Skin = 1,
    /// Left brow.
    LeftBrow = 2,
    /// Right brow.
    RightBrow = 3,
    /// Left eye: white, iris and pupil.
    LeftEye = 4,
    /// Right eye.
    RightEye = 5,
    /// The frame of a pair of glasses.
    Glasses = 6,
    /// Left ear.
    LeftEar = 7,
    /// Right ear.
    RightEar = 8,
    /// What hangs from an ear.
    Earring = 9,
    /// Bridge, tip and wings.
    Nose = 10,
    /// What an open mouth shows.
    Mouth = 11,
    /// Upper lip.
    UpperLip = 12,
    /// Lower lip.
    LowerLip = 13,
    /// Neck.
    Neck = 14,
    /// What hangs round the neck.
    Necklace = 15,
    /// Garments.
    Cloth = 16,
    /// Of the head.
    Hair = 17,
    /// What is worn on the head.
    Hat = 18,
}

impl Part {
    /// Number of classes.
    pub const COUNT: usize = 19;
}
