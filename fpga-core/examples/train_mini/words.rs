//! The tokenizer: byte pairs that are merged as often as the captions of the trained people have them
//! (Sennrich et al. 2016), in the files of CLIP's tokenizers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fpga_core::Error;
use fpga_core::data::portrait::Wording;
use fpga_core::text::{ClipTokenizer, LongPrompt, WeightedSpan};
use fpga_core::weights::save_json;
use serde_json::{Map, Value, json};

use crate::people::{Numbers, group};
use crate::recipe::{MERGES, SIDE, TRAINED, WINDOW};

/// Captions that pairs are counted in.
const CAPTIONS: u64 = 4000;
const ENDS: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];

/// Ids of a caption with start, end and padding.
pub(crate) fn ids(tokenizer: &ClipTokenizer, caption: &str) -> Result<Vec<i64>, Error> {
    let spans = [WeightedSpan::plain(caption)];
    let windows = tokenizer.windows(&spans, LongPrompt::Truncate)?;
    Ok(windows.as_slice()[0].ids.clone())
}

/// Writes the tokenizer; gives back its files and the number of its tokens.
pub(crate) fn write(folder: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let merges = merges(count_words()?);
    let letters = letters();
    let ending = letters.iter().map(|letter| format!("{letter}</w>"));
    let merged = merges.iter().map(|(left, right)| format!("{left}{right}"));
    let tokens = letters.iter().cloned().chain(ending).chain(merged);
    let tokens = tokens.chain(ENDS.map(str::to_owned));
    let vocabulary: Map<String, Value> = tokens.zip(0..).map(|(t, id)| (t, id.into())).collect();

    std::fs::create_dir_all(folder)?;
    let file = |name: &str| folder.join(name);
    let count = vocabulary.len();
    save_json(&vocabulary.into(), &file("vocab.json"))?;
    let mut lines = String::from("#version: 0.2\n");
    for (left, right) in &merges {
        writeln!(lines, "{left} {right}")?;
    }
    std::fs::write(file("merges.txt"), lines)?;
    let special = json!({
        "bos_token": ENDS[0], "eos_token": ENDS[1], "unk_token": ENDS[1], "pad_token": ENDS[1],
    });
    save_json(&special, &file("special_tokens_map.json"))?;
    let mut config = special;
    config["tokenizer_class"] = "CLIPTokenizer".into();
    config["model_max_length"] = WINDOW.into();
    save_json(&config, &file("tokenizer_config.json"))?;
    let files = [
        "vocab.json",
        "merges.txt",
        "special_tokens_map.json",
        "tokenizer_config.json",
    ];
    Ok((files.map(file).to_vec(), count))
}

/// How often captions have each word, in CLIP's cut: letters, or one other sign.
fn count_words() -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for index in 0..CAPTIONS {
        let (scene, _) = group(&mut Numbers::new(0, index), &TRAINED, SIDE)?;
        let caption = scene.caption(Wording::Described).to_lowercase();
        for part in caption.split_whitespace() {
            for word in part.split_inclusive(|sign: char| !sign.is_alphabetic()) {
                let letters = word.trim_end_matches(|sign: char| !sign.is_alphabetic());
                for word in [letters, &word[letters.len()..]] {
                    if !word.is_empty() {
                        *counts.entry(word.to_owned()).or_insert(0) += 1;
                    }
                }
            }
        }
    }
    Ok(counts)
}

/// The pairs, most frequent first; of equals the first in the alphabet.
fn merges(words: BTreeMap<String, usize>) -> Vec<(String, String)> {
    let pieces = |word: &str| -> Vec<String> {
        let mut pieces: Vec<_> = word.chars().map(String::from).collect();
        if let Some(last) = pieces.last_mut() {
            last.push_str("</w>");
        }
        pieces
    };
    let mut words: Vec<_> = words
        .iter()
        .map(|(word, count)| (pieces(word), *count))
        .collect();
    let (mut merges, mut known) = (Vec::new(), BTreeSet::new());
    while merges.len() < MERGES {
        let mut pairs = BTreeMap::new();
        for (pieces, count) in &words {
            for pair in pieces.windows(2) {
                *pairs.entry((pair[0].clone(), pair[1].clone())).or_insert(0) += count;
            }
        }
        let rarest_last = pairs.into_iter().rev().max_by_key(|(_, count)| *count);
        let Some(((left, right), _)) = rarest_last else {
            break;
        };
        let whole = format!("{left}{right}");
        for (pieces, _) in &mut words {
            let mut at = 0;
            while at + 1 < pieces.len() {
                if pieces[at] == left && pieces[at + 1] == right {
                    pieces.splice(at..at + 2, [whole.clone()]);
                }
                at += 1;
            }
        }
        if known.insert(whole) {
            merges.push((left, right));
        }
    }
    merges
}

/// A letter for each of the 256 bytes, as GPT-2 writes them: those that can be seen stand for themselves.
fn letters() -> Vec<String> {
    let seen = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 256..;
    let letter = |byte: u32| match seen(&byte) {
        true => byte,
        false => others.next().expect("has no end"),
    };
    let letter = (0..256).map(letter).map(|code| {
        let letter = char::from_u32(code);
        letter.expect("below the surrogates").to_string()
    });
    letter.collect()
}
