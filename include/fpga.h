/*
 * fpga: people in pictures, with their own faces.
 *
 * The C interface. Generated from the sources of fpga-ffi; do not edit.
 *
 * The rules, the same for every function:
 * - A type is opaque, or a struct that starts with struct_size. Start a struct from its _INIT macro or
 *   its _init function, then set fields. fpga_X_free(NULL) does nothing.
 * - Arguments: the object, then inputs, then outputs. No argument is both.
 * - Functions return fpga_status. Outputs are written only on success; handles are set to NULL first.
 *   The text of a failure stays with the thread: fpga_last_error_message.
 * - Every pointer is checked for NULL, every enum value and flag for being known.
 * - Inputs are borrowed for the call and copied where they are needed longer. Outputs go to the caller's
 *   memory, or are handles that the caller frees. Nobody frees the other's memory.
 * - Strings are UTF-8 and end with NUL; so are paths, on every system.
 * - No panic leaves the library: it becomes FPGA_STATUS_PANIC, and its context refuses further work.
 * - Nothing is printed, and there is no global state but the text of each thread's last failure.
 *
 * To find and embed faces: fpga_face_detector_load or _new, fpga_face_detector_detect,
 * fpga_face_embedder_load or _new, fpga_face_embedder_embed; fpga_search lets a restoration do it by itself.
 * Who somebody is: fpga_adapter_load, fpga_identity_new, fpga_identity_from_pictures.
 *
 * To restore faces: fpga_context_new, fpga_model_load, fpga_job_new_restore, fpga_job_run,
 * fpga_job_take_restoration, fpga_restoration_copy_picture. To make pictures: the same with
 * fpga_job_new_generate, fpga_job_take_generation, fpga_generation_copy_picture.
 */


#ifndef FPGA_H
#define FPGA_H

#include <stddef.h>
#include <stdint.h>

/* Define FPGA_STATIC to link the static library on Windows. */
#if defined(_WIN32) && !defined(FPGA_STATIC)
#define FPGA_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define FPGA_API __attribute__((visibility("default")))
#else
#define FPGA_API
#endif

/* The status of such a function says whether its output is there. */
#if defined(__GNUC__)
#define FPGA_MUST_USE __attribute__((warn_unused_result))
#else
#define FPGA_MUST_USE
#endif


/**
 * Major version of the library that this header belongs to.
 */
#define FPGA_VERSION_MAJOR 0

/**
 * Minor version of the library that this header belongs to.
 */
#define FPGA_VERSION_MINOR 1

/**
 * Patch version of the library that this header belongs to.
 */
#define FPGA_VERSION_PATCH 0

/**
 * Version of the binary interface that this header describes.
 *
 * It goes up only when a program that was built with an older header would break. Additions
 * (functions, status codes, fields at the end of a struct) leave it alone.
 */
#define FPGA_ABI_VERSION 1

/**
 * What became of a call.
 *
 * Codes are only ever appended; a code keeps its number and its meaning. Treat a code that you
 * do not know as a failure.
 */
enum fpga_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The call did its work.
     */
    FPGA_STATUS_OK = 0,
    /**
     * A pointer that must not be NULL is NULL.
     */
    FPGA_STATUS_NULL_POINTER = 1,
    /**
     * An argument or field has a value outside its documented range, or two values contradict each
     * other.
     */
    FPGA_STATUS_INVALID_ARGUMENT = 2,
    /**
     * `struct_size` is smaller than the first version of the struct, or absurdly large.
     */
    FPGA_STATUS_INVALID_STRUCT_SIZE = 3,
    /**
     * A string is not UTF-8.
     */
    FPGA_STATUS_INVALID_UTF8 = 4,
    /**
     * The caller's buffer is too small for the output; nothing was written to it.
     */
    FPGA_STATUS_BUFFER_TOO_SMALL = 5,
    /**
     * The object is not in a state that allows the call, for example a job that has already run.
     */
    FPGA_STATUS_INVALID_STATE = 6,
    /**
     * A picture, mask or tensor has another shape than the operation needs.
     */
    FPGA_STATUS_SHAPE = 100,
    /**
     * A model or request asks for something that this library does not build.
     */
    FPGA_STATUS_UNSUPPORTED = 101,
    /**
     * A checkpoint lacks tensors, or holds them in other shapes.
     */
    FPGA_STATUS_WEIGHTS = 102,
    /**
     * A file is truncated, hostile, or of another format than its name says.
     */
    FPGA_STATUS_FORMAT = 103,
    /**
     * A file or folder could not be read or written.
     */
    FPGA_STATUS_IO = 104,
    /**
     * The device does not exist, has no driver, or ran out of memory.
     */
    FPGA_STATUS_DEVICE = 105,
    /**
     * A computation produced NaN or infinity.
     */
    FPGA_STATUS_NOT_FINITE = 106,
    /**
     * The caller asked to stop: by a cancel token, or by the return value of a callback.
     */
    FPGA_STATUS_CANCELLED = 107,
    /**
     * The work needs more memory than the budget of its context leaves, by the library's estimate,
     * which the message names. Nothing was allocated.
     */
    FPGA_STATUS_MEMORY_BUDGET = 108,
    /**
     * A callback of the caller's that stands for a network said that it failed.
     */
    FPGA_STATUS_CALLBACK = 109,
    /**
     * The library ran into its own bug. The context of the call is unusable from now on.
     */
    FPGA_STATUS_PANIC = 200,
    /**
     * An earlier call on this context ended with `FPGA_STATUS_PANIC`; free the context.
     */
    FPGA_STATUS_POISONED = 201,
    /**
     * An error that has no code of its own in this version; the message says what happened.
     */
    FPGA_STATUS_INTERNAL = 202,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_status fpga_status;
#else
typedef uint32_t fpga_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How pixels are stored.
 */
enum fpga_pixel_format
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Three bytes per pixel: red, green, blue; sRGB.
     */
    FPGA_PIXEL_FORMAT_RGB8 = 1,
    /**
     * One byte per pixel; as a mask, 255 is fully inside.
     */
    FPGA_PIXEL_FORMAT_GRAY8 = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_pixel_format fpga_pixel_format;
#else
typedef uint32_t fpga_pixel_format;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * In which type the UNet computes. The CPU computes in 32 bits whatever this says.
 */
enum fpga_precision
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Every device can; what a zeroed field means.
     */
    FPGA_PRECISION_F32 = 0,
    /**
     * Half the memory traffic; sums, norms and the VAE stay in 32 bits.
     */
    FPGA_PRECISION_F16 = 1,
    /**
     * The same with the range of `F32` and fewer digits.
     */
    FPGA_PRECISION_BF16 = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_precision fpga_precision;
#else
typedef uint32_t fpga_precision;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * In which type weights are kept.
 */
enum fpga_storage
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As the checkpoint has them.
     */
    FPGA_STORAGE_AS_STORED = 1,
    /**
     * Four bytes per weight.
     */
    FPGA_STORAGE_F32 = 2,
    /**
     * Two bytes, 11 bits of precision, up to 65504.
     */
    FPGA_STORAGE_F16 = 3,
    /**
     * Two bytes, 8 bits of precision, the range of `F32`.
     */
    FPGA_STORAGE_BF16 = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_storage fpga_storage;
#else
typedef uint32_t fpga_storage;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What happens to prompts beyond the 77 tokens that text models read at once.
 */
enum fpga_long_prompt
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The job fails and says how many tokens are too many.
     */
    FPGA_LONG_PROMPT_REFUSE = 1,
    /**
     * What does not fit is dropped.
     */
    FPGA_LONG_PROMPT_TRUNCATE = 2,
    /**
     * The prompt fills as many windows of 77 tokens as it needs.
     */
    FPGA_LONG_PROMPT_SPLIT = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_long_prompt fpga_long_prompt;
#else
typedef uint32_t fpga_long_prompt;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whose random numbers a seed starts.
 */
enum fpga_noise
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * PyTorch's CPU generator.
     */
    FPGA_NOISE_TORCH_CPU = 1,
    /**
     * Philox 4x32-10: PyTorch's CUDA generator.
     */
    FPGA_NOISE_PHILOX = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_noise fpga_noise;
#else
typedef uint32_t fpga_noise;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a job is doing.
 *
 * Phases are only ever appended: be ready for one that you do not know.
 */
enum fpga_phase
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Prompt to text tokens.
     */
    FPGA_PHASE_TEXT = 1,
    /**
     * Picture to latents.
     */
    FPGA_PHASE_ENCODE = 2,
    /**
     * Latents back to noise.
     */
    FPGA_PHASE_INVERT = 3,
    /**
     * Noise to latents.
     */
    FPGA_PHASE_DENOISE = 4,
    /**
     * Latents to picture.
     */
    FPGA_PHASE_DECODE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_phase fpga_phase;
#else
typedef uint32_t fpga_phase;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How noise becomes a picture, step by step.
 */
enum fpga_sampler
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The one that the checkpoint names.
     */
    FPGA_SAMPLER_MODEL = 1,
    /**
     * DDIM; deterministic unless `eta` says otherwise.
     */
    FPGA_SAMPLER_DDIM = 2,
    /**
     * Euler on the probability-flow equation.
     */
    FPGA_SAMPLER_EULER = 3,
    /**
     * Euler with fresh noise at every step.
     */
    FPGA_SAMPLER_EULER_ANCESTRAL = 4,
    /**
     * DPM-Solver++, second order.
     */
    FPGA_SAMPLER_DPM_PP2_M = 5,
    /**
     * The same with Karras spacing.
     */
    FPGA_SAMPLER_DPM_PP2_M_KARRAS = 6,
    /**
     * Latent consistency: 1 to 8 steps, for models distilled to it.
     */
    FPGA_SAMPLER_LCM = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_sampler fpga_sampler;
#else
typedef uint32_t fpga_sampler;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * To which half of the guidance a ControlNet speaks.
 */
enum fpga_control_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * To prompt and negative prompt alike, with one strength everywhere.
     */
    FPGA_CONTROL_MODE_BALANCED = 1,
    /**
     * Only to the prompt, and the softer the finer the features: the picture follows the condition even
     * where the prompt is empty.
     */
    FPGA_CONTROL_MODE_GUESS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_control_mode fpga_control_mode;
#else
typedef uint32_t fpga_control_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A network that a LoRA may change.
 */
enum fpga_lora_part
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * What predicts the noise.
     */
    FPGA_LORA_PART_UNET = 1,
    /**
     * The only text model, or the first of SDXL.
     */
    FPGA_LORA_PART_TEXT = 2,
    /**
     * The second text model of SDXL.
     */
    FPGA_LORA_PART_SECOND_TEXT = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_lora_part fpga_lora_part;
#else
typedef uint32_t fpga_lora_part;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which identity adapter a file is.
 */
enum fpga_adapter_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A picture as prompt.
     */
    FPGA_ADAPTER_KIND_IP_ADAPTER = 1,
    /**
     * The same, in more detail.
     */
    FPGA_ADAPTER_KIND_IP_ADAPTER_PLUS = 2,
    /**
     * A face by its embedding, as InstantID wants it.
     */
    FPGA_ADAPTER_KIND_INSTANT_ID = 3,
    /**
     * A face by its embedding.
     */
    FPGA_ADAPTER_KIND_FACE_ID = 4,
    /**
     * A face by its embedding and its picture.
     */
    FPGA_ADAPTER_KIND_FACE_ID_PLUS = 5,
    /**
     * The same, with words that know the parts of the face.
     */
    FPGA_ADAPTER_KIND_CONSISTENT_ID = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_adapter_kind fpga_adapter_kind;
#else
typedef uint32_t fpga_adapter_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How the place of a person is told.
 */
enum fpga_place
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The whole picture: only for somebody who is alone.
     */
    FPGA_PLACE_EVERYWHERE = 1,
    /**
     * Where `mask` is bright.
     */
    FPGA_PLACE_MASK = 2,
    /**
     * Inside `box`.
     */
    FPGA_PLACE_BOX = 3,
    /**
     * The face with `landmarks`.
     */
    FPGA_PLACE_LANDMARKS = 4,
    /**
     * The head of `skeleton`.
     */
    FPGA_PLACE_SKELETON = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_place fpga_place;
#else
typedef uint32_t fpga_place;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How much a message matters.
 *
 * Levels are only ever appended: be ready for one that you do not know.
 */
enum fpga_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Something was not done as the request may have meant.
     */
    FPGA_LOG_LEVEL_WARNING = 1,
    /**
     * What the job decided.
     */
    FPGA_LOG_LEVEL_INFO = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_log_level fpga_log_level;
#else
typedef uint32_t fpga_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a job stands.
 */
enum fpga_job_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It has not run yet.
     */
    FPGA_JOB_STATE_READY = 1,
    /**
     * It runs.
     */
    FPGA_JOB_STATE_RUNNING = 2,
    /**
     * It has a result, unless that was taken.
     */
    FPGA_JOB_STATE_DONE = 3,
    /**
     * It failed; the job has the message.
     */
    FPGA_JOB_STATE_FAILED = 4,
    /**
     * The caller stopped it.
     */
    FPGA_JOB_STATE_CANCELLED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_job_state fpga_job_state;
#else
typedef uint32_t fpga_job_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What became of a face.
 *
 * Verdicts are only ever appended: treat one that you do not know as "the original was kept".
 */
enum fpga_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The restored face is in the picture.
     */
    FPGA_VERDICT_ACCEPTED = 1,
    /**
     * Original kept: the depth is less than one step.
     */
    FPGA_VERDICT_KEPT_NO_STEPS = 2,
    /**
     * Original kept: no pixel may change.
     */
    FPGA_VERDICT_KEPT_EMPTY_MASK = 3,
    /**
     * Original kept: a network produced NaN or infinity.
     */
    FPGA_VERDICT_KEPT_NOT_FINITE = 4,
    /**
     * Original kept: the restored face differs too much from its surroundings.
     */
    FPGA_VERDICT_KEPT_SEAM = 5,
    /**
     * Original kept: the restored face is less sharp than the original.
     */
    FPGA_VERDICT_KEPT_BLURRED = 6,
    /**
     * Original kept for a reason that has no number of its own; the report names it.
     */
    FPGA_VERDICT_KEPT_OTHER = 7,
    /**
     * Original kept: the restored face is less like the person than the original.
     */
    FPGA_VERDICT_KEPT_LESS_LIKE = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_verdict fpga_verdict;
#else
typedef uint32_t fpga_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * In which order found faces are worked on.
 */
enum fpga_face_order
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * By the middle of the box.
     */
    FPGA_FACE_ORDER_LEFT_TO_RIGHT = 1,
    /**
     * By the area of the box.
     */
    FPGA_FACE_ORDER_LARGEST_FIRST = 2,
    /**
     * By score.
     */
    FPGA_FACE_ORDER_SUREST_FIRST = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_face_order fpga_face_order;
#else
typedef uint32_t fpga_face_order;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which of several faces of a picture is the person's.
 */
enum fpga_face_choice
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The largest.
     */
    FPGA_FACE_CHOICE_LARGEST = 1,
    /**
     * The one of which the detector is surest, as ConsistentID's code has it.
     */
    FPGA_FACE_CHOICE_FIRST = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_face_choice fpga_face_choice;
#else
typedef uint32_t fpga_face_choice;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * In which order face networks see the channels of a picture.
 */
enum fpga_colour_order
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As pictures have them.
     */
    FPGA_COLOUR_ORDER_RIGHT = 1,
    /**
     * Red and blue exchanged, as ConsistentID's code for SD 1.5 hands pictures to its networks.
     */
    FPGA_COLOUR_ORDER_EXCHANGED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_colour_order fpga_colour_order;
#else
typedef uint32_t fpga_colour_order;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How prompt and caption are joined.
 */
enum fpga_prompt_layout
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * As checkpoints for SD 1.5 were trained.
     */
    FPGA_PROMPT_LAYOUT_JOINED = 1,
    /**
     * As checkpoints for SDXL were trained.
     */
    FPGA_PROMPT_LAYOUT_SEPARATED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_prompt_layout fpga_prompt_layout;
#else
typedef uint32_t fpga_prompt_layout;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which part's picture a word is fused with.
 */
enum fpga_part_pairing
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * First word, first part, as the published checkpoints were trained.
     */
    FPGA_PART_PAIRING_UPSTREAM = 1,
    /**
     * Every word with the part that it names.
     */
    FPGA_PART_PAIRING_BY_WORD = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_part_pairing fpga_part_pairing;
#else
typedef uint32_t fpga_part_pairing;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which negative prompt the first steps get.
 */
enum fpga_negative_text
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Already fused with pictures of nothing, as the published code has it.
     */
    FPGA_NEGATIVE_TEXT_FUSED = 1,
    /**
     * As it was written.
     */
    FPGA_NEGATIVE_TEXT_PLAIN = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_negative_text fpga_negative_text;
#else
typedef uint32_t fpga_negative_text;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the second tokenizer of SDXL makes of the marks.
 */
enum fpga_second_tokenizer
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Ordinary text, as the published code has it.
     */
    FPGA_SECOND_TOKENIZER_READS_MARKS = 1,
    /**
     * Nothing, like the first tokenizer.
     */
    FPGA_SECOND_TOKENIZER_STRIPS_MARKS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_second_tokenizer fpga_second_tokenizer;
#else
typedef uint32_t fpga_second_tokenizer;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What says whose a found face is.
 *
 * Kinds are only ever appended: be ready for one that you do not know.
 */
enum fpga_evidence
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The caller.
     */
    FPGA_EVIDENCE_GIVEN = 1,
    /**
     * The person's place, by intersection / union.
     */
    FPGA_EVIDENCE_PLACE = 2,
    /**
     * The face itself, by cosine.
     */
    FPGA_EVIDENCE_LIKENESS = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_evidence fpga_evidence;
#else
typedef uint32_t fpga_evidence;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a face that was found is not worked on.
 *
 * Reasons are only ever appended: be ready for one that you do not know.
 */
enum fpga_left_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The detector is not sure enough.
     */
    FPGA_LEFT_REASON_UNSURE = 1,
    /**
     * Its box is too small.
     */
    FPGA_LEFT_REASON_TOO_SMALL = 2,
    /**
     * Its box is too large.
     */
    FPGA_LEFT_REASON_TOO_LARGE = 3,
    /**
     * There are enough larger ones.
     */
    FPGA_LEFT_REASON_TOO_MANY = 4,
    /**
     * Its box lies outside the picture.
     */
    FPGA_LEFT_REASON_OUTSIDE = 5,
    /**
     * It is nobody's who is sought.
     */
    FPGA_LEFT_REASON_UNKNOWN = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum fpga_left_reason fpga_left_reason;
#else
typedef uint32_t fpga_left_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * An identity adapter, loaded for one model: IP-Adapter, IP-Adapter-Plus, FaceID, FaceID-Plus or
 * ConsistentID.
 */
typedef struct fpga_adapter fpga_adapter;

/**
 * Stops every job that it is given to.
 *
 * Once cancelled it stays cancelled; the library never resets it. A job that is started with a
 * cancelled token ends at once. A token may serve many jobs.
 */
typedef struct fpga_cancel_token fpga_cancel_token;

/**
 * A device, and how many threads work for it. Everything else is made from a context.
 */
typedef struct fpga_context fpga_context;

/**
 * A network that guides generation by a picture: a skeleton, landmarks, edges, ...
 */
typedef struct fpga_controlnet fpga_controlnet;

/**
 * What merging a RepControlNet adds to a model. Nothing in it ever changes.
 */
typedef struct fpga_delta fpga_delta;

/**
 * The faces of a picture.
 */
typedef struct fpga_detections fpga_detections;

/**
 * The devices that this machine has and this build can use. It never changes.
 */
typedef struct fpga_device_list fpga_device_list;

/**
 * Finds the faces of a picture.
 */
typedef struct fpga_face_detector fpga_face_detector;

/**
 * Turns a face into the vector that says whose it is.
 */
typedef struct fpga_face_embedder fpga_face_embedder;

/**
 * Tells skin, eyes, hair and the other parts of a face.
 */
typedef struct fpga_face_parser fpga_face_parser;

/**
 * Prompts of a picture of one person, encoded. Nothing in it ever changes.
 */
typedef struct fpga_facial_prompts fpga_facial_prompts;

/**
 * The pictures that were made, and the report of how. Nothing in it ever changes.
 */
typedef struct fpga_generation fpga_generation;

/**
 * Who somebody is, as one adapter sees it. Nothing in it ever changes.
 */
typedef struct fpga_identity fpga_identity;

/**
 * One restoration or generation, from its inputs to its result. A job runs once.
 */
typedef struct fpga_job fpga_job;

/**
 * Finds many points of a face whose box is known.
 */
typedef struct fpga_landmark_detector fpga_landmark_detector;

/**
 * A low-rank change of a model's weights. Nothing in it ever changes.
 */
typedef struct fpga_lora fpga_lora;

/**
 * UNet, VAE, text models and noise schedule of one checkpoint, on one device.
 */
typedef struct fpga_model fpga_model;

/**
 * Finds the bodies of a picture.
 */
typedef struct fpga_pose_estimator fpga_pose_estimator;

/**
 * The bodies of a picture.
 */
typedef struct fpga_poses fpga_poses;

/**
 * A RepControlNet: modal weights and the encoder of its condition picture. Nothing in it ever changes.
 */
typedef struct fpga_rep_controlnet fpga_rep_controlnet;

/**
 * The restored picture, and the report of what was done. Nothing in it ever changes.
 */
typedef struct fpga_restoration fpga_restoration;

/**
 * A checkpoint in the layout of `.safetensors` that is no file of its own. Nothing in it ever changes.
 */
typedef struct fpga_source fpga_source;

/**
 * What a device has.
 */
typedef struct fpga_device_info {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Bytes of its memory. Read it only if `has_memory` is 1.
     */
    uint64_t memory;
    /**
     * 1 if `memory` is known; 0 where nobody says, which is so for cards.
     */
    uint32_t has_memory;
    /**
     * 1 if it computes in 32-bit floats. Weights may be kept in any `fpga_storage` on every device.
     */
    uint32_t computes_f32;
    /**
     * 1 if it computes in 16-bit floats (IEEE 754).
     */
    uint32_t computes_f16;
    /**
     * 1 if it computes in bfloat16.
     */
    uint32_t computes_bf16;
} fpga_device_info;

/**
 * How a context is made. Start from `FPGA_CONTEXT_PARAMS_INIT`.
 */
typedef struct fpga_context_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * `"cpu"`, `"cuda:INDEX"` or `"wgpu:INDEX"`; NULL for `"cpu"`. Borrowed for the call.
     */
    const char *device;
    /**
     * CPU threads of every call that loads or runs; at most 1024, 0 for as many as the machine has.
     */
    uint32_t num_threads;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Bytes that models and running jobs may take together, by the library's estimates; 0 for no limit.
     * What would take more is refused before anything is allocated, with
     * `FPGA_STATUS_MEMORY_BUDGET`.
     */
    uint64_t memory_budget;
} fpga_context_params;

/**
 * Reads `length` bytes from `offset` on into `buffer`. Return 0 if all are there, anything else if not.
 *
 * Ownership: `buffer` is borrowed until the callback returns.
 * Threads: a thread of a context, or the caller's; never two at once for one source. The callback must
 * not throw, `longjmp` or end the thread, and must not use the source.
 */
typedef int32_t (*fpga_read_callback)(void *userdata,
                                      uint64_t offset,
                                      uint8_t *buffer,
                                      size_t length);

/**
 * Bytes that the caller reads for the library. Start from `FPGA_IO_INIT`.
 */
typedef struct fpga_io {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What messages call it; NULL for `"source"`. Borrowed for the call.
     */
    const char *name;
    /**
     * Reads a part.
     */
    fpga_read_callback read;
    /**
     * First argument of `read`. Must live as long as the source, and allow being used on another thread.
     */
    void *userdata;
    /**
     * Bytes of the whole checkpoint.
     */
    uint64_t size;
} fpga_io;

/**
 * How a model is loaded. Start from `FPGA_MODEL_PARAMS_INIT`. Strings are borrowed for the call.
 */
typedef struct fpga_model_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Prefer weight files of this variant, such as `"fp16"`, where the folder has them; NULL for
     * none.
     */
    const char *variant;
    /**
     * Folder of the tokenizer's files, for checkpoints without one; NULL for the checkpoint's own.
     */
    const char *tokenizer;
    /**
     * The same for the second tokenizer of SDXL.
     */
    const char *tokenizer_2;
    /**
     * One of `fpga_storage`.
     */
    uint32_t storage;
    /**
     * One of `fpga_precision`.
     */
    uint32_t precision;
} fpga_model_params;

/**
 * One LoRA on a model, and how strongly. Start from `FPGA_LORA_USE_INIT`.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart.
 */
typedef struct fpga_lora_use {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Which one. Borrowed for the call.
     */
    const struct fpga_lora *lora;
    /**
     * 1 as trained, 0 nothing, less than 0 the opposite.
     */
    double strength;
    /**
     * 1 to leave text models as they are, 0 to change all that the file changes.
     */
    uint32_t unet_only;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_lora_use;

/**
 * One RepControlNet in a merged model. Start from `FPGA_REP_CONTROLNET_USE_INIT`.
 *
 * Merging makes `W + strength * ((alpha - 1) * W + beta * modal)` of every weight that has a modal copy;
 * several add up. In an array every element has the same `struct_size`, and elements are that many bytes
 * apart.
 */
typedef struct fpga_rep_controlnet_use {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Which one. Borrowed for the call.
     */
    const struct fpga_rep_controlnet *rep_controlnet;
    /**
     * 1 as trained, 0 not at all.
     */
    double strength;
    /**
     * Factor of the model's own weight. Read only if `has_coefficients` is 1.
     */
    double alpha;
    /**
     * Factor of the modal weight. Read only if `has_coefficients` is 1.
     */
    double beta;
    /**
     * 1 if `alpha` and `beta` are set, 0 for those of the file.
     */
    uint32_t has_coefficients;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_rep_controlnet_use;

/**
 * How an identity adapter is loaded. Start from `FPGA_ADAPTER_PARAMS_INIT`. Strings are borrowed for
 * the call.
 */
typedef struct fpga_adapter_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Folder of the CLIP vision model that the file was trained with, for kinds that look at pictures;
     * NULL for none.
     */
    const char *image_encoder;
    /**
     * How strongly the face's own tokens keep beside what was read off the picture (FaceID-Plus v2,
     * ConsistentID for SDXL: 1 as trained); 0 replaces them. Read only if `has_shortcut` is 1.
     */
    double shortcut;
    /**
     * 1 if `shortcut` is set, 0 for what the published code does with such a file.
     */
    uint32_t has_shortcut;
    /**
     * One of `fpga_storage`.
     */
    uint32_t storage;
} fpga_adapter_params;

/**
 * A picture in the caller's memory, rows from top to bottom. Start from `FPGA_IMAGE_VIEW_INIT`.
 */
typedef struct fpga_image_view {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * First byte of the top row. Borrowed for the call.
     */
    const uint8_t *pixels;
    /**
     * Bytes from the start of a row to the start of the next; at least width times bytes per pixel.
     */
    size_t stride;
    /**
     * Pixels of a row.
     */
    uint32_t width;
    /**
     * Rows.
     */
    uint32_t height;
    /**
     * One of `fpga_pixel_format`.
     */
    uint32_t format;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_image_view;

/**
 * A face that a detector found. Start from `FPGA_DETECTION_INIT`.
 */
typedef struct fpga_detection {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Left, top, right and bottom edge in pixels; parts may lie outside the picture.
     */
    float box[4];
    /**
     * Left eye, right eye, nose tip, left and right mouth corner, as in `fpga_face`.
     */
    float landmarks[10];
    /**
     * How sure the detector is: 0 to 1.
     */
    float score;
    /**
     * 1 if `landmarks` are set, 0 if the detector gives none.
     */
    uint32_t has_landmarks;
} fpga_detection;

/**
 * How a detector works. Start from `FPGA_DETECTOR_PARAMS_INIT`.
 */
typedef struct fpga_detector_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Width and height of what it looks at, if its file leaves them open; multiples of 32. Larger finds
     * smaller faces.
     */
    uint32_t width;
    /**
     * Rows of the same.
     */
    uint32_t height;
    /**
     * Smallest score that counts: 0 to 1. Stylised faces want about 0.3.
     */
    float min_score;
    /**
     * Largest overlap (intersection / union) of two faces: 0 to 1.
     */
    float max_overlap;
} fpga_detector_params;

/**
 * Finds the faces of a picture: add each to `faces` with `fpga_detections_add`. Return 0, anything else
 * if that failed; finding none is no failure.
 *
 * Ownership: `picture` with its pixels and `faces` are borrowed until the callback returns.
 * Threads: a thread of a job's context, or the caller's; never two at once for one detector. The callback
 * must not throw, `longjmp` or end the thread, and must not use its own detector.
 */
typedef int32_t (*fpga_detect_callback)(void *userdata,
                                        const struct fpga_image_view *picture,
                                        struct fpga_detections *faces);

/**
 * A detector of the caller's. Start from `FPGA_OWN_DETECTOR_INIT`.
 */
typedef struct fpga_own_detector {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Finds faces.
     */
    fpga_detect_callback detect;
    /**
     * First argument of `detect`. Must live until the detector and all jobs with it are gone, and allow
     * being used on another thread.
     */
    void *userdata;
} fpga_own_detector;

/**
 * Writes the embedding of a face: as many numbers as `embedding_length` of `fpga_own_embedder` says.
 * Return 0, anything else if that failed.
 *
 * `landmarks` are the five points of the face in `picture`, as in `fpga_face`; NULL if `picture` is an
 * aligned face.
 *
 * Ownership: all pointers are borrowed until the callback returns.
 * Threads: as `fpga_detect_callback`; the same rules hold.
 */
typedef int32_t (*fpga_embed_callback)(void *userdata,
                                       const struct fpga_image_view *picture,
                                       const float *landmarks,
                                       float *embedding);

/**
 * An embedder of the caller's. Start from `FPGA_OWN_EMBEDDER_INIT`.
 */
typedef struct fpga_own_embedder {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Embeds a face.
     */
    fpga_embed_callback embed;
    /**
     * First argument of `embed`. Must live until the embedder and all jobs with it are gone, and allow
     * being used on another thread.
     */
    void *userdata;
    /**
     * How many numbers an embedding has; usually 512.
     */
    size_t embedding_length;
    /**
     * Side in pixels of the aligned face that `embed` gets, eyes and mouth at ArcFace's places: 112 is
     * usual, at most 4096. 0: it gets the whole picture and the landmarks.
     */
    uint32_t aligned_size;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_own_embedder;

/**
 * Writes the class of every pixel of `portrait`, 0 to 18 as BiSeNet for CelebAMask-HQ numbers them: rows of
 * as many bytes as the portrait is wide, without gaps. Return 0, anything else if that failed.
 *
 * Ownership: all pointers are borrowed until the callback returns.
 * Threads: as `fpga_detect_callback`; the same rules hold.
 */
typedef int32_t (*fpga_parse_callback)(void *userdata,
                                       const struct fpga_image_view *portrait,
                                       uint8_t *labels);

/**
 * A parser of the caller's. Start from `FPGA_OWN_PARSER_INIT`.
 */
typedef struct fpga_own_parser {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Tells the parts of a face.
     */
    fpga_parse_callback parse;
    /**
     * First argument of `parse`. Must live until the parser is gone, and allow being used on another
     * thread.
     */
    void *userdata;
} fpga_own_parser;

/**
 * Writes the points of the face inside `box` (left, top, right, bottom): x and y of each, as many as
 * `num_points` of `fpga_own_landmarks` says. Return 0, anything else if that failed.
 *
 * Ownership: all pointers are borrowed until the callback returns.
 * Threads: as `fpga_detect_callback`; the same rules hold.
 */
typedef int32_t (*fpga_landmarks_callback)(void *userdata,
                                           const struct fpga_image_view *picture,
                                           const float *box,
                                           float *points);

/**
 * A landmark detector of the caller's. Start from `FPGA_OWN_LANDMARKS_INIT`.
 */
typedef struct fpga_own_landmarks {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Finds the points of a face.
     */
    fpga_landmarks_callback find;
    /**
     * First argument of `find`. Must live until the detector is gone, and allow being used on another
     * thread.
     */
    void *userdata;
    /**
     * 68 in iBUG's order, or 106 in InsightFace's.
     */
    uint32_t num_points;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_own_landmarks;

/**
 * Finds the bodies of `picture` and adds each to `poses` with `fpga_poses_add`. Return 0, anything else if
 * that failed: then nothing of the list is used.
 *
 * Ownership: all pointers are borrowed until the callback returns; it must not free them.
 * Threads: as `fpga_detect_callback`; the same rules hold.
 */
typedef int32_t (*fpga_pose_callback)(void *userdata,
                                      const struct fpga_image_view *picture,
                                      struct fpga_poses *poses);

/**
 * A pose estimator of the caller's. Start from `FPGA_OWN_POSE_ESTIMATOR_INIT`.
 */
typedef struct fpga_own_pose_estimator {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Finds bodies.
     */
    fpga_pose_callback estimate;
    /**
     * First argument of `estimate`. Must live until the estimator is gone, and allow being used on another
     * thread.
     */
    void *userdata;
} fpga_own_pose_estimator;

/**
 * A prompt that the caller encoded, in place of words. Start from `FPGA_PROMPT_EMBEDDING_INIT`. Pointers
 * are borrowed for the call, and the numbers are copied.
 *
 * Prompt and negative prompt of one job are both words or both embedded, and then have equally many tokens.
 * The model needs no text model and no tokenizer for embedded ones.
 */
typedef struct fpga_prompt_embedding {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * The tokens that the UNet reads, one after another: `num_tokens` times `width` numbers. For SDXL the
     * hidden states of both text models side by side.
     */
    const float *tokens;
    /**
     * How many: 1 to 4096; 77 is usual.
     */
    size_t num_tokens;
    /**
     * Numbers per token: 768 for SD 1, 1024 for SD 2, 2048 for SDXL.
     */
    size_t width;
    /**
     * The pooled text of SDXL's second text model, `pooled_width` numbers. NULL for models without it,
     * which do not read it.
     */
    const float *pooled;
    /**
     * How many numbers: 1280 for SDXL; 0 without `pooled`.
     */
    size_t pooled_width;
} fpga_prompt_embedding;

/**
 * One face. Start from `FPGA_FACE_INIT`. Pointers are borrowed for the call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart.
 */
typedef struct fpga_face {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Where the face may change: `FPGA_PIXEL_FORMAT_GRAY8`, as large as the picture. NULL: a mask
     * made from the landmarks, or from the box.
     */
    const struct fpga_image_view *mask;
    /**
     * What it looks like; NULL for the prompt of the request.
     */
    const char *prompt;
    /**
     * Left, top, right and bottom edge in pixels; parts may lie outside the picture.
     */
    float box[4];
    /**
     * Left eye, right eye, nose tip, left and right mouth corner as a viewer of the upright face sees
     * them: x, y of each, in pixels.
     */
    float landmarks[10];
    /**
     * 1 if `landmarks` are set, 0 to ignore them.
     */
    uint32_t has_landmarks;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Who the face shall show; NULL for whoever the prompt makes of it. The job keeps its own reference.
     * All identities of one job must come from one adapter; the model should be that of
     * `fpga_model_with_adapter`.
     */
    const struct fpga_identity *identity;
    /**
     * Of `identity`: 1 as the adapter was trained, 0 silent.
     */
    double identity_strength;
    /**
     * Share of the steps back at which `identity` starts to act: 0 to 1.
     */
    double identity_window_start;
    /**
     * Share of the steps back at which that ends: 0 to 1.
     */
    double identity_window_end;
    /**
     * Words that know the face of `identity` (ConsistentID), in place of the prompt; their steps count over
     * the whole schedule. NULL for none. The job keeps its own reference.
     */
    const struct fpga_facial_prompts *facial_prompts;
    /**
     * What it looks like, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for none.
     */
    const struct fpga_prompt_embedding *prompt_embedding;
} fpga_face;

/**
 * What is known of one picture of a person. Start from `FPGA_REFERENCE_INIT`; set what the adapter
 * reads, an error says what is missing. Pointers are borrowed for the call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart.
 */
typedef struct fpga_reference {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * The whole picture, RGB; NULL if only the embedding is known.
     */
    const struct fpga_image_view *picture;
    /**
     * Parts of the face, `FPGA_PIXEL_FORMAT_GRAY8`, as large as `picture`: labels 0 to 18 as BiSeNet
     * for CelebAMask-HQ numbers them. NULL if unknown.
     */
    const struct fpga_image_view *parts;
    /**
     * By the recognition network that the adapter was trained with, as the network gives it; usually 512
     * numbers. NULL if unknown.
     */
    const float *embedding;
    /**
     * How many numbers.
     */
    size_t embedding_length;
    /**
     * Left eye, right eye, nose tip, left and right mouth corner in the picture, as in `fpga_face`.
     */
    float landmarks[10];
    /**
     * 1 if `landmarks` are set, 0 to ignore them.
     */
    uint32_t has_landmarks;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_reference;

/**
 * What a picture shows, and whose face. Start from `FPGA_FACIAL_TEXT_INIT`, which does what ConsistentID's
 * published code does for SD 1.5. Pointers are borrowed for the call.
 */
typedef struct fpga_facial_text {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What the picture shows, as it stands; NULL for the empty prompt.
     */
    const char *prompt;
    /**
     * What it does not show; NULL for the empty prompt.
     */
    const char *negative_prompt;
    /**
     * What the face looks like; NULL for the published template.
     */
    const char *caption;
    /**
     * A picture of the person with its parts.
     */
    const struct fpga_reference *reference;
    /**
     * One of `fpga_prompt_layout`.
     */
    uint32_t layout;
    /**
     * One of `fpga_part_pairing`.
     */
    uint32_t pairing;
    /**
     * One of `fpga_negative_text`.
     */
    uint32_t negative;
    /**
     * One of `fpga_second_tokenizer`.
     */
    uint32_t second_tokenizer;
    /**
     * The last step, from 0, that gets the prompt without the parts.
     */
    uint32_t last_plain_step;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_facial_text;

/**
 * Who looks at the pictures of a person. Start from `FPGA_OBSERVERS_INIT`; set those that the adapter
 * needs, an error says which are missing. Handles are borrowed for the call.
 */
typedef struct fpga_observers {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Finds the face; NULL for nobody.
     */
    const struct fpga_face_detector *detector;
    /**
     * Says whose it is: the network that the adapter was trained with; NULL for nobody. Needs a detector
     * that gives landmarks.
     */
    const struct fpga_face_embedder *embedder;
    /**
     * Tells its parts; NULL for nobody.
     */
    const struct fpga_face_parser *parser;
    /**
     * One of `fpga_face_choice`.
     */
    uint32_t choice;
    /**
     * One of `fpga_colour_order`.
     */
    uint32_t colours;
} fpga_observers;

/**
 * One person of a picture. Start from `FPGA_PERSON_INIT`. Pointers are borrowed for the call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart. All
 * identities of one picture must come from one adapter. Their order does not show in the picture.
 */
typedef struct fpga_person {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Who. The job keeps its own reference.
     */
    const struct fpga_identity *identity;
    /**
     * For errors and reports; NULL for none.
     */
    const char *name;
    /**
     * `FPGA_PIXEL_FORMAT_GRAY8`, as large as the picture that is made.
     */
    const struct fpga_image_view *mask;
    /**
     * 18 joints in OpenPose's order, each as x, y and score: 54 numbers. Scores up to 0.3 count as not
     * seen.
     */
    const float *skeleton;
    /**
     * 1 as the adapter was trained, 0 silent.
     */
    double strength;
    /**
     * Share of the steps at which the person starts to act: 0 to 1.
     */
    double window_start;
    /**
     * Share of the steps at which that ends: 0 to 1.
     */
    double window_end;
    /**
     * Left, top, right and bottom edge in pixels; parts may lie outside the picture.
     */
    float box[4];
    /**
     * Five points of the face, as in `fpga_face`.
     */
    float landmarks[10];
    /**
     * Which of the fields above is read: one of `fpga_place`.
     */
    uint32_t place;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_person;

/**
 * Someone whose face may be in a picture: known by their face, by their place, or by both. Start from
 * `FPGA_SOUGHT_PERSON_INIT`. Pointers are borrowed for the call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart. All
 * identities of one job must come from one adapter.
 */
typedef struct fpga_sought_person {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What their face shall show; NULL for whoever the prompt makes of it. The job keeps its own
     * reference.
     */
    const struct fpga_identity *identity;
    /**
     * What it looks like; NULL for the prompt of the request.
     */
    const char *prompt;
    /**
     * What they look like, by the embedder of the search; NULL for the embedding that `identity` was made
     * from, if any.
     */
    const float *embedding;
    /**
     * How many numbers.
     */
    size_t embedding_length;
    /**
     * Of `identity`: 1 as the adapter was trained, 0 silent.
     */
    double strength;
    /**
     * Share of the steps back at which `identity` starts to act: 0 to 1.
     */
    double window_start;
    /**
     * Share of the steps back at which that ends: 0 to 1.
     */
    double window_end;
    /**
     * Where they are: the face there becomes theirs, whoever's it was. Left, top, right, bottom.
     */
    float box[4];
    /**
     * 1 if `box` is set, 0 to know them by their face only.
     */
    uint32_t has_box;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Words that know the face of `identity` (ConsistentID), in place of the prompt; NULL for none. The job
     * keeps its own reference.
     */
    const struct fpga_facial_prompts *facial_prompts;
    /**
     * What it looks like, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for none.
     */
    const struct fpga_prompt_embedding *prompt_embedding;
} fpga_sought_person;

/**
 * Which faces a restoration finds by itself. Start from `FPGA_SEARCH_INIT`. Pointers are borrowed for the
 * call.
 */
typedef struct fpga_search {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Finds all faces. The job keeps its own reference.
     */
    const struct fpga_face_detector *detector;
    /**
     * Tells whose face is whose, for people who are known by their faces; NULL for none.
     */
    const struct fpga_face_embedder *embedder;
    /**
     * Whose faces are worked on; all others then stay as they are. NULL for everybody's, as the prompt of
     * the request says.
     */
    const struct fpga_sought_person *people;
    /**
     * How many.
     */
    size_t num_people;
    /**
     * Smallest cosine of two pictures of one person: -1 to 1.
     */
    double min_cosine;
    /**
     * Smallest intersection / union of a face and a place: 0 to 1.
     */
    double min_overlap;
    /**
     * Smallest score of the detector.
     */
    float min_score;
    /**
     * Smallest larger side of a face's box, in pixels.
     */
    float min_size;
    /**
     * Largest larger side of a face's box, in pixels; 0 for any.
     */
    float max_size;
    /**
     * How many faces at most, the largest; 0 for all.
     */
    uint32_t most;
    /**
     * One of `fpga_face_order`.
     */
    uint32_t order;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_search;

/**
 * The condition picture of a modality that is merged into the model of the job. Start from
 * `FPGA_MODALITY_INIT`. Pointers are borrowed for the call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart.
 */
typedef struct fpga_modality {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What was merged; its encoder reads the condition. The job keeps its own reference. NULL if `delta`
     * is set.
     */
    const struct fpga_rep_controlnet *rep_controlnet;
    /**
     * The delta that was added, in place of `rep_controlnet`; NULL if that is set.
     */
    const struct fpga_delta *delta;
    /**
     * What it looks at: RGB, as large as the picture that is made.
     */
    const struct fpga_image_view *condition;
    /**
     * Factor of what the encoder makes of the condition: 1 as trained.
     */
    double strength;
} fpga_modality;

/**
 * How faces are restored. Start from `FPGA_RESTORE_PARAMS_INIT`. Strings are borrowed for the call.
 */
typedef struct fpga_restore_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What restored faces look like; NULL for the empty prompt.
     */
    const char *prompt;
    /**
     * What they do not look like; NULL for the empty prompt.
     */
    const char *negative_prompt;
    /**
     * What the picture shows now; NULL for the empty prompt.
     */
    const char *source_prompt;
    /**
     * Seed of the fresh noise; face `i` uses `seed + i`. Read only if `has_seed` is 1.
     */
    uint64_t seed;
    /**
     * How much of the old face is forgotten: 0 nothing, 0.6 to restore, 1 to swap.
     */
    double depth;
    /**
     * How strongly the prompt pulls: 0 to 100; 3 to 5 is usual, 1 for no guidance.
     */
    double guidance;
    /**
     * How far the spread of guided predictions is pulled back to that of unguided ones: 0 to 1.
     */
    double guidance_rescale;
    /**
     * Share of fresh noise: 0 always makes the same face, more makes another one with every seed.
     */
    double variation;
    /**
     * Side of the crop / larger side of the face's box: 1 to 8.
     */
    double crop_reach;
    /**
     * Crops turn with the eye line where it is tilted by more than this many degrees: 0 to 180.
     */
    double upright_over;
    /**
     * Width over which masks fade, as a share of the crop's side: 0 to 0.25.
     */
    double feather;
    /**
     * The original is kept where the seam differs by more, in CIEDE2000; `HUGE_VAL` for no limit.
     */
    double max_seam_delta_e;
    /**
     * The original is kept where sharpness after / before is less; 0 for no limit.
     */
    double min_sharpness_gain;
    /**
     * 1 if `seed` is set, 0 for a fresh one, which the result names.
     */
    uint32_t has_seed;
    /**
     * Steps of the whole schedule; `depth` times as many are made, each way: 1 to 1000.
     */
    uint32_t steps;
    /**
     * Extra network calls per inversion step that make the way back lead to the same picture:
     * 0 to 100.
     */
    uint32_t fixed_point_iterations;
    /**
     * Side in pixels of what the model sees: 512 for SD 1, 768 or 512 for SD 2, 1024 for SDXL; a
     * multiple of 8, at most 4096.
     */
    uint32_t model_size;
    /**
     * 1 to measure how well the inversion leads back, which costs as many network calls as steps are
     * made; else 0.
     */
    uint32_t measure_round_trip;
    /**
     * One of `fpga_long_prompt`.
     */
    uint32_t long_prompt;
    /**
     * One of `fpga_noise`.
     */
    uint32_t noise;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Finds the faces where the job is given none; NULL to restore given faces only.
     */
    const struct fpga_search *search;
    /**
     * Tells how much a face is the person's that it shall show, for the gate and the report: the network
     * that the identities' embeddings come from. NULL to leave that out. The job keeps its own reference.
     */
    const struct fpga_face_embedder *recogniser;
    /**
     * A ControlNet that was trained on drawings of five landmarks (InstantID's): it keeps pose and
     * expression, and every face needs landmarks. NULL for none. The job keeps its own reference.
     */
    const struct fpga_controlnet *landmark_controlnet;
    /**
     * Of `landmark_controlnet`: 1 as trained, 0 silent.
     */
    double landmark_scale;
    /**
     * Share of the steps back at which it starts to speak: 0 to 1.
     */
    double landmark_window_start;
    /**
     * Share of the steps back at which that ends: 0 to 1.
     */
    double landmark_window_end;
    /**
     * The original is kept where the cosine with the person's own face gains less than this, if that is
     * measured; `-HUGE_VAL` for no limit.
     */
    double min_likeness_gain;
    /**
     * What restored faces look like, encoded by the caller, in place of `prompt`, which must be NULL then;
     * NULL for none. With it comes `negative_prompt_embedding`.
     */
    const struct fpga_prompt_embedding *prompt_embedding;
    /**
     * What they do not look like, in place of `negative_prompt`.
     */
    const struct fpga_prompt_embedding *negative_prompt_embedding;
    /**
     * What the picture shows now, in place of `source_prompt`; NULL for `negative_prompt_embedding`.
     */
    const struct fpga_prompt_embedding *source_prompt_embedding;
} fpga_restore_params;

/**
 * What one ControlNet says to a job. Start from `FPGA_CONTROL_INIT`. Pointers are borrowed for the
 * call.
 *
 * In an array every element has the same `struct_size`, and elements are that many bytes apart.
 */
typedef struct fpga_control {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * The network. The job keeps its own reference.
     */
    const struct fpga_controlnet *controlnet;
    /**
     * What it looks at: RGB, as large as the picture that is made.
     */
    const struct fpga_image_view *condition;
    /**
     * 1 as trained, 0 silent.
     */
    double scale;
    /**
     * Share of the steps at which it starts to speak: 0 to 1.
     */
    double window_start;
    /**
     * Share of the steps at which it ends: 0 to 1.
     */
    double window_end;
    /**
     * One of `fpga_control_mode`.
     */
    uint32_t mode;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} fpga_control;

/**
 * How pictures are made. Start from `FPGA_GENERATE_PARAMS_INIT`. Pointers are borrowed for the call.
 *
 * Without `picture` they start from noise; with it, it is changed; with `mask` too, only there.
 */
typedef struct fpga_generate_params {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * What the picture shows; NULL for the empty prompt.
     */
    const char *prompt;
    /**
     * What it does not show; NULL for the empty prompt.
     */
    const char *negative_prompt;
    /**
     * The picture to change, RGB of any size; NULL to start from noise.
     */
    const struct fpga_image_view *picture;
    /**
     * Where it may change: `FPGA_PIXEL_FORMAT_GRAY8`, as large as `picture`; 0 keeps its bytes. NULL for
     * everywhere.
     */
    const struct fpga_image_view *mask;
    /**
     * ControlNets, whose effects add up.
     */
    const struct fpga_control *controls;
    /**
     * How many.
     */
    size_t num_controls;
    /**
     * Seed of the noise. Read only if `has_seed` is 1.
     */
    uint64_t seed;
    /**
     * How much of `picture` may change: 0 hardly, 1 wholly. Read only with `picture`.
     */
    double strength;
    /**
     * How strongly the prompt pulls; 7.5 is usual, 1 or less leaves the negative prompt out.
     */
    double guidance;
    /**
     * How far the spread of guided predictions is pulled back to that of unguided ones: 0 to 1.
     */
    double guidance_rescale;
    /**
     * Share of fresh noise at each step, 0 to 1, of samplers that have a choice. Read only if `has_eta`
     * is 1.
     */
    double eta;
    /**
     * Pixels of a row; a multiple of 8. Read only without `picture`.
     */
    uint32_t width;
    /**
     * Rows; a multiple of 8. Read only without `picture`.
     */
    uint32_t height;
    /**
     * Pictures at once: 1 to 64.
     */
    uint32_t count;
    /**
     * Steps of the whole schedule: 1 to 1000.
     */
    uint32_t steps;
    /**
     * 1 if `seed` is set, 0 for a fresh one, which the result names.
     */
    uint32_t has_seed;
    /**
     * 1 if `eta` is set, 0 for the sampler's own.
     */
    uint32_t has_eta;
    /**
     * One of `fpga_sampler`.
     */
    uint32_t sampler;
    /**
     * One of `fpga_long_prompt`.
     */
    uint32_t long_prompt;
    /**
     * One of `fpga_noise`.
     */
    uint32_t noise;
    /**
     * Longest side in pixels of the tiles in which the result is decoded, for pictures whose whole would
     * take too much memory; 0 for no tiles.
     */
    uint32_t tile;
    /**
     * Shortest overlap of two tiles in pixels.
     */
    uint32_t tile_overlap;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * Who appears, and where; the model should be that of `fpga_model_with_adapter`.
     */
    const struct fpga_person *people;
    /**
     * How many.
     */
    size_t num_people;
    /**
     * 1 to measure where everyone's attention goes, for the report; the pictures stay the same, it takes
     * about one more attention per person and layer. 0 to leave that out.
     */
    uint32_t measure;
    /**
     * Must be 0.
     */
    uint32_t reserved_2;
    /**
     * Condition pictures of the modalities that are merged into the model; one for each of them.
     */
    const struct fpga_modality *modalities;
    /**
     * How many.
     */
    size_t num_modalities;
    /**
     * Finds the faces of the finished pictures, so that the report says who is recognised at their place;
     * NULL to leave that out. The job keeps its own reference.
     */
    const struct fpga_face_detector *recognition_detector;
    /**
     * Says whose they are: the network that the identities' embeddings come from. Set both or neither.
     */
    const struct fpga_face_embedder *recognition_embedder;
    /**
     * Words that know somebody's face (ConsistentID), in place of all other prompts, which must be NULL then.
     * NULL for none. The job keeps its own reference.
     */
    const struct fpga_facial_prompts *facial_prompts;
    /**
     * What the picture shows, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for
     * none. With it comes `negative_prompt_embedding`.
     */
    const struct fpga_prompt_embedding *prompt_embedding;
    /**
     * What it does not show, in place of `negative_prompt`.
     */
    const struct fpga_prompt_embedding *negative_prompt_embedding;
} fpga_generate_params;

/**
 * One message of a running job. Later versions may append fields: `struct_size` says how many
 * bytes there are.
 */
typedef struct fpga_progress {
    /**
     * Size of this struct in the library that runs.
     */
    size_t struct_size;
    /**
     * One of `fpga_phase`.
     */
    uint32_t phase;
    /**
     * 1 if `face` says which face it is about, else 0.
     */
    uint32_t has_face;
    /**
     * Which face of a restoration, from 0 in the order of the request.
     */
    uint32_t face;
    /**
     * Steps of this phase that are done.
     */
    uint32_t step;
    /**
     * Steps of this phase.
     */
    uint32_t steps;
    /**
     * 0.
     */
    uint32_t reserved;
} fpga_progress;

/**
 * Receives the progress of one job. Return 0 to go on, anything else to cancel this job.
 *
 * Ownership: `progress` is borrowed until the callback returns.
 * Threads: a thread of the job's context, never two at once for one job, and never after
 * `fpga_job_run` has returned.
 * The callback must not throw, `longjmp` or end the thread. It may call this library: cancel, read
 * the job's state, even free the job; but not run the same job again.
 */
typedef int32_t (*fpga_progress_callback)(void *userdata, const struct fpga_progress *progress);

/**
 * Receives the picture so far, an eighth of the final size, after every denoising step. Return 0 to go
 * on, anything else to cancel this job.
 *
 * Ownership: `progress` and `picture` with its pixels are borrowed until the callback returns.
 * Threads: as `fpga_progress_callback`, right after it; the same rules hold.
 */
typedef int32_t (*fpga_preview_callback)(void *userdata,
                                         const struct fpga_progress *progress,
                                         const struct fpga_image_view *picture);

/**
 * Receives what one job has to say, for people. `level` is one of `fpga_log_level`.
 *
 * Ownership: `message` is borrowed until the callback returns.
 * Threads: as `fpga_progress_callback`; the same rules hold.
 */
typedef void (*fpga_log_callback)(void *userdata, uint32_t level, const char *message);

/**
 * A restoration as a whole.
 */
typedef struct fpga_restoration_report {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * The seed that was used: the one of the request, or the fresh one. Face `i` used `seed + i`.
     */
    uint64_t seed;
    /**
     * Bytes that differ from the input where no accepted face's mask reaches, counted over the finished
     * picture: 0.
     */
    uint64_t changed_outside_mask;
    /**
     * Faces that were worked on.
     */
    uint64_t num_faces;
    /**
     * Faces that the search saw; 0 without one.
     */
    uint64_t num_detected;
    /**
     * Faces that the search left alone.
     */
    uint64_t num_left;
    /**
     * People of the search whom no face belongs to.
     */
    uint64_t num_absent;
    /**
     * Seconds from request to picture.
     */
    double seconds;
    /**
     * Width of the picture.
     */
    uint32_t width;
    /**
     * Height of the picture.
     */
    uint32_t height;
    /**
     * 1 if faces were searched for, 0 if they were given.
     */
    uint32_t searched;
    /**
     * 0.
     */
    uint32_t reserved;
} fpga_restoration_report;

/**
 * A face that was found and is not worked on.
 */
typedef struct fpga_left_face {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Left, top, right and bottom edge in pixels.
     */
    float box[4];
    /**
     * Its five points, as in `fpga_face`.
     */
    float landmarks[10];
    /**
     * How sure the detector is: 0 to 1.
     */
    float score;
    /**
     * 1 if `landmarks` are known, 0 if not.
     */
    uint32_t has_landmarks;
    /**
     * One of `fpga_left_reason`.
     */
    uint32_t reason;
    /**
     * 0.
     */
    uint32_t reserved;
} fpga_left_face;

/**
 * What became of one face. Numbers that were not measured are NaN.
 */
typedef struct fpga_face_report {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Seed of its fresh noise.
     */
    uint64_t seed;
    /**
     * Pixels that could change.
     */
    uint64_t covered_pixels;
    /**
     * Pixels that did.
     */
    uint64_t changed_pixels;
    /**
     * PSNR in dB of the plain way to noise and back, at most 100.
     */
    double round_trip_psnr;
    /**
     * Relative L2 error of the latents of the same.
     */
    double round_trip_latent_error;
    /**
     * Mean CIEDE2000 between old and new picture along the seam.
     */
    double seam_delta_e;
    /**
     * Mean absolute Laplacian of the luma inside the mask, of the original.
     */
    double sharpness_before;
    /**
     * The same of the restored face.
     */
    double sharpness_after;
    /**
     * Seconds that this face took.
     */
    double seconds;
    /**
     * One of `fpga_verdict`.
     */
    uint32_t verdict;
    /**
     * Steps made, each way.
     */
    uint32_t steps;
    /**
     * What the verdict was made by: seam, sharpness after / before, or gain of likeness.
     */
    double verdict_found;
    /**
     * The limit that it was compared with.
     */
    double verdict_limit;
    /**
     * Cosine of the original with the person that the face was to show.
     */
    double likeness_before;
    /**
     * The same of the restored face.
     */
    double likeness_after;
    /**
     * What colour matching changed: mean red, green and blue around the mask, in levels of 0 to 255.
     */
    double colour_shift[3];
    /**
     * What colour matching changed: factors of the spread of red, green and blue.
     */
    double colour_gain[3];
    /**
     * From pixels of the crop to pixels of the picture, with pixel centres at one half: with this as `m`,
     * `x' = m[0] * x + m[1] * y + m[2]` and `y' = m[3] * x + m[4] * y + m[5]`.
     */
    double crop_to_picture[6];
    /**
     * Side of the crop in the picture's pixels.
     */
    double crop_side;
    /**
     * Degrees by which the crop is turned.
     */
    double crop_angle;
    /**
     * How the person of a search was found: intersection / union of a place, or a cosine.
     */
    double evidence_value;
    /**
     * Left, top, right and bottom edge of the face, as given or found.
     */
    float box[4];
    /**
     * Side of the crop in the model's pixels.
     */
    uint32_t crop_size;
    /**
     * Number of the face: that of the request, or of the search's order.
     */
    uint32_t index;
    /**
     * Whose it is: a place in the list of the search's people. Read only if `has_person` is 1.
     */
    uint32_t person;
    /**
     * 1 if the search says whose it is, 0 if nobody in particular was sought.
     */
    uint32_t has_person;
    /**
     * One of `fpga_evidence`; 0 if `has_person` is 0.
     */
    uint32_t evidence;
    /**
     * 0.
     */
    uint32_t reserved;
} fpga_face_report;

/**
 * How pictures were made.
 */
typedef struct fpga_generation_report {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * The seed that was used: the one of the request, or the fresh one.
     */
    uint64_t seed;
    /**
     * Seconds from request to pictures.
     */
    double seconds;
    /**
     * Steps of the schedule.
     */
    uint32_t steps;
    /**
     * Pictures.
     */
    uint32_t num_pictures;
} fpga_generation_report;

/**
 * What became of one person in one picture.
 */
typedef struct fpga_person_report {
    /**
     * Size of this struct.
     */
    size_t struct_size;
    /**
     * Share of the picture that the person's region covers.
     */
    double coverage;
    /**
     * As in the request.
     */
    double strength;
    /**
     * As in the request.
     */
    double window_start;
    /**
     * As in the request.
     */
    double window_end;
    /**
     * Share of the person's attention inside the own region. With the next two it adds up to 1; all are 0
     * unless `has_leakage` is 1.
     */
    double attention_inside;
    /**
     * Share of the person's attention inside the regions of others.
     */
    double attention_others;
    /**
     * Share of the person's attention where nobody is.
     */
    double attention_background;
    /**
     * Left, top, right, bottom of the person's region in pixels.
     */
    uint32_t bounds[4];
    /**
     * Where the request lists the person.
     */
    uint32_t index;
    /**
     * 1 if attention was measured, 0 if not.
     */
    uint32_t has_leakage;
    /**
     * Cosine of the face at the person's place with the person's own; NaN if that is not known.
     */
    double cosine;
    /**
     * The face that was found at the person's place: left, top, right, bottom. Read only if `has_face` is 1.
     */
    float face_box[4];
    /**
     * Its five points, as in `fpga_face`. Read only if `has_landmarks` is 1.
     */
    float face_landmarks[10];
    /**
     * How sure the detector is of it: 0 to 1.
     */
    float face_score;
    /**
     * 1 if someone looked and found a face there, 0 if not.
     */
    uint32_t has_face;
    /**
     * 1 if that face has landmarks, 0 if not.
     */
    uint32_t has_landmarks;
    /**
     * 0.
     */
    uint32_t reserved;
} fpga_person_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that runs, for example `"0.1.0"`.
 *
 * Ownership: the string is static; never free it. Never NULL.
 * Threads: any.
 */
FPGA_API const char *fpga_version(void);

/**
 * The ABI version of the library that runs; compare it with `FPGA_ABI_VERSION`, or use
 * `FPGA_CHECK_ABI()`.
 *
 * Threads: any.
 */
FPGA_API uint32_t fpga_abi_version(void);

/**
 * The name of a status code as it stands in this header, for example `"FPGA_STATUS_OK"`.
 *
 * A code that this library does not know gives `"FPGA_STATUS_UNKNOWN"`.
 *
 * Ownership: the string is static; never free it. Never NULL.
 * Threads: any.
 */
FPGA_API const char *fpga_status_name(uint32_t status);

/**
 * Copies the message of the last call of this thread that did not return `FPGA_STATUS_OK`.
 *
 * It names the thing, what was needed and what was found, outermost first. Empty if no call of
 * this thread has failed. It stays until the next failure; this function itself never changes it.
 * Messages are for people and change between versions: decide by status.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any; every thread has its own message. For a job that ran on another thread see
 * `fpga_job_error_message`.
 * NULL: either `buffer` or `needed` may be NULL, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_last_error_message(char *buffer, size_t capacity, size_t *needed);

/**
 * Looks for devices, the CPU first. Cards are opened to find out whether they work, which may take
 * seconds.
 *
 * Ownership: `*list` is the caller's; free it with `fpga_device_list_free`.
 * Threads: any.
 * NULL: `list` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API FPGA_MUST_USE fpga_status fpga_device_list_new(struct fpga_device_list **list);

/**
 * Writes the number of devices.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_device_list_count(const struct fpga_device_list *list, size_t *count);

/**
 * Copies how device `index` is asked for: what `fpga_context_params.device` takes, such as `"cuda:0"`.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `list` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_device_list_id(const struct fpga_device_list *list,
                                size_t index,
                                char *buffer,
                                size_t capacity,
                                size_t *needed);

/**
 * Copies what device `index` is, for people.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `list` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_device_list_name(const struct fpga_device_list *list,
                                  size_t index,
                                  char *buffer,
                                  size_t capacity,
                                  size_t *needed);

/**
 * Writes what device `index` has.
 *
 * `size` is `sizeof *info`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_device_list_info(const struct fpga_device_list *list,
                                  size_t index,
                                  struct fpga_device_info *info,
                                  size_t size);

/**
 * Frees a list.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_device_list_free(struct fpga_device_list *list);

/**
 * Sets every field to its default, as `FPGA_CONTEXT_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_context_params_init(struct fpga_context_params *params, size_t size);

/**
 * Opens a device.
 *
 * Ownership: `params` is borrowed for the call. `*context` is the caller's; free it with
 * `fpga_context_free`. Models keep their context alive, so it may be freed before them.
 * Threads: any. A context may be used by many threads at once.
 * NULL: `params` may be NULL for the defaults; `context` must not be NULL.
 * Errors: `FPGA_STATUS_DEVICE` if the device is unknown, not in this build, or has no driver;
 * `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_UTF8`,
 * `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_context_new(const struct fpga_context_params *params,
                             struct fpga_context **context);

/**
 * Writes how many bytes are promised to the models and running jobs of a context, by the library's
 * estimates; counted with and without a budget.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_context_memory_in_use(const struct fpga_context *context,
                                       uint64_t *bytes);

/**
 * Gives up the caller's reference to a context.
 *
 * The device goes when the last model is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_context_free(struct fpga_context *context);

/**
 * Sets every field to its default, as `FPGA_IO_INIT` does.
 *
 * `size` is `sizeof *io`; it becomes `struct_size`.
 *
 * Ownership: `io` stays the caller's.
 * Threads: any.
 * NULL: `io` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_io_init(struct fpga_io *io, size_t size);

/**
 * Opens a `.safetensors` checkpoint that lies in memory. It is not copied.
 *
 * Ownership: `bytes` stays the caller's, and must neither change nor go before the source is freed and
 * every load from it has returned; loaded models do not need it any more. `*source` is the caller's;
 * free it with `fpga_source_free`.
 * Threads: any.
 * NULL: no pointer may be NULL, but `name`, which messages use.
 * Errors: `FPGA_STATUS_FORMAT` if the bytes are no sound safetensors file;
 * `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_source_new_memory(const uint8_t *bytes,
                                   size_t size,
                                   const char *name,
                                   struct fpga_source **source);

/**
 * Opens a `.safetensors` checkpoint that the caller reads. Its header is read now, its values by each
 * load.
 *
 * Ownership: `io` is borrowed for the call; its `userdata` must live until the source is freed and every
 * load from it has returned. `*source` is the caller's; free it with `fpga_source_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_IO` if the callback fails, `FPGA_STATUS_FORMAT` if the bytes are no sound
 * safetensors file; `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_UTF8`,
 * `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_source_new_io(const struct fpga_io *io,
                               struct fpga_source **source);

/**
 * Gives up the caller's reference to a source.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_source_free(struct fpga_source *source);

/**
 * Sets every field to its default, as `FPGA_MODEL_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_model_params_init(struct fpga_model_params *params, size_t size);

/**
 * Loads a checkpoint: a folder in the layout of diffusers, or one `.safetensors` or `.ckpt` file.
 *
 * Ownership: inputs are borrowed for the call. `*model` is the caller's; free it with
 * `fpga_model_free`. Jobs keep their model alive, so it may be freed before them.
 * Threads: any. A model may be used by many threads at once, and loads may run side by side.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_WEIGHTS`, `FPGA_STATUS_UNSUPPORTED`,
 * `FPGA_STATUS_DEVICE`, `FPGA_STATUS_INVALID_ARGUMENT`, each naming part and file;
 * `FPGA_STATUS_MEMORY_BUDGET` before any weight is read;
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`; those of `fpga_context_new`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_load(const struct fpga_context *context,
                            const char *path,
                            const struct fpga_model_params *params,
                            struct fpga_model **model);

/**
 * Loads a single-file checkpoint from the caller's memory or through the caller's reading.
 *
 * Such a checkpoint has no tokenizer: name a folder that has one in `params`, or prompts are refused.
 *
 * Ownership: inputs are borrowed for the call. `*model` is the caller's; free it with
 * `fpga_model_free`. It does not need the source any more.
 * Threads: any. Loads from one source may run side by side; their reads take turns.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: those of `fpga_model_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_load_source(const struct fpga_context *context,
                                   const struct fpga_source *source,
                                   const struct fpga_model_params *params,
                                   struct fpga_model **model);

/**
 * Writes how many bytes the weights of a checkpoint will take, without reading them.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_UNSUPPORTED`; those that
 * `fpga_model_load` has for its arguments.
 */
FPGA_API
fpga_status fpga_model_estimate_memory(const char *path,
                                       const struct fpga_model_params *params,
                                       uint64_t *bytes);

/**
 * Writes how many bytes the weights of a model take, by the library's estimate; of a model that shares
 * weights with another one, only its own.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_model_memory(const struct fpga_model *model,
                              uint64_t *bytes);

/**
 * Copies what became of every tensor, as JSON: by part (`unet`, `vae`, `text_encoder`, ...) the lists
 * `applied`, `missing`, `unused` and `mismatched`.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `model` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`.
 */
FPGA_API
fpga_status fpga_model_load_report_json(const struct fpga_model *model,
                                        char *buffer,
                                        size_t capacity,
                                        size_t *needed);

/**
 * Gives up the caller's reference to a model. Its memory goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_model_free(struct fpga_model *model);

/**
 * Loads a ControlNet: a folder in the layout of diffusers, or one file in the original layout.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*controlnet` is the caller's; free it with
 * `fpga_controlnet_free`. Jobs keep their ControlNets alive, so it may be freed before them.
 * Threads: any. A ControlNet may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_model_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_controlnet_load(const struct fpga_context *context,
                                 const char *path,
                                 uint32_t storage,
                                 struct fpga_controlnet **controlnet);

/**
 * Loads a ControlNet in the original layout from the caller's memory or through the caller's reading.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*controlnet` is the caller's; free it with
 * `fpga_controlnet_free`. It does not need the source any more.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_model_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_controlnet_load_source(const struct fpga_context *context,
                                        const struct fpga_source *source,
                                        uint32_t storage,
                                        struct fpga_controlnet **controlnet);

/**
 * Copies what became of every tensor, as JSON: the lists `applied`, `missing`, `unused` and
 * `mismatched`.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `controlnet` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_controlnet_load_report_json(const struct fpga_controlnet *controlnet,
                                             char *buffer,
                                             size_t capacity,
                                             size_t *needed);

/**
 * Gives up the caller's reference to a ControlNet. Its memory goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_controlnet_free(struct fpga_controlnet *controlnet);

/**
 * Sets every field to its default, as `FPGA_LORA_USE_INIT` does.
 *
 * `size` is `sizeof *lora_use`; it becomes `struct_size`.
 *
 * Ownership: `lora_use` stays the caller's.
 * Threads: any.
 * NULL: `lora_use` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_lora_use_init(struct fpga_lora_use *lora_use, size_t size);

/**
 * Opens a LoRA file of any usual spelling (kohya's, PEFT's, diffusers'): `.safetensors`, `.bin`, `.pt`.
 * Its values are read when it is put on a model; until then the file must stay as it is.
 *
 * Ownership: inputs are borrowed for the call. `*lora` is the caller's; free it with `fpga_lora_free`.
 * It serves any model, on any device.
 * Threads: any. A LoRA may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`; `FPGA_STATUS_UNSUPPORTED` if it holds something else
 * than pairs of a LoRA (LoHa, LoKr, DoRA); `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_POISONED`,
 * `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_lora_load(const struct fpga_context *context,
                           const char *path,
                           struct fpga_lora **lora);

/**
 * Copies a LoRA from the caller's memory or through the caller's reading.
 *
 * Ownership: inputs are borrowed for the call. `*lora` is the caller's; free it with `fpga_lora_free`.
 * It does not need the source any more.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_lora_load`; `FPGA_STATUS_MEMORY_BUDGET` before anything is copied.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_lora_load_source(const struct fpga_context *context,
                                  const struct fpga_source *source,
                                  struct fpga_lora **lora);

/**
 * Writes how many weights it changes in a part of a model; `part` is one of `fpga_lora_part`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_lora_num_changes(const struct fpga_lora *lora,
                                  uint32_t part,
                                  size_t *num_changes);

/**
 * Writes how many bytes a model with this LoRA will not share with the model without it, at most.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_SHAPE` if the halves of a pair do not fit each other; `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_lora_memory(const struct fpga_lora *lora,
                             uint64_t *bytes);

/**
 * Makes the model with LoRAs added up. `model` stays as it is, bit for bit: taking a LoRA off is freeing
 * the model with it.
 *
 * Ownership: inputs are borrowed for the call. `*changed` is the caller's; free it with
 * `fpga_model_free`. It shares with `model` what no LoRA changes, keeps it alive, and does not need the
 * LoRAs any more.
 * Threads: any.
 * NULL: `loras` may be NULL if `num_loras` is 0; nothing else may.
 * Errors: `FPGA_STATUS_WEIGHTS` if a LoRA was made for another model, with the weights' names;
 * `FPGA_STATUS_INVALID_ARGUMENT` if a strength is not finite, or if a LoRA changes a text model that this
 * model does not have; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed; `FPGA_STATUS_IO`,
 * `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_with_loras(const struct fpga_model *model,
                                  const struct fpga_lora_use *loras,
                                  size_t num_loras,
                                  struct fpga_model **changed);

/**
 * Gives up the caller's reference to a LoRA.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_lora_free(struct fpga_lora *lora);

/**
 * Sets every field to its default, as `FPGA_REP_CONTROLNET_USE_INIT` does.
 *
 * `size` is `sizeof *net_use`; it becomes `struct_size`.
 *
 * Ownership: `net_use` stays the caller's.
 * Threads: any.
 * NULL: `net_use` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API
fpga_status fpga_rep_controlnet_use_init(struct fpga_rep_controlnet_use *net_use,
                                         size_t size);

/**
 * Loads a RepControlNet in the published layout: one `.safetensors`, `.bin` or `.pth` file.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*rep_controlnet` is the caller's; free it with
 * `fpga_rep_controlnet_free`. It serves every model that has the sizes and the device of `model`, which
 * may be freed before it.
 * Threads: any. A RepControlNet may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_model_load`; `FPGA_STATUS_WEIGHTS` if it was made for another model.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_rep_controlnet_load(const struct fpga_model *model,
                                     const char *path,
                                     uint32_t storage,
                                     struct fpga_rep_controlnet **rep_controlnet);

/**
 * Loads a RepControlNet from the caller's memory or through the caller's reading.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*rep_controlnet` is the caller's; free it with
 * `fpga_rep_controlnet_free`. It does not need the source any more.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_rep_controlnet_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_rep_controlnet_load_source(const struct fpga_model *model,
                                            const struct fpga_source *source,
                                            uint32_t storage,
                                            struct fpga_rep_controlnet **rep_controlnet);

/**
 * Writes the factors with which it was trained to be merged: those that its file notes, or 1 and 1.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_rep_controlnet_coefficients(const struct fpga_rep_controlnet *rep_controlnet,
                                             double *alpha,
                                             double *beta);

/**
 * Copies what became of every tensor, as JSON: the lists `applied`, `missing`, `unused` and
 * `mismatched`.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `rep_controlnet` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_rep_controlnet_load_report_json(const struct fpga_rep_controlnet *rep_controlnet,
                                                 char *buffer,
                                                 size_t capacity,
                                                 size_t *needed);

/**
 * Writes a RepControlNet in the published layout, its factors noted in the header. A file that is there
 * is replaced once the new one is whole.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_UTF8`,
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_rep_controlnet_save(const struct fpga_rep_controlnet *rep_controlnet,
                                     const char *path,
                                     uint32_t storage);

/**
 * Makes the model with RepControlNets merged into it: as many weights and as much work as before. It
 * expects a condition picture of every one at each job (`fpga_modality`). `model` stays as it is.
 *
 * Ownership: inputs are borrowed for the call. `*merged` is the caller's; free it with
 * `fpga_model_free`. It shares with `model` what has no modal copy, and keeps it alive.
 * Threads: any.
 * NULL: `uses` may be NULL if `num_uses` is 0; nothing else may.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if one was made for a model of other sizes,
 * lies on another device, or a factor is not finite; `FPGA_STATUS_MEMORY_BUDGET` before anything is
 * computed; `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`,
 * `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_with_rep_controlnets(const struct fpga_model *model,
                                            const struct fpga_rep_controlnet_use *uses,
                                            size_t num_uses,
                                            struct fpga_model **merged);

/**
 * Gives up the caller's reference to a RepControlNet. Its memory goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API
void fpga_rep_controlnet_free(struct fpga_rep_controlnet *rep_controlnet);

/**
 * Computes what merging a RepControlNet adds to `model`, with the factors of its file.
 *
 * Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
 * Threads: any. A delta may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if it was made for a model of other sizes or
 * lies on another device; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed;
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_delta_new(const struct fpga_model *model,
                           const struct fpga_rep_controlnet *rep_controlnet,
                           struct fpga_delta **delta);

/**
 * Loads a delta that was saved: one `.safetensors` file.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
 * It serves every model that has the sizes and the device of `model`, which may be freed before it.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_rep_controlnet_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_delta_load(const struct fpga_model *model,
                            const char *path,
                            uint32_t storage,
                            struct fpga_delta **delta);

/**
 * Loads a delta from the caller's memory or through the caller's reading.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
 * It does not need the source any more.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_rep_controlnet_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_delta_load_source(const struct fpga_model *model,
                                   const struct fpga_source *source,
                                   uint32_t storage,
                                   struct fpga_delta **delta);

/**
 * Writes a delta as a `.safetensors` file. A file that is there is replaced once the new one is whole.
 *
 * `storage` is one of `fpga_storage`.
 *
 * Ownership: inputs are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_rep_controlnet_save`.
 */
FPGA_API
fpga_status fpga_delta_save(const struct fpga_delta *delta,
                            const char *path,
                            uint32_t storage);

/**
 * Makes the model with a delta added: the same as merging, for any fine-tune of the model that the delta
 * was computed for. `model` stays as it is.
 *
 * `strength` is 1 as trained, 0 for nothing.
 *
 * Ownership: inputs are borrowed for the call. `*merged` is the caller's; free it with
 * `fpga_model_free`. It shares with `model` what the delta does not change, and keeps it alive.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_model_with_rep_controlnets`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_with_delta(const struct fpga_model *model,
                                  const struct fpga_delta *delta,
                                  double strength,
                                  struct fpga_model **merged);

/**
 * Makes the model without a delta that was added with this `strength`, up to the rounding of its weights.
 * `model` stays as it is.
 *
 * Ownership: inputs are borrowed for the call. `*base` is the caller's; free it with `fpga_model_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_model_with_rep_controlnets`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_without_delta(const struct fpga_model *model,
                                     const struct fpga_delta *delta,
                                     double strength,
                                     struct fpga_model **base);

/**
 * Gives up the caller's reference to a delta. Its memory goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_delta_free(struct fpga_delta *delta);

/**
 * Sets every field to its default, as `FPGA_ADAPTER_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_adapter_params_init(struct fpga_adapter_params *params, size_t size);

/**
 * Loads an identity adapter for a model: one `.safetensors`, `.bin` or `.pth` file.
 *
 * Ownership: inputs are borrowed for the call. `*adapter` is the caller's; free it with
 * `fpga_adapter_free`. Identities and jobs keep their adapter alive, so it may be freed before them.
 * It serves every model that has the sizes and the device of `model`, which may be freed before it.
 * Threads: any. An adapter may be used by many threads at once.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: those of `fpga_model_load`; `FPGA_STATUS_INVALID_ARGUMENT` if the file was made for another
 * model, or looks at pictures and `image_encoder` is missing or another one.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_adapter_load(const struct fpga_model *model,
                              const char *path,
                              const struct fpga_adapter_params *params,
                              struct fpga_adapter **adapter);

/**
 * Loads an identity adapter from the caller's memory or through the caller's reading.
 *
 * Ownership: inputs are borrowed for the call. `*adapter` is the caller's; free it with
 * `fpga_adapter_free`. It does not need the source any more.
 * Threads: any.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: those of `fpga_adapter_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_adapter_load_source(const struct fpga_model *model,
                                     const struct fpga_source *source,
                                     const struct fpga_adapter_params *params,
                                     struct fpga_adapter **adapter);

/**
 * Writes how many bytes an adapter's weights will take with its CLIP vision model, without reading them.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_UNSUPPORTED`; those that `fpga_adapter_load`
 * has for its arguments.
 */
FPGA_API
fpga_status fpga_adapter_estimate_memory(const char *path,
                                         const struct fpga_adapter_params *params,
                                         uint64_t *bytes);

/**
 * Writes how many bytes the weights of an adapter take, by the library's estimate.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_adapter_memory(const struct fpga_adapter *adapter, uint64_t *bytes);

/**
 * Writes which adapter it is: one of `fpga_adapter_kind`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_adapter_get_kind(const struct fpga_adapter *adapter, uint32_t *kind);

/**
 * Makes the model as the adapter was trained with it: with the LoRA that the file holds, if any. Face
 * adapters have little effect without it. `model` stays as it is.
 *
 * Ownership: inputs are borrowed for the call. `*adapted` is the caller's; free it with
 * `fpga_model_free`. It shares with `model` what the adapter does not change, and keeps it alive.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_WEIGHTS` if the LoRA was made for another model
 * or lies on another device; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed;
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_model_with_adapter(const struct fpga_model *model,
                                    const struct fpga_adapter *adapter,
                                    struct fpga_model **adapted);

/**
 * Gives up the caller's reference to an adapter. Its memory goes when its last identity and job are
 * gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_adapter_free(struct fpga_adapter *adapter);

/**
 * Sets every field to its default, as `FPGA_IMAGE_VIEW_INIT` does: no pixels, RGB.
 *
 * `size` is `sizeof *view`; it becomes `struct_size`.
 *
 * Ownership: `view` stays the caller's.
 * Threads: any.
 * NULL: `view` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_image_view_init(struct fpga_image_view *view, size_t size);

/**
 * Sets every field to its default, as `FPGA_DETECTION_INIT` does.
 *
 * `size` is `sizeof *detection`; it becomes `struct_size`.
 *
 * Ownership: `detection` stays the caller's.
 * Threads: any.
 * NULL: `detection` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_detection_init(struct fpga_detection *detection, size_t size);

/**
 * Adds a face to the list that a callback of `fpga_own_detector` was given; only until it returns.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NOT_FINITE` if it is no face;
 * `FPGA_STATUS_INVALID_STATE` if the list is no callback's; `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_detections_add(struct fpga_detections *detections,
                                const struct fpga_detection *face);

/**
 * Writes the number of faces.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_detections_count(const struct fpga_detections *detections, size_t *count);

/**
 * Writes face `index`; the surest is 0.
 *
 * `size` is `sizeof *face`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_detections_get(const struct fpga_detections *detections,
                                size_t index,
                                struct fpga_detection *face,
                                size_t size);

/**
 * Frees a list that a detector made; never one that a callback was given.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_detections_free(struct fpga_detections *detections);

/**
 * Sets every field to its default, as `FPGA_DETECTOR_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_detector_params_init(struct fpga_detector_params *params, size_t size);

/**
 * Sets every field to its default, as `FPGA_OWN_DETECTOR_INIT` does.
 *
 * `size` is `sizeof *own`; it becomes `struct_size`.
 *
 * Ownership: `own` stays the caller's.
 * Threads: any.
 * NULL: `own` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_own_detector_init(struct fpga_own_detector *own, size_t size);

/**
 * Loads an SCRFD network from an ONNX file (`det_10g.onnx`, `scrfd_*.onnx`). It runs on the CPU.
 *
 * Ownership: inputs are borrowed for the call. `*detector` is the caller's; free it with
 * `fpga_face_detector_free`. Jobs keep their detectors alive.
 * Threads: any. A detector may be used by many threads at once.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: `FPGA_STATUS_UNSUPPORTED` if this library was built without ONNX networks, which says how to
 * build it with them, or if the file is no SCRFD; `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`,
 * `FPGA_STATUS_SHAPE`, `FPGA_STATUS_INVALID_ARGUMENT`; `FPGA_STATUS_MEMORY_BUDGET` before it is read;
 * `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_POISONED`,
 * `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_detector_load(const struct fpga_context *context,
                                    const char *path,
                                    const struct fpga_detector_params *params,
                                    struct fpga_face_detector **detector);

/**
 * Makes a detector of a callback of the caller's.
 *
 * Ownership: `own` is borrowed for the call; its `userdata` must live until the detector and all jobs
 * with it are gone. `*detector` is the caller's; free it with `fpga_face_detector_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_detector_new(const struct fpga_own_detector *own,
                                   struct fpga_face_detector **detector);

/**
 * Finds the faces of a picture; none is no error.
 *
 * Ownership: inputs are borrowed for the call. `*detections` is the caller's; free it with
 * `fpga_detections_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_CALLBACK` if the caller's detector failed; `FPGA_STATUS_NOT_FINITE`,
 * `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_detector_detect(const struct fpga_face_detector *detector,
                                      const struct fpga_image_view *picture,
                                      struct fpga_detections **detections);

/**
 * Gives up the caller's reference to a detector. It goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_face_detector_free(struct fpga_face_detector *detector);

/**
 * Sets every field to its default, as `FPGA_OWN_EMBEDDER_INIT` does.
 *
 * `size` is `sizeof *own`; it becomes `struct_size`.
 *
 * Ownership: `own` stays the caller's.
 * Threads: any.
 * NULL: `own` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_own_embedder_init(struct fpga_own_embedder *own, size_t size);

/**
 * Loads an ArcFace network: InsightFace's `backbone.pth` or the same as `.safetensors`, onto the device of
 * `context`; or an `.onnx` file (`w600k_r50.onnx`, `glintr100.onnx`), which runs on the CPU as it is.
 *
 * `storage` is one of `fpga_storage`; ONNX files do not read it.
 *
 * Ownership: inputs are borrowed for the call. `*embedder` is the caller's; free it with
 * `fpga_face_embedder_free`. Jobs keep their embedders alive.
 * Threads: any. An embedder may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_face_detector_load`; `FPGA_STATUS_WEIGHTS`, `FPGA_STATUS_DEVICE`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_embedder_load(const struct fpga_context *context,
                                    const char *path,
                                    uint32_t storage,
                                    struct fpga_face_embedder **embedder);

/**
 * Makes an embedder of a callback of the caller's.
 *
 * Ownership: `own` is borrowed for the call; its `userdata` must live until the embedder and all jobs
 * with it are gone. `*embedder` is the caller's; free it with `fpga_face_embedder_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_embedder_new(const struct fpga_own_embedder *own,
                                   struct fpga_face_embedder **embedder);

/**
 * Copies the embedding of a face of `picture`, as the network gives it.
 *
 * `landmarks` are its five points, as in `fpga_face`: ten numbers. `capacity` and `needed` count numbers.
 * With `embedding` NULL and `capacity` 0 it only writes how many there are to `needed`; the network runs
 * for that, too.
 *
 * Ownership: inputs are borrowed for the call; `embedding` stays the caller's.
 * Threads: any.
 * NULL: `embedder`, `picture` and `landmarks` must not be NULL; either `embedding` or `needed` may be, not
 * both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written); `FPGA_STATUS_CALLBACK` if the
 * caller's embedder failed; `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_ARGUMENT`,
 * `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`,
 * `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_face_embedder_embed(const struct fpga_face_embedder *embedder,
                                     const struct fpga_image_view *picture,
                                     const float *landmarks,
                                     float *embedding,
                                     size_t capacity,
                                     size_t *needed);

/**
 * Writes the cosine of two embeddings of one network, of `length` numbers each: 1 is the same face,
 * around 0 are strangers.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NOT_FINITE` if one has no direction;
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_embedding_cosine(const float *one,
                                  const float *other,
                                  size_t length,
                                  double *cosine);

/**
 * Gives up the caller's reference to an embedder. It goes when its last job is gone too.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_face_embedder_free(struct fpga_face_embedder *embedder);

/**
 * Sets every field to its default, as `FPGA_OWN_PARSER_INIT` does.
 *
 * `size` is `sizeof *own`; it becomes `struct_size`.
 *
 * Ownership: `own` stays the caller's.
 * Threads: any.
 * NULL: `own` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_own_parser_init(struct fpga_own_parser *own, size_t size);

/**
 * Loads a BiSeNet: face-parsing.PyTorch's `79999_iter.pth` or the same as `.safetensors`, onto the device
 * of `context`; or an `.onnx` file, which runs on the CPU as it is.
 *
 * `storage` is one of `fpga_storage`; ONNX files do not read it.
 *
 * Ownership: inputs are borrowed for the call. `*parser` is the caller's; free it with
 * `fpga_face_parser_free`.
 * Threads: any. A parser may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_face_embedder_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_parser_load(const struct fpga_context *context,
                                  const char *path,
                                  uint32_t storage,
                                  struct fpga_face_parser **parser);

/**
 * Makes a parser of a callback of the caller's.
 *
 * Ownership: `own` is borrowed for the call; its `userdata` must live until the parser is gone. `*parser`
 * is the caller's; free it with `fpga_face_parser_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_face_parser_new(const struct fpga_own_parser *own,
                                 struct fpga_face_parser **parser);

/**
 * Copies the class of every pixel of a portrait, one byte each: 0 to 18 as BiSeNet for CelebAMask-HQ
 * numbers them, which `parts` of `fpga_reference` takes.
 *
 * `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
 * of the whole buffer: at least `stride * (height - 1) + width`. Bytes between rows stay as they are.
 *
 * Ownership: inputs are borrowed for the call; `labels` stays the caller's.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`; `FPGA_STATUS_CALLBACK` if the caller's parser failed;
 * `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_face_parser_parse(const struct fpga_face_parser *parser,
                                   const struct fpga_image_view *portrait,
                                   uint8_t *labels,
                                   size_t stride,
                                   size_t capacity);

/**
 * Gives up the caller's reference to a parser.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_face_parser_free(struct fpga_face_parser *parser);

/**
 * Sets every field to its default, as `FPGA_OWN_LANDMARKS_INIT` does.
 *
 * `size` is `sizeof *own`; it becomes `struct_size`.
 *
 * Ownership: `own` stays the caller's.
 * Threads: any.
 * NULL: `own` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_own_landmarks_init(struct fpga_own_landmarks *own, size_t size);

/**
 * Loads InsightFace's `2d106det.onnx` or `1k3d68.onnx`. It runs on the CPU.
 *
 * Ownership: inputs are borrowed for the call. `*detector` is the caller's; free it with
 * `fpga_landmark_detector_free`.
 * Threads: any. A detector may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_face_detector_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_landmark_detector_load(const struct fpga_context *context,
                                        const char *path,
                                        struct fpga_landmark_detector **detector);

/**
 * Makes a landmark detector of a callback of the caller's.
 *
 * Ownership: `own` is borrowed for the call; its `userdata` must live until the detector is gone.
 * `*detector` is the caller's; free it with `fpga_landmark_detector_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_landmark_detector_new(const struct fpga_own_landmarks *own,
                                       struct fpga_landmark_detector **detector);

/**
 * Copies the points of the face inside `box` (left, top, right, bottom), x and y of each: 136 numbers in
 * iBUG's order of 68 points, or 212 in InsightFace's order of 106.
 *
 * `capacity` and `needed` count numbers. With `points` NULL and `capacity` 0 it only writes how many there
 * are to `needed`; the network runs for that, too.
 *
 * Ownership: inputs are borrowed for the call; `points` stays the caller's.
 * Threads: any.
 * NULL: `detector`, `picture` and `box` must not be NULL; either `points` or `needed` may be, not both.
 * Errors: those of `fpga_face_embedder_embed`.
 */
FPGA_API
fpga_status fpga_landmark_detector_find(const struct fpga_landmark_detector *detector,
                                        const struct fpga_image_view *picture,
                                        const float *box,
                                        float *points,
                                        size_t capacity,
                                        size_t *needed);

/**
 * Writes the five points that `fpga_face` has from 68 or 106 points of a face: ten numbers.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_SHAPE` for other numbers of points, `FPGA_STATUS_NOT_FINITE`,
 * `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_landmarks_five(const float *points, size_t num_points, float *landmarks);

/**
 * Gives up the caller's reference to a landmark detector.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_landmark_detector_free(struct fpga_landmark_detector *detector);

/**
 * Adds a body to the list that a callback of `fpga_own_pose_estimator` was given; only until it returns.
 *
 * `points` are x and y in pixels and a score of each point, usually 0 to 1, 0 for points that are not seen:
 * 18 points of the body in OpenPose's order; 134 with feet, face and hands, as `fpga_poses_get` gives them;
 * or 133 in the order of COCO-WholeBody, which has no neck: it is put between the shoulders.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (another number of points, or more bodies than 4096),
 * `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STATE` if the list is no callback's;
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_poses_add(struct fpga_poses *poses,
                           const float *points,
                           size_t num_points);

/**
 * Writes the number of bodies.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_poses_count(const struct fpga_poses *poses, size_t *count);

/**
 * Copies the points of body `index`, each as x, y and score: 18 of the body in OpenPose's order, which
 * `skeleton` of `fpga_person` takes, and where they are known 6 of the feet, 68 of the face and 21 of each
 * hand; 54 or 402 numbers.
 *
 * `capacity` and `needed` count numbers. With `points` NULL and `capacity` 0 it only writes how many there
 * are to `needed`.
 *
 * Ownership: `points` stays the caller's.
 * Threads: any.
 * NULL: `poses` must not be NULL; either `points` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_INVALID_ARGUMENT` (no such body), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_poses_get(const struct fpga_poses *poses,
                           size_t index,
                           float *points,
                           size_t capacity,
                           size_t *needed);

/**
 * Frees what an estimator found; never a list that a callback was given.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_poses_free(struct fpga_poses *poses);

/**
 * Sets every field to its default, as `FPGA_OWN_POSE_ESTIMATOR_INIT` does.
 *
 * `size` is `sizeof *own`; it becomes `struct_size`.
 *
 * Ownership: `own` stays the caller's.
 * Threads: any.
 * NULL: `own` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_own_pose_estimator_init(struct fpga_own_pose_estimator *own, size_t size);

/**
 * Loads DWPose's two ONNX files: `yolox_l.onnx`, which finds people, and `dw-ll_ucoco_384.onnx`, which
 * finds their points. They run on the CPU.
 *
 * Ownership: inputs are borrowed for the call. `*estimator` is the caller's; free it with
 * `fpga_pose_estimator_free`.
 * Threads: any. An estimator may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_face_detector_load`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_pose_estimator_load(const struct fpga_context *context,
                                     const char *people_path,
                                     const char *points_path,
                                     struct fpga_pose_estimator **estimator);

/**
 * Makes an estimator of a callback of the caller's.
 *
 * Ownership: `own` is borrowed for the call; its `userdata` must live until the estimator is gone.
 * `*estimator` is the caller's; free it with `fpga_pose_estimator_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_pose_estimator_new(const struct fpga_own_pose_estimator *own,
                                    struct fpga_pose_estimator **estimator);

/**
 * Finds the bodies of a picture; none is no error.
 *
 * Ownership: inputs are borrowed for the call. `*poses` is the caller's; free it with `fpga_poses_free`.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_face_detector_detect`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_pose_estimator_estimate(const struct fpga_pose_estimator *estimator,
                                         const struct fpga_image_view *picture,
                                         struct fpga_poses **poses);

/**
 * Gives up the caller's reference to an estimator.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_pose_estimator_free(struct fpga_pose_estimator *estimator);

/**
 * Draws bodies on black, as OpenPose's and DWPose's ControlNets read them, and copies the picture as rows
 * of red, green and blue bytes.
 *
 * Each body has `points_per_body` points, as `fpga_poses_get` gives them: 18, or 134 with feet, face and
 * hands; x, y and score of each, one body after the other. Scores up to 0.3 count as not seen. `stride` and
 * `capacity` as in `fpga_generation_copy_picture`.
 *
 * Ownership: `points` is borrowed for the call; `pixels` stays the caller's.
 * Threads: any.
 * NULL: `points` may be NULL if `num_bodies` is 0; `pixels` must not be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_draw_bodies(const float *points,
                             size_t num_bodies,
                             size_t points_per_body,
                             uint32_t width,
                             uint32_t height,
                             uint8_t *pixels,
                             size_t stride,
                             size_t capacity);

/**
 * Draws the five points of faces on black, as InstantID's ControlNet reads them, and copies the picture as
 * rows of red, green and blue bytes.
 *
 * `landmarks` are ten numbers per face, as in `fpga_face`, one face after the other. `stride` and `capacity`
 * as in `fpga_generation_copy_picture`.
 *
 * Ownership: `landmarks` is borrowed for the call; `pixels` stays the caller's.
 * Threads: any.
 * NULL: `landmarks` may be NULL if `num_faces` is 0; `pixels` must not be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_draw_landmarks(const float *landmarks,
                                size_t num_faces,
                                uint32_t width,
                                uint32_t height,
                                uint8_t *pixels,
                                size_t stride,
                                size_t capacity);

/**
 * Sets every field to its default, as `FPGA_FACE_INIT` does.
 *
 * `size` is `sizeof *face`; it becomes `struct_size`.
 *
 * Ownership: `face` stays the caller's.
 * Threads: any.
 * NULL: `face` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_face_init(struct fpga_face *face, size_t size);

/**
 * Sets every field to its default, as `FPGA_REFERENCE_INIT` does.
 *
 * `size` is `sizeof *reference`; it becomes `struct_size`.
 *
 * Ownership: `reference` stays the caller's.
 * Threads: any.
 * NULL: `reference` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_reference_init(struct fpga_reference *reference, size_t size);

/**
 * Makes an identity from pictures or embeddings of one person.
 *
 * Embeddings are averaged; where the adapter looks at pictures, every picture counts by itself.
 *
 * Ownership: inputs are borrowed for the call. `*identity` is the caller's; free it with
 * `fpga_identity_free`. It keeps its adapter alive, and jobs keep their identities alive.
 * Threads: any. An identity may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_SHAPE` or `FPGA_STATUS_INVALID_ARGUMENT` if there is no reference, or one lacks
 * what the adapter reads, which is named; `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_identity_new(const struct fpga_adapter *adapter,
                              const struct fpga_reference *references,
                              size_t num_references,
                              struct fpga_identity **identity);

/**
 * Copies the face embedding that an identity was made from, the mean direction of several.
 *
 * `capacity` and `needed` count numbers. With `embedding` NULL and `capacity` 0 it only writes how many
 * there are to `needed`.
 *
 * Ownership: `embedding` stays the caller's.
 * Threads: any.
 * NULL: `identity` must not be NULL; either `embedding` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_INVALID_STATE` if it was made without any; `FPGA_STATUS_BUFFER_TOO_SMALL` (then only
 * `needed` is written), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_identity_embedding(const struct fpga_identity *identity,
                                    float *embedding,
                                    size_t capacity,
                                    size_t *needed);

/**
 * Gives up the caller's reference to an identity.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_identity_free(struct fpga_identity *identity);

/**
 * Sets every field to its default, as `FPGA_FACIAL_TEXT_INIT` does.
 *
 * `size` is `sizeof *text`; it becomes `struct_size`.
 *
 * Ownership: `text` stays the caller's.
 * Threads: any.
 * NULL: `text` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_facial_text_init(struct fpga_facial_text *text, size_t size);

/**
 * Encodes the prompts of a picture of one person, for a model and a ConsistentID adapter.
 *
 * Ownership: inputs are borrowed for the call. `*facial_prompts` is the caller's; free it with
 * `fpga_facial_prompts_free`. It keeps its adapter alive, and jobs keep it alive.
 * Threads: any. Prompts may be used by many threads at once.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` if the adapter is no ConsistentID, the model has no tokenizer, or
 * the reference lacks its picture or its parts; `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_facial_prompts_new(const struct fpga_model *model,
                                    const struct fpga_adapter *adapter,
                                    const struct fpga_facial_text *text,
                                    struct fpga_facial_prompts **facial_prompts);

/**
 * Gives up the caller's reference to prompts.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_facial_prompts_free(struct fpga_facial_prompts *facial_prompts);

/**
 * Sets every field to its default, as `FPGA_OBSERVERS_INIT` does.
 *
 * `size` is `sizeof *observers`; it becomes `struct_size`.
 *
 * Ownership: `observers` stays the caller's.
 * Threads: any.
 * NULL: `observers` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_observers_init(struct fpga_observers *observers, size_t size);

/**
 * Makes an identity from pictures of one person that nobody has looked at yet: whoever is in `observers`
 * finds the face, embeds it and tells its parts.
 *
 * In the array every view has the same `struct_size`, and views are that many bytes apart.
 *
 * Ownership: inputs are borrowed for the call. `*identity` is the caller's; free it with
 * `fpga_identity_free`.
 * Threads: any; callbacks of the caller's run on a thread of the adapter's context.
 * NULL: no pointer may be NULL.
 * Errors: those of `fpga_identity_new`; `FPGA_STATUS_INVALID_ARGUMENT` if a picture shows no face;
 * `FPGA_STATUS_CALLBACK`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_identity_from_pictures(const struct fpga_adapter *adapter,
                                        const struct fpga_image_view *pictures,
                                        size_t num_pictures,
                                        const struct fpga_observers *observers,
                                        struct fpga_identity **identity);

/**
 * Sets every field to its default, as `FPGA_PERSON_INIT` does.
 *
 * `size` is `sizeof *person`; it becomes `struct_size`.
 *
 * Ownership: `person` stays the caller's.
 * Threads: any.
 * NULL: `person` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_person_init(struct fpga_person *person, size_t size);

/**
 * Sets every field to its default, as `FPGA_SOUGHT_PERSON_INIT` does.
 *
 * `size` is `sizeof *person`; it becomes `struct_size`.
 *
 * Ownership: `person` stays the caller's.
 * Threads: any.
 * NULL: `person` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_sought_person_init(struct fpga_sought_person *person, size_t size);

/**
 * Sets every field to its default, as `FPGA_SEARCH_INIT` does.
 *
 * `size` is `sizeof *search`; it becomes `struct_size`.
 *
 * Ownership: `search` stays the caller's.
 * Threads: any.
 * NULL: `search` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_search_init(struct fpga_search *search, size_t size);

/**
 * Sets every field to its default, as `FPGA_MODALITY_INIT` does.
 *
 * `size` is `sizeof *modality`; it becomes `struct_size`.
 *
 * Ownership: `modality` stays the caller's.
 * Threads: any.
 * NULL: `modality` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_modality_init(struct fpga_modality *modality, size_t size);

/**
 * Sets every field to its default, as `FPGA_PROMPT_EMBEDDING_INIT` does.
 *
 * `size` is `sizeof *embedding`; it becomes `struct_size`.
 *
 * Ownership: `embedding` stays the caller's.
 * Threads: any.
 * NULL: `embedding` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API
fpga_status fpga_prompt_embedding_init(struct fpga_prompt_embedding *embedding,
                                       size_t size);

/**
 * Sets every field to its default, as `FPGA_RESTORE_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_restore_params_init(struct fpga_restore_params *params, size_t size);

/**
 * Sets every field to its default, as `FPGA_CONTROL_INIT` does.
 *
 * `size` is `sizeof *control`; it becomes `struct_size`.
 *
 * Ownership: `control` stays the caller's.
 * Threads: any.
 * NULL: `control` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_control_init(struct fpga_control *control, size_t size);

/**
 * Sets every field to its default, as `FPGA_GENERATE_PARAMS_INIT` does.
 *
 * `size` is `sizeof *params`; it becomes `struct_size`.
 *
 * Ownership: `params` stays the caller's.
 * Threads: any.
 * NULL: `params` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
 */
FPGA_API fpga_status fpga_generate_params_init(struct fpga_generate_params *params, size_t size);

/**
 * Makes a token that nobody has cancelled yet.
 *
 * Ownership: `*token` is the caller's; free it with `fpga_cancel_token_free`.
 * Threads: any.
 * NULL: `token` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API FPGA_MUST_USE fpga_status fpga_cancel_token_new(struct fpga_cancel_token **token);

/**
 * Makes a second reference to the same token, for another owner.
 *
 * Ownership: `*copy` is the caller's; free it with `fpga_cancel_token_free`, like `token` itself.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_cancel_token_ref(const struct fpga_cancel_token *token,
                                  struct fpga_cancel_token **copy);

/**
 * Asks every job with this token to stop. Jobs look after every step.
 *
 * Ownership: `token` is borrowed for the call.
 * Threads: any, also while a job runs, inside a callback, and in a signal handler: it takes no
 * lock and allocates nothing.
 * NULL: `token` must not be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`, without a message.
 */
FPGA_API fpga_status fpga_cancel_token_cancel(struct fpga_cancel_token *token);

/**
 * Writes 1 to `cancelled` if somebody has cancelled the token, else 0.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_cancel_token_is_cancelled(const struct fpga_cancel_token *token,
                                           uint32_t *cancelled);

/**
 * Drops a reference to a token. Jobs that have it keep their own.
 *
 * Threads: any.
 * NULL: does nothing.
 */
FPGA_API void fpga_cancel_token_free(struct fpga_cancel_token *token);

/**
 * Makes a job that restores faces of a picture: those that are given, or those that the search of `params`
 * finds. Nothing is computed yet.
 *
 * With `depth` 1 and identities on the faces it swaps them.
 *
 * Ownership: every input is borrowed for the call and copied; the job keeps model, identities and networks
 * alive, but not what callbacks of the caller's use. `*job` is the caller's; free it with `fpga_job_free`.
 * Threads: any.
 * NULL: `faces` may be NULL if `num_faces` is 0, `params` may be NULL for the defaults; nothing else
 * may.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_UNSUPPORTED` (a field of a newer version is set),
 * `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`. Numbers outside their ranges and what does not
 * fit the picture or the model are found when the job runs.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_job_new_restore(const struct fpga_model *model,
                                 const struct fpga_image_view *picture,
                                 const struct fpga_face *faces,
                                 size_t num_faces,
                                 const struct fpga_restore_params *params,
                                 struct fpga_job **job);

/**
 * Makes a job that makes pictures: from noise, from a picture, or inside a mask. Nothing is computed yet.
 *
 * Ownership: every input is borrowed for the call and copied; the job keeps model and ControlNets alive.
 * `*job` is the caller's; free it with `fpga_job_free`.
 * Threads: any.
 * NULL: `params` may be NULL for the defaults; nothing else may.
 * Errors: those of `fpga_job_new_restore`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_job_new_generate(const struct fpga_model *model,
                                  const struct fpga_generate_params *params,
                                  struct fpga_job **job);

/**
 * Writes how many bytes the job is expected to take beyond its model while it runs. What fits into the
 * budget of the context is decided by this number.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if the request does not fit the model;
 * `FPGA_STATUS_INVALID_STATE` if the job runs or has run; `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_estimate_memory(const struct fpga_job *job,
                                     uint64_t *bytes);

/**
 * Runs the job, and returns when it has ended.
 *
 * Ownership: `job` is borrowed for the call; it may be freed meanwhile.
 * Threads: any. Jobs may run side by side, also on one model; each has its own threads. One job runs
 * once.
 * NULL: `job` must not be NULL.
 * Errors: `FPGA_STATUS_CANCELLED`; `FPGA_STATUS_MEMORY_BUDGET` if it does not fit now, and then it may be
 * run again; `FPGA_STATUS_SHAPE`, `FPGA_STATUS_INVALID_ARGUMENT` if something does
 * not fit the picture or the model; `FPGA_STATUS_DEVICE`, `FPGA_STATUS_NOT_FINITE`,
 * `FPGA_STATUS_UNSUPPORTED`; `FPGA_STATUS_CALLBACK` if a network of the caller's failed;
 * `FPGA_STATUS_INVALID_STATE` if it runs or has run;
 * `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_job_run(struct fpga_job *job);

/**
 * Gives up the caller's reference to a job, with its result if that was not taken.
 *
 * A job that runs goes on to its end: cancel it first to make that soon.
 *
 * Threads: any, but not while another thread still starts a call with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_job_free(struct fpga_job *job);

/**
 * Says who hears about the job's progress; NULL for nobody. Call it before the job runs.
 *
 * Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
 * being used on another thread.
 * Threads: any.
 * NULL: `job` must not be NULL; `callback` and `userdata` may be.
 * Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_set_progress_callback(struct fpga_job *job,
                                           fpga_progress_callback callback,
                                           void *userdata);

/**
 * Says who sees the picture so far; NULL for nobody. Call it before the job runs.
 *
 * Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
 * being used on another thread.
 * Threads: any.
 * NULL: `job` must not be NULL; `callback` and `userdata` may be.
 * Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_set_preview_callback(struct fpga_job *job,
                                          fpga_preview_callback callback,
                                          void *userdata);

/**
 * Says who hears what the job has to say; NULL for nobody. Call it before the job runs.
 *
 * Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
 * being used on another thread.
 * Threads: any.
 * NULL: `job` must not be NULL; `callback` and `userdata` may be.
 * Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_set_log_callback(struct fpga_job *job,
                                      fpga_log_callback callback,
                                      void *userdata);

/**
 * Says what can stop the job; NULL for nothing but its callback. Call it before the job runs.
 *
 * Ownership: the job keeps its own reference to the token.
 * Threads: any.
 * NULL: `job` must not be NULL; `token` may be.
 * Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_set_cancel_token(struct fpga_job *job,
                                      const struct fpga_cancel_token *token);

/**
 * Writes where the job stands, one of `fpga_job_state`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any, also while the job runs.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API fpga_status fpga_job_get_state(const struct fpga_job *job, uint32_t *state);

/**
 * Writes the last message of the job's progress, also after it was cancelled; `phase` is 0 if there was
 * none yet.
 *
 * `size` is `sizeof *progress`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any, also while the job runs.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_get_progress(const struct fpga_job *job,
                                  struct fpga_progress *progress,
                                  size_t size);

/**
 * Writes how many faces (of a restoration) or pictures (of a generation) were finished, also when the
 * job was cancelled or failed after them.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any, also while the job runs.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_num_finished(const struct fpga_job *job,
                                  size_t *num_finished);

/**
 * Copies the message of a job that failed or was cancelled; empty in every other state.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any, whichever ran the job.
 * NULL: `job` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_job_error_message(const struct fpga_job *job,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *needed);

/**
 * Hands over the result of a restoration that is done. It can be taken once.
 *
 * Ownership: `*restoration` is the caller's; free it with `fpga_restoration_free`. It does not need
 * the job, the model or the context any more.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STATE` if there is no result, or no more, or one of another kind;
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_job_take_restoration(struct fpga_job *job,
                                      struct fpga_restoration **restoration);

/**
 * Hands over the result of a generation that is done. It can be taken once.
 *
 * Ownership: `*generation` is the caller's; free it with `fpga_generation_free`. It does not need the
 * job, the model or the context any more.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STATE` if there is no result, or no more, or one of another kind;
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
FPGA_MUST_USE
fpga_status fpga_job_take_generation(struct fpga_job *job,
                                     struct fpga_generation **generation);

/**
 * Writes the width and height of the picture, which are those of the input.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_size(const struct fpga_restoration *restoration,
                                  uint32_t *width,
                                  uint32_t *height);

/**
 * Copies the picture as rows of red, green and blue bytes, top row first.
 *
 * `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
 * of the whole buffer: at least `stride * (height - 1) + 3 * width`. Bytes between rows stay as they
 * are.
 *
 * Ownership: `pixels` stays the caller's. It may be the memory that the input came from.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_INVALID_ARGUMENT` (a stride below a row),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_copy_picture(const struct fpga_restoration *restoration,
                                          uint8_t *pixels,
                                          size_t stride,
                                          size_t capacity);

/**
 * Writes the seed that was used: the one of the request, or the fresh one.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_seed(const struct fpga_restoration *restoration,
                                  uint64_t *seed);

/**
 * Writes how many bytes differ from the input where no accepted face's mask reaches, counted over
 * the finished picture: 0.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_changed_outside_mask(const struct fpga_restoration *restoration,
                                                  uint64_t *changed);

/**
 * Writes the number of faces that were worked on: those of the request, or those that were found.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_num_faces(const struct fpga_restoration *restoration,
                                       size_t *num_faces);

/**
 * Writes the restoration as a whole.
 *
 * `size` is `sizeof *report`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_get_report(const struct fpga_restoration *restoration,
                                        struct fpga_restoration_report *report,
                                        size_t size);

/**
 * Writes face `index` of those that the search found and left alone.
 *
 * `size` is `sizeof *face`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STATE` if faces were given, `FPGA_STATUS_INVALID_ARGUMENT` (no such face),
 * `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_left_face(const struct fpga_restoration *restoration,
                                       size_t index,
                                       struct fpga_left_face *face,
                                       size_t size);

/**
 * Writes which person of the search is the `index`th whom no face belongs to.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STATE` if faces were given, `FPGA_STATUS_INVALID_ARGUMENT` (no such person),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_absent_person(const struct fpga_restoration *restoration,
                                           size_t index,
                                           size_t *person);

/**
 * Writes what became of face `face`, of the request or in the search's order.
 *
 * `size` is `sizeof *report`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_face_report(const struct fpga_restoration *restoration,
                                         size_t face,
                                         struct fpga_face_report *report,
                                         size_t size);

/**
 * Copies the verdict on face `face` as a sentence for people, for example
 * `"kept the original: the mask is empty"`.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `restoration` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_face_verdict(const struct fpga_restoration *restoration,
                                          size_t face,
                                          char *buffer,
                                          size_t capacity,
                                          size_t *needed);

/**
 * Copies the whole report as JSON. Fields are only ever added.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `restoration` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_restoration_report_json(const struct fpga_restoration *restoration,
                                         char *buffer,
                                         size_t capacity,
                                         size_t *needed);

/**
 * Frees a result.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_restoration_free(struct fpga_restoration *restoration);

/**
 * Writes the number of pictures, which is that of the request.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_num_pictures(const struct fpga_generation *generation,
                                         size_t *num_pictures);

/**
 * Writes the width and height of picture `index`.
 *
 * Ownership: all pointers are borrowed for the call.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such picture), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_size(const struct fpga_generation *generation,
                                 size_t index,
                                 uint32_t *width,
                                 uint32_t *height);

/**
 * Copies picture `index` as rows of red, green and blue bytes, top row first.
 *
 * `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
 * of the whole buffer: at least `stride * (height - 1) + 3 * width`. Bytes between rows stay as they
 * are.
 *
 * Ownership: `pixels` stays the caller's.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_INVALID_ARGUMENT` (no such picture, or a stride
 * below a row), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_copy_picture(const struct fpga_generation *generation,
                                         size_t index,
                                         uint8_t *pixels,
                                         size_t stride,
                                         size_t capacity);

/**
 * Writes how the pictures were made.
 *
 * `size` is `sizeof *report`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_get_report(const struct fpga_generation *generation,
                                       struct fpga_generation_report *report,
                                       size_t size);

/**
 * Writes how many people the request had.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_num_people(const struct fpga_generation *generation,
                                       size_t *num_people);

/**
 * Writes what became of a person in picture `picture`; people are numbered as in the request.
 *
 * `size` is `sizeof *report`; it becomes `struct_size`.
 *
 * Ownership: both pointers are borrowed for the call.
 * Threads: any.
 * NULL: neither pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such picture or person),
 * `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_person_report(const struct fpga_generation *generation,
                                          size_t picture,
                                          size_t person,
                                          struct fpga_person_report *report,
                                          size_t size);

/**
 * Copies the name that the request gives a person; empty for none.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `generation` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_INVALID_ARGUMENT` (no such person), `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_person_name(const struct fpga_generation *generation,
                                        size_t person,
                                        char *buffer,
                                        size_t capacity,
                                        size_t *needed);

/**
 * Copies where a person acted in picture `picture`, bright where strongly: as large as the picture, in
 * the layout of `fpga_generation_copy_picture`. Only if the request said `measure`.
 *
 * Ownership: `pixels` stays the caller's.
 * Threads: any.
 * NULL: no pointer may be NULL.
 * Errors: `FPGA_STATUS_INVALID_STATE` if it was not measured; those of
 * `fpga_generation_copy_picture`.
 */
FPGA_API
fpga_status fpga_generation_copy_attention(const struct fpga_generation *generation,
                                           size_t picture,
                                           size_t person,
                                           uint8_t *pixels,
                                           size_t stride,
                                           size_t capacity);

/**
 * Copies the whole report as JSON, people included. Fields are only ever added.
 *
 * With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
 *
 * Ownership: the text is copied into `buffer`, which stays the caller's.
 * Threads: any.
 * NULL: `generation` must not be NULL; either `buffer` or `needed` may be, not both.
 * Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
 * `FPGA_STATUS_NULL_POINTER`.
 */
FPGA_API
fpga_status fpga_generation_report_json(const struct fpga_generation *generation,
                                        char *buffer,
                                        size_t capacity,
                                        size_t *needed);

/**
 * Frees a result.
 *
 * Threads: any, but not while another thread still calls with this pointer.
 * NULL: does nothing.
 */
FPGA_API void fpga_generation_free(struct fpga_generation *generation);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FPGA_H */

/* Initial values of structs: every field at its default. */
#define FPGA_CONTEXT_PARAMS_INIT \
    {sizeof(fpga_context_params), NULL, 0, 0, 0}
#define FPGA_IO_INIT \
    {sizeof(fpga_io), NULL, NULL, NULL, 0}
#define FPGA_MODEL_PARAMS_INIT \
    {sizeof(fpga_model_params), NULL, NULL, NULL, FPGA_STORAGE_AS_STORED, FPGA_PRECISION_F32}
#define FPGA_IMAGE_VIEW_INIT \
    {sizeof(fpga_image_view), NULL, 0, 0, 0, FPGA_PIXEL_FORMAT_RGB8, 0}
#define FPGA_FACE_INIT \
    {sizeof(fpga_face), NULL, NULL, {0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, NULL, 1.0, 0.0, \
     1.0, NULL, NULL}
#define FPGA_DETECTION_INIT \
    {sizeof(fpga_detection), {0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1.0f, 0}
#define FPGA_DETECTOR_PARAMS_INIT \
    {sizeof(fpga_detector_params), 640, 640, 0.5f, 0.4f}
#define FPGA_OWN_DETECTOR_INIT \
    {sizeof(fpga_own_detector), NULL, NULL}
#define FPGA_OWN_EMBEDDER_INIT \
    {sizeof(fpga_own_embedder), NULL, NULL, 512, 112, 0}
#define FPGA_OWN_PARSER_INIT \
    {sizeof(fpga_own_parser), NULL, NULL}
#define FPGA_OWN_LANDMARKS_INIT \
    {sizeof(fpga_own_landmarks), NULL, NULL, 68, 0}
#define FPGA_OWN_POSE_ESTIMATOR_INIT \
    {sizeof(fpga_own_pose_estimator), NULL, NULL}
#define FPGA_OBSERVERS_INIT \
    {sizeof(fpga_observers), NULL, NULL, NULL, FPGA_FACE_CHOICE_LARGEST, FPGA_COLOUR_ORDER_RIGHT}
#define FPGA_SOUGHT_PERSON_INIT \
    {sizeof(fpga_sought_person), NULL, NULL, NULL, 0, 1.0, 0.0, 1.0, {0, 0, 0, 0}, 0, 0, NULL, \
     NULL}
#define FPGA_FACIAL_TEXT_INIT \
    {sizeof(fpga_facial_text), NULL, NULL, NULL, NULL, FPGA_PROMPT_LAYOUT_JOINED, \
     FPGA_PART_PAIRING_UPSTREAM, FPGA_NEGATIVE_TEXT_FUSED, FPGA_SECOND_TOKENIZER_READS_MARKS, 30, 0}
#define FPGA_SEARCH_INIT \
    {sizeof(fpga_search), NULL, NULL, NULL, 0, 0.25, 0.3, 0, 0, 0, 0, FPGA_FACE_ORDER_LEFT_TO_RIGHT, 0}
#define FPGA_PROMPT_EMBEDDING_INIT \
    {sizeof(fpga_prompt_embedding), NULL, 0, 0, NULL, 0}
#define FPGA_RESTORE_PARAMS_INIT \
    {sizeof(fpga_restore_params), NULL, NULL, NULL, 0, 0.6, 4.0, 0.0, 0.0, 2.0, 15.0, 0.0625, 10.0, \
     0.5, 0, 30, 1, 512, 1, FPGA_LONG_PROMPT_SPLIT, FPGA_NOISE_TORCH_CPU, 0, NULL, NULL, NULL, 1.0, \
     0.0, 1.0, 0.0, NULL, NULL, NULL}
#define FPGA_CONTROL_INIT \
    {sizeof(fpga_control), NULL, NULL, 1.0, 0.0, 1.0, FPGA_CONTROL_MODE_BALANCED, 0}
#define FPGA_ADAPTER_PARAMS_INIT \
    {sizeof(fpga_adapter_params), NULL, 0.0, 0, FPGA_STORAGE_AS_STORED}
#define FPGA_REFERENCE_INIT \
    {sizeof(fpga_reference), NULL, NULL, NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0}
#define FPGA_PERSON_INIT \
    {sizeof(fpga_person), NULL, NULL, NULL, NULL, 1.0, 0.0, 1.0, {0, 0, 0, 0}, \
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, FPGA_PLACE_EVERYWHERE, 0}
#define FPGA_LORA_USE_INIT \
    {sizeof(fpga_lora_use), NULL, 1.0, 0, 0}
#define FPGA_REP_CONTROLNET_USE_INIT \
    {sizeof(fpga_rep_controlnet_use), NULL, 1.0, 1.0, 1.0, 0, 0}
#define FPGA_MODALITY_INIT \
    {sizeof(fpga_modality), NULL, NULL, NULL, 1.0}
#define FPGA_GENERATE_PARAMS_INIT \
    {sizeof(fpga_generate_params), NULL, NULL, NULL, NULL, NULL, 0, 0, 0.75, 7.5, 0.0, 0.0, 512, 512, 1, \
     30, 0, 0, FPGA_SAMPLER_MODEL, FPGA_LONG_PROMPT_SPLIT, FPGA_NOISE_TORCH_CPU, 0, 128, 0, \
     NULL, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL}

/* 1 if the library that runs has the interface that this header describes, else 0. */
#define FPGA_CHECK_ABI() (fpga_abi_version() == FPGA_ABI_VERSION)
