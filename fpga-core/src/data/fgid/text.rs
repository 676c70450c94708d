//! The text that ConsistentID is trained with, from a picture's two captions.

/// Longer face captions are left out.
const LONGEST_FACE_CAPTION: usize = 340;
/// What the text encoder sees, start and end included.
const WINDOW: usize = 77;

/// `Caption:{first sentence} Detail:{aligned face text}{rest of the caption}`; where that is longer
/// than the text encoder's window, `Detail:{aligned face text} Caption:{caption}`, so that the markers
/// of the face's parts are not cut off. A face caption of more than 340 characters gives the caption alone.
///
/// - `aligned`: the face caption with its markers, as the facial prompt generator orders it
/// - `count_tokens`: tokens of a text, start and end included
pub fn training_text(
    caption: &str,
    aligned: &str,
    face_caption: &str,
    count_tokens: impl Fn(&str) -> usize,
) -> String {
    if face_caption.chars().count() > LONGEST_FACE_CAPTION || aligned.is_empty() {
        return caption.to_owned();
    }
    let (first, rest) = first_sentence(caption);
    let text = format!("Caption:{first} Detail:{aligned}{rest}");
    match count_tokens(&text) > WINDOW {
        true => format!("Detail:{aligned} Caption:{caption}"),
        false => text,
    }
}

/// Up to and with the first full stop, and what follows.
fn first_sentence(caption: &str) -> (&str, &str) {
    match caption.find('.') {
        Some(stop) => caption.split_at(stop + 1),
        None => (caption, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTION: &str = "A woman smiles. She stands in a park.";
    const ALIGNED: &str = "one nose <|facial|>,";

    fn words(text: &str) -> usize {
        text.split_whitespace().count() + 2
    }

    #[test]
    fn the_face_text_follows_the_first_sentence() {
        let text = training_text(CAPTION, ALIGNED, "one nose", words);
        assert_eq!(
            text,
            "Caption:A woman smiles. Detail:one nose <|facial|>, She stands in a park."
        );
        assert_eq!(
            training_text("A woman", ALIGNED, "one nose", words),
            "Caption:A woman Detail:one nose <|facial|>,"
        );
    }

    #[test]
    fn what_is_too_long_begins_with_the_face_or_leaves_it_out() {
        let text = training_text(CAPTION, ALIGNED, "one nose", |_| 78);
        assert_eq!(text, format!("Detail:{ALIGNED} Caption:{CAPTION}"));
        assert!(training_text(CAPTION, ALIGNED, "one nose", |_| 77).starts_with("Caption:"));
        assert_eq!(
            training_text(CAPTION, ALIGNED, &"x".repeat(341), words),
            CAPTION
        );
        assert!(training_text(CAPTION, ALIGNED, &"x".repeat(340), words).contains("Detail:"));
        assert_eq!(training_text(CAPTION, "", "no known part", words), CAPTION);
    }
}
