//! How much a PyTorch file may make its reader do, checked before the reader sees it.
//!
//! A pickle is a program of one-byte instructions, each of which can make an object two hundred
//! times its size; compressed, twenty kilobytes would fill five gigabytes. So the program must be
//! stored as PyTorch stores it, uncompressed, and may have only so many instructions: far more than
//! the largest checkpoints have. Offsets of the archive are believed only where all agree.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Instructions in all pickles of a file. SDXL has about seventy thousand.
const MAX_INSTRUCTIONS: u32 = 1_000_000;
/// Longest directory of an archive; SDXL's is a third of a megabyte.
const MAX_DIRECTORY: u64 = 16 << 20;
/// Pickles at the start of a file of the old container: marks, the object, the storages' names.
const PICKLES: usize = 5;

/// Why a file is refused, if it is.
pub(super) fn check_archive(file: &mut File) -> io::Result<()> {
    let mut budget = MAX_INSTRUCTIONS;
    for start in pickles_of_archive(file)? {
        file.seek(SeekFrom::Start(start.offset))?;
        let mut pickle = BufReader::new(&mut *file).take(start.length);
        check_pickle(&mut pickle, &mut budget)?;
    }
    Ok(())
}

/// As [`check_archive`], for pickles that follow each other from the file's first byte.
pub(super) fn check_stream(file: &mut File) -> io::Result<()> {
    file.rewind()?;
    let mut budget = MAX_INSTRUCTIONS;
    let mut reader = BufReader::new(file);
    for _ in 0..PICKLES {
        if !check_pickle(&mut reader, &mut budget)? || reader.fill_buf()?.first() != Some(&0x80) {
            break;
        }
    }
    Ok(())
}

/// Goes through one pickle without doing what it says. Returns whether it ended properly; what is
/// wrong with one that did not is the reader's to tell.
fn check_pickle(reader: &mut impl BufRead, budget: &mut u32) -> io::Result<bool> {
    loop {
        let Some(&opcode) = reader.fill_buf()?.first() else {
            return Ok(false);
        };
        reader.consume(1);
        *budget = budget
            .checked_sub(1)
            .ok_or_else(|| refuse("has more pickle instructions than any checkpoint"))?;
        match opcode {
            b'.' => return Ok(true),
            b'c' | b'i' => {
                reader.skip_until(b'\n')?;
                reader.skip_until(b'\n')?;
            }
            b'F' | b'I' | b'L' | b'P' | b'S' | b'V' | b'g' | b'p' => {
                reader.skip_until(b'\n')?;
            }
            other => {
                let length = match argument(other) {
                    Argument::Fixed(length) => length,
                    Argument::Counted(bytes) => match read_number(reader, bytes)? {
                        Some(length) => length,
                        None => return Ok(false),
                    },
                };
                if io::copy(&mut reader.by_ref().take(length), &mut io::sink())? < length {
                    return Ok(false);
                }
            }
        }
    }
}

/// What follows an instruction that is not a line of text.
enum Argument {
    /// So many bytes.
    Fixed(u64),
    /// A length of so many bytes, then that many bytes.
    Counted(usize),
}

fn argument(opcode: u8) -> Argument {
    match opcode {
        b'U' | b'C' | 0x8a | 0x8c => Argument::Counted(1),
        b'T' | b'B' | b'X' | 0x8b => Argument::Counted(4),
        0x8d | 0x8e | 0x96 => Argument::Counted(8),
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Argument::Fixed(1),
        b'M' | 0x83 => Argument::Fixed(2),
        b'J' | b'j' | b'r' | 0x84 => Argument::Fixed(4),
        b'G' | 0x95 => Argument::Fixed(8),
        _ => Argument::Fixed(0),
    }
}

fn read_number(reader: &mut impl Read, bytes: usize) -> io::Result<Option<u64>> {
    let mut number = [0; 8];
    let mut part = Vec::new();
    reader.take(bytes as u64).read_to_end(&mut part)?;
    number[..part.len()].copy_from_slice(&part);
    Ok((part.len() == bytes).then(|| u64::from_le_bytes(number)))
}

/// Where an entry's bytes lie.
struct Extent {
    offset: u64,
    length: u64,
}

/// Every entry that the reader could take for the pickle.
fn pickles_of_archive(file: &mut File) -> io::Result<Vec<Extent>> {
    let directory = directory(file)?;
    let mut pickles = Vec::new();
    let mut rest = directory.as_slice();
    while !rest.is_empty() {
        let (fixed, after) = rest.split_first_chunk::<46>().ok_or_else(unsound)?;
        if fixed[..4] != *b"PK\x01\x02" {
            return Err(unsound());
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(number16(fixed, at)));
        let entry_name = after.get(..name).ok_or_else(unsound)?;
        rest = after.get(name + extra + comment..).ok_or_else(unsound)?;
        if entry_name.ends_with(b"data.pkl") {
            if number16(fixed, 10) != 0 {
                return Err(refuse(
                    "holds a compressed pickle, which PyTorch does not write",
                ));
            }
            // An extension field would overrule these numbers; PyTorch needs none here.
            let [packed, length, header] = [20, 24, 42].map(|at| number32(fixed, at));
            if [packed, length, header].contains(&u32::MAX) || packed != length {
                return Err(unsound());
            }
            let offset = data_offset(file, u64::from(header))?;
            pickles.push(Extent {
                offset,
                length: u64::from(length),
            });
        }
    }
    Ok(pickles)
}

/// The archive's list of entries, which must end where the end marks begin.
fn directory(file: &mut File) -> io::Result<Vec<u8>> {
    let file_length = file.seek(SeekFrom::End(0))?;
    let mark_at = file_length.checked_sub(22).ok_or_else(unsound)?;
    let mark: [u8; 22] = read_at(file, mark_at)?;
    if mark[..4] != *b"PK\x05\x06" || number16(&mark, 20) != 0 {
        return Err(unsound());
    }
    let (mut length, mut offset) = (
        u64::from(number32(&mark, 12)),
        u64::from(number32(&mark, 16)),
    );
    let mut end = mark_at;

    // Large archives have a second mark with wider numbers.
    let locator: Option<[u8; 20]> = mark_at
        .checked_sub(20)
        .map(|at| read_at(file, at))
        .transpose()?;
    if let Some(locator) = locator.filter(|locator| locator[..4] == *b"PK\x06\x07") {
        end = number64(&locator, 8);
        let wide: [u8; 56] = read_at(file, end)?;
        let [wide_length, wide_offset] = [40, 48].map(|at| number64(&wide, at));
        let agrees = |narrow: u64, wide| narrow == wide || narrow == u64::from(u32::MAX);
        if wide[..4] != *b"PK\x06\x06"
            || !agrees(length, wide_length)
            || !agrees(offset, wide_offset)
        {
            return Err(unsound());
        }
        (length, offset) = (wide_length, wide_offset);
    }

    if length > MAX_DIRECTORY || offset.checked_add(length) != Some(end) {
        return Err(unsound());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut directory = vec![0; length as usize];
    file.read_exact(&mut directory)?;
    Ok(directory)
}

/// Where the bytes of the entry begin whose own header lies at `header`.
fn data_offset(file: &mut File, header: u64) -> io::Result<u64> {
    let fixed: [u8; 30] = read_at(file, header)?;
    if fixed[..4] != *b"PK\x03\x04" {
        return Err(unsound());
    }
    let [name, extra] = [26, 28].map(|at| u64::from(number16(&fixed, at)));
    Ok(header + 30 + name + extra)
}

fn read_at<const N: usize>(file: &mut File, offset: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from(number16(bytes, at)) | u32::from(number16(bytes, at + 2)) << 16
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    u64::from(number32(bytes, at)) | u64::from(number32(bytes, at + 4)) << 32
}

fn unsound() -> io::Error {
    refuse("is not an archive as PyTorch writes it (cut off?)")
}

fn refuse(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
