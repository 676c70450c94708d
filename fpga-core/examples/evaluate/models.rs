//! The networks that measures need; each is there only if its file was given.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use fpga_core::face::{ArcFaceEmbedder, BiSeNetParser};
use fpga_core::metrics::{ClipScore, Dino, Inception, dino_from_file, inception_from_file};
use fpga_core::text::ClipTokenizer;
use fpga_core::weights::{ModelFolder, Storage, arcface_from_file, bisenet_from_file};

use crate::Arguments;

pub(crate) struct Models {
    pub(crate) device: Device,
    pub(crate) inception: Option<Inception>,
    pub(crate) dino: Option<Dino>,
    pub(crate) clip: Option<ClipScore>,
    /// Whether the CLIP model reads texts.
    pub(crate) reads: bool,
    pub(crate) arcface: Option<ArcFaceEmbedder>,
    pub(crate) parser: Option<BiSeNetParser>,
}

impl Models {
    pub(crate) fn load(arguments: &Arguments, device: &Device) -> Result<Self> {
        let storage = Storage::F32;
        let (clip, reads) = match &arguments.clip {
            Some(folder) => clip(folder, device).map(|(clip, reads)| (Some(clip), reads))?,
            None => (None, false),
        };
        let inception =
            |path| inception_from_file(path, storage, device).map(|(network, _)| network);
        let dino = |path| dino_from_file(path, None, storage, device).map(|(network, _)| network);
        let arcface = |path| {
            let (network, _) = arcface_from_file(path, storage, device)?;
            ArcFaceEmbedder::new(network, device)
        };
        let parser = |path| {
            let (network, _) = bisenet_from_file(path, storage, device)?;
            BiSeNetParser::new(network, device)
        };
        Ok(Self {
            device: device.clone(),
            inception: arguments.inception.as_ref().map(inception).transpose()?,
            dino: arguments.dino.as_ref().map(dino).transpose()?,
            clip,
            reads,
            arcface: arguments.arcface.as_ref().map(arcface).transpose()?,
            parser: arguments.parser.as_ref().map(parser).transpose()?,
        })
    }
}

/// A whole CLIP model's folder; texts are read where it has a tokenizer.
fn clip(folder: &Path, device: &Device) -> Result<(ClipScore, bool)> {
    let model = ModelFolder::open(folder, None)?;
    let (vision, _) = model
        .clip_vision(Storage::F32, device)
        .context("the vision half")?;
    let has_tokenizer = ["tokenizer.json", "vocab.json"]
        .iter()
        .any(|name| folder.join(name).exists());
    let text = match has_tokenizer {
        true => {
            let (text, _) = model
                .clip_text(Storage::F32, device)
                .context("the text half")?;
            Some((text, ClipTokenizer::from_folder(folder)?))
        }
        false => None,
    };
    Ok((ClipScore::new(vision, text, device)?, has_tokenizer))
}
