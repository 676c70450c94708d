//! From two folders to a row of the table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fpga_core::RgbImage;
use fpga_core::data::manifest::is_picture;
use fpga_core::face::{CropPlan, CropSettings, DetectedFace, FaceEmbedder, FaceParser, PartMap};
use fpga_core::metrics::{
    FeatureStatistics, SsimWindow, Summary, cosine, fgis, frechet_distance, psnr, ssim,
};
use serde::Serialize;

use crate::models::Models;

/// Pictures by name, and what is known of them.
pub(crate) struct Folder {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) pictures: BTreeMap<String, PathBuf>,
    prompts: BTreeMap<String, String>,
    faces: BTreeMap<String, DetectedFace>,
}

/// All that was measured of one folder.
#[derive(Serialize)]
pub(crate) struct MethodReport {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) pictures: BTreeMap<String, PathBuf>,
    /// Whole folders.
    pub(crate) fid: Option<f64>,
    /// Why a measure is missing.
    pub(crate) missing: BTreeMap<&'static str, String>,
    /// Measure → what all pictures say together.
    pub(crate) summaries: BTreeMap<&'static str, Summary>,
    /// Picture → measure → value; infinity is `null`.
    pub(crate) values: BTreeMap<String, BTreeMap<&'static str, f64>>,
}

/// Columns of the table: name, and whether more is better.
const COLUMNS: [(&str, bool); 7] = [
    ("FaceSim", true),
    ("FGIS (our definition)", true),
    ("CLIP-I", true),
    ("CLIP-T", true),
    ("DINO", true),
    ("PSNR", true),
    ("SSIM", true),
];

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let entries =
            std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut pictures = BTreeMap::new();
        for entry in entries {
            let file = entry?.path();
            if is_picture(&file) {
                let stem = file
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                pictures.insert(stem, file);
            }
        }
        Ok(Self {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            path: path.to_owned(),
            pictures,
            prompts: beside(path, "prompts.json")?,
            faces: beside(path, "faces.json")?,
        })
    }
}

/// A list beside the pictures, empty where there is none.
fn beside<T: serde::de::DeserializeOwned + Default>(folder: &Path, name: &str) -> Result<T> {
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("cannot understand {}", path.display())),
    }
}

fn read(path: &Path) -> Result<RgbImage> {
    let picture = image::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(picture.into_rgb8())
}

/// One picture of a folder and what is known of it.
struct Shown<'a> {
    picture: RgbImage,
    face: Option<&'a DetectedFace>,
    prompt: Option<&'a String>,
}

impl Folder {
    fn show(&self, name: &str) -> Result<Option<Shown<'_>>> {
        let Some(path) = self.pictures.get(name) else {
            return Ok(None);
        };
        let picture = read(path)?;
        Ok(Some(Shown {
            picture,
            face: self.faces.get(name),
            prompt: self.prompts.get(name),
        }))
    }
}

pub(crate) fn measure(
    folder: &Folder,
    reference: &Folder,
    models: &Models,
    step: impl Fn(),
) -> Result<MethodReport> {
    let mut values = BTreeMap::new();
    for name in folder.pictures.keys() {
        if let (Some(one), Some(other)) = (folder.show(name)?, reference.show(name)?) {
            let found = pair(&one, &other, models).with_context(|| format!("picture {name}"))?;
            values.insert(name.clone(), found);
        }
        step();
    }
    let fid = fid(folder, reference, models, &step)?;
    let mut summaries = BTreeMap::new();
    for (measure, _) in COLUMNS {
        let all: Vec<f64> = values
            .values()
            .filter_map(|found| found.get(measure).copied())
            .collect();
        summaries.extend(Summary::of(&all).map(|summary| (measure, summary)));
    }
    let missing = missing(models, &summaries, fid);
    let (name, pictures) = (folder.name.clone(), folder.pictures.clone());
    Ok(MethodReport {
        name,
        pictures,
        fid,
        missing,
        summaries,
        values,
    })
}

/// Everything that can be said of two pictures.
fn pair(one: &Shown, other: &Shown, models: &Models) -> Result<BTreeMap<&'static str, f64>> {
    let mut found = BTreeMap::new();
    if one.picture.dimensions() == other.picture.dimensions() {
        found.insert("PSNR", psnr(&one.picture, &other.picture)?);
        if one.picture.width().min(one.picture.height()) >= 11 {
            found.insert(
                "SSIM",
                ssim(
                    &one.picture,
                    &other.picture,
                    SsimWindow::Gaussian { sigma: 1.5 },
                )?,
            );
        }
    }
    if let Some(dino) = &models.dino {
        let vector = |shown: &Shown| dino.describe(&shown.picture, &models.device);
        found.insert("DINO", cosine(&vector(one)?, &vector(other)?)?);
    }
    if let Some(clip) = &models.clip {
        found.insert("CLIP-I", clip.pictures(&one.picture, &other.picture)?);
        if let Some(prompt) = one.prompt.filter(|_| models.reads) {
            found.insert("CLIP-T", clip.agreement(&one.picture, prompt)?);
        }
    }
    let (Some(face), Some(other_face)) = (one.face, other.face) else {
        return Ok(found);
    };
    if let Some(arcface) = &models.arcface {
        let vector = |shown: &Shown, face: &DetectedFace| {
            arcface.embed(&shown.picture, face.need_landmarks()?)
        };
        let cosine = vector(one, face)?.cosine(&vector(other, other_face)?)?;
        found.insert("FaceSim", cosine);
    }
    if let (Some(dino), Some(parser)) = (&models.dino, &models.parser) {
        let [mine, theirs] =
            [(one, face), (other, other_face)].map(|(shown, face)| parts(shown, face, parser));
        let (mine, theirs) = (mine?, theirs?);
        let report = fgis(
            dino,
            &models.device,
            (&mine.0, &mine.1),
            (&theirs.0, &theirs.1),
        )?;
        found.extend(report.mean.map(|mean| ("FGIS (our definition)", mean)));
    }
    Ok(found)
}

/// The face cut out, upright, and its parts.
fn parts(
    shown: &Shown,
    face: &DetectedFace,
    parser: &impl FaceParser,
) -> Result<(RgbImage, PartMap)> {
    let size = [shown.picture.width(), shown.picture.height()];
    let plan = CropPlan::new(
        size,
        &face.bounds,
        face.landmarks.as_ref(),
        &CropSettings::default(),
    )?;
    let levels = plan.extract(&shown.picture)?;
    let bytes = levels.iter().map(|level| level.round() as u8).collect();
    let crop = RgbImage::from_raw(plan.size(), plan.size(), bytes)
        .context("a crop has three levels per pixel")?;
    let parts = parser.parse(&crop)?;
    Ok((crop, parts))
}

fn fid(
    folder: &Folder,
    reference: &Folder,
    models: &Models,
    step: &impl Fn(),
) -> Result<Option<f64>> {
    let Some(inception) = &models.inception else {
        return Ok(None);
    };
    let gather = |folder: &Folder| -> Result<FeatureStatistics> {
        let mut statistics = FeatureStatistics::new(2048)?;
        for path in folder.pictures.values() {
            statistics.add(&inception.describe(&read(path)?, &models.device)?)?;
            step();
        }
        Ok(statistics)
    };
    let (one, other) = (gather(folder)?, gather(reference)?);
    if one.count() < 2 || other.count() < 2 {
        return Ok(None);
    }
    Ok(Some(frechet_distance(&one, &other)?))
}

/// What is not in the table, and why.
fn missing(
    models: &Models,
    summaries: &BTreeMap<&'static str, Summary>,
    fid: Option<f64>,
) -> BTreeMap<&'static str, String> {
    let needs = [
        (
            "FID",
            models.inception.is_some(),
            fid.is_some(),
            "--inception",
            "two pictures in each folder",
        ),
        (
            "FaceSim",
            models.arcface.is_some(),
            false,
            "--arcface",
            "faces.json in both folders",
        ),
        (
            "FGIS (our definition)",
            models.parser.is_some() && models.dino.is_some(),
            false,
            "--parser and --dino",
            "faces.json in both folders",
        ),
        (
            "CLIP-I",
            models.clip.is_some(),
            false,
            "--clip",
            "pictures of the same names",
        ),
        (
            "CLIP-T",
            models.reads,
            false,
            "--clip with its tokenizer",
            "prompts.json in the folder",
        ),
        (
            "DINO",
            models.dino.is_some(),
            false,
            "--dino",
            "pictures of the same names",
        ),
        (
            "PSNR",
            true,
            false,
            "",
            "pictures of the same names and sizes",
        ),
        (
            "SSIM",
            true,
            false,
            "",
            "pictures of the same names and sizes, at least 11×11",
        ),
    ];
    let absent = needs
        .into_iter()
        .filter(|(measure, _, there, ..)| !there && !summaries.contains_key(measure));
    absent
        .map(|(measure, has_model, _, model, inputs)| {
            let needed = if has_model { inputs } else { model };
            (measure, format!("needs {needed}"))
        })
        .collect()
}

/// The table, one folder per row.
pub(crate) fn markdown(reports: &[MethodReport]) -> String {
    let mut heads = vec![
        "folder".to_owned(),
        "pictures".to_owned(),
        "FID ↓".to_owned(),
    ];
    heads.extend(COLUMNS.map(|(name, more)| format!("{name} {}", if more { "↑" } else { "↓" })));
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&heads) + &line(&vec!["---".to_owned(); heads.len()]);
    for report in reports {
        let mut cells = vec![report.name.clone(), report.pictures.len().to_string()];
        cells.push(report.fid.map_or("–".to_owned(), |fid| format!("{fid:.2}")));
        cells.extend(COLUMNS.map(|(name, _)| match report.summaries.get(name) {
            Some(summary) => format!(
                "{:.3} ± {:.3} ({})",
                summary.mean, summary.deviation, summary.count
            ),
            None => "–".to_owned(),
        }));
        text += &line(&cells);
    }
    text += "\nMean ± standard deviation (number of pictures).\n";
    for report in reports {
        for (measure, why) in &report.missing {
            text += &format!("- {}: no {measure}, it {why}.\n", report.name);
        }
    }
    text
}
