//! From a prompt to what the UNet attends to, against transformers.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fpga_core::identity::facial_prompt::{
    FACIAL_MARK, FacialPart, FacialPrompt, PICTURE_MARK, Pairing, PromptLayout,
};
use fpga_core::pipeline::DeviceChoice;
use fpga_core::text::{
    ClipTokenizer, HiddenLayer, LongPrompt, PromptEmbedding, WeightedSpan, parse_emphasis,
};
use fpga_core::weights::{ModelFolder, Storage};
use fpga_tests::parity::{Report, Tensors};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tokenised {
    text: String,
    ids: Vec<i64>,
}

#[derive(Deserialize)]
struct TokenizerCases {
    sd1: Vec<Tokenised>,
    sdxl_second: Vec<Tokenised>,
    taught: Vec<Tokenised>,
    one_file: Vec<Tokenised>,
}

fn device() -> Device {
    DeviceChoice::default().open().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn tokenizer(name: &str) -> ClipTokenizer {
    ClipTokenizer::from_folder(fixture("clip_tokenizer").join(name)).unwrap()
}

#[test]
fn ids_equal_the_references() {
    let text = std::fs::read_to_string(fixture("clip_tokenizer/cases.json")).unwrap();
    let cases: TokenizerCases = serde_json::from_str(&text).unwrap();
    for (name, cases) in [
        ("sd1", cases.sd1),
        ("sdxl_second", cases.sdxl_second),
        ("taught", cases.taught),
        ("one_file", cases.one_file),
    ] {
        let tokenizer = tokenizer(name);
        for case in cases {
            let prompt = [WeightedSpan::plain(&case.text)];
            let windows = tokenizer.windows(&prompt, LongPrompt::Truncate).unwrap();
            assert_eq!(
                windows.as_slice()[0].ids,
                case.ids,
                "{name}: {:?}",
                case.text
            );
        }
    }
}

#[test]
fn added_tokens_follow_the_vocabulary_and_are_found_whole() {
    let mut tokenizer = tokenizer("sd1");
    let ids = tokenizer
        .add_tokens(&["<|image|>", "<|facial|>", "!"])
        .unwrap();
    assert_eq!(ids[..2], [662, 663]);
    let found = tokenizer.encode("face<|facial|>, !").unwrap();
    assert_eq!(found.iter().filter(|id| **id == 663).count(), 1);
    assert_eq!(found.last(), Some(&ids[2]));
    assert!(tokenizer.add_tokens(&[""]).is_err());
}

#[test]
fn emphasis_and_windows_equal_the_reference() {
    let folder = ModelFolder::open(fixture("clip_prompt/text_encoder"), None).unwrap();
    let device = device();
    let (model, _) = folder.clip_text(Storage::AsStored, &device).unwrap();
    let prompt = format!(
        "portrait of a (smiling woman:1.3), at the [beach], {}((high quality",
        "two people standing, ".repeat(16)
    );
    let spans = parse_emphasis(&prompt).unwrap();
    let windows = tokenizer("sd1").windows(&spans, LongPrompt::Split).unwrap();
    let encode = |layer| -> PromptEmbedding { model.encode(&windows, layer).unwrap() };

    let skipped = HiddenLayer {
        skip: 1,
        normalise: true,
    };
    let mut outputs = Tensors::default();
    let last = encode(HiddenLayer::LAST);
    outputs.push_tensor("pooled", last.pooled);
    outputs.push_tensor("last", last.context);
    outputs.push_tensor("penultimate", encode(HiddenLayer::PENULTIMATE).context);
    outputs.push_tensor("skip_1_normalised", encode(skipped).context);
    let expected = Tensors::read(&fixture("clip_prompt/expected.safetensors")).unwrap();
    let report = Report::compare(&outputs, Some(&expected), 1e-5);
    let lines: Vec<_> = report.lines.iter().map(ToString::to_string).collect();
    assert!(report.passed() && lines.len() == 4, "{}", lines.join("\n"));
}

#[test]
fn prompts_that_do_not_fit_the_model_are_refused() {
    let folder = ModelFolder::open(fixture("clip_prompt/text_encoder"), None).unwrap();
    let (model, _) = folder.clip_text(Storage::AsStored, &device()).unwrap();
    let mut tokenizer = tokenizer("sd1");
    tokenizer.add_tokens(&["<new>"]).unwrap();
    let encode = |prompt: &str, skip| {
        let prompt = [WeightedSpan::plain(prompt)];
        let windows = tokenizer.windows(&prompt, LongPrompt::Split).unwrap();
        let normalise = false;
        model.encode(&windows, HiddenLayer { skip, normalise })
    };
    assert!(encode("a photo", 2).is_ok());
    assert!(encode("a <new> photo", 0).is_err());
    assert!(encode("a photo", 3).is_err());
}

#[test]
fn broken_tokenizer_folders_are_refused() {
    let sound = fixture("clip_tokenizer/sd1");
    let one = std::fs::read_to_string(fixture("clip_tokenizer/one_file/tokenizer.json")).unwrap();
    let vocabulary = std::fs::read_to_string(sound.join("vocab.json")).unwrap();
    let merges = std::fs::read_to_string(sound.join("merges.txt")).unwrap();
    for (files, why) in [
        (vec![], "holds neither"),
        (vec![("vocab.json", vocabulary.clone())], "no such file"),
        (
            vec![("vocab.json", "[]".into()), ("merges.txt", merges.clone())],
            "object of tokens",
        ),
        (
            vec![("vocab.json", "{".into()), ("merges.txt", merges.clone())],
            "is not JSON",
        ),
        (
            vec![
                ("vocab.json", r#"{"a":-1}"#.into()),
                ("merges.txt", merges.clone()),
            ],
            "id of \"a\"",
        ),
        (
            vec![
                ("vocab.json", r#"{"a":1}"#.into()),
                ("merges.txt", merges.clone()),
            ],
            "no token",
        ),
        (
            vec![
                ("vocab.json", r#"{"a":1}"#.into()),
                ("merges.txt", "a".into()),
            ],
            "line 1",
        ),
        (
            vec![
                ("vocab.json", r#"{"a":1}"#.into()),
                ("merges.txt", String::new()),
            ],
            "endoftext",
        ),
        (
            vec![
                ("vocab.json", vocabulary.clone()),
                ("merges.txt", merges.clone()),
                ("added_tokens.json", r#"{"<x>":3000}"#.into()),
            ],
            "says id 3000",
        ),
        (
            vec![
                ("vocab.json", vocabulary.clone()),
                ("merges.txt", merges.clone()),
                ("tokenizer_config.json", r#"{"model_max_length":2}"#.into()),
            ],
            "model_max_length",
        ),
        (vec![("tokenizer.json", one.replace("</w>", "@@"))], "</w>"),
        (vec![("tokenizer.json", "{}".into())], "</w>"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let error = ClipTokenizer::from_folder(folder.path()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[derive(Deserialize)]
struct FacialPrompts {
    prompts: Vec<FacialCase>,
}

#[derive(Deserialize)]
struct FacialCase {
    prompt: String,
    caption: String,
    plain: String,
    ids: Vec<i64>,
    marked: Vec<usize>,
    sdxl_ids: Vec<i64>,
    sdxl_second_ids: Vec<i64>,
    sdxl_marked: Vec<usize>,
}

#[test]
fn facial_prompts_are_marked_as_consistentid_marks_them() {
    let text = std::fs::read_to_string(fixture("facial_prompt/golden.json")).unwrap();
    let cases: FacialPrompts = serde_json::from_str(&text).unwrap();
    let mut first = tokenizer("sd1");
    let marks = first.add_tokens(&[PICTURE_MARK, FACIAL_MARK]).unwrap();
    let mut second = tokenizer("sdxl_second");
    second.add_tokens(&[PICTURE_MARK]).unwrap();
    let parts = [
        FacialPart::Face,
        FacialPart::LeftEye,
        FacialPart::LeftEar,
        FacialPart::Nose,
        FacialPart::UpperLip,
    ];
    for case in cases.prompts {
        let about = format!("{:?} with {:?}", case.prompt, case.caption);
        let prompt = |layout| {
            let fits = |text: &str| Ok(first.count(text)? <= first.window());
            let ways = (layout, Pairing::Upstream);
            FacialPrompt::new(&case.prompt, &case.caption, &parts, ways, fits).unwrap()
        };
        let window = |tokenizer: &ClipTokenizer, prompt: &FacialPrompt, mark| {
            let window = tokenizer.marked_window(&prompt.marked, mark).unwrap();
            (window.windows.as_slice()[0].ids.clone(), window.marked)
        };
        let joined = prompt(PromptLayout::Joined);
        assert_eq!(joined.plain, case.plain, "{about}");
        let found = window(&first, &joined, Some(marks[1]));
        assert_eq!(found, (case.ids, case.marked), "{about}");

        let separated = prompt(PromptLayout::Separated);
        let found = window(&first, &separated, Some(marks[1]));
        assert_eq!(found, (case.sdxl_ids, case.sdxl_marked), "{about}");
        let (ids, _) = window(&second, &separated, None);
        assert_eq!(ids, case.sdxl_second_ids, "{about}");
    }
}
