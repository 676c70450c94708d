//! Draws a contact sheet of procedural portraits.
//!
//! ```sh
//! cargo run --release --example draw_portraits -- --what identities --size 128
//! ```
//!
//! `identities`: one person per row, in changing posture, light, clothes and style. `groups`: one to
//! four people per picture. `labels`: groups with every part in its own colour, boxes and landmarks.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use fpga_core::RgbImage;
use fpga_core::data::portrait::{Drawing, Framing, Person, Scene, SceneSampler, Wording};
use fpga_core::face::{FacePart, SEEN};
use image::Rgb;

/// Draws a contact sheet of procedural portraits.
#[derive(Parser)]
struct Arguments {
    /// What to show.
    #[arg(long, value_enum, default_value_t = Sheet::Identities)]
    what: Sheet,
    /// Side of one picture in pixels.
    #[arg(long, default_value_t = 128)]
    size: u32,
    /// Pictures per row.
    #[arg(long, default_value_t = 8)]
    columns: u32,
    /// Rows.
    #[arg(long, default_value_t = 6)]
    rows: u32,
    /// First identity.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the sheet goes.
    #[arg(long, default_value = "out/portraits.png")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sheet {
    Identities,
    Groups,
    People,
    Labels,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Arguments {
        size,
        columns,
        rows,
        ..
    } = arguments;
    let mut sheet = RgbImage::new(columns * size, rows * size);
    let started = Instant::now();
    for place in 0..columns * rows {
        let scene = scene(&arguments, u64::from(place))?;
        let drawing = scene.draw()?;
        let picture = match arguments.what {
            Sheet::Labels => labelled(&drawing),
            Sheet::Identities | Sheet::Groups | Sheet::People => drawing.picture,
        };
        let (x, y) = (place % columns * size, place / columns * size);
        image::imageops::replace(&mut sheet, &picture, i64::from(x), i64::from(y));
        if arguments.what != Sheet::Identities {
            println!("{}", scene.caption(Wording::Described));
        }
    }
    let each = started.elapsed().as_secs_f64() * 1e3 / f64::from(columns * rows);
    if let Some(folder) = arguments.out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let out = &arguments.out;
    sheet
        .save(out)
        .with_context(|| format!("cannot write {}", out.display()))?;
    println!(
        "wrote {}: {} pictures, {each:.1} ms each",
        out.display(),
        columns * rows
    );
    Ok(())
}

fn scene(arguments: &Arguments, place: u64) -> Result<Scene> {
    let mut sampler = SceneSampler::new(arguments.size);
    let row = place / u64::from(arguments.columns);
    Ok(match arguments.what {
        Sheet::Identities => sampler.portrait(&Person::from_seed(arguments.seed + row), place)?,
        Sheet::People => {
            sampler.framing = Framing::Full;
            sampler.scene(&people(arguments.seed + 4 * place, 1 + place % 4), place)?
        }
        Sheet::Groups | Sheet::Labels => {
            sampler.scene(&people(arguments.seed + 4 * place, 1 + place % 4), place)?
        }
    })
}

fn people(first: u64, count: u64) -> Vec<Person> {
    (first..first + count).map(Person::from_seed).collect()
}

/// Every part in its own colour, with face boxes and landmarks.
fn labelled(drawing: &Drawing) -> RgbImage {
    let colour = |part: u8, person: u8| {
        let turn = u32::from(part) * 255 / FacePart::ALL.len() as u32;
        let wheel = |shift: u32| ((turn * 3 + shift) % 256) as u8;
        match person {
            0 => Rgb([24, 24, 28]),
            _ if part == 0 => Rgb([120, 120, 60 + 40 * person]),
            _ => Rgb([wheel(0), wheel(85), wheel(170)]),
        }
    };
    let mut picture =
        RgbImage::from_fn(drawing.picture.width(), drawing.picture.height(), |x, y| {
            let at = [y as usize, x as usize];
            colour(drawing.parts[at], drawing.people[at])
        });
    for figure in &drawing.figures {
        let [x0, y0, x1, y1] = figure.face.edges();
        let across = (x0 as i64..=x1 as i64).flat_map(|x| [(x, y0 as i64), (x, y1 as i64)]);
        let down = (y0 as i64..=y1 as i64).flat_map(|y| [(x0 as i64, y), (x1 as i64, y)]);
        across
            .chain(down)
            .for_each(|place| dot(&mut picture, place, Rgb([255, 255, 0])));
        for [x, y] in figure.landmarks.points() {
            dot(&mut picture, (x as i64, y as i64), Rgb([255, 255, 255]));
        }
        for [x, y] in figure.skeleton.visible_body(SEEN).iter().flatten() {
            dot(&mut picture, (*x as i64, *y as i64), Rgb([255, 60, 60]));
        }
    }
    picture
}

fn dot(picture: &mut RgbImage, (x, y): (i64, i64), colour: Rgb<u8>) {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    if (0..width).contains(&x) && (0..height).contains(&y) {
        picture.put_pixel(x as u32, y as u32, colour);
    }
}
