//! The model that comes with the library: it loads, and does what it is there for.

#[path = "../fpga-core/examples/shared/head.rs"]
mod head;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fpga_core::data::portrait::{Framing, Person, Scene, SceneSampler, Style, Wording};
use fpga_core::diffusion::Guidance;
use fpga_core::face::{ArcFaceEmbedder, BiSeNetParser, FaceDetector, FaceEmbedder, ParsedFaces};
use fpga_core::pipeline::{
    AdapterOptions, Canvas, DeviceChoice, FaceReference, GenerateRequest, IdentityAdapter,
    LoadOptions, Monitor, People, Place, PortraitGenerator, PortraitIdentity, StableDiffusion,
};
use fpga_core::text::LongPrompt;
use fpga_core::weights::{Storage, arcface_from_file, bisenet_from_file};
use head::head;

/// People from this number on were never trained on.
const STRANGERS: u64 = 1_200_000;
const SIDE: u32 = 128;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fpga-core/model")
}

fn device() -> Device {
    DeviceChoice::default().open().unwrap()
}

fn embedder() -> ArcFaceEmbedder {
    let path = folder().join("face/backbone.safetensors");
    let (network, _) = arcface_from_file(&path, Storage::F32, &device()).unwrap();
    ArcFaceEmbedder::new(network, &device()).unwrap()
}

fn detector() -> ParsedFaces<BiSeNetParser> {
    let path = folder().join("parser/parser.safetensors");
    let (network, _) = bisenet_from_file(&path, Storage::F32, &device()).unwrap();
    let parser = BiSeNetParser::new(network, &device()).unwrap();
    ParsedFaces(parser.at_side(512).unwrap())
}

fn sampler(framing: Framing) -> SceneSampler {
    SceneSampler {
        framing,
        styles: vec![Style::Painted],
        hats: false,
        ..SceneSampler::new(SIDE)
    }
}

fn group(first: u64, people: u64, seed: u64) -> Scene {
    let people: Vec<_> = (first..first + people).map(Person::from_seed).collect();
    sampler(Framing::Half).scene(&people, seed).unwrap()
}

/// What a clone brings along.
#[test]
fn all_weights_together_are_small() {
    fn bytes(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let size = |entry: std::fs::DirEntry| match entry.path() {
            path if path.is_dir() => bytes(&path),
            path if path.extension().is_some_and(|end| end == "safetensors") => {
                entry.metadata().unwrap().len()
            }
            _ => 0,
        };
        entries.map(size).sum()
    }
    let found = bytes(&folder());
    assert!((1_000_000..8_000_000).contains(&found), "{found} bytes");
}

#[test]
fn drawn_faces_are_found_where_they_are() {
    let detector = detector();
    let (mut found, mut all, mut error) = (0, 0, 0.0);
    for seed in 0..12 {
        let drawing = group(STRANGERS + 2 * seed, 2, seed).draw().unwrap();
        let faces = detector.detect(&drawing.picture).unwrap();
        for figure in &drawing.figures {
            all += 1;
            let [x, y] = figure.face.centre();
            let here = faces.iter().find(|face| {
                let [left, top, right, bottom] = face.bounds.edges().map(f64::from);
                (left..right).contains(&x) && (top..bottom).contains(&y)
            });
            let Some(face) = here else { continue };
            found += 1;
            let truth = figure.landmarks.points();
            let width = figure.face.width();
            let seen = face.landmarks.unwrap().points();
            let gaps = seen
                .iter()
                .zip(truth)
                .map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]));
            error += gaps.sum::<f32>() / 5.0 / width;
        }
    }
    assert!(found * 10 >= all * 9, "{found} of {all} faces");
    let error = error / found as f32;
    assert!(
        error < 0.1,
        "landmarks are off by {error} of a face's width"
    );
}

/// Two strangers in one picture: each face is more like the person that was given for its place.
#[test]
fn given_people_appear_at_their_places() {
    let device = device();
    let model = StableDiffusion::load(folder(), &LoadOptions::default(), &device).unwrap();
    let file = folder().join("adapter.safetensors");
    let adapter = IdentityAdapter::load(&file, &model, &AdapterOptions::default()).unwrap();
    let embedder = embedder();
    let (mut right, mut all) = (0, 0);
    for seed in 0..4 {
        let first = STRANGERS + 2 * seed;
        let known = [first, first + 1].map(|number| {
            let portrait = sampler(Framing::Portrait);
            let portrait = portrait.portrait(&Person::from_seed(number), seed).unwrap();
            let drawing = portrait.draw().unwrap();
            let landmarks = &drawing.figures[0].landmarks;
            embedder.embed(&drawing.picture, landmarks).unwrap()
        });
        let scene = group(first, 2, 100 + seed);
        let drawing = scene.draw().unwrap();
        let people = known.iter().zip(&drawing.figures).map(|(face, figure)| {
            let reference = FaceReference::from_embedding(face.clone());
            let tokens = adapter.tokens(&[reference]).unwrap();
            PortraitIdentity::new(tokens, Place::Box(head(&figure.face).unwrap()))
        });
        let request = GenerateRequest {
            steps: 15,
            guidance: Guidance::new(2.5),
            seed: Some(seed),
            people: Some(People::new(adapter.attention(), people.collect())),
            ..GenerateRequest::new(
                scene.caption(Wording::Plain).as_str(),
                Canvas::Blank {
                    width: SIDE,
                    height: SIDE,
                },
            )
        };
        let made = PortraitGenerator::new(&model).generate(&request, &mut Monitor::none());
        let picture = &made.unwrap().pictures[0];
        for (own, figure) in drawing.figures.iter().enumerate() {
            let face = embedder.embed(picture, &figure.landmarks).unwrap();
            let likeness = [0, 1].map(|other: usize| face.cosine(&known[other]).unwrap());
            right += usize::from(likeness[own] > likeness[1 - own]);
            all += 1;
        }
    }
    assert!(right * 4 >= all * 3, "{right} of {all} faces");
}

/// Whoever asks before a job starts learns what a long prompt costs.
#[test]
fn estimates_of_memory_count_the_prompt() {
    let model = StableDiffusion::load(folder(), &LoadOptions::default(), &device()).unwrap();
    let denoise = |words: usize, long_prompt| {
        let canvas = Canvas::Blank {
            width: SIDE,
            height: SIDE,
        };
        let request = GenerateRequest {
            long_prompt,
            ..GenerateRequest::new("hair ".repeat(words), canvas)
        };
        request.memory(&model).unwrap().denoise
    };
    let windows = LongPrompt::Split;
    let [short, long, longer] = [10, 750, 1500].map(|words| denoise(words, windows));
    assert!(short < long, "{short} and {long}");
    // Ten windows and twenty: what they add grows with them, whatever two windows cost.
    let more = (longer - long) as f64 / (long - short) as f64;
    assert!((1.0..1.5).contains(&more), "{short}, {long}, {longer}");
    assert_eq!(short, denoise(1500, LongPrompt::Truncate));
}
