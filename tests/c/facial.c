/*
 * A picture of one person by ConsistentID, from a reference picture with its parts.
 *
 *   facial MODEL TOKENIZER ADAPTER IMAGE_ENCODER SIDE PICTURE PARTS LENGTH EMBEDDING OUT
 *
 * PICTURE, PARTS and EMBEDDING are raw: RGB bytes and labels of SIDE x SIDE pixels, LENGTH floats. OUT gets
 * the bytes of the picture that was made.
 */
#include "check.h"

#define WIDTH 24
#define HEIGHT 16
#define BYTES (3 * WIDTH * HEIGHT)

static void *contents(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    void *bytes = malloc(size);
    CHECK(file != NULL && bytes != NULL && fread(bytes, 1, size, file) == size && fclose(file) == 0);
    return bytes;
}

static void make(const fpga_model *model, const fpga_generate_params *params, uint8_t pixels[BYTES])
{
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    OK(fpga_job_new_generate(model, params, &job));
    OK(fpga_job_run(job));
    OK(fpga_job_take_generation(job, &generation));
    OK(fpga_generation_copy_picture(generation, 0, pixels, 3 * WIDTH, BYTES));
    fpga_generation_free(generation);
    fpga_job_free(job);
}

/* A face of a picture becomes the person's, in the person's words. */
static void restores(const fpga_model *model, const fpga_identity *identity,
                     const fpga_facial_prompts *words)
{
    static uint8_t pixels[FACE_BYTES], plain[FACE_BYTES], with[FACE_BYTES];
    draw_face(pixels);
    const fpga_image_view picture = view_face(pixels);
    fpga_restore_params params = short_job();
    fpga_face face = the_face();
    fpga_job *job = NULL;
    fpga_restoration *restoration = NULL;
    face.identity = identity;
    for (int round = 0; round < 2; round++) {
        face.facial_prompts = round == 0 ? NULL : words;
        OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
        OK(fpga_job_run(job));
        OK(fpga_job_take_restoration(job, &restoration));
        OK(fpga_restoration_copy_picture(restoration, round == 0 ? plain : with, FACE_STRIDE,
                                         FACE_BYTES));
        fpga_restoration_free(restoration);
        fpga_job_free(job);
    }
    CHECK(memcmp(plain, with, FACE_BYTES) != 0);
    face.identity = NULL;
    CHECK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(job == NULL && last_error_says("facial_prompts: needs the identity"));
}

int main(int argc, char **argv)
{
    CHECK(argc == 11);
    fpga_context *context = NULL;
    fpga_model *model = NULL, *adapted = NULL;
    fpga_adapter *adapter = NULL;
    fpga_identity *identity = NULL;
    fpga_facial_prompts *words = NULL;
    fpga_model_params how = FPGA_MODEL_PARAMS_INIT;
    fpga_adapter_params which = FPGA_ADAPTER_PARAMS_INIT;
    fpga_reference reference = FPGA_REFERENCE_INIT;
    fpga_facial_text text = FPGA_FACIAL_TEXT_INIT;
    fpga_image_view picture = FPGA_IMAGE_VIEW_INIT, parts = FPGA_IMAGE_VIEW_INIT;
    uint8_t made[BYTES], plain[BYTES];
    const size_t side = (size_t)atoi(argv[5]), length = (size_t)atoi(argv[8]);
    void *bytes = contents(argv[6], 3 * side * side), *labels = contents(argv[7], side * side);
    void *embedding = contents(argv[9], length * sizeof(float));

    OK(fpga_context_new(NULL, &context));
    how.tokenizer = argv[2];
    OK(fpga_model_load(context, argv[1], &how, &model));
    which.image_encoder = argv[4];
    OK(fpga_adapter_load(model, argv[3], &which, &adapter));
    OK(fpga_model_with_adapter(model, adapter, &adapted));
    picture.pixels = bytes;
    picture.width = picture.height = (uint32_t)side;
    picture.stride = 3 * side;
    parts = picture;
    parts.pixels = labels;
    parts.stride = side;
    parts.format = FPGA_PIXEL_FORMAT_GRAY8;
    reference.picture = &picture;
    reference.embedding = embedding;
    reference.embedding_length = length;
    text.prompt = "a photo of a woman";
    text.negative_prompt = "quality ugly !!!";
    text.caption = "face, eyes, ears";
    text.last_plain_step = 1;

    CHECK(fpga_facial_prompts_new(model, adapter, &text, &words) == FPGA_STATUS_NULL_POINTER);
    text.reference = &reference;
    CHECK(fpga_facial_prompts_new(model, adapter, &text, &words) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(words == NULL && last_error_says("parts of the face"));
    reference.parts = &parts;
    text.pairing = 9;
    CHECK(fpga_facial_prompts_new(model, adapter, &text, &words) == FPGA_STATUS_INVALID_ARGUMENT);
    text.pairing = FPGA_PART_PAIRING_UPSTREAM;
    OK(fpga_facial_prompts_new(model, adapter, &text, &words));
    OK(fpga_identity_new(adapter, &reference, 1, &identity));
    fpga_adapter_free(adapter);

    fpga_person person = FPGA_PERSON_INIT;
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    person.identity = identity;
    params.people = &person;
    params.num_people = 1;
    params.width = WIDTH;
    params.height = HEIGHT;
    params.steps = 5;
    params.guidance = 5;
    params.sampler = FPGA_SAMPLER_DDIM;
    params.seed = 5;
    params.has_seed = 1;
    params.prompt = text.prompt;
    make(adapted, &params, plain);
    params.facial_prompts = words;
    fpga_job *job = NULL;
    CHECK(fpga_job_new_generate(adapted, &params, &job) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("all others must be NULL"));
    params.prompt = NULL;
    const fpga_prompt_embedding embedded = FPGA_PROMPT_EMBEDDING_INIT;
    params.negative_prompt_embedding = &embedded;
    CHECK(fpga_job_new_generate(adapted, &params, &job) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("all others must be NULL"));
    params.negative_prompt_embedding = NULL;
    make(adapted, &params, made);
    CHECK(memcmp(made, plain, BYTES) != 0);
    FILE *file = fopen(argv[10], "wb");
    CHECK(file != NULL && fwrite(made, 1, BYTES, file) == BYTES && fclose(file) == 0);
    restores(adapted, identity, words);

    fpga_facial_prompts_free(words);
    fpga_facial_prompts_free(NULL);
    fpga_identity_free(identity);
    fpga_model_free(adapted);
    fpga_model_free(model);
    fpga_context_free(context);
    free(bytes);
    free(labels);
    free(embedding);
    return 0;
}
