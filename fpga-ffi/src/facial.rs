//! `fpga_facial_prompts`: prompts whose words for the parts of a face know what one person's look like.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::identity::facial_prompt::{Pairing, PromptLayout};
use fpga_core::pipeline::{
    FacialPrompts, FacialText, FacialTextWays, NegativeText, SecondTokenizer,
};

use crate::adapter::fpga_adapter;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::identity::{self, fpga_reference};
use crate::model::fpga_model;
use crate::status::fpga_status;
use crate::view::{Out, optional_text, zero};

/// How prompt and caption are joined.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_prompt_layout {
    /// As checkpoints for SD 1.5 were trained.
    Joined = 1,
    /// As checkpoints for SDXL were trained.
    Separated = 2,
}

/// Which part's picture a word is fused with.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_part_pairing {
    /// First word, first part, as the published checkpoints were trained.
    Upstream = 1,
    /// Every word with the part that it names.
    ByWord = 2,
}

/// Which negative prompt the first steps get.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_negative_text {
    /// Already fused with pictures of nothing, as the published code has it.
    Fused = 1,
    /// As it was written.
    Plain = 2,
}

/// What the second tokenizer of SDXL makes of the marks.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_second_tokenizer {
    /// Ordinary text, as the published code has it.
    ReadsMarks = 1,
    /// Nothing, like the first tokenizer.
    StripsMarks = 2,
}

/// What a picture shows, and whose face. Start from `FPGA_FACIAL_TEXT_INIT`, which does what ConsistentID's
/// published code does for SD 1.5. Pointers are borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_facial_text {
    /// Size of this struct.
    pub struct_size: usize,
    /// What the picture shows, as it stands; NULL for the empty prompt.
    pub prompt: *const c_char,
    /// What it does not show; NULL for the empty prompt.
    pub negative_prompt: *const c_char,
    /// What the face looks like; NULL for the published template.
    pub caption: *const c_char,
    /// A picture of the person with its parts.
    pub reference: *const fpga_reference,
    /// One of `fpga_prompt_layout`.
    pub layout: u32,
    /// One of `fpga_part_pairing`.
    pub pairing: u32,
    /// One of `fpga_negative_text`.
    pub negative: u32,
    /// One of `fpga_second_tokenizer`.
    pub second_tokenizer: u32,
    /// The last step, from 0, that gets the prompt without the parts.
    pub last_plain_step: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers and integers.
unsafe impl Growing for fpga_facial_text {
    const NAME: &'static str = "fpga_facial_text";
    const FIRST_SIZE: usize = 5 * size_of::<usize>() + 24;

    fn defaults() -> Self {
        let ways = FacialTextWays::upstream(PromptLayout::Joined);
        Self {
            struct_size: size_of::<Self>(),
            prompt: std::ptr::null(),
            negative_prompt: std::ptr::null(),
            caption: std::ptr::null(),
            reference: std::ptr::null(),
            layout: fpga_prompt_layout::Joined as u32,
            pairing: fpga_part_pairing::Upstream as u32,
            negative: fpga_negative_text::Fused as u32,
            second_tokenizer: fpga_second_tokenizer::ReadsMarks as u32,
            last_plain_step: ways.last_plain_step as u32,
            reserved: 0,
        }
    }
}

/// Prompts of a picture of one person, encoded. Nothing in it ever changes.
pub struct fpga_facial_prompts {
    pub(crate) adapter: Arc<fpga_adapter>,
    pub(crate) prompts: FacialPrompts,
}

impl Handle for fpga_facial_prompts {
    const NAME: &'static str = "facial_prompts";
}

/// Sets every field to its default, as `FPGA_FACIAL_TEXT_INIT` does.
///
/// `size` is `sizeof *text`; it becomes `struct_size`.
///
/// Ownership: `text` stays the caller's.
/// Threads: any.
/// NULL: `text` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_facial_text_init(
    text: *mut fpga_facial_text,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `text` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_facial_text::defaults(), text, size) })
}

/// Encodes the prompts of a picture of one person, for a model and a ConsistentID adapter.
///
/// Ownership: inputs are borrowed for the call. `*facial_prompts` is the caller's; free it with
/// `fpga_facial_prompts_free`. It keeps its adapter alive, and jobs keep it alive.
/// Threads: any. Prompts may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` if the adapter is no ConsistentID, the model has no tokenizer, or
/// the reference lacks its picture or its parts; `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_facial_prompts_new(
    model: *const fpga_model,
    adapter: *const fpga_adapter,
    text: *const fpga_facial_text,
    facial_prompts: *mut *mut fpga_facial_prompts,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(facial_prompts) }?;
        // SAFETY: the caller's contract for handles and a struct.
        let (model, adapter, text) =
            unsafe { (share(model)?, share(adapter)?, growing::read(text)?) };
        scope.enter(&model.context)?;
        model.context.check_device("adapter", &adapter.context)?;
        let ways = ways(&text)?;
        // SAFETY: the caller's contract for strings and a struct.
        let (words, reference) = unsafe {
            let string = |pointer, name| optional_text(pointer, name);
            let words = [
                string(text.prompt, "fpga_facial_text.prompt")?,
                string(text.negative_prompt, "fpga_facial_text.negative_prompt")?,
                string(text.caption, "fpga_facial_text.caption")?,
            ];
            (words, identity::reference(text.reference)?)
        };
        let [prompt, negative_prompt, caption] = words;
        let text = FacialText {
            prompt: prompt.unwrap_or_default(),
            negative_prompt: negative_prompt.unwrap_or_default(),
            caption,
            reference: &reference,
            ways,
        };
        let prompts = model.context.run(|| {
            let encoder = model.model.text.as_ref();
            Ok(adapter.adapter.facial_prompts(encoder, &text)?)
        })?;
        out.give(Arc::new(fpga_facial_prompts { adapter, prompts }));
        Ok(())
    })
}

/// Gives up the caller's reference to prompts.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_facial_prompts_free(facial_prompts: *mut fpga_facial_prompts) {
    release(facial_prompts);
}

fn ways(text: &fpga_facial_text) -> Outcome<FacialTextWays> {
    zero(text.reserved, "fpga_facial_text.reserved")?;
    let unknown = |field: &str, code: u32| {
        let why = format!("no such choice: {code}");
        Err(Fault::argument(&format!("fpga_facial_text.{field}"), why))
    };
    Ok(FacialTextWays {
        layout: match text.layout {
            1 => PromptLayout::Joined,
            2 => PromptLayout::Separated,
            code => return unknown("layout", code),
        },
        pairing: match text.pairing {
            1 => Pairing::Upstream,
            2 => Pairing::ByWord,
            code => return unknown("pairing", code),
        },
        negative: match text.negative {
            1 => NegativeText::Fused,
            2 => NegativeText::Plain,
            code => return unknown("negative", code),
        },
        second_tokenizer: match text.second_tokenizer {
            1 => SecondTokenizer::ReadsMarks,
            2 => SecondTokenizer::StripsMarks,
            code => return unknown("second_tokenizer", code),
        },
        last_plain_step: text.last_plain_step as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reaches_the_ways() {
        let text = fpga_facial_text::defaults();
        let upstream = FacialTextWays::upstream(PromptLayout::Joined);
        assert_eq!(ways(&text).unwrap(), upstream);
        let other = fpga_facial_text {
            layout: fpga_prompt_layout::Separated as u32,
            pairing: fpga_part_pairing::ByWord as u32,
            negative: fpga_negative_text::Plain as u32,
            second_tokenizer: fpga_second_tokenizer::StripsMarks as u32,
            last_plain_step: 7,
            ..text
        };
        let expected = FacialTextWays {
            last_plain_step: 7,
            ..FacialTextWays::corrected(PromptLayout::Separated)
        };
        assert_eq!(ways(&other).unwrap(), expected);
        for wrong in [
            fpga_facial_text { layout: 0, ..text },
            fpga_facial_text { pairing: 3, ..text },
            fpga_facial_text {
                negative: 3,
                ..text
            },
            fpga_facial_text {
                second_tokenizer: 3,
                ..text
            },
            fpga_facial_text {
                reserved: 1,
                ..text
            },
        ] {
            assert!(ways(&wrong).is_err());
        }
    }
}
