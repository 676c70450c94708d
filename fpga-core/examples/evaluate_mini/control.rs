//! Where faces and people come to be: a classic ControlNet beside branches that were merged into the UNet,
//! taught by skeletons and landmarks in turn (Multi-Mode Fusion) or by one of them.

use anyhow::Result;
use burn::module::Module;
use fpga_core::RgbImage;
use fpga_core::control::{ControlNet, RepControlNet, draw_landmarks5, draw_skeleton};
use fpga_core::face::{FacePart, SEEN};
use fpga_core::pipeline::{
    Control, ControlMode, Generated, ModalControl, Monitor, PortraitGenerator, StableDiffusion,
};
use fpga_core::weights::{ModelFolder, Storage, load_rep_controlnet};

use crate::Bench;
use crate::crowd::Scene;
use crate::generation::{everyone, request};
use crate::report::{Table, mean, share};

/// What is drawn for the network.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Modality {
    /// Two people down to the waist.
    Skeleton,
    /// One face from near.
    Landmark,
}

/// How the UNet is told.
struct Way {
    name: &'static str,
    model: StableDiffusion,
    told: Told,
}

#[expect(clippy::large_enum_variant, reason = "there are a handful")]
enum Told {
    Nothing,
    Beside(ControlNet),
    Merged(RepControlNet),
}

/// Points of faces against those that were asked for.
pub(crate) fn landmarks(bench: &Bench) -> Result<Table> {
    follow(bench, Modality::Landmark, "Landmarks (one face from near)")
}

/// Heads and outlines of people against those that were asked for.
pub(crate) fn skeletons(bench: &Bench) -> Result<Table> {
    follow(bench, Modality::Skeleton, "Skeletons (two people)")
}

fn follow(bench: &Bench, modality: Modality, title: &str) -> Result<Table> {
    let columns = ["faces found, %", "off by, % of a face", "outline shared, %"];
    let mut table = Table::new(title, "control", &columns);
    for way in Way::all(bench, modality)? {
        let name = format!("{title}: {}", way.name);
        let found = bench.each(&name, |seed| {
            let scene = bench
                .crowd
                .scene(modality.people(), bench.studio.size, seed)?;
            let made = way.generated(bench, &scene, modality, seed)?;
            followed(bench, &scene, &made.pictures[0])
        })?;
        let gaps: Vec<_> = found.iter().flat_map(|one| one.gaps.clone()).collect();
        let seen: Vec<_> = gaps.iter().flatten().copied().collect();
        let outlines: Vec<_> = found.iter().map(|one| one.outline).collect();
        let faces = share(gaps.iter().map(Option::is_some));
        let row = vec![faces, 100.0 * mean(&seen), 100.0 * mean(&outlines)];
        table.row(way.name, row);
    }
    Ok(table)
}

/// What control adds: parameters that run at every step, and time, taken in turn.
pub(crate) fn cost(bench: &Bench) -> Result<Table> {
    const ROUNDS: u64 = 9;
    let mut table = Table::new(
        "What control costs",
        "control",
        &["parameters of a step", "ms a step", "times the base's"],
    );
    let ways = Way::all(bench, Modality::Skeleton)?;
    let mut seconds = vec![Vec::new(); ways.len()];
    bench.bar.set_message("what control costs");
    for round in 0..=ROUNDS {
        let scene = bench.crowd.scene(2, bench.studio.size, round)?;
        for (way, seconds) in ways.iter().zip(&mut seconds) {
            let made = way.generated(bench, &scene, Modality::Skeleton, round)?;
            // The first round warms up.
            if round > 0 {
                seconds.push(1000.0 * made.seconds / made.steps as f64);
            }
        }
    }
    let medians: Vec<_> = seconds.iter_mut().map(|values| median(values)).collect();
    for (way, &time) in ways.iter().zip(&medians) {
        let row = vec![way.parameters() as f64, time, time / medians[0]];
        table.row(way.name, row);
    }
    Ok(table)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Modality {
    fn people(self) -> usize {
        match self {
            Self::Skeleton => 2,
            Self::Landmark => 1,
        }
    }

    fn draw(self, scene: &Scene) -> RgbImage {
        let figures = scene.drawing.figures.iter();
        let size = scene.drawing.picture.dimensions().into();
        match self {
            Self::Skeleton => {
                let bodies: Vec<_> = figures
                    .map(|figure| figure.skeleton.visible_body(SEEN))
                    .collect();
                draw_skeleton(size, &bodies)
            }
            Self::Landmark => {
                let faces: Vec<_> = figures.map(|figure| figure.landmarks.points()).collect();
                draw_landmarks5(size, &faces)
            }
        }
    }
}

impl Way {
    /// Those whose networks are there; the base comes first.
    fn all(bench: &Bench, modality: Modality) -> Result<Vec<Self>> {
        let base = &bench.studio.model;
        let mut ways = vec![Self {
            name: "none",
            model: base.clone(),
            told: Told::Nothing,
        }];
        if let Some(path) = bench.networks.find("controlnet") {
            let folder = ModelFolder::open(path, None)?;
            let (net, _) = folder.controlnet(Storage::F32, &base.device)?;
            ways.push(Self {
                name: "ControlNet",
                model: base.clone(),
                told: Told::Beside(net),
            });
        }
        let single = match modality {
            Modality::Skeleton => ("repcontrolnet_skeleton", "RepControlNet, skeletons only"),
            Modality::Landmark => ("repcontrolnet_landmark", "RepControlNet, landmarks only"),
        };
        let mut merged = Vec::new();
        if let Some(net) = &bench.studio.control {
            merged.push(("RepControlNet", net.clone()));
        }
        for (folder, name) in [("repcontrolnet_lite", "RepControlNet, whole UNet"), single] {
            let Some(path) = bench.networks.find(folder) else {
                continue;
            };
            let file = path.join("rep_controlnet.safetensors");
            let (net, _) = load_rep_controlnet(&file, &base.unet, Storage::F32, &base.device)?;
            merged.push((name, net));
        }
        for (name, net) in merged {
            ways.push(Self {
                name,
                model: StableDiffusion {
                    unet: net.merge(base.unet.clone())?,
                    ..base.clone()
                },
                told: Told::Merged(net),
            });
        }
        Ok(ways)
    }

    /// People and where their heads are are given, too; the first way has nothing else.
    fn generated(
        &self,
        bench: &Bench,
        scene: &Scene,
        modality: Modality,
        seed: u64,
    ) -> Result<Generated> {
        let condition = &modality.draw(scene);
        let adapter = &bench.studio.adapter;
        let mut request = request(
            bench,
            adapter,
            (scene, seed),
            everyone(bench, adapter, scene)?,
        );
        match &self.told {
            Told::Nothing => {}
            Told::Beside(net) => request.controls.push(Control {
                net,
                condition,
                scale: 1.0,
                window: (0.0, 1.0),
                mode: ControlMode::Balanced,
            }),
            Told::Merged(net) => request.modalities.push(ModalControl {
                net,
                condition,
                strength: 1.0,
            }),
        }
        let generator = PortraitGenerator::new(&self.model);
        Ok(generator.generate(&request, &mut Monitor::none())?)
    }

    /// Of what runs at every step.
    fn parameters(&self) -> usize {
        let beside = match &self.told {
            Told::Beside(net) => net.num_params(),
            Told::Nothing | Told::Merged(_) => 0,
        };
        self.model.unet.num_params() + beside
    }
}

/// How well a picture keeps to what was asked for.
struct Followed {
    /// For everyone the mean distance of the five points of the face that is nearest, in heights of the
    /// face that was asked for; nothing where no face lies within one height.
    gaps: Vec<Option<f64>>,
    /// Pixels of people in both pictures, of those in one.
    outline: f64,
}

fn followed(bench: &Bench, scene: &Scene, made: &RgbImage) -> Result<Followed> {
    let faces = bench.judge.faces(made)?;
    let gap = |figure: &fpga_core::data::portrait::DrawnFigure| {
        let asked = figure.landmarks.points();
        let distance = |found: [[f32; 2]; 5]| {
            let apart = asked.iter().zip(found);
            let apart = apart.map(|(a, b)| f64::from((a[0] - b[0]).hypot(a[1] - b[1])));
            apart.sum::<f64>() / asked.len() as f64 / f64::from(figure.face.height())
        };
        let found = faces.iter().filter_map(|face| face.landmarks);
        let gaps = found.map(|found| distance(found.points()));
        gaps.min_by(f64::total_cmp).filter(|gap| *gap < 1.0)
    };
    let [asked, found] = [&scene.drawing.picture, made].map(|picture| bench.judge.parts(picture));
    let (asked, found) = (asked?, found?);
    let ground = FacePart::Background.label();
    let (mut both, mut either) = (0.0, 0.0);
    for (&asked, &found) in asked.labels().iter().zip(found.labels()) {
        let person = [asked != ground, found != ground];
        both += f64::from(u8::from(person == [true; 2]));
        either += f64::from(u8::from(person != [false; 2]));
    }
    Ok(Followed {
        gaps: scene.drawing.figures.iter().map(gap).collect(),
        outline: both / f64::max(either, 1.0),
    })
}
