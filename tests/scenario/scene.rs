//! What is asked of a door, and what it shows.

use fpga_core::RgbImage;
use serde_json::Value;

/// A picture whose bytes are not for messages.
#[derive(Clone)]
pub(crate) struct Picture(pub(crate) RgbImage);

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.dimensions())
    }
}

/// One play.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) task: Task,
    /// The call of the progress callback that says stop, from 1.
    pub(crate) stop_at: Option<usize>,
    pub(crate) cancelled_before: bool,
}

impl Scene {
    pub(crate) fn of(task: Task) -> Self {
        Self {
            task,
            stop_at: None,
            cancelled_before: false,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Task {
    Restore {
        picture: Picture,
        faces: Vec<SceneFace>,
        depth: f64,
        /// Faces are found among [`CROWD`].
        search: Option<Search>,
    },
    Generate(Paint),
}

#[derive(Clone, Debug)]
pub(crate) struct SceneFace {
    pub(crate) edges: [f32; 4],
    /// One byte per pixel of the picture.
    pub(crate) mask: Option<Vec<u8>>,
    pub(crate) prompt: Option<&'static str>,
    /// Who it shall show.
    pub(crate) identity: Option<Embedding>,
}

/// What the adapter of all scenes reads.
pub(crate) type Embedding = [f32; 6];
pub(crate) const ADA: Embedding = [4.0, 1.0, -2.0, 0.5, 3.0, -1.0];
pub(crate) const BEN: Embedding = [-4.0, 1.0, 2.0, 0.5, -3.0, 1.0];

/// Faces that every detector of a scene finds: edges, score, five points or none.
pub(crate) const CROWD: [([f32; 4], f32, Option<[f32; 10]>); 3] = [
    (
        [24.0, 16.0, 51.0, 46.0],
        0.9,
        Some([32.0, 27.0, 44.0, 27.0, 38.0, 33.0, 33.0, 39.0, 43.0, 39.0]),
    ),
    (
        [3.0, 4.0, 19.0, 22.0],
        0.8,
        Some([7.0, 10.0, 15.0, 10.0, 11.0, 13.0, 8.0, 17.0, 14.0, 17.0]),
    ),
    ([60.0, 50.0, 65.0, 56.0], 0.7, None),
];

/// Levels by which pictures of a graphics card may differ from run to run.
const NEAR: u8 = 1;

/// Whose the face with these points is: Ada's at the left, Ben's at the right.
pub(crate) fn recognise(first_x: f32) -> Embedding {
    if first_x < 20.0 { ADA } else { BEN }
}

/// Which faces are worked on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) most: Option<u32>,
    pub(crate) min_size: f32,
    /// Whose; nobody in particular if empty.
    pub(crate) people: Vec<Embedding>,
}

/// Somebody in a picture that is made.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: Option<&'static str>,
    pub(crate) embedding: Embedding,
    pub(crate) edges: [f32; 4],
    pub(crate) strength: f64,
    pub(crate) window: (f64, f64),
}

#[derive(Clone, Debug)]
pub(crate) struct Paint {
    pub(crate) prompt: &'static str,
    pub(crate) negative: &'static str,
    pub(crate) ground: Ground,
    pub(crate) steps: u32,
    pub(crate) count: u32,
    pub(crate) guidance: f64,
    pub(crate) seed: u64,
    pub(crate) philox: bool,
    /// Its number and its name.
    pub(crate) sampler: Option<(u32, &'static str)>,
    /// Side and overlap.
    pub(crate) tile: Option<(u32, u32)>,
    pub(crate) controls: Vec<Control>,
    pub(crate) people: Vec<Person>,
    /// Whether attention is measured and faces are recognised.
    pub(crate) measure: bool,
}

impl Default for Paint {
    fn default() -> Self {
        Self {
            prompt: "a cat",
            negative: "",
            ground: Ground::Blank(16, 16),
            steps: 4,
            count: 1,
            guidance: 7.5,
            seed: 7,
            philox: false,
            sampler: None,
            tile: None,
            controls: Vec::new(),
            people: Vec::new(),
            measure: false,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Ground {
    Blank(u32, u32),
    /// A picture, a mask of one byte per pixel, and how much may change.
    Changed(Picture, Option<Vec<u8>>, f64),
}

/// The condition is drawn by the door: a cross as large as the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) scale: f64,
    pub(crate) window: (f64, f64),
    pub(crate) guess: bool,
}

pub(crate) fn cross(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let line = x == width / 2 || y == height / 2;
        image::Rgb([if line { 255 } else { 0 }, 30, 60])
    })
}

/// Checks that the same is seen in both: on the CPU, to the byte. Graphics cards choose among kernels by trying them,
/// and another choice rounds otherwise: there [`NEAR`] levels more or less are the same.
#[track_caller]
pub(crate) fn assert_same(a: &[RgbImage], b: &[RgbImage]) {
    let sizes = |pictures: &[RgbImage]| {
        pictures
            .iter()
            .map(RgbImage::dimensions)
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(a), sizes(b));
    let levels = a.iter().flat_map(|picture| picture.iter());
    let gaps = levels.zip(b.iter().flat_map(|picture| picture.iter()));
    let gaps: Vec<u8> = gaps.map(|(a, b)| a.abs_diff(*b)).collect();
    let most = gaps.iter().copied().max().unwrap_or(0);
    let other = gaps.iter().filter(|gap| **gap > 0).count();
    let allowed = if is_exact() { 0 } else { NEAR };
    assert!(
        most <= allowed,
        "{other} of {} values differ, by up to {most}",
        gaps.len()
    );
}

/// Whether two reports say the same; numbers are compared as [`assert_same`] compares pictures.
pub(crate) fn agree(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| agree(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b))
        }
        (Value::Number(x), Value::Number(y)) if !is_exact() => {
            let [x, y] = [x, y].map(|number| number.as_f64().unwrap_or(f64::NAN));
            (x - y).abs() <= 1e-3 * x.abs().max(1.0)
        }
        _ => a == b,
    }
}

/// What a door shows at the end.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    pub(crate) pictures: Vec<RgbImage>,
    /// Without times.
    pub(crate) report: Value,
    /// Level and words, without times.
    pub(crate) notes: Vec<(u32, String)>,
}

/// Why a door shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u32,
    pub(crate) message: String,
}

pub(crate) type Shown = Result<Play, Failure>;

/// One message: phase, face + 1 or 0, step, steps.
pub(crate) type Step = [u32; 4];

/// What was heard on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) steps: Vec<Step>,
    pub(crate) previews: Vec<RgbImage>,
    pub(crate) notes: Vec<(u32, String)>,
}

/// A report as its text says, without what differs from run to run.
pub(crate) fn read_report(text: &str) -> Value {
    timeless(serde_json::from_str(text).unwrap())
}

fn timeless(mut report: Value) -> Value {
    match &mut report {
        Value::Object(fields) => {
            fields.remove("seconds");
            for value in fields.values_mut() {
                *value = timeless(value.take());
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = timeless(value.take());
            }
        }
        _ => {}
    }
    report
}

/// A note up to its time.
pub(crate) fn untimed(words: &str) -> String {
    words.split(';').next().unwrap_or_default().to_owned()
}

fn is_exact() -> bool {
    device_name() == "cpu"
}

/// Where scenes are played: `FPGA_TEST_DEVICE`, or the CPU.
pub(crate) fn device_name() -> String {
    std::env::var("FPGA_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}
