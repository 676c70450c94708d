/*
 * Prompts that the caller encoded.
 *
 *   prompts MODEL NUMBERS NUM_TOKENS WIDTH POOLED_WIDTH OUT
 *
 * NUMBERS is a file of floats: the tokens of "a cat" and of "ugly", and SDXL's pooled text of both unless
 * POOLED_WIDTH is 0. Writes the picture that they make to OUT.
 */
#include "check.h"
#include <math.h>

#define WIDTH 24
#define HEIGHT 16
#define BYTES (3 * WIDTH * HEIGHT)

static fpga_generate_params short_generation(void)
{
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.width = WIDTH;
    params.height = HEIGHT;
    params.steps = 4;
    params.guidance = 5;
    params.sampler = FPGA_SAMPLER_DDIM;
    params.seed = 7;
    params.has_seed = 1;
    return params;
}

static fpga_status generate(const fpga_model *model, const fpga_generate_params *params,
                            uint8_t pixels[BYTES])
{
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    fpga_status status = fpga_job_new_generate(model, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    if (status == FPGA_STATUS_OK) {
        OK(fpga_job_take_generation(job, &generation));
        OK(fpga_generation_copy_picture(generation, 0, pixels, 3 * WIDTH, BYTES));
        fpga_generation_free(generation);
    }
    fpga_job_free(job);
    return status;
}

static fpga_status restore(const fpga_model *model, const fpga_face *face,
                           const fpga_restore_params *params, uint8_t pixels[FACE_BYTES])
{
    static uint8_t before[FACE_BYTES];
    draw_face(before);
    const fpga_image_view picture = view_face(before);
    fpga_job *job = NULL;
    fpga_restoration *restoration = NULL;
    memset(pixels, 0xEE, FACE_BYTES);
    fpga_status status = fpga_job_new_restore(model, &picture, face, 1, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    if (status == FPGA_STATUS_OK) {
        OK(fpga_job_take_restoration(job, &restoration));
        OK(fpga_restoration_copy_picture(restoration, pixels, FACE_STRIDE, FACE_BYTES));
        CHECK(memcmp(pixels, before, FACE_BYTES) != 0);
        fpga_restoration_free(restoration);
    }
    fpga_job_free(job);
    return status;
}

/* Nobody hears which way a prompt came. */
static void encoded_prompts_do_what_words_do(const fpga_model *model,
                                             const fpga_prompt_embedding *cat,
                                             const fpga_prompt_embedding *ugly)
{
    static uint8_t words[FACE_BYTES], numbers[FACE_BYTES], other[FACE_BYTES];
    fpga_restore_params plain = short_job(), embedded = plain;
    fpga_face face = the_face();
    plain.prompt = plain.source_prompt = "a cat";
    plain.negative_prompt = "ugly";
    embedded.prompt = NULL;
    embedded.prompt_embedding = embedded.source_prompt_embedding = cat;
    embedded.negative_prompt_embedding = ugly;
    OK(restore(model, &face, &plain, words));
    OK(restore(model, &face, &embedded, numbers));
    CHECK(memcmp(words, numbers, FACE_BYTES) == 0);

    /* What the picture shows now is the negative prompt unless it is said. */
    embedded.source_prompt_embedding = NULL;
    plain.source_prompt = "ugly";
    OK(restore(model, &face, &plain, other));
    OK(restore(model, &face, &embedded, numbers));
    CHECK(memcmp(other, numbers, FACE_BYTES) == 0 && memcmp(other, words, FACE_BYTES) != 0);

    /* A face of its own. */
    face.prompt = "ugly";
    OK(restore(model, &face, &plain, other));
    face.prompt = NULL;
    face.prompt_embedding = ugly;
    OK(restore(model, &face, &embedded, numbers));
    CHECK(memcmp(other, numbers, FACE_BYTES) == 0);
    face.prompt = "ugly";
    CHECK(restore(model, &face, &embedded, numbers) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("face 0: fpga_face.prompt_embedding: stands in for words"));
    face.prompt_embedding = NULL;
    CHECK(restore(model, &face, &embedded, numbers) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("face 0") && last_error_says("both be text or both be embedded"));
}

static void mistakes_are_named(const fpga_model *model, const fpga_prompt_embedding *cat,
                               const fpga_prompt_embedding *ugly)
{
    uint8_t pixels[BYTES];
    const fpga_generate_params sound = short_generation();
    float *numbers = malloc(cat->num_tokens * cat->width * sizeof *numbers);
    CHECK(numbers != NULL);
    memcpy(numbers, cat->tokens, cat->num_tokens * cat->width * sizeof *numbers);
#define WRONG(change, status, words)                                       \
    do {                                                                   \
        fpga_prompt_embedding bad = *cat;                                  \
        fpga_generate_params params = sound;                               \
        params.prompt_embedding = &bad;                                    \
        params.negative_prompt_embedding = ugly;                           \
        change;                                                            \
        CHECK(generate(model, &params, pixels) == (status));               \
        CHECK(last_error_says(words));                                     \
    } while (0)
    WRONG(bad.struct_size = 8, FPGA_STATUS_INVALID_STRUCT_SIZE,
          "fpga_generate_params.prompt_embedding: fpga_prompt_embedding: struct_size is 8");
    WRONG(bad.tokens = NULL, FPGA_STATUS_NULL_POINTER, "fpga_prompt_embedding.tokens is NULL");
    WRONG(bad.num_tokens = SIZE_MAX, FPGA_STATUS_INVALID_ARGUMENT, "num_tokens: needs 1 to 4096");
    WRONG(bad.width = 0, FPGA_STATUS_INVALID_ARGUMENT, "width: needs 1 to 16384, found 0");
    WRONG(bad.pooled_width = 1; bad.pooled = NULL, FPGA_STATUS_INVALID_ARGUMENT,
          "pooled_width: needs 0 to 0, found 1");
    WRONG(bad.tokens = numbers; numbers[3] = NAN, FPGA_STATUS_NOT_FINITE, "tokens: number 3 is NaN");
    WRONG(params.prompt = "a cat", FPGA_STATUS_INVALID_ARGUMENT,
          "fpga_generate_params.prompt_embedding: stands in for words, which must be NULL");
    /* The model's own say. */
    WRONG(bad.width--, FPGA_STATUS_SHAPE, "text context");
    WRONG(bad.num_tokens--, FPGA_STATUS_SHAPE, "text context");
    WRONG(params.negative_prompt_embedding = NULL, FPGA_STATUS_INVALID_ARGUMENT,
          "both be text or both be embedded");
#undef WRONG
    free(numbers);
}

int main(int argc, char **argv)
{
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    uint8_t made[BYTES], other[BYTES];
    CHECK(argc == 7);
    fpga_prompt_embedding cat = FPGA_PROMPT_EMBEDDING_INIT, ugly = FPGA_PROMPT_EMBEDDING_INIT;
    cat.num_tokens = ugly.num_tokens = strtoul(argv[3], NULL, 10);
    cat.width = ugly.width = strtoul(argv[4], NULL, 10);
    cat.pooled_width = ugly.pooled_width = strtoul(argv[5], NULL, 10);
    const size_t each = cat.num_tokens * cat.width, count = 2 * (each + cat.pooled_width);
    float *numbers = malloc(count * sizeof *numbers);
    FILE *file = fopen(argv[2], "rb");
    CHECK(numbers != NULL && file != NULL && fread(numbers, sizeof *numbers, count, file) == count);
    CHECK(fclose(file) == 0);
    cat.tokens = numbers;
    ugly.tokens = numbers + each;
    if (cat.pooled_width > 0) {
        cat.pooled = numbers + 2 * each;
        ugly.pooled = cat.pooled + cat.pooled_width;
    }

    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    fpga_generate_params params = short_generation();
    params.prompt_embedding = &cat;
    params.negative_prompt_embedding = &ugly;
    OK(generate(model, &params, made));
    mistakes_are_named(model, &cat, &ugly);
    if (cat.pooled_width > 0) {
        /* SDXL without text models: words need them, and the pooled text is read. */
        fpga_prompt_embedding pooled_as_ugly = cat, none = cat;
        pooled_as_ugly.pooled = ugly.pooled;
        params.prompt_embedding = &pooled_as_ugly;
        OK(generate(model, &params, other));
        CHECK(memcmp(made, other, BYTES) != 0);
        none.pooled = NULL;
        none.pooled_width = 0;
        params.prompt_embedding = &none;
        CHECK(generate(model, &params, other) == FPGA_STATUS_INVALID_ARGUMENT);
        CHECK(last_error_says("needs the pooled text of its second encoder"));
        pooled_as_ugly.pooled_width--;
        params.prompt_embedding = &pooled_as_ugly;
        CHECK(generate(model, &params, other) == FPGA_STATUS_SHAPE && last_error_says("text_embeds"));
        params.prompt_embedding = params.negative_prompt_embedding = NULL;
        params.prompt = "a cat";
        CHECK(generate(model, &params, other) == FPGA_STATUS_INVALID_ARGUMENT);
        CHECK(last_error_says("no tokenizer or text model: pass an embedded prompt"));
    } else {
        fpga_generate_params words = short_generation();
        words.prompt = "a cat";
        words.negative_prompt = "ugly";
        OK(generate(model, &words, other));
        CHECK(memcmp(made, other, BYTES) == 0);
        words.negative_prompt = NULL;
        OK(generate(model, &words, other));
        CHECK(memcmp(made, other, BYTES) != 0);
        encoded_prompts_do_what_words_do(model, &cat, &ugly);
    }

    /* A job has its own copy. */
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    params.prompt = NULL;
    params.prompt_embedding = &cat;
    params.negative_prompt_embedding = &ugly;
    OK(fpga_job_new_generate(model, &params, &job));
    free(numbers);
    memset(&cat, 0xAA, sizeof cat);
    OK(fpga_job_run(job));
    OK(fpga_job_take_generation(job, &generation));
    OK(fpga_generation_copy_picture(generation, 0, other, 3 * WIDTH, BYTES));
    CHECK(memcmp(made, other, BYTES) == 0);
    fpga_generation_free(generation);
    fpga_job_free(job);

    file = fopen(argv[6], "wb");
    CHECK(file != NULL && fwrite(made, 1, BYTES, file) == BYTES && fclose(file) == 0);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
