//! Golden strings of ConsistentID's own functions (`tests/fixtures/facial_prompt/make.py`).

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    captions: Vec<Captioned>,
}

#[derive(Deserialize)]
struct Captioned {
    caption: String,
    parts: Vec<String>,
    text: String,
    left: Vec<String>,
}

const NAMES: [&str; 8] = [
    "Face",
    "Left_Eye",
    "Right_Eye",
    "Left_Ear",
    "Right_Ear",
    "Nose",
    "Upper_Lip",
    "Lower_Lip",
];

fn golden() -> Golden {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/facial_prompt/golden.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn parts(names: &[String]) -> Vec<FacialPart> {
    let part = |name: &String| NAMES.iter().position(|known| known == name).unwrap();
    names
        .iter()
        .map(|name| FacialPart::ALL[part(name)])
        .collect()
}

#[test]
fn captions_are_marked_as_upstream_marks_them() {
    for case in golden().captions {
        let found = mark_caption(&case.caption, &parts(&case.parts));
        let about = format!("{:?} with {:?}", case.caption, case.parts);
        assert_eq!(found.text, case.text, "{about}");
        assert_eq!(found.parts, parts(&case.left), "{about}");
        let marks = found.text.matches(FACIAL_MARK).count();
        assert_eq!(found.words.len(), marks, "{about}");
    }
}

#[test]
fn the_template_gives_the_published_strings() {
    use FacialPart::{Face, LeftEar, LeftEye, LowerLip, Nose, UpperLip};
    let caption = PromptLayout::Joined.default_caption();
    let marked = |parts: &[FacialPart]| mark_caption(caption, parts).text;
    assert_eq!(
        marked(&[Face, LeftEye, LeftEar, Nose, UpperLip]),
        "The person has one face <|facial|>, two ears <|facial|>, two eyes <|facial|>, \
         one nose <|facial|>, and one mouth <|facial|>,"
    );
    assert_eq!(
        marked(&[Face, LeftEye, Nose, UpperLip]),
        "The person has one face <|facial|>, two eyes <|facial|>, one nose <|facial|>, \
         and one mouth <|facial|>,"
    );
    assert_eq!(
        marked(&[Face, Nose, LowerLip]),
        "The person has one face <|facial|>, one nose <|facial|>, and one mouth <|facial|>,"
    );
}

#[test]
fn words_meet_their_own_parts_on_request() {
    use FacialPart::{Face, LeftEar, LeftEye, Nose, UpperLip};
    let found = [Face, LeftEye, LeftEar, Nose, UpperLip];
    let caption = PromptLayout::Separated.default_caption();
    let prompt = |pairing| {
        let ways = (PromptLayout::Separated, pairing);
        FacialPrompt::new("a man", caption, &found, ways, |_| Ok(true)).unwrap()
    };
    let upstream = prompt(Pairing::Upstream);
    assert_eq!(upstream.parts, found);
    assert!(
        upstream
            .marked
            .starts_with("a man; Detail:The person has one face <|facial|>,")
    );
    assert_eq!(upstream.plain, "a man");
    let words: Vec<_> = upstream.words.iter().map(|word| word.as_str()).collect();
    assert_eq!(words, ["face", "ears", "eyes", "nose", "mouth"]);
    assert_eq!(
        prompt(Pairing::ByWord).parts,
        [Face, LeftEar, LeftEye, Nose, UpperLip]
    );
}
