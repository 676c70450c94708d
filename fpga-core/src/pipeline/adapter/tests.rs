//! ConsistentID from a reference picture to a picture's latents, against PyTorch
//! (`tests/fixtures/consistentid_portrait/make.py`), and what observers see.

use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::Array2;

use super::*;
use crate::diffusion::Guidance;
use crate::face::{DetectedFace, FaceBox, Landmarks5, PartMap};
use crate::identity::facial_prompt::{Pairing, PromptLayout};
use crate::pipeline::{
    Canvas, GenerateRequest, LoadOptions, Monitor, People, PortraitGenerator, PortraitIdentity,
    Prompt, Sampled,
};
use crate::sampler::SamplerKind;
use crate::weights::TensorSource;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

fn portrait(path: &str) -> PathBuf {
    fixture("consistentid_portrait").join(path)
}

fn expected<const D: usize>(name: &str) -> Tensor<D> {
    let file = TensorSource::open(portrait("expected.safetensors")).unwrap();
    file.tensor(name, Storage::F32, &Device::flex()).unwrap()
}

#[track_caller]
fn assert_near<const D: usize>(found: Tensor<D>, name: &str, limit: f32) {
    let wanted = expected::<D>(name);
    assert_eq!(found.dims(), wanted.dims(), "{name}");
    let norm = |values: Tensor<D>| values.square().sum().sqrt().into_scalar::<f32>();
    let error = norm(found - wanted.clone()) / norm(wanted);
    assert!(error < limit, "{name}: {error:e}");
}

fn model() -> StableDiffusion {
    let options = LoadOptions {
        tokenizer: Some(fixture("clip_tokenizer/sd1")),
        ..LoadOptions::default()
    };
    StableDiffusion::load(portrait("model"), &options, &Device::flex()).unwrap()
}

fn options() -> AdapterOptions {
    AdapterOptions {
        image_encoder: Some(portrait("image_encoder")),
        ..AdapterOptions::default()
    }
}

fn adapter(model: &StableDiffusion) -> IdentityAdapter {
    IdentityAdapter::load(portrait("adapter.bin"), model, &options()).unwrap()
}

fn picture(name: &str) -> RgbImage {
    image::open(portrait(name)).unwrap().to_rgb8()
}

fn reference() -> FaceReference {
    let parts = image::open(portrait("parts.png")).unwrap().to_luma8();
    let size = (parts.height() as usize, parts.width() as usize);
    let labels = Array2::from_shape_vec(size, parts.into_raw()).unwrap();
    let embedding = expected::<2>("embedding").into_data();
    let embedding = FaceEmbedding::new(embedding.iter::<f32>().collect()).unwrap();
    FaceReference {
        picture: Some(picture("reference.png")),
        landmarks: None,
        embedding: Some(embedding),
        parts: Some(PartMap::new(labels).unwrap()),
    }
}

fn text<'a>(reference: &'a FaceReference, pairing: Pairing) -> FacialText<'a> {
    FacialText {
        prompt: "a photo of a woman",
        negative_prompt: "quality ugly !!!",
        caption: Some("face, eyes, ears"),
        reference,
        ways: FacialTextWays {
            pairing,
            last_plain_step: 1,
            ..FacialTextWays::upstream(PromptLayout::Joined)
        },
    }
}

fn context(prompt: &Prompt) -> Tensor<3> {
    match prompt {
        Prompt::Embedded { context, .. } => context.clone(),
        Prompt::Text(text) => panic!("{text:?} was to be encoded"),
    }
}

#[test]
fn a_reference_becomes_the_reference_s_tokens_and_text() {
    let model = model();
    let adapter = adapter(&model);
    assert_eq!(adapter.kind(), AdapterKind::ConsistentId);
    let reference = reference();
    let tokens = adapter.tokens(std::slice::from_ref(&reference)).unwrap();
    assert_near(tokens.conditional, "tokens", 2e-5);
    assert_near(tokens.unconditional, "no_tokens", 2e-5);

    let prompts = |pairing| {
        let text = text(&reference, pairing);
        adapter.facial_prompts(model.text.as_ref(), &text).unwrap()
    };
    let upstream = prompts(Pairing::Upstream);
    assert_near(context(&upstream.prompt), "plain", 2e-5);
    assert_near(context(&upstream.negative_prompt), "fused_negative", 2e-5);
    let change = upstream.change;
    assert_eq!(change.from_step, 2);
    assert_near(context(&change.prompt), "fused", 2e-5);
    assert_near(context(&change.negative_prompt), "fused_negative", 2e-5);
    let by_word = prompts(Pairing::ByWord).change.prompt;
    assert_near(context(&by_word), "fused.by_word", 2e-5);

    let ways = FacialTextWays {
        negative: NegativeText::Plain,
        ..text(&reference, Pairing::Upstream).ways
    };
    let written = FacialText {
        ways,
        ..text(&reference, Pairing::Upstream)
    };
    let written = adapter
        .facial_prompts(model.text.as_ref(), &written)
        .unwrap();
    assert_near(context(&written.negative_prompt), "negative", 2e-5);
    assert_near(
        context(&written.change.negative_prompt),
        "fused_negative",
        2e-5,
    );
}

#[test]
fn the_whole_loop_leads_to_the_reference_s_latents() {
    let model = model();
    let adapter = adapter(&model);
    let reference = reference();
    let facial = adapter
        .facial_prompts(model.text.as_ref(), &text(&reference, Pairing::Upstream))
        .unwrap();
    let tokens = adapter.tokens(&[reference]).unwrap();
    let canvas = Canvas::Blank {
        width: 24,
        height: 16,
    };
    let people = vec![PortraitIdentity::new(tokens, None)];
    let request = GenerateRequest {
        negative_prompt: facial.negative_prompt,
        prompt_change: Some(facial.change),
        steps: 5,
        guidance: Guidance::new(5.0),
        sampler: Some(SamplerKind::Ddim { eta: 0.0 }),
        seed: Some(5),
        people: Some(People::new(adapter.attention(), people)),
        ..GenerateRequest::new(facial.prompt, canvas)
    };
    let sample = |model: &StableDiffusion| {
        let generator = PortraitGenerator::new(model);
        let Sampled { latents, .. } = generator.sample(&request, &mut Monitor::none()).unwrap();
        latents
    };
    let before = sample(&model).into_data();
    let adapted = adapter.applied_to(&model).unwrap();
    assert_near(sample(&adapted), "latents", 1e-4);
    assert_eq!(sample(&model).into_data(), before, "the base stays");
    assert_ne!(sample(&adapted).into_data(), before);
}

#[test]
fn several_pictures_lay_their_tokens_side_by_side() {
    let model = model();
    let adapter = adapter(&model);
    let one = adapter.tokens(&[reference()]).unwrap().conditional;
    let two = adapter.tokens(&[reference(), reference()]).unwrap();
    assert_eq!(two.conditional.dims(), [8, 16]);
    assert_eq!(two.unconditional.dims(), [8, 16]);
    for half in two.conditional.chunk(2, 0) {
        let gap = (half - one.clone()).abs().max().into_scalar::<f32>();
        assert!(gap < 1e-5, "{gap}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let model = model();
    let blind = AdapterOptions::default();
    let error = IdentityAdapter::load(portrait("adapter.bin"), &model, &blind);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("image encoder: an adapter of kind ConsistentId"),
        "{error}"
    );
    let other = AdapterOptions {
        image_encoder: Some(fixture("clip_vision/gelu")),
        ..AdapterOptions::default()
    };
    assert!(IdentityAdapter::load(portrait("adapter.bin"), &model, &other).is_err());

    let adapter = adapter(&model);
    let refused = |reference: FaceReference| adapter.tokens(&[reference]).unwrap_err().to_string();
    let faceless = FaceReference {
        embedding: None,
        ..reference()
    };
    let error = refused(faceless);
    assert!(
        error.starts_with("reference picture 0: face embedding"),
        "{error}"
    );
    let unseen = FaceReference {
        picture: None,
        ..reference()
    };
    assert!(refused(unseen).contains("picture: is needed and absent"));
    assert!(adapter.tokens(&[]).is_err());
    let unparsed = FaceReference {
        parts: None,
        ..reference()
    };
    let text = text(&unparsed, Pairing::Upstream);
    let error = adapter
        .facial_prompts(model.text.as_ref(), &text)
        .unwrap_err();
    assert!(error.to_string().contains("parts of the face"), "{error}");
    assert!(adapter.facial_prompts(None, &text).is_err());
}

#[test]
fn observers_find_the_person_s_face() {
    let points = |shift: f32| {
        let face = [[1.0, 1.0], [3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [3.0, 3.0]];
        Landmarks5::new(face.map(|[x, y]: [f32; 2]| [x + shift, y])).unwrap()
    };
    let face = |shift: f32, side: f32| DetectedFace {
        bounds: FaceBox::new(shift, 0.0, shift + side, side).unwrap(),
        landmarks: Some(points(shift)),
        score: 0.9,
    };
    let two = move |_: &RgbImage| Ok(vec![face(0.0, 4.0), face(8.0, 6.0)]);
    let colour = |picture: &RgbImage, landmarks: &Landmarks5| {
        let [[x, y], ..] = landmarks.points();
        let pixel = picture.get_pixel(x as u32, y as u32).0;
        FaceEmbedding::new(pixel.map(f32::from).to_vec())
    };
    let sketch = RgbImage::from_fn(16, 8, |x, _| image::Rgb([x as u8 + 1, 50, 200]));
    let observers = FaceObservers {
        detector: Some(&two),
        embedder: Some(&colour),
        ..FaceObservers::default()
    };
    let seen = |observers: FaceObservers<'_>| {
        let reference = FaceReference::observe(&sketch, &observers).unwrap();
        reference.embedding.unwrap().raw().to_vec()
    };
    assert_eq!(seen(observers), [10.0, 50.0, 200.0]);
    let first = FaceObservers {
        choice: FaceChoice::First,
        ..observers
    };
    assert_eq!(seen(first), [2.0, 50.0, 200.0]);
    let exchanged = FaceObservers {
        colours: ColourOrder::Exchanged,
        ..observers
    };
    assert_eq!(seen(exchanged), [200.0, 50.0, 10.0]);

    let nobody = |_: &RgbImage| Ok(Vec::new());
    let blind = FaceObservers {
        detector: Some(&nobody),
        ..observers
    };
    let error = FaceReference::observe(&sketch, &blind).unwrap_err();
    assert!(error.to_string().contains("no face was found"), "{error}");
}

#[test]
fn larger_portraits_hold_the_aligned_face() {
    let picture = image::open(fixture("pictures/astronaut.png")).unwrap();
    let picture = picture.to_rgb8();
    let points = [
        [107.0, 102.0],
        [151.0, 103.0],
        [127.0, 128.0],
        [107.0, 140.0],
        [148.0, 141.0],
    ];
    let reference = FaceReference {
        landmarks: Some(Landmarks5::new(points).unwrap()),
        ..FaceReference::from_picture(picture.clone())
    };
    let portrait = reference.face_portrait().unwrap();
    assert_eq!(portrait.dimensions(), (224, 224));
    let aligned = crate::face::align_face(&picture, reference.landmarks.as_ref().unwrap()).unwrap();
    for (x, y, pixel) in aligned.enumerate_pixels() {
        let found = portrait.get_pixel(2 * x, 2 * y).0;
        let gaps = found.iter().zip(pixel.0).map(|(a, b)| a.abs_diff(b));
        assert!(gaps.max() <= Some(1), "({x}, {y})");
    }
    let blind = FaceReference::from_picture(picture);
    assert!(blind.face_portrait().is_err());
}
