//! Verdicts, reports and refusals.

use ndarray::Array2;

use super::*;

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
