//! What callers rely on, told once and tried through both doors: the Rust crate and the C interface.
//!
//! Each scene is played at both; what they show must satisfy the scene, and be the same to the byte (to a level on
//! devices other than the CPU): pictures, reports, every message on the way, and the words of failures.

#[path = "scenario/c_door.rs"]
mod c_door;
#[path = "scenario/rust_door.rs"]
mod rust_door;
#[path = "scenario/scene.rs"]
mod scene;

use std::sync::LazyLock;

use c_door::CDoor;
use fpga::fpga_status;
use fpga_core::RgbImage;
use rust_door::RustDoor;
use scene::{
    ADA, BEN, Control, Ground, Paint, Person, Picture, Scene, SceneFace, Search, Shown, Task,
    assert_same,
};
use tempfile::TempDir;

/// One model, one ControlNet and one identity adapter for all scenes.
static FILES: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    fpga_tests::models::write_folder(&folder.path().join("model"));
    fpga_tests::models::write_controlnet(&folder.path().join("controlnet"), 5);
    fpga_tests::models::write_adapter(&folder.path().join("adapter.safetensors"));
    folder
});
static RUST: LazyLock<RustDoor> = LazyLock::new(|| RustDoor::open(FILES.path()));
static C: LazyLock<CDoor> = LazyLock::new(|| CDoor::open(FILES.path()));

/// Plays a scene at both doors, which must show the same.
fn play(scene: &Scene) -> Shown {
    let (rust, c) = (RUST.play(scene), C.play(scene));
    match (&rust, &c) {
        (Ok(rust), Ok(c)) => {
            let agree = scene::agree(&rust.report, &c.report);
            assert!(agree, "{} is not {}", rust.report, c.report);
            assert_eq!(rust.notes, c.notes);
            assert_same(&rust.pictures, &c.pictures);
        }
        (Err(rust), Err(c)) => assert_eq!(rust, c),
        _ => panic!("one door fails: {:?}, {:?}", rust.err(), c.err()),
    }
    assert_eq!(RUST.steps(), C.steps(), "messages of {scene:?}");
    assert_same(&RUST.previews(), &C.previews());
    rust
}

fn photograph() -> RgbImage {
    RgbImage::from_fn(75, 61, |x, y| {
        let skin = (x as i32 - 37).pow(2) + (y as i32 - 30).pow(2) < 200;
        let level = |shift: u32| ((x * 3 + y * 2 + shift) % 200) as u8;
        if skin {
            image::Rgb([205, 160 + (x % 7) as u8, 140])
        } else {
            image::Rgb([level(0), level(40), level(90)])
        }
    })
}

fn face() -> SceneFace {
    SceneFace {
        edges: [24.0, 16.0, 51.0, 46.0],
        mask: None,
        prompt: None,
        identity: None,
    }
}

fn restore() -> Task {
    Task::Restore {
        picture: Picture(photograph()),
        faces: vec![face()],
        depth: 0.6,
        search: None,
    }
}

fn paint() -> Paint {
    Paint {
        ground: Ground::Blank(24, 16),
        ..Paint::default()
    }
}

fn masked(inside: impl Fn(u32, u32) -> bool) -> Vec<u8> {
    let (width, height) = photograph().dimensions();
    let at = |index: u32| inside(index % width, index / width);
    (0..width * height)
        .map(|index| if at(index) { 255 } else { 0 })
        .collect()
}

fn fails(task: Task, status: fpga_status, words: &str) {
    let failure = play(&Scene::of(task)).unwrap_err();
    assert_eq!(failure.status, status as u32, "{failure:?}");
    assert!(failure.message.contains(words), "{failure:?}");
}

#[test]
fn a_restored_face_changes_and_its_surroundings_keep_every_byte() {
    let shown = play(&Scene::of(restore())).unwrap();
    let original = photograph();
    assert_ne!(shown.pictures[0], original);
    assert_eq!(shown.report["changed_outside_mask"], 0);
    assert_eq!(shown.pictures[0].get_pixel(0, 0), original.get_pixel(0, 0));
    assert_eq!(shown.report["faces"][0]["verdict"], "accepted");
}

#[test]
fn an_empty_mask_or_depth_0_or_no_face_returns_the_input() {
    let empty = SceneFace {
        mask: Some(masked(|_, _| false)),
        ..face()
    };
    for (faces, depth) in [(vec![empty], 0.6), (vec![face()], 0.0), (Vec::new(), 0.6)] {
        let picture = Picture(photograph());
        let shown = play(&Scene::of(Task::Restore {
            picture,
            faces,
            depth,
            search: None,
        }))
        .unwrap();
        assert_eq!(shown.pictures, [photograph()]);
    }
}

#[test]
fn every_face_has_its_own_mask_and_prompt_and_verdict() {
    let other = SceneFace {
        edges: [2.0, 2.0, 16.0, 18.0],
        mask: Some(masked(|x, y| x < 12 && y < 14)),
        prompt: Some("another face"),
        identity: None,
    };
    let shown = play(&Scene::of(Task::Restore {
        picture: Picture(photograph()),
        faces: vec![face(), other],
        depth: 1.0,
        search: None,
    }))
    .unwrap();
    assert_eq!(shown.report["faces"][1]["covered_pixels"], 12 * 14);
    assert_eq!(shown.notes.len(), 3, "{:?}", shown.notes);
}

#[test]
fn a_blank_canvas_becomes_as_many_pictures_as_asked_for() {
    let shown = play(&Scene::of(Task::Generate(Paint {
        count: 2,
        ..paint()
    })))
    .unwrap();
    assert_eq!(shown.pictures.len(), 2);
    assert_ne!(shown.pictures[0], shown.pictures[1]);
    assert_eq!(shown.pictures[0].dimensions(), (24, 16));
    assert_eq!(shown.report["seed"], 7);
}

#[test]
fn seed_noise_prompt_and_sampler_each_change_the_picture() {
    let first = play(&Scene::of(Task::Generate(paint()))).unwrap();
    let mut others = vec![
        Paint { seed: 8, ..paint() },
        Paint {
            philox: true,
            ..paint()
        },
        Paint {
            prompt: "a dog",
            ..paint()
        },
        Paint {
            negative: "a dog",
            ..paint()
        },
        Paint {
            guidance: 3.0,
            ..paint()
        },
    ];
    for (sampler, name) in [
        (3, "euler"),
        (4, "euler_ancestral"),
        (5, "dpmpp_2m"),
        (7, "lcm"),
    ] {
        let sampler = Some((sampler, name));
        others.push(Paint { sampler, ..paint() });
    }
    for other in others {
        let shown = play(&Scene::of(Task::Generate(other.clone()))).unwrap();
        assert_ne!(shown.pictures, first.pictures, "{other:?}");
    }
}

#[test]
fn a_given_picture_of_any_size_is_changed_more_with_more_strength() {
    let changed = |strength| {
        let ground = Ground::Changed(Picture(photograph()), None, strength);
        let paint = Paint { ground, ..paint() };
        let shown = play(&Scene::of(Task::Generate(paint))).unwrap();
        assert_eq!(shown.pictures[0].dimensions(), (75, 61));
        shown
    };
    let steps = |shown: &scene::Play| shown.notes[0].1.clone();
    assert_ne!(changed(0.4).pictures, changed(0.9).pictures);
    assert_eq!(steps(&changed(0.4)), steps(&changed(0.9)));
}

#[test]
fn repainting_keeps_every_byte_outside_the_mask() {
    let inside = |x: u32, y: u32| (20..50).contains(&x) && (10..40).contains(&y);
    let ground = Ground::Changed(Picture(photograph()), Some(masked(inside)), 0.8);
    let shown = play(&Scene::of(Task::Generate(Paint { ground, ..paint() }))).unwrap();
    let (before, after) = (photograph(), &shown.pictures[0]);
    let mut changed = 0;
    for (x, y, pixel) in after.enumerate_pixels() {
        if inside(x, y) {
            changed += usize::from(pixel != before.get_pixel(x, y));
        } else {
            assert_eq!(pixel, before.get_pixel(x, y), "at {x}, {y}");
        }
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn controlnets_speak_by_scale_and_window() {
    let plain = play(&Scene::of(Task::Generate(paint()))).unwrap();
    let control = |scale, window| Control {
        scale,
        window,
        guess: false,
    };
    let with = |controls: Vec<Control>| {
        play(&Scene::of(Task::Generate(Paint {
            controls,
            ..paint()
        })))
        .unwrap()
    };
    let one = with(vec![control(0.2, (0.0, 1.0))]);
    assert_ne!(one.pictures, plain.pictures);
    for silent in [control(0.0, (0.0, 1.0)), control(0.2, (0.1, 0.1))] {
        assert_same(&with(vec![silent]).pictures, &plain.pictures);
    }
    let half = with(vec![control(0.2, (0.0, 0.5))]);
    assert!(half.pictures != plain.pictures && half.pictures != one.pictures);
    let guess = with(vec![Control {
        guess: true,
        ..control(0.2, (0.0, 1.0))
    }]);
    assert!(guess.pictures != plain.pictures && guess.pictures != one.pictures);
    let two = with(vec![control(0.1, (0.0, 1.0)), control(0.1, (0.0, 0.5))]);
    assert!(two.pictures != one.pictures && two.pictures != half.pictures);
}

#[test]
fn large_pictures_are_decoded_in_tiles() {
    let ground = Ground::Blank(48, 16);
    let tiles = Paint {
        tile: Some((24, 8)),
        ground: ground.clone(),
        ..paint()
    };
    let tiled = play(&Scene::of(Task::Generate(tiles))).unwrap();
    let whole = play(&Scene::of(Task::Generate(Paint { ground, ..paint() }))).unwrap();
    assert_eq!(tiled.pictures[0].dimensions(), (48, 16));
    assert_ne!(tiled.pictures, whole.pictures);
}

#[test]
fn people_appear_at_their_places_and_are_recognised_there() {
    let person = |name, embedding, left| Person {
        name,
        embedding,
        edges: [left, 0.0, left + 12.0, 16.0],
        strength: 1.0,
        window: (0.0, 1.0),
    };
    let of = |people| {
        let measured = Paint {
            people,
            measure: true,
            ..paint()
        };
        play(&Scene::of(Task::Generate(measured))).unwrap()
    };
    let (ada, ben) = (person(Some("Ada"), ADA, 0.0), person(None, BEN, 12.0));
    let both = of(vec![ada.clone(), ben.clone()]);
    assert_ne!(both.pictures, of(Vec::new()).pictures);
    let turned = of(vec![ben.clone(), ada.clone()]);
    assert_same(&both.pictures, &turned.pictures);
    let people = &both.report["people"][0];
    assert_eq!(people[0]["name"], "Ada");
    assert_eq!(people[1]["bounds"], serde_json::json!([12, 0, 24, 16]));
    assert!(people[0]["leakage"]["inside"].as_f64().unwrap() > 0.2);
    assert!(people[0]["cosine"].as_f64().unwrap() > 0.999);
    let quiet = Person {
        strength: 0.5,
        window: (0.3, 0.9),
        ..ben
    };
    assert_ne!(both.pictures, of(vec![ada, quiet]).pictures);
}

#[test]
fn a_restoration_finds_faces_and_gives_each_its_own_person() {
    let restored = |faces, search| {
        play(&Scene::of(Task::Restore {
            picture: Picture(photograph()),
            faces,
            depth: 0.8,
            search,
        }))
        .unwrap()
    };
    let everyone = restored(Vec::new(), Some(Search::default()));
    assert_eq!(everyone.report["faces"].as_array().unwrap().len(), 3);
    let search = Search {
        min_size: 10.0,
        most: Some(1),
        ..Search::default()
    };
    let largest = restored(Vec::new(), Some(search));
    assert_eq!(
        largest.report["search"]["left"].as_array().unwrap().len(),
        2
    );
    assert_ne!(largest.pictures, everyone.pictures);

    let search = |people| {
        let search = Search {
            people,
            ..Search::default()
        };
        restored(Vec::new(), Some(search))
    };
    let both = search(vec![BEN, ADA]);
    let assigned = &both.report["search"]["assigned"];
    assert_eq!(
        (&assigned[0]["identity"], &assigned[1]["identity"]),
        (&1.into(), &0.into())
    );
    assert!(
        both.report["faces"][0]["likeness"]["after"]
            .as_f64()
            .unwrap()
            > 0.999
    );
    assert_same(&search(vec![ADA, BEN]).pictures, &both.pictures);
    let only = search(vec![ADA]);
    assert_eq!(only.report["faces"].as_array().unwrap().len(), 1);
    assert_ne!(only.pictures, both.pictures);
}

#[test]
fn a_face_becomes_whoever_it_is_given() {
    let swapped = |identity| {
        let face = SceneFace { identity, ..face() };
        let shown = play(&Scene::of(Task::Restore {
            picture: Picture(photograph()),
            faces: vec![face],
            depth: 1.0,
            search: None,
        }))
        .unwrap();
        assert_eq!(shown.report["changed_outside_mask"], 0);
        shown.pictures
    };
    let (nobody, ada, ben) = (swapped(None), swapped(Some(ADA)), swapped(Some(BEN)));
    assert!(nobody != ada && ada != ben && nobody != ben);
}

#[test]
fn a_cancel_arrives_wherever_it_comes_from() {
    for task in [restore(), Task::Generate(paint())] {
        let calls = || C.steps().len();
        let before = Scene {
            cancelled_before: true,
            ..Scene::of(task.clone())
        };
        assert_eq!(
            play(&before).unwrap_err().status,
            fpga_status::Cancelled as u32
        );
        assert_eq!(calls(), 0);
        for at in [1, 3, 5] {
            let scene = Scene {
                stop_at: Some(at),
                ..Scene::of(task.clone())
            };
            assert_eq!(
                play(&scene).unwrap_err().status,
                fpga_status::Cancelled as u32
            );
            assert_eq!(calls(), at, "no message after a cancel");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_in_the_same_words() {
    let invalid = fpga_status::InvalidArgument;
    let size = Ground::Blank(23, 16);
    fails(
        Task::Generate(Paint {
            ground: size,
            ..paint()
        }),
        invalid,
        "multiples of 2",
    );
    fails(
        Task::Generate(Paint {
            steps: 0,
            ..paint()
        }),
        invalid,
        "steps",
    );
    fails(
        Task::Generate(Paint {
            count: 65,
            ..paint()
        }),
        invalid,
        "count",
    );
    let backwards = Control {
        scale: 1.0,
        window: (0.6, 0.5),
        guess: false,
    };
    let controls = vec![backwards];
    fails(
        Task::Generate(Paint {
            controls,
            ..paint()
        }),
        invalid,
        "control 0: window",
    );
    let too_strong = Ground::Changed(Picture(photograph()), None, 1.5);
    fails(
        Task::Generate(Paint {
            ground: too_strong,
            ..paint()
        }),
        invalid,
        "strength",
    );
    let (picture, faces) = (Picture(photograph()), vec![face()]);
    fails(
        Task::Restore {
            picture,
            faces,
            depth: 1.5,
            search: None,
        },
        invalid,
        "depth",
    );
}

#[test]
fn the_same_scene_shows_the_same_every_time() {
    for task in [restore(), Task::Generate(paint())] {
        let scene = Scene::of(task);
        let (first, second) = (play(&scene).unwrap(), play(&scene).unwrap());
        assert_same(&first.pictures, &second.pictures);
    }
}
