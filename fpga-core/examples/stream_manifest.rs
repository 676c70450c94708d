//! Streams a large manifest, shuffled, and says how much memory that took.
//!
//! ```sh
//! cargo run --release --example stream_manifest -- --rows 1000000
//! ```
//!
//! Writes that many rows into shards in a temporary folder first (about 900 bytes per row), breaks one
//! of them, and resumes once in the middle from a position that went through JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fpga_core::data::manifest::ManifestRow;
use fpga_core::data::portrait::{Person, SceneSampler, Wording};
use fpga_core::data::{OnBroken, RowStream, StreamPosition, StreamSettings};
use serde_json::json;

/// Streams a large manifest, shuffled, and says how much memory that took.
#[derive(Parser)]
struct Arguments {
    /// How many rows.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How many files they are spread over.
    #[arg(long, default_value_t = 16)]
    files: u64,
    /// Rows held to be drawn from.
    #[arg(long, default_value_t = 4096)]
    buffer: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let files = write(folder.path(), &arguments)?;
    println!("wrote {} rows, peak memory {}", arguments.rows, peak());

    let settings = StreamSettings {
        seed: Some(1),
        buffer: arguments.buffer,
        on_broken: OnBroken::Skip,
        ..StreamSettings::default()
    };
    let started = Instant::now();
    let mut stream = RowStream::<ManifestRow>::new(&files, settings.clone(), 0)?;
    let mut ids = 0_u64;
    let tenth = (arguments.rows / 10).max(1);
    while let Some(row) = stream.next() {
        // A sum that depends on every row: none may be lost or given twice.
        ids += row?
            .row
            .image
            .parse::<u64>()
            .context("a row's name is its number")?;
        if stream.given() % tenth == 0 {
            println!("{:>9} rows, peak memory {}", stream.given(), peak());
        }
        if stream.given() == arguments.rows / 2 {
            tell_broken(&stream);
            let position = serde_json::to_string(&stream.position())?;
            let position: StreamPosition = serde_json::from_str(&position)?;
            stream = RowStream::resume(&files, settings.clone(), &position)?;
        }
    }
    tell_broken(&stream);
    ensure!(
        stream.given() + stream.broken() == arguments.rows,
        "rows were lost"
    );
    ensure!(
        ids + BROKEN == arguments.rows * (arguments.rows - 1) / 2,
        "other rows than were written"
    );
    let pace = arguments.rows as f64 / started.elapsed().as_secs_f64();
    println!("{pace:.0} rows per second, peak memory {}", peak());
    Ok(())
}

/// Rows that were left out since the stream was made or resumed.
fn tell_broken(stream: &RowStream<ManifestRow>) {
    for broken in stream.broken_rows() {
        println!(
            "left out: {} line {}: {}",
            broken.origin.file.display(),
            broken.origin.line,
            broken.why
        );
    }
}

/// The number of the row that is broken.
const BROKEN: u64 = 7;

/// Rows as a builder would write them, of a drawn scene.
fn write(folder: &Path, arguments: &Arguments) -> Result<Vec<PathBuf>> {
    let people = [1, 2].map(Person::from_seed);
    let scene = SceneSampler::new(512).scene(&people, 3)?;
    let drawing = scene.draw()?;
    let faces: Vec<_> = drawing
        .figures
        .iter()
        .enumerate()
        .map(|(index, figure)| {
            json!({
                "bbox": figure.face, "score": 0.99, "kps5": figure.landmarks,
                "face_px": figure.face.height(), "person_index": index,
            })
        })
        .collect();
    let persons: Vec<_> = drawing
        .figures
        .iter()
        .map(|figure| &figure.skeleton)
        .collect();
    let mut row = json!({
        "version": 1, "image": "", "width": 512, "height": 512, "caption": scene.caption(Wording::Described),
        "source": "drawn", "license": "Apache-2.0", "skeleton": {"format": "openpose18", "persons": persons},
        "faces": faces,
    });
    let paths: Vec<_> = (0..arguments.files)
        .map(|file| folder.join(format!("{file:05}.jsonl")))
        .collect();
    let mut writers = Vec::new();
    for path in &paths {
        writers.push(BufWriter::new(File::create(path)?));
    }
    for id in 0..arguments.rows {
        let writer = &mut writers[(id % arguments.files) as usize];
        row["image"] = json!(id.to_string());
        match id {
            BROKEN => writeln!(writer, "{{\"image\": \"{id}\", \"width\":")?,
            _ => writeln!(writer, "{row}")?,
        }
    }
    for writer in &mut writers {
        writer.flush()?;
    }
    Ok(paths)
}

/// The most memory that the process had at any time, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown on this system".to_owned(), |size| {
        size.trim().to_owned()
    })
}
