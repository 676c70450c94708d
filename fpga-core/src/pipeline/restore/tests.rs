//! Whole restorations of a real photograph by a small model with random weights: its faces are no
//! faces, but every guarantee holds for whatever a model makes.

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor};
use ndarray::Array2;

use super::*;
use crate::error::Error;
use crate::face::{CropSettings, FaceBox, Landmarks5};
use crate::pipeline::job::CancelToken;
use crate::pipeline::model::LoadOptions;
use crate::pipeline::prompt::Prompt;

fn fixture(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

fn model() -> &'static StableDiffusion {
    static MODEL: OnceLock<StableDiffusion> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = fixture("txt2img/ddim");
        StableDiffusion::load(folder, &LoadOptions::default(), &Device::flex()).unwrap()
    })
}

fn photograph() -> RgbImage {
    image::open(fixture("pictures/astronaut.png"))
        .unwrap()
        .to_rgb8()
}

fn prompt(value: f32) -> Prompt {
    let context = Tensor::<3>::full([1, 3, 12], value, &Device::flex());
    Prompt::Embedded {
        context,
        pooled: None,
    }
}

fn region(x0: f32, y0: f32, x1: f32, y1: f32) -> FaceBox {
    FaceBox::new(x0, y0, x1, y1).unwrap()
}

/// The photograph's face, its landmarks turned by `degrees`.
fn astronaut(degrees: f32) -> Face {
    let points = [
        [107.0, 102.0],
        [151.0, 103.0],
        [127.0, 128.0],
        [107.0, 140.0],
        [148.0, 141.0],
    ];
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let turned = points.map(|[x, y]: [f32; 2]| {
        let (x, y) = (x - 129.5, y - 127.0);
        [129.5 + cosine * x - sine * y, 127.0 + sine * x + cosine * y]
    });
    let landmarks = Some(Landmarks5::new(turned).unwrap());
    Face {
        landmarks,
        ..Face::new(region(84.0, 76.0, 175.0, 178.0))
    }
}

fn request(picture: &RgbImage, faces: Vec<Face>) -> RestoreRequest<'_> {
    RestoreRequest {
        negative_prompt: prompt(-0.5),
        steps: 5,
        seed: Some(7),
        crop: CropSettings {
            size: 32,
            ..CropSettings::default()
        },
        gate: Gate::OPEN,
        ..RestoreRequest::new(picture, faces, prompt(0.5))
    }
}

fn restore(request: &RestoreRequest<'_>) -> Result<Restored> {
    FaceRestorer::new(model()).restore(request, &mut Monitor::none())
}

fn refusal(request: &RestoreRequest<'_>) -> String {
    restore(request).unwrap_err().to_string()
}

#[test]
fn what_no_mask_covers_keeps_its_bytes() {
    let whole = photograph();
    let odd = image::imageops::crop_imm(&whole, 3, 1, 251, 173).to_image();
    let tiny = image::imageops::crop_imm(&whole, 100, 90, 21, 13).to_image();
    let cases = [
        ("plain", &whole, vec![astronaut(0.0)]),
        ("tilted", &whole, vec![astronaut(40.0)]),
        (
            "at the border",
            &odd,
            vec![Face::new(region(-40.0, 100.0, 60.0, 220.0))],
        ),
        (
            "24 pixels",
            &odd,
            vec![Face::new(region(100.0, 90.0, 124.0, 114.0))],
        ),
        (
            "overlapping",
            &odd,
            vec![astronaut(0.0), Face::new(region(130.0, 70.0, 210.0, 160.0))],
        ),
        (
            "larger than the picture",
            &tiny,
            vec![Face::new(region(-9.0, -9.0, 40.0, 30.0))],
        ),
    ];
    for (name, picture, faces) in cases {
        let boxes: Vec<[f32; 4]> = faces.iter().map(|face| face.region.edges()).collect();
        let Restored {
            picture: after,
            report,
        } = restore(&request(picture, faces)).unwrap();
        assert_eq!(report.changed_outside_mask, 0, "{name}");
        assert_eq!(after.dimensions(), picture.dimensions());
        for face in &report.faces {
            assert_eq!(face.verdict, Verdict::Accepted, "{name}");
            assert!(
                face.changed_pixels * 2 > face.covered_pixels,
                "{name}: {face:?}"
            );
        }
        // Masks from landmarks or ellipses stay near their boxes.
        for (x, y, pixel) in after.enumerate_pixels() {
            let near = boxes.iter().any(|[x0, y0, x1, y1]| {
                let (margin_x, margin_y) = (0.25 * (x1 - x0), 0.25 * (y1 - y0));
                let (x, y) = (x as f32, y as f32);
                x > x0 - margin_x && x < x1 + margin_x && y > y0 - margin_y && y < y1 + margin_y
            });
            assert!(
                near || pixel == picture.get_pixel(x, y),
                "{name}: ({x}, {y})"
            );
        }
    }
}

#[test]
fn a_given_mask_is_obeyed_to_the_pixel() {
    let picture = photograph();
    let mask = Array2::from_shape_fn((256, 256), |(y, x)| {
        if (x + y) % 3 == 0 && (90..150).contains(&x) && y > 100 {
            1.0
        } else {
            0.0
        }
    });
    let face = Face {
        mask: Some(mask.clone()),
        ..astronaut(0.0)
    };
    let restored = restore(&request(&picture, vec![face])).unwrap();
    let changed = picture
        .enumerate_pixels()
        .filter(|(x, y, old)| *old != restored.picture.get_pixel(*x, *y));
    let changed: Vec<(u32, u32)> = changed.map(|(x, y, _)| (x, y)).collect();
    assert!(changed.len() > 500, "{}", changed.len());
    assert!(
        changed
            .iter()
            .all(|&(x, y)| mask[[y as usize, x as usize]] > 0.0)
    );
}

#[test]
fn overlapping_faces_share_their_pixels() {
    let picture = photograph();
    let faces = vec![astronaut(0.0), Face::new(region(130.0, 70.0, 210.0, 160.0))];
    let plan = request(&picture, faces).check(model()).unwrap();
    let [one, other] = &plan.tasks[..] else {
        panic!("two faces")
    };
    let mut shared = 0;
    for (x, y, weight) in one.mask.covered() {
        let sum = weight + other.mask.weight(x, y);
        assert!(sum <= 1.0 + 1e-6, "({x}, {y}): {sum}");
        shared += usize::from(sum > weight);
    }
    assert!(shared > 100, "{shared}");
}

#[test]
fn nothing_to_do_returns_the_input_and_runs_nothing() {
    let picture = photograph();
    let mut empty = astronaut(0.0);
    empty.mask = Some(Array2::zeros((256, 256)));
    let face = || vec![astronaut(0.0)];
    let cases = [
        (
            RestoreRequest {
                depth: 0.0,
                ..request(&picture, face())
            },
            Some(KeptReason::NoSteps),
        ),
        (
            RestoreRequest {
                depth: 0.09,
                ..request(&picture, face())
            },
            Some(KeptReason::NoSteps),
        ),
        (request(&picture, vec![empty]), Some(KeptReason::EmptyMask)),
        (request(&picture, Vec::new()), None),
    ];
    for (request, reason) in cases {
        let mut seen = 0;
        let mut monitor = Monitor::watching(|_| seen += 1);
        let restored = FaceRestorer::new(model())
            .restore(&request, &mut monitor)
            .unwrap();
        drop(monitor);
        assert_eq!(restored.picture, picture);
        assert_eq!(seen, 0);
        let verdicts: Vec<_> = restored
            .report
            .faces
            .iter()
            .map(|face| face.verdict.clone())
            .collect();
        assert_eq!(verdicts, Vec::from_iter(reason.map(Verdict::Kept)));
    }
}

#[test]
fn seeds_decide_the_fresh_noise_and_nothing_else() {
    let picture = photograph();
    let make = |seed: u64, variation: f64| {
        let request = request(&picture, vec![astronaut(0.0)]);
        restore(&RestoreRequest {
            seed: Some(seed),
            variation,
            ..request
        })
        .unwrap()
        .picture
    };
    let plain = make(1, 0.0);
    assert_eq!(plain, make(2, 0.0));
    let varied = make(1, 0.5);
    assert_eq!(varied, make(1, 0.5));
    assert_ne!(varied, make(2, 0.5));
    assert_ne!(varied, plain);

    let unseeded = RestoreRequest {
        seed: None,
        variation: 0.5,
        ..request(&picture, vec![astronaut(0.0)])
    };
    let first = restore(&unseeded).unwrap();
    assert_eq!(first.picture, make(first.report.seed, 0.5));
}

#[test]
fn depth_and_prompt_and_guidance_reach_the_face() {
    let picture = photograph();
    let plain = request(&picture, vec![astronaut(0.0)]);
    let own = Face {
        prompt: Some(prompt(3.0)),
        ..astronaut(0.0)
    };
    let made = |request: &RestoreRequest<'_>| {
        let restored = restore(request).unwrap();
        (restored.picture, restored.report.faces[0].steps)
    };
    let first = made(&plain);
    assert_eq!(first.1, 3);
    let others = [
        (plain.clone().swapping(), 5),
        (
            RestoreRequest {
                prompt: prompt(3.0),
                ..plain.clone()
            },
            3,
        ),
        (
            RestoreRequest {
                faces: vec![own],
                ..plain.clone()
            },
            3,
        ),
        (
            RestoreRequest {
                guidance: crate::diffusion::Guidance::new(1.0),
                ..plain.clone()
            },
            3,
        ),
        (
            RestoreRequest {
                source_prompt: Some(prompt(2.0)),
                ..plain.clone()
            },
            3,
        ),
    ];
    let others = others.map(|(request, steps)| {
        let (picture, found) = made(&request);
        assert_eq!(found, steps);
        assert_ne!(picture, first.0);
        picture
    });
    assert_eq!(others[1], others[2]);
}

#[test]
fn the_gate_keeps_originals_and_says_why() {
    let picture = photograph();
    let gated = |gate| RestoreRequest {
        gate,
        ..request(&picture, vec![astronaut(0.0)])
    };
    let verdict = |gate| {
        let restored = restore(&gated(gate)).unwrap();
        assert_eq!(
            (&restored.picture, restored.report.faces[0].changed_pixels),
            (&picture, 0)
        );
        restored.report.faces[0].verdict.clone()
    };
    let seam = verdict(Gate {
        max_seam_delta_e: 0.0,
        ..Gate::OPEN
    });
    assert!(
        matches!(seam, Verdict::Kept(KeptReason::Seam { .. })),
        "{seam}"
    );
    let blurred = verdict(Gate {
        min_sharpness_gain: 1e6,
        ..Gate::OPEN
    });
    assert!(
        matches!(blurred, Verdict::Kept(KeptReason::Blurred { .. })),
        "{blurred}"
    );
}

#[test]
fn a_face_that_turns_to_nan_stays_and_the_others_are_restored() {
    let picture = photograph();
    let broken = Face {
        prompt: Some(prompt(f32::NAN)),
        ..astronaut(0.0)
    };
    let sound = Face::new(region(180.0, 190.0, 230.0, 240.0));
    let restored = restore(&request(&picture, vec![broken, sound])).unwrap();
    let [first, second] = &restored.report.faces[..] else {
        panic!("two faces")
    };
    assert_eq!(
        first.verdict.to_string(),
        "kept the original: restored face holds NaN or infinity"
    );
    assert_eq!(second.verdict, Verdict::Accepted);
    assert_eq!(restored.report.changed_outside_mask, 0);
    assert_eq!(
        picture.get_pixel(129, 127),
        restored.picture.get_pixel(129, 127)
    );
    assert_ne!(
        picture.get_pixel(205, 215),
        restored.picture.get_pixel(205, 215)
    );
}

#[test]
fn progress_counts_every_step_and_a_cancel_ends_the_job() {
    let picture = photograph();
    let request = request(&picture, vec![astronaut(0.0), astronaut(40.0)]);
    let mut seen = Vec::new();
    let mut monitor = Monitor::watching(|progress: &Progress<'_>| {
        if progress.phase == Phase::Denoise {
            assert_eq!(progress.preview().unwrap().dimensions(), (16, 16));
        }
        seen.push((progress.phase, progress.face, progress.step, progress.steps));
    });
    FaceRestorer::new(model())
        .restore(&request, &mut monitor)
        .unwrap();
    drop(monitor);
    let of_face = |face: usize| {
        let one = move |phase| [0, 1].map(|step| (phase, Some(face), step, 1));
        let many =
            move |phase, count| (1..=count).map(move |step| (phase, Some(face), step, count));
        let ways = many(Phase::Invert, 6).chain(many(Phase::Denoise, 3));
        one(Phase::Encode)
            .into_iter()
            .chain(ways)
            .chain(one(Phase::Decode))
    };
    let text = [0, 1].map(|step| (Phase::Text, None, step, 1));
    let expected: Vec<_> = text
        .into_iter()
        .chain(of_face(0))
        .chain(of_face(1))
        .collect();
    assert_eq!(seen, expected);

    for (phase, face, step, _) in expected.into_iter().step_by(5) {
        let token = CancelToken::new();
        let inside = token.clone();
        let watch = |progress: &Progress<'_>| {
            if (progress.phase, progress.face, progress.step) == (phase, face, step) {
                inside.cancel();
            }
        };
        let mut monitor = Monitor::watching(watch).with_cancel(token);
        let error = FaceRestorer::new(model())
            .restore(&request, &mut monitor)
            .unwrap_err();
        assert!(error.is_cancelled(), "{phase} {face:?} {step}: {error}");
    }
}

#[test]
fn refinement_brings_the_round_trip_nearer() {
    let picture = photograph();
    let round_trip = |iterations: usize| {
        let request = request(&picture, vec![astronaut(0.0)]);
        let request = RestoreRequest {
            fixed_point_iterations: iterations,
            depth: 1.0,
            ..request
        };
        restore(&request).unwrap().report.faces[0]
            .round_trip
            .unwrap()
    };
    let (plain, refined) = (round_trip(0), round_trip(4));
    assert!(
        refined.latent_error < 0.5 * plain.latent_error,
        "{plain:?} {refined:?}"
    );

    let silent = RestoreRequest {
        measure_round_trip: false,
        ..request(&picture, vec![astronaut(0.0)])
    };
    assert_eq!(restore(&silent).unwrap().report.faces[0].round_trip, None);
}

#[test]
fn the_report_is_complete_as_json() {
    let picture = photograph();
    let empty = Face {
        mask: Some(Array2::zeros((256, 256))),
        ..Face::new(region(0.0, 0.0, 40.0, 40.0))
    };
    let restored = restore(&request(&picture, vec![astronaut(40.0), empty])).unwrap();
    let json = serde_json::to_value(&restored.report).unwrap();
    assert_eq!(json["size"], serde_json::json!([256, 256]));
    assert_eq!(
        (&json["seed"], &json["changed_outside_mask"]),
        (&7.into(), &0.into())
    );
    let face = &json["faces"][0];
    assert_eq!(face["verdict"], "accepted");
    assert_eq!(face["box"], serde_json::json!([84.0, 76.0, 175.0, 178.0]));
    for key in ["seam_delta_e", "seconds"] {
        assert!(face[key].as_f64().unwrap() > 0.0, "{key}: {face}");
    }
    assert!(face["round_trip"]["psnr"].as_f64().unwrap() > 0.0);
    assert!(face["sharpness"]["after"].as_f64().unwrap() > 0.0);
    assert!(face["colour"]["gain"][2].is_number());
    assert!((face["crop"]["angle"].as_f64().unwrap() - 41.3).abs() < 0.1);
    assert!(face["crop"]["to_picture"][1][2].is_number());
    assert_eq!(
        (&face["seed"], &json["faces"][1]["seed"]),
        (&7.into(), &8.into())
    );
    assert_eq!(
        json["faces"][1]["verdict"],
        serde_json::json!({"kept": "empty_mask"})
    );
}

#[test]
fn misfits_are_found_before_any_network_runs() {
    let picture = photograph();
    let plain = request(&picture, vec![astronaut(0.0)]);
    let with = |face: Face| RestoreRequest {
        faces: vec![astronaut(0.0), face],
        ..plain.clone()
    };
    let outside = refusal(&with(Face::new(region(300.0, 0.0, 310.0, 9.0))));
    assert!(
        outside.starts_with("face 1: face box: [300.0, 0.0, 310.0, 9.0] lies outside"),
        "{outside}"
    );
    let mask = Some(Array2::zeros((256, 255)));
    let wrong = refusal(&with(Face {
        mask,
        ..astronaut(0.0)
    }));
    assert!(
        wrong.starts_with("face 1: face mask: expected [256, 256]"),
        "{wrong}"
    );

    let narrow = Prompt::Embedded {
        context: Tensor::zeros([1, 3, 11], &Device::flex()),
        pooled: None,
    };
    let narrow = refusal(&with(Face {
        prompt: Some(narrow),
        ..astronaut(0.0)
    }));
    assert!(narrow.starts_with("face 1: text context"), "{narrow}");
    let words = refusal(&RestoreRequest {
        prompt: "a face".into(),
        ..plain.clone()
    });
    assert!(
        words.contains("both be text or both be embedded"),
        "{words}"
    );
    let words = refusal(&RestoreRequest {
        negative_prompt: "".into(),
        prompt: "a face".into(),
        ..plain.clone()
    });
    assert!(words.contains("no tokenizer"), "{words}");

    let numbers: [(&str, RestoreRequest<'_>); 6] = [
        (
            "depth",
            RestoreRequest {
                depth: 1.1,
                ..plain.clone()
            },
        ),
        (
            "steps",
            RestoreRequest {
                steps: 0,
                ..plain.clone()
            },
        ),
        (
            "variation",
            RestoreRequest {
                variation: f64::NAN,
                ..plain.clone()
            },
        ),
        (
            "feather",
            RestoreRequest {
                feather: 0.3,
                ..plain.clone()
            },
        ),
        (
            "crop size",
            RestoreRequest {
                crop: CropSettings {
                    size: 63,
                    ..plain.crop
                },
                ..plain.clone()
            },
        ),
        (
            "max_seam_delta_e",
            RestoreRequest {
                gate: Gate {
                    max_seam_delta_e: -1.0,
                    ..Gate::OPEN
                },
                ..plain.clone()
            },
        ),
    ];
    for (what, request) in numbers {
        let message = refusal(&request);
        assert!(message.starts_with(what), "{message}");
    }
    let nothing = RgbImage::new(0, 9);
    assert!(
        refusal(&RestoreRequest {
            picture: &nothing,
            faces: Vec::new(),
            ..plain
        })
        .starts_with("picture")
    );
}

#[test]
fn a_cancelled_token_stops_even_an_idle_job() {
    let picture = photograph();
    let token = CancelToken::new();
    token.cancel();
    let mut monitor = Monitor::none().with_cancel(token);
    let job = FaceRestorer::new(model()).restore(&request(&picture, Vec::new()), &mut monitor);
    assert!(matches!(job, Err(error) if Error::is_cancelled(&error)));
}
