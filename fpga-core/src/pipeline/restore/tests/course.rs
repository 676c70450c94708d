//! What steers a job on its way, and what it tells meanwhile.

use super::*;
use crate::error::Error;
use crate::pipeline::job::CancelToken;

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
fn a_cancelled_token_stops_even_an_idle_job() {
    let picture = photograph();
    let token = CancelToken::new();
    token.cancel();
    let mut monitor = Monitor::none().with_cancel(token);
    let job = FaceRestorer::new(model()).restore(&request(&picture, Vec::new()), &mut monitor);
    assert!(matches!(job, Err(error) if Error::is_cancelled(&error)));
}
