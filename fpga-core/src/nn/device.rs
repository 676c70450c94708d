//! What kind of device tensors are on, what it calls itself, and what it says when it fails.

use burn::tensor::Device;

use crate::error::{Error, ErrorKind};

/// Whether it is the processor, with or without derivatives.
#[cfg(feature = "flex")]
pub(crate) fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

#[cfg(not(feature = "flex"))]
pub(crate) fn is_cpu(_device: &Device) -> bool {
    false
}

/// As its driver names it; `None` for what is no card.
#[cfg(any(feature = "cuda", feature = "wgsl"))]
pub(crate) fn card_name(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

#[cfg(not(any(feature = "cuda", feature = "wgsl")))]
pub(crate) fn card_name(_device: &Device) -> Option<String> {
    None
}

/// What its driver calls it, or else what Burn does.
pub(crate) fn device_name(device: &Device) -> String {
    card_name(device).unwrap_or_else(|| format!("{device:?}"))
}

/// What runtimes of cards say when they give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No memory is left, or one buffer is larger than the device has any.
    Full,
    /// One operation is larger than the device can be asked for.
    TooLarge,
    /// Anything else.
    Other,
}

/// How they word it.
const WORDS: [(&str, Trouble); 10] = [
    ("out of device memory", Trouble::Full),
    ("out of memory", Trouble::Full),
    ("out-of-memory", Trouble::Full),
    ("not enough memory", Trouble::Full),
    ("can't allocate buffer", Trouble::Full),
    ("cube count too big", Trouble::TooLarge),
    ("too many resources", Trouble::TooLarge),
    ("selected by autotune", Trouble::Other),
    ("wgpu error", Trouble::Other),
    ("cuda_error", Trouble::Other),
];

impl Trouble {
    /// Reads it off the words of a runtime; `None` if they are not known to be one's.
    pub(crate) fn told_by(words: &str) -> Option<Self> {
        let words = words.to_lowercase();
        let known = WORDS.iter().find(|(known, _)| words.contains(known));
        known.map(|(_, trouble)| *trouble)
    }

    /// The error for it on `device`, whose runtime's `words` are its source.
    pub(crate) fn on(self, device: &Device, words: &str) -> Error {
        let less = "a smaller picture, fewer pictures at once, weights in half precision or an autoencoder that works in \
                    tiles need less";
        let why = match self {
            Self::Full => format!("ran out of memory; {less}"),
            Self::TooLarge => format!("cannot compute anything so large; {less}"),
            Self::Other => "failed while it computed".to_owned(),
        };
        let device = device_name(device);
        Error::new(ErrorKind::Device { device, why }).with_source(words)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_understood() {
        for (words, trouble) in [
            (
                "out of device memory allocating 4096 bytes\n<backtrace>",
                Some(Trouble::Full),
            ),
            (
                "An out-of-memory error happened during launch",
                Some(Trouble::Full),
            ),
            ("wgpu error: Out of Memory", Some(Trouble::Full)),
            (
                "can't allocate buffer of size: 1099511627776",
                Some(Trouble::Full),
            ),
            (
                "Should run when selected by autotune.: Cube count too big (16777216, 1, 1)",
                Some(Trouble::TooLarge),
            ),
            ("wgpu error: Validation Error", Some(Trouble::Other)),
            ("index out of bounds: the len is 3 but the index is 3", None),
        ] {
            assert_eq!(Trouble::told_by(words), trouble, "{words}");
        }
    }

    #[test]
    fn what_would_need_less_is_said_where_less_would_help() {
        let said = |trouble: Trouble| trouble.on(&Device::flex(), "words").to_string();
        assert!(said(Trouble::Full).contains("ran out of memory; a smaller picture"));
        assert!(said(Trouble::TooLarge).contains("so large; a smaller picture"));
        assert!(!said(Trouble::Other).contains("smaller"));
    }
}
