//! Reads a tokenizer folder: the tokens, the merges of byte-pair encoding, the special tokens.
//!
//! A folder holds `vocab.json` and `merges.txt`, or one `tokenizer.json`, and beside them usually
//! `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`. Everything is
//! checked here, because the merging code takes its tables at their word.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;
use tokenizers::AddedToken;

use crate::error::{Error, Result};

/// What the files of a folder say.
pub(super) struct Vocabulary {
    /// Token to id.
    pub(super) ids: HashMap<String, u32>,
    /// Pairs that become one token, most frequent first.
    pub(super) merges: Vec<(String, String)>,
    /// Tokens that are cut out of the text before anything else, by id.
    pub(super) added: BTreeMap<u32, AddedToken>,
    /// `bos_token`, `eos_token`, `unk_token` and `pad_token`, where a file names them.
    pub(super) named: HashMap<&'static str, AddedToken>,
    /// Tokens that the model takes at once, the two ends included.
    pub(super) window: usize,
}

/// Ids above this are no vocabulary.
const MAX_ID: u64 = 4_194_303;
/// Published vocabularies have 1 to 4 MB.
const MAX_FILE: u64 = 64 << 20;
const NAMES: [&str; 4] = ["bos_token", "eos_token", "unk_token", "pad_token"];
/// The sequence length of every published CLIP.
const CLIP_WINDOW: usize = 77;

impl Vocabulary {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let config = read_json(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let special = read_json(&folder.join("special_tokens_map.json"))?.unwrap_or_default();
        let mut vocabulary = match read_json(&folder.join("vocab.json"))? {
            Some(ids) => Self::from_two_files(folder, &ids)?,
            None => Self::from_one_file(folder)?,
        };
        for name in NAMES {
            let found = [&config, &special]
                .into_iter()
                .find_map(|file| read_token(&file[name]));
            vocabulary.named.extend(found.map(|token| (name, token)));
        }
        vocabulary.read_added(folder, &config)?;
        vocabulary.window = read_window(folder, &config)?;
        Ok(vocabulary)
    }

    fn new(ids: HashMap<String, u32>, merges: Vec<(String, String)>) -> Self {
        Self {
            ids,
            merges,
            added: BTreeMap::new(),
            named: HashMap::new(),
            window: CLIP_WINDOW,
        }
    }

    fn from_two_files(folder: &Path, ids: &Value) -> Result<Self> {
        let ids = read_ids(&folder.join("vocab.json"), ids)?;
        let path = folder.join("merges.txt");
        let text = read_text(&path)?.ok_or_else(|| Error::format(&path, "no such file"))?;
        let mut merges = Vec::new();
        for (index, line) in text.lines().enumerate() {
            // the first line may name the format's version
            if line.trim().is_empty() || (index == 0 && line.starts_with("#version")) {
                continue;
            }
            let pair = line.split_once(' ').ok_or_else(|| {
                let why = format!("line {}: needs two tokens, found {line:?}", index + 1);
                Error::format(&path, why)
            })?;
            merges.push(check_merge(&path, &ids, pair)?);
        }
        Ok(Self::new(ids, merges))
    }

    fn from_one_file(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let Some(file) = read_json(&path)? else {
            let why = "holds neither vocab.json with merges.txt nor tokenizer.json";
            return Err(Error::format(folder, why));
        };
        let model = &file["model"];
        if model["end_of_word_suffix"].as_str() != Some("</w>") {
            let why = "needs CLIP's byte-pair encoding, with </w> at the end of words";
            return Err(Error::format(&path, why));
        }
        let ids = read_ids(&path, &model["vocab"])?;
        let mut merges = Vec::new();
        for item in model["merges"].as_array().into_iter().flatten() {
            let pair = match item {
                Value::String(line) => line.split_once(' '),
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(left), Value::String(right)] => {
                        Some((left.as_str(), right.as_str()))
                    }
                    _ => None,
                },
                _ => None,
            };
            let pair = pair.ok_or_else(|| Error::format(&path, "a merge is not two tokens"))?;
            merges.push(check_merge(&path, &ids, pair)?);
        }
        let mut vocabulary = Self::new(ids, merges);
        for token in file["added_tokens"].as_array().into_iter().flatten() {
            vocabulary.add(&path, &token["id"], token)?;
        }
        Ok(vocabulary)
    }

    fn read_added(&mut self, folder: &Path, config: &Value) -> Result<()> {
        let path = folder.join("tokenizer_config.json");
        for (id, token) in config["added_tokens_decoder"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let id = id.parse().map_or(Value::Null, |id: u32| id.into());
            self.add(&path, &id, token)?;
        }
        let path = folder.join("added_tokens.json");
        let added = read_json(&path)?.unwrap_or_default();
        for (token, id) in added.as_object().into_iter().flatten() {
            if !self.added.values().any(|known| known.content == *token) {
                self.add(&path, id, &token.as_str().into())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, id: &Value, token: &Value) -> Result<()> {
        match (read_id(id), read_token(token)) {
            (Some(id), Some(token)) => {
                self.added.insert(id, token);
                Ok(())
            }
            _ => Err(Error::format(
                path,
                "an added token lacks its text or its id",
            )),
        }
    }
}

/// A token without options, found in the raw text as a whole.
pub(super) fn plain_token(content: &str) -> AddedToken {
    AddedToken::from(content, true).normalized(false)
}

/// From a string, or an object with `content` and options.
fn read_token(value: &Value) -> Option<AddedToken> {
    let content = value.as_str().or_else(|| value["content"].as_str())?;
    let flag = |key: &str| value[key].as_bool().unwrap_or(false);
    (!content.is_empty()).then(|| {
        plain_token(content)
            .normalized(flag("normalized"))
            .lstrip(flag("lstrip"))
            .rstrip(flag("rstrip"))
            .single_word(flag("single_word"))
    })
}

fn read_ids(path: &Path, table: &Value) -> Result<HashMap<String, u32>> {
    let table = table
        .as_object()
        .ok_or_else(|| Error::format(path, "needs an object of tokens and ids"))?;
    let mut ids = HashMap::with_capacity(table.len());
    for (token, id) in table {
        let id = read_id(id).ok_or_else(|| {
            Error::format(path, format!("id of {token:?}: 0 to {MAX_ID}, found {id}"))
        })?;
        ids.insert(token.clone(), id);
    }
    Ok(ids)
}

fn read_id(id: &Value) -> Option<u32> {
    let id = id.as_u64().filter(|id| *id <= MAX_ID)?;
    u32::try_from(id).ok()
}

fn check_merge(
    path: &Path,
    ids: &HashMap<String, u32>,
    (left, right): (&str, &str),
) -> Result<(String, String)> {
    let whole = format!("{left}{right}");
    match [left, right, &whole]
        .iter()
        .find(|token| !ids.contains_key(**token))
    {
        Some(token) => {
            let why = format!("merge of {left:?} and {right:?}: no token {token:?}");
            Err(Error::format(path, why))
        }
        None => Ok((left.to_owned(), right.to_owned())),
    }
}

/// `model_max_length`; absurdly large values mean "not stated" where these files are written.
fn read_window(folder: &Path, config: &Value) -> Result<usize> {
    match config["model_max_length"].as_u64() {
        Some(length @ 0..3) => Err(Error::format(
            folder.join("tokenizer_config.json"),
            format!("model_max_length: at least 3, found {length}"),
        )),
        Some(length @ 3..=4096) => Ok(length as usize),
        _ => Ok(CLIP_WINDOW),
    }
}

/// `None` where there is no such file.
fn read_json(path: &Path) -> Result<Option<Value>> {
    read_text(path)?
        .map(|text| {
            serde_json::from_str(&text)
                .map_err(|error| Error::format(path, "is not JSON").with_source(error))
        })
        .transpose()
}

fn read_text(path: &Path) -> Result<Option<String>> {
    let size = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|error| Error::io(path, error))?.len(),
    };
    if size > MAX_FILE {
        let why = format!("at most {MAX_FILE} bytes, found {size}");
        return Err(Error::format(path, why));
    }
    std::fs::read_to_string(path)
        .map(Some)
        .map_err(|error| Error::io(path, error))
}
