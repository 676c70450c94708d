/*
 * What changes a model's weights: LoRAs, RepControlNets, and what the latter add.
 *
 *   weights MODEL LORA REP_CONTROLNET ADAPTER SPARE_FILE
 */
#include "check.h"
#include <math.h>

#define WIDTH 24
#define HEIGHT 16
#define BYTES (3 * WIDTH * HEIGHT)

static fpga_generate_params short_generation(void)
{
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.prompt = "a cat";
    params.width = WIDTH;
    params.height = HEIGHT;
    params.steps = 3;
    params.seed = 7;
    params.has_seed = 1;
    return params;
}

static void picture_of(const fpga_model *model, const fpga_generate_params *params,
                       uint8_t pixels[BYTES])
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

static int same(const uint8_t *one, const uint8_t *other)
{
    return memcmp(one, other, BYTES) == 0;
}

/* Pixels that two ways to the same weights, which round differently, may show. */
static int alike(const uint8_t *one, const uint8_t *other)
{
    for (int index = 0; index < BYTES; index++) {
        if (abs(one[index] - other[index]) > 1) {
            return 0;
        }
    }
    return 1;
}

static uint64_t in_use(const fpga_context *context)
{
    uint64_t bytes = 0;
    OK(fpga_context_memory_in_use(context, &bytes));
    return bytes;
}

static uint8_t *contents_of(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    CHECK(bytes != NULL && fread(bytes, 1, *size, file) == *size && fclose(file) == 0);
    return bytes;
}

static void loras_change_a_copy(const fpga_context *context, const fpga_model *model,
                                const char *path)
{
    const fpga_generate_params params = short_generation();
    uint8_t plain[BYTES], with[BYTES], half[BYTES], unet[BYTES], again[BYTES];
    fpga_lora *lora = NULL;
    fpga_model *changed = NULL;
    size_t changes = 9;
    fpga_lora_use once = FPGA_LORA_USE_INIT;
    picture_of(model, &params, plain);
    OK(fpga_lora_load(context, path, &lora));
    OK(fpga_lora_num_changes(lora, FPGA_LORA_PART_UNET, &changes));
    CHECK(changes == 1);
    OK(fpga_lora_num_changes(lora, FPGA_LORA_PART_SECOND_TEXT, &changes));
    CHECK(changes == 0);
    CHECK(fpga_lora_num_changes(lora, 4, &changes) == FPGA_STATUS_INVALID_ARGUMENT);
    once.lora = lora;
    once.strength = 4;
    const uint64_t before = in_use(context);
    OK(fpga_model_with_loras(model, &once, 1, &changed));
    uint64_t own = 0, expected = 0;
    OK(fpga_model_memory(changed, &own));
    OK(fpga_lora_memory(lora, &expected));
    CHECK(own == expected);
    CHECK(own == 4 * (8 * 8 + 12 * 12) && in_use(context) == before + own);
    picture_of(changed, &params, with);
    CHECK(!same(plain, with));
    picture_of(model, &params, again);
    CHECK(same(plain, again));
    fpga_model_free(changed);
    CHECK(in_use(context) == before);

    fpga_lora_use both[2] = {once, once};
    both[0].strength = 3;
    both[1].strength = 1;
    OK(fpga_model_with_loras(model, both, 2, &changed));
    picture_of(changed, &params, half);
    CHECK(alike(with, half));
    fpga_model_free(changed);
    both[1].strength = -3;
    OK(fpga_model_with_loras(model, both, 2, &changed));
    picture_of(changed, &params, again);
    CHECK(alike(plain, again));
    fpga_model_free(changed);
    once.unet_only = 1;
    OK(fpga_model_with_loras(model, &once, 1, &changed));
    picture_of(changed, &params, unet);
    CHECK(!same(unet, plain) && !same(unet, with));
    fpga_model_free(changed);
    OK(fpga_model_with_loras(model, NULL, 0, &changed));
    picture_of(changed, &params, again);
    CHECK(same(plain, again));
    fpga_model_free(changed);

    fpga_model *none = (fpga_model *)&changes;
    once.strength = HUGE_VAL;
    CHECK(fpga_model_with_loras(model, &once, 1, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(none == NULL && last_error_says("strength"));
    once.strength = 1;
    once.unet_only = 2;
    CHECK(fpga_model_with_loras(model, &once, 1, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    once.unet_only = 0;
    once.reserved = 1;
    CHECK(fpga_model_with_loras(model, &once, 1, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    once.reserved = 0;
    once.lora = NULL;
    CHECK(fpga_model_with_loras(model, &once, 1, &none) == FPGA_STATUS_NULL_POINTER);
    CHECK(last_error_says("lora 0: lora is NULL"));
    fpga_lora_free(lora);
    fpga_lora_free(NULL);
}

/* Memory that the caller takes back before it is used would be found by the address sanitizer. */
static void loras_outlive_their_source(const fpga_context *context, const fpga_model *model,
                                       const char *path)
{
    const fpga_generate_params params = short_generation();
    uint8_t from_file[BYTES], from_memory[BYTES];
    fpga_lora *lora = NULL;
    fpga_source *source = NULL;
    fpga_model *changed = NULL;
    size_t size = 0;
    fpga_lora_use once = FPGA_LORA_USE_INIT;
    OK(fpga_lora_load(context, path, &lora));
    once.lora = lora;
    OK(fpga_model_with_loras(model, &once, 1, &changed));
    picture_of(changed, &params, from_file);
    fpga_model_free(changed);
    fpga_lora_free(lora);

    uint8_t *bytes = contents_of(path, &size);
    OK(fpga_source_new_memory(bytes, size, "memory", &source));
    const uint64_t before = in_use(context);
    OK(fpga_lora_load_source(context, source, &lora));
    CHECK(in_use(context) == before + 4 * (4 * 8 + 4 * 12));
    fpga_source_free(source);
    memset(bytes, 0, size);
    free(bytes);
    once.lora = lora;
    OK(fpga_model_with_loras(model, &once, 1, &changed));
    fpga_lora_free(lora);
    picture_of(changed, &params, from_memory);
    CHECK(same(from_file, from_memory));
    fpga_model_free(changed);
    CHECK(in_use(context) == before);
}

static void adapters_outlive_their_source(const fpga_model *model, const char *path)
{
    const fpga_generate_params params = short_generation();
    uint8_t from_file[BYTES], from_memory[BYTES], plain[BYTES];
    fpga_adapter *adapter = NULL;
    fpga_source *source = NULL;
    fpga_model *adapted = NULL;
    size_t size = 0;
    picture_of(model, &params, plain);
    OK(fpga_adapter_load(model, path, NULL, &adapter));
    OK(fpga_model_with_adapter(model, adapter, &adapted));
    picture_of(adapted, &params, from_file);
    CHECK(!same(plain, from_file));
    fpga_model_free(adapted);
    fpga_adapter_free(adapter);
    uint8_t *bytes = contents_of(path, &size);
    OK(fpga_source_new_memory(bytes, size, NULL, &source));
    OK(fpga_adapter_load_source(model, source, NULL, &adapter));
    fpga_source_free(source);
    memset(bytes, 0, size);
    free(bytes);
    OK(fpga_model_with_adapter(model, adapter, &adapted));
    picture_of(adapted, &params, from_memory);
    CHECK(same(from_file, from_memory));
    fpga_model_free(adapted);
    fpga_adapter_free(adapter);
}

static void rep_controlnets_merge(const fpga_context *context, const fpga_model *model,
                                  const char *path, const char *spare)
{
    fpga_generate_params params = short_generation();
    uint8_t plain[BYTES], merged_plain[BYTES], with[BYTES], other[BYTES], strong[BYTES];
    uint8_t condition[BYTES];
    fpga_rep_controlnet *net = NULL, *again = NULL;
    fpga_model *merged = NULL;
    double alpha = 0, beta = 0;
    char text[256];
    size_t needed = 0;
    picture_of(model, &params, plain);
    const uint64_t before = in_use(context);
    OK(fpga_rep_controlnet_load(model, path, FPGA_STORAGE_AS_STORED, &net));
    const uint64_t loaded = in_use(context);
    CHECK(loaded > before);
    OK(fpga_rep_controlnet_coefficients(net, &alpha, &beta));
    CHECK(alpha == 0.9 && beta == 1.0);
    OK(fpga_rep_controlnet_load_report_json(net, NULL, 0, &needed));
    CHECK(needed > sizeof text);
    CHECK(fpga_rep_controlnet_load_report_json(net, text, sizeof text, NULL) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    fpga_rep_controlnet_use once = FPGA_REP_CONTROLNET_USE_INIT;
    once.rep_controlnet = net;
    OK(fpga_model_with_rep_controlnets(model, &once, 1, &merged));
    CHECK(in_use(context) > loaded);
    picture_of(merged, &params, merged_plain);
    CHECK(!same(plain, merged_plain));

    for (int index = 0; index < BYTES; index++) {
        condition[index] = (uint8_t)(index % 3 == 0 && index / 3 % WIDTH > 11 ? 255 : 20);
    }
    fpga_image_view view = FPGA_IMAGE_VIEW_INIT;
    view.pixels = condition;
    view.stride = 3 * WIDTH;
    view.width = WIDTH;
    view.height = HEIGHT;
    fpga_modality modality = FPGA_MODALITY_INIT;
    modality.rep_controlnet = net;
    modality.condition = &view;
    params.modalities = &modality;
    params.num_modalities = 1;
    picture_of(merged, &params, with);
    CHECK(!same(with, merged_plain));
    modality.strength = 0;
    picture_of(merged, &params, other);
    CHECK(same(other, merged_plain));
    modality.strength = 3;
    picture_of(merged, &params, strong);
    CHECK(!same(strong, with));
    modality.strength = 1;
    fpga_model_free(merged);

    /* Other factors, and none. */
    once.has_coefficients = 1;
    OK(fpga_model_with_rep_controlnets(model, &once, 1, &merged));
    picture_of(merged, &params, other);
    CHECK(!same(other, with));
    fpga_model_free(merged);
    once.alpha = 0.9;
    OK(fpga_model_with_rep_controlnets(model, &once, 1, &merged));
    picture_of(merged, &params, other);
    CHECK(same(other, with));
    fpga_model_free(merged);
    once.strength = 0;
    params.num_modalities = 0;
    OK(fpga_model_with_rep_controlnets(model, &once, 1, &merged));
    picture_of(merged, &params, other);
    CHECK(alike(other, plain));
    fpga_model_free(merged);

    OK(fpga_rep_controlnet_save(net, spare, FPGA_STORAGE_F32));
    OK(fpga_rep_controlnet_load(model, spare, FPGA_STORAGE_AS_STORED, &again));
    OK(fpga_rep_controlnet_coefficients(again, &alpha, &beta));
    CHECK(alpha == 0.9 && beta == 1.0);
    CHECK(fpga_rep_controlnet_save(net, "/no/such/folder/x", FPGA_STORAGE_F32) == FPGA_STATUS_IO);
    CHECK(fpga_rep_controlnet_save(net, spare, 0) == FPGA_STATUS_INVALID_ARGUMENT);
    fpga_rep_controlnet_free(again);

    fpga_rep_controlnet *none = (fpga_rep_controlnet *)&needed;
    CHECK(fpga_rep_controlnet_load(model, "/no/such/file", FPGA_STORAGE_F32, &none) == FPGA_STATUS_IO);
    CHECK(none == NULL);
    CHECK(fpga_rep_controlnet_load(model, path, 9, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    once.has_coefficients = 3;
    CHECK(fpga_model_with_rep_controlnets(model, &once, 1, &merged) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(merged == NULL && last_error_says("use 0: fpga_rep_controlnet_use.has_coefficients"));
    once.has_coefficients = 0;
    once.strength = HUGE_VAL;
    CHECK(fpga_model_with_rep_controlnets(model, &once, 1, &merged) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("strength"));
    fpga_rep_controlnet_free(net);
    CHECK(in_use(context) == before);
}

static void refused(const fpga_model *model, const fpga_generate_params *params, const char *words)
{
    fpga_job *job = NULL;
    fpga_status status = fpga_job_new_generate(model, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    CHECK(status != FPGA_STATUS_OK && status != FPGA_STATUS_PANIC);
    CHECK(last_error_says(words));
    fpga_job_free(job);
}

static void deltas_are_added_and_taken_away(const fpga_context *context, const fpga_model *model,
                                            const char *path, const char *spare)
{
    fpga_generate_params params = short_generation();
    uint8_t plain[BYTES], with[BYTES], other[BYTES], condition[BYTES];
    fpga_rep_controlnet *net = NULL;
    fpga_delta *delta = NULL, *loaded = NULL;
    fpga_source *source = NULL;
    fpga_model *merged = NULL, *added = NULL, *base = NULL;
    size_t size = 0;
    memset(condition, 200, sizeof condition);
    fpga_image_view view = FPGA_IMAGE_VIEW_INIT;
    view.pixels = condition;
    view.stride = 3 * WIDTH;
    view.width = WIDTH;
    view.height = HEIGHT;
    fpga_modality modality = FPGA_MODALITY_INIT;
    modality.condition = &view;
    params.modalities = &modality;
    picture_of(model, &params, plain);
    const uint64_t before = in_use(context);
    OK(fpga_rep_controlnet_load(model, path, FPGA_STORAGE_AS_STORED, &net));
    fpga_rep_controlnet_use once = FPGA_REP_CONTROLNET_USE_INIT;
    once.rep_controlnet = net;
    OK(fpga_model_with_rep_controlnets(model, &once, 1, &merged));
    params.num_modalities = 1;
    modality.rep_controlnet = net;
    picture_of(merged, &params, with);
    fpga_model_free(merged);

    OK(fpga_delta_new(model, net, &delta));
    fpga_rep_controlnet_free(net);
    OK(fpga_delta_save(delta, spare, FPGA_STORAGE_F32));
    fpga_delta_free(delta);
    OK(fpga_delta_load(model, spare, FPGA_STORAGE_AS_STORED, &loaded));
    OK(fpga_model_with_delta(model, loaded, 1, &added));
    modality.rep_controlnet = NULL;
    modality.delta = loaded;
    picture_of(added, &params, other);
    CHECK(alike(with, other));
    OK(fpga_model_without_delta(added, loaded, 1, &base));
    params.num_modalities = 0;
    picture_of(base, &params, other);
    CHECK(alike(plain, other));
    fpga_model_free(base);
    OK(fpga_model_with_delta(model, loaded, 0, &base));
    picture_of(base, &params, other);
    CHECK(same(plain, other));
    fpga_model_free(base);
    CHECK(fpga_model_with_delta(model, loaded, HUGE_VAL, &base) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(base == NULL);

    params.num_modalities = 1;
    modality.delta = NULL;
    refused(added, &params, "modality 0: fpga_modality: set either");
    modality.delta = loaded;
    modality.condition = NULL;
    refused(added, &params, "modality 0: condition");
    modality.condition = &view;
    view.width = WIDTH / 2;
    refused(added, &params, "condition");
    fpga_delta_free(loaded);
    fpga_model_free(added);

    uint8_t *bytes = contents_of(spare, &size);
    OK(fpga_source_new_memory(bytes, size, NULL, &source));
    OK(fpga_delta_load_source(model, source, FPGA_STORAGE_AS_STORED, &loaded));
    fpga_source_free(source);
    memset(bytes, 0, size);
    free(bytes);
    OK(fpga_model_with_delta(model, loaded, 1, &added));
    view.width = WIDTH;
    modality.delta = loaded;
    picture_of(added, &params, other);
    CHECK(alike(with, other));
    fpga_model_free(added);
    fpga_delta_free(loaded);
    fpga_delta_free(NULL);
    CHECK(in_use(context) == before);
}

int main(int argc, char **argv)
{
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    CHECK(argc == 6);
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    loras_change_a_copy(context, model, argv[2]);
    loras_outlive_their_source(context, model, argv[2]);
    adapters_outlive_their_source(model, argv[4]);
    rep_controlnets_merge(context, model, argv[3], argv[5]);
    deltas_are_added_and_taken_away(context, model, argv[3], argv[5]);
    fpga_lora *none = NULL;
    CHECK(fpga_lora_load(context, argv[3], &none) == FPGA_STATUS_UNSUPPORTED && none == NULL);
    CHECK(fpga_lora_load(context, "/no/such/file", &none) == FPGA_STATUS_IO && none == NULL);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
