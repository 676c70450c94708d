//! `fpga_prompt_embedding`: a prompt that the caller encoded.

use std::ffi::c_char;

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::pipeline::Prompt;

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::status::fpga_status;
use crate::view::{array, optional_text};

/// More tokens than any prompt has: such a number was never set.
const MOST_TOKENS: usize = 4096;

/// More numbers than any text model gives per token.
const WIDEST: usize = 16_384;

/// A prompt that the caller encoded, in place of words. Start from `FPGA_PROMPT_EMBEDDING_INIT`. Pointers
/// are borrowed for the call, and the numbers are copied.
///
/// Prompt and negative prompt of one job are both words or both embedded, and then have equally many tokens.
/// The model needs no text model and no tokenizer for embedded ones.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_prompt_embedding {
    /// Size of this struct.
    pub struct_size: usize,
    /// The tokens that the UNet reads, one after another: `num_tokens` times `width` numbers. For SDXL the
    /// hidden states of both text models side by side.
    pub tokens: *const f32,
    /// How many: 1 to 4096; 77 is usual.
    pub num_tokens: usize,
    /// Numbers per token: 768 for SD 1, 1024 for SD 2, 2048 for SDXL.
    pub width: usize,
    /// The pooled text of SDXL's second text model, `pooled_width` numbers. NULL for models without it,
    /// which do not read it.
    pub pooled: *const f32,
    /// How many numbers: 1280 for SDXL; 0 without `pooled`.
    pub pooled_width: usize,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers and integers.
unsafe impl Growing for fpga_prompt_embedding {
    const NAME: &'static str = "fpga_prompt_embedding";
    const FIRST_SIZE: usize = 6 * size_of::<usize>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            tokens: std::ptr::null(),
            num_tokens: 0,
            width: 0,
            pooled: std::ptr::null(),
            pooled_width: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_PROMPT_EMBEDDING_INIT` does.
///
/// `size` is `sizeof *embedding`; it becomes `struct_size`.
///
/// Ownership: `embedding` stays the caller's.
/// Threads: any.
/// NULL: `embedding` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_prompt_embedding_init(
    embedding: *mut fpga_prompt_embedding,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `embedding` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_prompt_embedding::defaults(), embedding, size) })
}

/// Words, or what the caller made of them; `None` for neither. `field` names the words.
///
/// # Safety
/// Both are NULL, or a string and a struct that live during the call.
pub(crate) unsafe fn copy_in(
    words: *const c_char,
    embedding: *const fpga_prompt_embedding,
    field: &str,
    device: &Device,
) -> Outcome<Option<Prompt>> {
    if embedding.is_null() {
        // SAFETY: this function's contract.
        return Ok(unsafe { optional_text(words, field) }?.map(Prompt::from));
    }
    if !words.is_null() {
        let why = "stands in for words, which must be NULL";
        return Err(Fault::argument(&format!("{field}_embedding"), why));
    }
    // SAFETY: this function's contract.
    unsafe { to_core(embedding, device) }
        .map(Some)
        .map_err(|fault| fault.context(format!("{field}_embedding")))
}

/// # Safety
/// `embedding` is a struct whose pointers live during the call.
unsafe fn to_core(embedding: *const fpga_prompt_embedding, device: &Device) -> Outcome<Prompt> {
    // SAFETY: this function's contract.
    let embedding = unsafe { growing::read(embedding) }?;
    let (count, width) = (embedding.num_tokens, embedding.width);
    within("num_tokens", count, 1..=MOST_TOKENS)?;
    within("width", width, 1..=WIDEST)?;
    // SAFETY: this function's contract.
    let tokens = unsafe { numbers(embedding.tokens, count * width, "tokens") }?;
    let context = Tensor::from_data(TensorData::new(tokens, [1, count, width]), device);
    let least = usize::from(!embedding.pooled.is_null());
    let pooled_width = embedding.pooled_width;
    within("pooled_width", pooled_width, least..=WIDEST * least)?;
    // SAFETY: this function's contract.
    let pooled = unsafe { numbers(embedding.pooled, pooled_width, "pooled") }?;
    let pooled = TensorData::new(pooled, [1, pooled_width]);
    Ok(Prompt::Embedded {
        context,
        pooled: (least > 0).then(|| Tensor::from_data(pooled, device)),
    })
}

fn within(field: &str, found: usize, range: std::ops::RangeInclusive<usize>) -> Outcome {
    if range.contains(&found) {
        return Ok(());
    }
    let why = format!("needs {} to {}, found {found}", range.start(), range.end());
    Err(Fault::argument(
        &format!("fpga_prompt_embedding.{field}"),
        why,
    ))
}

/// # Safety
/// `values` is NULL or points to `count` numbers that live during the call.
unsafe fn numbers(values: *const f32, count: usize, field: &str) -> Outcome<Vec<f32>> {
    let field = format!("fpga_prompt_embedding.{field}");
    // SAFETY: this function's contract.
    let values = unsafe { array(values, count, &field) }?;
    // Found here it has a place; found by a job it is a picture of nothing after minutes.
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let why = format!("{field}: number {at} is {}", values[at]);
        return Err(Fault::new(fpga_status::NotFinite, why));
    }
    Ok(values.to_vec())
}

#[cfg(test)]
mod tests {
    use fpga_core::pipeline::DeviceChoice;

    use super::*;

    const TOKENS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const POOLED: [f32; 4] = [7.0, 8.0, 9.0, 10.0];

    fn embedding() -> fpga_prompt_embedding {
        fpga_prompt_embedding {
            struct_size: size_of::<fpga_prompt_embedding>(),
            tokens: TOKENS.as_ptr(),
            num_tokens: 2,
            width: 3,
            pooled: POOLED.as_ptr(),
            pooled_width: 4,
        }
    }

    fn read(embedding: &fpga_prompt_embedding) -> Outcome<Prompt> {
        let device = DeviceChoice::Cpu.open().unwrap();
        // SAFETY: the pointers of all tests live as long as the tests.
        unsafe { to_core(embedding, &device) }
    }

    #[test]
    fn every_number_reaches_the_prompt() {
        let Prompt::Embedded { context, pooled } = read(&embedding()).unwrap() else {
            panic!("words")
        };
        let pooled = pooled.unwrap();
        assert_eq!((context.dims(), pooled.dims()), ([1, 2, 3], [1, 4]));
        assert_eq!(context.into_data().try_to_vec::<f32>().unwrap(), TOKENS);
        assert_eq!(pooled.into_data().try_to_vec::<f32>().unwrap(), POOLED);
        let plain = fpga_prompt_embedding {
            pooled: std::ptr::null(),
            pooled_width: 0,
            ..embedding()
        };
        let found = read(&plain).unwrap();
        assert!(matches!(found, Prompt::Embedded { pooled: None, .. }));
    }

    #[test]
    fn what_cannot_be_a_prompt_is_refused_by_name() {
        let plain = embedding();
        let (broken, none) = ([0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0], std::ptr::null());
        let wrong = [
            (
                fpga_prompt_embedding {
                    num_tokens: 0,
                    ..plain
                },
                "num_tokens: needs 1 to 4096",
            ),
            (
                fpga_prompt_embedding {
                    num_tokens: usize::MAX,
                    ..plain
                },
                "num_tokens",
            ),
            (
                fpga_prompt_embedding { width: 0, ..plain },
                "width: needs 1 to 16384",
            ),
            (
                fpga_prompt_embedding {
                    width: 16_385,
                    ..plain
                },
                "width",
            ),
            (
                fpga_prompt_embedding {
                    tokens: none,
                    ..plain
                },
                "tokens is NULL",
            ),
            (
                fpga_prompt_embedding {
                    tokens: broken.as_ptr(),
                    ..plain
                },
                "tokens: number 1 is NaN",
            ),
            (
                fpga_prompt_embedding {
                    pooled: none,
                    ..plain
                },
                "pooled_width: needs 0 to 0, found 4",
            ),
            (
                fpga_prompt_embedding {
                    pooled_width: 0,
                    ..plain
                },
                "pooled_width: needs 1 to 16384",
            ),
        ];
        for (embedding, words) in wrong {
            let message = read(&embedding).unwrap_err().message;
            assert!(message.contains(words), "{words}: {message}");
        }
    }

    #[test]
    fn words_and_their_embedding_exclude_each_other() {
        let (device, one) = (DeviceChoice::Cpu.open().unwrap(), embedding());
        // SAFETY: all pointers live.
        let prompt =
            |words, embedding| unsafe { copy_in(words, embedding, "fpga_x.prompt", &device) };
        let (no_words, none) = (std::ptr::null(), std::ptr::null());
        assert!(prompt(no_words, none).unwrap().is_none());
        let words = prompt(c"a cat".as_ptr(), none).unwrap();
        assert!(matches!(words, Some(Prompt::Text(text)) if text == "a cat"));
        let embedded = prompt(no_words, &raw const one).unwrap();
        assert!(matches!(embedded, Some(Prompt::Embedded { .. })));
        let both = prompt(c"a cat".as_ptr(), &raw const one).unwrap_err();
        let said = "fpga_x.prompt_embedding: stands in for words, which must be NULL";
        assert_eq!(both.message, said);
    }
}
