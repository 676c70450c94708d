//! Which pixels may change, and that equal requests make equal bytes.

use ndarray::Array2;

use super::*;

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
