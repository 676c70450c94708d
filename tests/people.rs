//! People in whole jobs: equal to diffusers' pipelines with the same attention, and what a job promises.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use fpga_core::RgbImage;
use fpga_core::control::{ChannelOrder, ControlNet, ControlNetConfig};
use fpga_core::diffusion::Guidance;
use fpga_core::face::{DetectedFace, FaceBox, FaceEmbedding, Landmarks5};
use fpga_core::identity::IdentityAttention;
use fpga_core::nn::randomize;
use fpga_core::pipeline::{
    Canvas, Control, ControlMode, DeviceChoice, GenerateRequest, Generated, IdentityTokens,
    LoadOptions, Monitor, People, Place, PortraitGenerator, PortraitIdentity, Prompt, PromptChange,
    Recognition, StableDiffusion,
};
use fpga_core::weights::{Storage, TensorSource, identity_attention};
use ndarray::Array2;

const BLANK: Canvas<'_> = Canvas::Blank {
    width: 24,
    height: 16,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// The model, the adapter, and what diffusers made of three people with them.
struct Case {
    model: StableDiffusion,
    adapter: IdentityAttention,
    source: TensorSource,
}

impl Case {
    fn open() -> Self {
        let device = DeviceChoice::Cpu.open().unwrap();
        let folder = fixture("txt2img/ddim");
        let model = StableDiffusion::load(folder, &LoadOptions::default(), &device).unwrap();
        let source = TensorSource::open(fixture("people/people.safetensors")).unwrap();
        let section = source.scoped("adapter.ip_adapter");
        let unet = model.unet.config();
        let (adapter, _) = identity_attention(&section, unet, Storage::F32, &device).unwrap();
        Self {
            model,
            adapter,
            source,
        }
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let tensor = self.source.tensor(name, Storage::F32, &self.model.device);
        tensor.unwrap()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let data = self.source.read(name, Storage::F32).unwrap();
        data.convert::<f32>().try_into_vec().unwrap()
    }

    fn picture(&self) -> RgbImage {
        let values = self.values("picture");
        RgbImage::from_fn(24, 16, |x, y| {
            let at = (y * 24 + x) as usize;
            image::Rgb([0, 1, 2].map(|channel| values[channel * 16 * 24 + at] as u8))
        })
    }

    fn mask(&self) -> Array2<f32> {
        Array2::from_shape_vec((16, 24), self.values("mask")).unwrap()
    }

    fn prompt(&self, name: &str) -> Prompt {
        Prompt::Embedded {
            context: self.tensor(name),
            pooled: None,
        }
    }

    fn tokens(&self, index: usize) -> IdentityTokens {
        let of = |name| {
            let all: Tensor<3> = self.tensor(name);
            all.narrow(0, index, 1).squeeze_dim::<2>(0)
        };
        IdentityTokens {
            conditional: of("person"),
            unconditional: of("nobody"),
        }
    }

    /// The three people of the reference.
    fn identities(&self) -> Vec<PortraitIdentity> {
        let masks = self.values("masks");
        let settings = [(1.0, (0.0, 1.0)), (0.8, (0.0, 0.6)), (1.2, (0.35, 1.0))];
        let identity = |(index, (strength, window))| {
            let mask = masks[index * 16 * 24..][..16 * 24].to_vec();
            let mask = Array2::from_shape_vec((16, 24), mask).unwrap();
            PortraitIdentity {
                strength,
                window,
                ..PortraitIdentity::new(self.tokens(index), Place::Mask(mask))
            }
        };
        settings.into_iter().enumerate().map(identity).collect()
    }

    fn people(&self) -> People<'_> {
        People::new(&self.adapter, self.identities())
    }

    fn request<'a>(&self, canvas: Canvas<'a>, people: Option<People<'a>>) -> GenerateRequest<'a> {
        GenerateRequest {
            negative_prompt: self.prompt("negative_prompt_embeds"),
            steps: 5,
            guidance: Guidance::new(4.0),
            seed: Some(77),
            people,
            ..GenerateRequest::new(self.prompt("prompt_embeds"), canvas)
        }
    }

    fn generate(&self, request: &GenerateRequest<'_>) -> Generated {
        let generator = PortraitGenerator::new(&self.model);
        generator.generate(request, &mut Monitor::none()).unwrap()
    }

    fn pictures(&self, people: Option<People<'_>>) -> Vec<RgbImage> {
        self.generate(&self.request(BLANK, people)).pictures
    }

    fn refused(&self, people: People<'_>) -> String {
        let request = self.request(BLANK, Some(people));
        let generator = PortraitGenerator::new(&self.model);
        let refused = generator.generate(&request, &mut Monitor::none());
        refused.unwrap_err().to_string()
    }

    fn assert_latents(&self, request: &GenerateRequest<'_>, expected: &str) {
        let generator = PortraitGenerator::new(&self.model);
        let sampled = generator.sample(request, &mut Monitor::none()).unwrap();
        let expected_latents: Tensor<4> = self.tensor(expected);
        let norm = |t: Tensor<4>| t.square().sum().sqrt().into_scalar::<f32>();
        let gap = norm(sampled.latents - expected_latents.clone()) / norm(expected_latents);
        assert!(gap < 1e-4, "{expected}: relative L2 {gap}");
    }
}

#[test]
fn people_in_every_kind_of_job_equal_the_reference() {
    let case = Case::open();
    let (picture, mask) = (case.picture(), case.mask());
    let canvas = Canvas::Picture {
        picture: &picture,
        strength: 0.8,
    };
    case.assert_latents(&case.request(canvas, Some(case.people())), "img2img");
    let canvas = Canvas::Masked {
        picture: &picture,
        mask: &mask,
        strength: 0.8,
    };
    case.assert_latents(&case.request(canvas, Some(case.people())), "inpaint");
    let mut request = case.request(BLANK, Some(case.people()));
    request.guidance = Guidance::new(1.0);
    case.assert_latents(&request, "unguided");
    request.guidance = Guidance::new(4.0);
    request.count = 2;
    case.assert_latents(&request, "guided");
}

#[test]
fn nobody_changes_nothing_and_order_shows_nowhere() {
    let case = Case::open();
    let plain = case.pictures(None);
    assert_eq!(
        case.pictures(Some(People::new(&case.adapter, Vec::new()))),
        plain
    );
    let mut silent = case.people();
    silent
        .identities
        .iter_mut()
        .for_each(|one| one.strength = 0.0);
    assert_eq!(case.pictures(Some(silent)), plain);
    let made = case.pictures(Some(case.people()));
    assert_ne!(made, plain);
    let mut other_order = case.people();
    other_order.identities.rotate_left(1);
    assert_eq!(case.pictures(Some(other_order)), made);
}

#[test]
fn the_report_says_who_is_where_and_measuring_changes_no_byte() {
    let case = Case::open();
    let mut people = case.people();
    people.identities[1].name = Some("Anna".to_owned());
    let mut request = case.request(BLANK, Some(people));
    request.count = 2;
    let unmeasured = case.generate(&request);
    request.people.as_mut().unwrap().measure = true;
    let made = case.generate(&request);
    assert_eq!(made.pictures, unmeasured.pictures);
    assert_eq!(made.people.len(), 2);
    for (report, blind) in made.people.iter().zip(&unmeasured.people) {
        assert_eq!(report.len(), 3);
        let [left, second, dot] = [&report[0], &report[1], &report[2]];
        assert_eq!(left.bounds, [1, 2, 11, 12]);
        assert_eq!(second.name.as_deref(), Some("Anna"));
        assert!((second.coverage - 0.75 * 132.0 / 384.0).abs() < 1e-6);
        assert_eq!((dot.strength, dot.window), (1.2, (0.35, 1.0)));
        for person in report {
            let leakage = person.leakage.unwrap();
            let sum = leakage.inside + leakage.others + leakage.background;
            assert!((sum - 1.0).abs() < 1e-6, "{leakage:?}");
            let map = person.attention.as_ref().unwrap();
            assert_eq!(map.dimensions(), (24, 16));
            assert_eq!(map.pixels().map(|pixel| pixel.0[0]).max(), Some(255));
            let [x, y] = [0, 1].map(|i| (person.bounds[i] + person.bounds[i + 2]) as u32 / 2);
            assert!(map.get_pixel(x, y).0[0] > 100, "person {}", person.index);
        }
        assert!(left.leakage.unwrap().inside > 0.6);
        assert!(blind[0].leakage.is_none() && blind[0].attention.is_none());
        // The two pictures differ, and so do their measurements.
        assert_ne!(made.people[0][0].leakage, made.people[1][0].leakage);
    }
    assert!(unmeasured.people[0][0].cosine.is_none());
    assert!(case.generate(&case.request(BLANK, None)).people.is_empty());
}

#[test]
fn faces_are_recognised_where_people_were_placed() {
    let case = Case::open();
    let eyes = [[4.0, 5.0], [8.0, 5.0], [6.0, 7.0], [4.5, 9.0], [7.5, 9.0]];
    let landmarks = Landmarks5::new(eyes).unwrap();
    let faces = |_: &RgbImage| -> fpga_core::Result<_> {
        Ok(vec![DetectedFace {
            bounds: FaceBox::new(1.0, 2.0, 10.0, 11.0)?,
            landmarks: Some(landmarks),
            score: 0.9,
        }])
    };
    // What this network sees is how bright the picture is between the eyes.
    let embed = |picture: &RgbImage, landmarks: &Landmarks5| {
        let [x, y] = landmarks.points()[2];
        let pixel = picture.get_pixel(x as u32, y as u32);
        FaceEmbedding::new(pixel.0.map(|value| f32::from(value) + 1.0).to_vec())
    };
    let own = FaceEmbedding::new(vec![3.0, 2.0, 1.0]).unwrap();
    let mut people = case.people();
    people
        .identities
        .iter_mut()
        .for_each(|one| one.embedding = Some(own.clone()));
    people.recognition = Some(Recognition {
        detector: &faces,
        embedder: &embed,
    });
    let mut request = case.request(BLANK, Some(people));
    let made = case.generate(&request);
    let [first, second, dot] = &made.people[0][..] else {
        panic!("three people")
    };
    let expected = embed(&made.pictures[0], &landmarks).unwrap();
    assert_eq!(first.cosine, Some(expected.cosine(&own).unwrap()));
    assert_eq!(first.face.unwrap().score, 0.9);
    assert!(second.face.is_none() && second.cosine.is_none() && dot.cosine.is_none());

    let other_network = FaceEmbedding::new(vec![1.0; 512]).unwrap();
    request.people.as_mut().unwrap().identities[0].embedding = Some(other_network);
    let generator = PortraitGenerator::new(&case.model);
    let error = generator.generate(&request, &mut Monitor::none());
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("looking at picture 0: identity 0: face embedding"),
        "{error}"
    );
}

#[test]
fn every_kind_of_place_is_found_in_pictures_of_any_size() {
    let case = Case::open();
    let whole = case.picture();
    let picture = image::imageops::crop_imm(&whole, 0, 0, 23, 15).to_image();
    let canvas = Canvas::Picture {
        picture: &picture,
        strength: 1.0,
    };
    let landmarks = [
        [14.0, 5.0],
        [18.0, 5.0],
        [16.0, 7.0],
        [14.5, 9.0],
        [17.5, 9.0],
    ];
    let mut joints = [None; 18];
    joints[0] = Some([4.0, 11.0]);
    joints[1] = Some([4.0, 15.0]);
    let mask = Array2::from_shape_fn((15, 23), |(y, _)| if y < 1 { 1.0 } else { 0.0 });
    let places = [
        Place::from(FaceBox::new(-3.0, 2.0, 6.0, 8.0).unwrap()),
        Place::from(Landmarks5::new(landmarks).unwrap()),
        Place::Skeleton(joints),
        Place::from(mask),
    ];
    let identity = |(index, place): (usize, &Place)| {
        PortraitIdentity::new(case.tokens(index % 3), place.clone())
    };
    let identities = places.iter().enumerate().map(identity).collect();
    let mut people = People::new(&case.adapter, identities);
    people.measure = true;
    let made = case.generate(&case.request(canvas, Some(people)));
    let bounds: Vec<_> = made.people[0].iter().map(|person| person.bounds).collect();
    assert_eq!(bounds[0], [0, 2, 6, 8]);
    assert_eq!(bounds[2], [1, 8, 7, 14]);
    assert_eq!(bounds[3], [0, 0, 23, 1]);
    let [left, top, right, bottom] = bounds[1];
    assert!(
        left < 13 && right > 19 && top < 4 && bottom > 10,
        "{:?}",
        bounds[1]
    );
    let map = made.people[0][0].attention.as_ref().unwrap();
    assert_eq!(map.dimensions(), picture.dimensions());
}

#[test]
fn people_and_controlnets_work_together() {
    let case = Case::open();
    let config = ControlNetConfig {
        encoder: case.model.unet.config().encoder.clone(),
        condition_channels: 3,
        condition_widths: vec![4, 4],
        channel_order: ChannelOrder::Rgb,
        global_pool: false,
    };
    let net: ControlNet = randomize(config.init(&Device::flex()).unwrap(), 3);
    let condition = case.picture();
    let controls = || {
        vec![Control {
            net: &net,
            condition: &condition,
            scale: 0.7,
            window: (0.0, 1.0),
            mode: ControlMode::Balanced,
        }]
    };
    let mut request = case.request(BLANK, Some(case.people()));
    let people_alone = case.generate(&request).pictures;
    request.controls = controls();
    let both = case.generate(&request).pictures;
    request.people = None;
    let control_alone = case.generate(&request).pictures;
    assert!(both != people_alone && both != control_alone && people_alone != control_alone);
}

#[test]
fn whoever_cannot_be_shown_is_named() {
    let case = Case::open();
    let mut people = case.people();
    people.identities[1].place = None;
    people.identities[1].name = Some("Anna".to_owned());
    assert_eq!(
        case.refused(people),
        "identity 1 (Anna): place: is needed: there are 2 others in the picture"
    );
    let with = |place: Place| {
        let mut people = case.people();
        people.identities[2].place = Some(place);
        case.refused(people)
    };
    let empty = with(Place::Mask(Array2::zeros((16, 24))));
    assert!(
        empty.starts_with("identity 2: identity mask: is empty"),
        "{empty}"
    );
    let small = with(Place::Mask(Array2::ones((16, 23))));
    assert!(small.contains("[16, 24]"), "{small}");
    let outside = with(FaceBox::new(30.0, 0.0, 40.0, 9.0).unwrap().into());
    assert!(
        outside.contains("covers nothing of the 24×16 picture"),
        "{outside}"
    );
    let unseen = with(Place::Skeleton([None; 18]));
    assert!(unseen.contains("head is not seen"), "{unseen}");
    let same = with(case.identities().swap_remove(0).place.unwrap());
    assert!(same.contains("two people in one place"), "{same}");

    let mut people = case.people();
    let tokens = &mut people.identities[0].tokens;
    tokens.unconditional = tokens.unconditional.clone().narrow(0, 0, 3);
    let error = case.refused(people);
    assert!(
        error.starts_with("identity 0: unconditional tokens"),
        "{error}"
    );
    let mut people = case.people();
    people.identities[0].window = (0.4, 1.5);
    assert!(case.refused(people).contains("(0.4, 1.5)"));

    let mut other = case.adapter.clone();
    other.layers.pop();
    let error = case.refused(People::new(&other, case.identities()));
    assert!(error.contains("identity adapter"), "{error}");
}

#[test]
fn someone_alone_needs_no_place() {
    let case = Case::open();
    let alone = |place: Option<Place>| {
        let identity = PortraitIdentity::new(case.tokens(0), place);
        case.pictures(Some(People::new(&case.adapter, vec![identity])))
    };
    let everywhere = Place::Mask(Array2::ones((16, 24)));
    assert_eq!(alone(None), alone(Some(everywhere)));
    let box_ = FaceBox::new(2.0, 2.0, 9.0, 12.0).unwrap();
    assert_ne!(alone(None), alone(Some(box_.into())));
}

/// A prompt that changes to itself changes nothing; one that changes to another, does from there on.
#[test]
fn prompts_take_over_on_the_way() {
    let case = Case::open();
    let change = |from_step, prompt: &str| PromptChange {
        from_step,
        prompt: case.prompt(prompt),
        negative_prompt: case.prompt("negative_prompt_embeds"),
    };
    let pictures = |prompt: &str, change: Option<PromptChange>| {
        let mut request = case.request(BLANK, Some(case.people()));
        request.prompt = case.prompt(prompt);
        request.prompt_change = change;
        case.generate(&request).pictures
    };
    let [one, other] = ["prompt_embeds", "negative_prompt_embeds"];
    let plain = pictures(one, None);
    assert_eq!(pictures(one, Some(change(2, one))), plain);
    assert_eq!(pictures(one, Some(change(5, other))), plain);
    assert_eq!(pictures(other, Some(change(0, one))), plain);
    let late = pictures(one, Some(change(3, other)));
    assert!(late != plain && late != pictures(one, Some(change(1, other))));
}
