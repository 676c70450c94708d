/*
 * Pictures from noise, from pictures and inside masks; models from memory and through callbacks; what
 * memory they take.
 *
 *   pictures MODEL CONTROLNET SINGLE_FILE
 */
#include "check.h"

#define WIDTH 24
#define HEIGHT 16
#define BYTES (3 * WIDTH * HEIGHT)

static fpga_generate_params short_generation(void)
{
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.prompt = "a cat";
    params.width = WIDTH;
    params.height = HEIGHT;
    params.steps = 4;
    params.seed = 7;
    params.has_seed = 1;
    return params;
}

static fpga_generation *generate(const fpga_model *model, const fpga_generate_params *params)
{
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    size_t finished = 9;
    OK(fpga_job_new_generate(model, params, &job));
    OK(fpga_job_num_finished(job, &finished));
    CHECK(finished == 0);
    OK(fpga_job_run(job));
    OK(fpga_job_num_finished(job, &finished));
    CHECK(finished == params->count);
    OK(fpga_job_take_generation(job, &generation));
    OK(fpga_job_num_finished(job, &finished));
    CHECK(finished == params->count);
    fpga_job_free(job);
    return generation;
}

/* The first picture of a short generation. */
static void first_picture(const fpga_model *model, const fpga_generate_params *params,
                          uint8_t pixels[BYTES])
{
    fpga_generation *generation = generate(model, params);
    OK(fpga_generation_copy_picture(generation, 0, pixels, 3 * WIDTH, BYTES));
    fpga_generation_free(generation);
}

static void reports_say_how(const fpga_model *model)
{
    fpga_generate_params params = short_generation();
    fpga_generation_report report;
    size_t count = 0, needed = 0;
    uint32_t width = 0, height = 0;
    char json[512];
    uint8_t pixels[BYTES];
    params.count = 3;
    fpga_generation *generation = generate(model, &params);
    OK(fpga_generation_num_pictures(generation, &count));
    OK(fpga_generation_size(generation, 2, &width, &height));
    CHECK(count == 3 && width == WIDTH && height == HEIGHT);
    OK(fpga_generation_get_report(generation, &report, sizeof report));
    CHECK(report.struct_size == sizeof report && report.num_pictures == 3 && report.seed == 7);
    CHECK(report.steps == 4 && report.seconds > 0);
    OK(fpga_generation_report_json(generation, json, sizeof json, &needed));
    CHECK(strstr(json, "\"seed\":7") != NULL && strlen(json) + 1 == needed);

    CHECK(fpga_generation_size(generation, 3, &width, &height) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("3 of 3 pictures"));
    CHECK(fpga_generation_copy_picture(generation, 3, pixels, 3 * WIDTH, BYTES) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_generation_copy_picture(generation, 0, pixels, 3 * WIDTH, BYTES - 1) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(fpga_generation_get_report(generation, &report, 8) == FPGA_STATUS_INVALID_STRUCT_SIZE);
    fpga_generation_free(generation);
}

struct heard {
    unsigned progress, previews, notes;
    char words[256];
};

static int32_t on_progress(void *userdata, const fpga_progress *progress)
{
    CHECK(progress->struct_size >= sizeof *progress && !progress->has_face);
    ((struct heard *)userdata)->progress++;
    return 0;
}

static int32_t on_preview(void *userdata, const fpga_progress *progress,
                          const fpga_image_view *picture)
{
    struct heard *heard = userdata;
    CHECK(progress->phase == FPGA_PHASE_DENOISE && progress->step == heard->previews + 1);
    CHECK(picture->format == FPGA_PIXEL_FORMAT_RGB8 && picture->pixels != NULL);
    CHECK(picture->width == WIDTH / 2 && picture->height == HEIGHT / 2);
    CHECK(picture->stride >= 3 * (size_t)picture->width);
    heard->previews++;
    return heard->previews == 3 ? 1 : 0;
}

static void on_log(void *userdata, uint32_t level, const char *message)
{
    struct heard *heard = userdata;
    CHECK(level == FPGA_LOG_LEVEL_INFO || level == FPGA_LOG_LEVEL_WARNING);
    heard->notes++;
    strncpy(heard->words, message, sizeof heard->words - 1);
}

static void callbacks_hear_and_stop(const fpga_model *model)
{
    const fpga_generate_params params = short_generation();
    struct heard heard = {0, 0, 0, ""};
    fpga_progress progress;
    size_t finished = 9;
    fpga_job *job = NULL;
    OK(fpga_job_new_generate(model, &params, &job));
    OK(fpga_job_get_progress(job, &progress, sizeof progress));
    CHECK(progress.struct_size == sizeof progress && progress.phase == 0);
    OK(fpga_job_set_progress_callback(job, on_progress, &heard));
    OK(fpga_job_set_preview_callback(job, on_preview, &heard));
    OK(fpga_job_set_log_callback(job, on_log, &heard));
    CHECK(fpga_job_run(job) == FPGA_STATUS_CANCELLED);
    CHECK(heard.previews == 3 && heard.progress >= 3 && heard.notes == 1);
    CHECK(strstr(heard.words, "pixels") != NULL && strstr(heard.words, "seed 7") != NULL);
    OK(fpga_job_get_progress(job, &progress, sizeof progress));
    CHECK(progress.phase == FPGA_PHASE_DENOISE && progress.step == 3 && progress.steps == 4);
    OK(fpga_job_num_finished(job, &finished));
    CHECK(finished == 0);
    CHECK(fpga_job_set_preview_callback(job, NULL, NULL) == FPGA_STATUS_INVALID_STATE);
    CHECK(fpga_job_set_log_callback(job, NULL, NULL) == FPGA_STATUS_INVALID_STATE);
    CHECK(fpga_job_estimate_memory(job, &(uint64_t){0}) == FPGA_STATUS_INVALID_STATE);
    fpga_job_free(job);
}

/* A short generation that is asked for wrongly. */
static fpga_status wrong(const fpga_model *model, const fpga_generate_params *params)
{
    fpga_job *job = (fpga_job *)(uintptr_t)0x10;
    fpga_status status = fpga_job_new_generate(model, params, &job);
    CHECK((job == NULL) == (status != FPGA_STATUS_OK));
    fpga_job_free(job);
    return status;
}

static void what_is_asked_for_wrongly(const fpga_model *model, const fpga_controlnet *net)
{
    const uint8_t pixels[BYTES] = {0};
    fpga_image_view view = FPGA_IMAGE_VIEW_INIT;
    view.pixels = pixels;
    view.stride = 3 * WIDTH;
    view.width = WIDTH;
    view.height = HEIGHT;
    fpga_control control = FPGA_CONTROL_INIT;
    control.controlnet = net;
    control.condition = &view;

#define WRONG(change, expected)                                                 \
    do {                                                                        \
        fpga_generate_params bad = short_generation();                          \
        change;                                                                 \
        CHECK(wrong(model, &bad) == (expected));                                \
    } while (0)
    WRONG((void)0, FPGA_STATUS_OK);
    WRONG(bad.sampler = 0, FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.sampler = 99, FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("no such sampler: 99"));
    WRONG(bad.has_eta = 1, FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("only DDIM and Euler ancestral"));
    WRONG((bad.has_eta = 1, bad.sampler = FPGA_SAMPLER_DDIM), FPGA_STATUS_OK);
    WRONG(bad.has_seed = 2, FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.long_prompt = 0, FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.noise = 9, FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.reserved = 1, FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.prompt = "\xFF", FPGA_STATUS_INVALID_UTF8);
    WRONG(bad.struct_size -= 1, FPGA_STATUS_INVALID_STRUCT_SIZE);
    WRONG(bad.mask = &view, FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("needs a picture to act on"));
    WRONG((bad.picture = &view, bad.mask = &view), FPGA_STATUS_INVALID_ARGUMENT);
    WRONG(bad.num_controls = 1, FPGA_STATUS_NULL_POINTER);
    WRONG((bad.controls = &control, bad.num_controls = SIZE_MAX), FPGA_STATUS_INVALID_ARGUMENT);
    WRONG((bad.controls = &control, bad.num_controls = 1), FPGA_STATUS_OK);
    control.controlnet = NULL;
    WRONG((bad.controls = &control, bad.num_controls = 1), FPGA_STATUS_NULL_POINTER);
    CHECK(last_error_says("control 0: controlnet is NULL"));
    control.controlnet = net;
    control.mode = 3;
    WRONG((bad.controls = &control, bad.num_controls = 1), FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("control 0: fpga_control.mode: no such mode: 3"));
    control.mode = FPGA_CONTROL_MODE_GUESS;
    WRONG((bad.controls = &control, bad.num_controls = 1), FPGA_STATUS_OK);
    control.struct_size = 7;
    WRONG((bad.controls = &control, bad.num_controls = 1), FPGA_STATUS_INVALID_STRUCT_SIZE);
    OK(wrong(model, NULL));
    CHECK(wrong(NULL, NULL) == FPGA_STATUS_NULL_POINTER);

    fpga_generation *generation = (fpga_generation *)(uintptr_t)0x10;
    fpga_restoration *restoration = (fpga_restoration *)(uintptr_t)0x10;
    const fpga_generate_params params = short_generation();
    fpga_job *job = NULL;
    OK(fpga_job_new_generate(model, &params, &job));
    OK(fpga_job_run(job));
    CHECK(fpga_job_take_restoration(job, &restoration) == FPGA_STATUS_INVALID_STATE);
    CHECK(restoration == NULL && last_error_says("another kind"));
    OK(fpga_job_take_generation(job, &generation));
    fpga_generation_free(generation);
    fpga_job_free(job);
}

/* Bytes behind callbacks, which fail at the call `fails_at`. */
struct file {
    const uint8_t *bytes;
    uint64_t size;
    unsigned calls, fails_at;
    int inside;
};

static int32_t read_file(void *userdata, uint64_t offset, uint8_t *buffer, size_t length)
{
    struct file *file = userdata;
    CHECK(!file->inside && offset <= file->size && length <= file->size - offset);
    file->inside = 1;
    memcpy(buffer, file->bytes + offset, length);
    file->inside = 0;
    return ++file->calls == file->fails_at ? -3 : 0;
}

static fpga_io through_callbacks(struct file *file)
{
    fpga_io io = FPGA_IO_INIT;
    io.name = "my archive";
    io.read = read_file;
    io.userdata = file;
    io.size = file->size;
    return io;
}

static void models_from_anywhere(const fpga_context *context, const char *folder, const char *path)
{
    char tokenizer[1024];
    snprintf(tokenizer, sizeof tokenizer, "%s/tokenizer", folder);
    fpga_model_params params = FPGA_MODEL_PARAMS_INIT;
    params.tokenizer = tokenizer;

    FILE *stream = fopen(path, "rb");
    CHECK(stream != NULL && fseek(stream, 0, SEEK_END) == 0);
    const size_t size = (size_t)ftell(stream);
    uint8_t *bytes = malloc(size);
    CHECK(bytes != NULL && fseek(stream, 0, SEEK_SET) == 0);
    CHECK(fread(bytes, 1, size, stream) == size && fclose(stream) == 0);

    struct file file = {bytes, size, 0, 0, 0};
    fpga_io io = through_callbacks(&file);
    fpga_source *memory = NULL, *reading = NULL, *none = (fpga_source *)(uintptr_t)0x10;
    OK(fpga_source_new_memory(bytes, size, NULL, &memory));
    OK(fpga_source_new_io(&io, &reading));
    CHECK(file.calls == 2);

    fpga_model *models[3] = {NULL, NULL, NULL};
    OK(fpga_model_load(context, path, &params, &models[0]));
    OK(fpga_model_load_source(context, memory, &params, &models[1]));
    OK(fpga_model_load_source(context, reading, &params, &models[2]));
    CHECK(file.calls > 100);
    fpga_source_free(memory);

    uint8_t first[BYTES], other[BYTES];
    const fpga_generate_params short_one = short_generation();
    first_picture(models[0], &short_one, first);
    for (int index = 1; index < 3; index++) {
        first_picture(models[index], &short_one, other);
        CHECK(memcmp(first, other, BYTES) == 0);
    }

    /* A reading that fails in the middle of a load. */
    fpga_model *model = (fpga_model *)(uintptr_t)0x10;
    file.fails_at = file.calls + 20;
    CHECK(fpga_model_load_source(context, reading, &params, &model) == FPGA_STATUS_IO);
    CHECK(model == NULL && last_error_says("my archive") && last_error_says("returned -3"));
    fpga_source_free(reading);

    file.calls = 0;
    file.fails_at = 1;
    CHECK(fpga_source_new_io(&io, &none) == FPGA_STATUS_IO && none == NULL);
    file.fails_at = 0;
    io.size = 7;
    CHECK(fpga_source_new_io(&io, &none) == FPGA_STATUS_FORMAT);
    io.size = size;
    io.read = NULL;
    CHECK(fpga_source_new_io(&io, &none) == FPGA_STATUS_NULL_POINTER);
    CHECK(last_error_says("fpga_io.read is NULL"));
    CHECK(fpga_source_new_memory(NULL, 5, NULL, &none) == FPGA_STATUS_NULL_POINTER);
    CHECK(fpga_source_new_memory(bytes, size - 1, "cut", &none) == FPGA_STATUS_FORMAT);
    CHECK(last_error_says("cut: needs") && none == NULL);
    CHECK(fpga_source_new_memory(bytes, 0, NULL, &none) == FPGA_STATUS_FORMAT);
    CHECK(fpga_model_load_source(context, NULL, NULL, &model) == FPGA_STATUS_NULL_POINTER);

    for (int index = 0; index < 3; index++) {
        fpga_model_free(models[index]);
    }
    free(bytes);
}

static void memory_is_counted_and_refused(const char *folder)
{
    uint64_t weights = 0, held = 0, needed = 0;
    OK(fpga_model_estimate_memory(folder, NULL, &weights));
    CHECK(weights > 10000 && weights < 10000000);
    CHECK(fpga_model_estimate_memory("/no/such", NULL, &weights) == FPGA_STATUS_IO);

    /* Far too little for the weights. */
    fpga_context_params params = FPGA_CONTEXT_PARAMS_INIT;
    fpga_context *context = NULL;
    fpga_model *model = (fpga_model *)(uintptr_t)0x10;
    params.memory_budget = weights / 2;
    OK(fpga_context_new(&params, &context));
    CHECK(fpga_model_load(context, folder, NULL, &model) == FPGA_STATUS_MEMORY_BUDGET);
    CHECK(model == NULL && last_error_says("needs about") && last_error_says("budget of"));
    OK(fpga_context_memory_in_use(context, &held));
    CHECK(held == 0);
    fpga_context_free(context);

    /* Enough for the model, and for one job of two. */
    params.memory_budget = 500 * 1000 * 1000;
    OK(fpga_context_new(&params, &context));
    OK(fpga_model_load(context, folder, NULL, &model));
    OK(fpga_context_memory_in_use(context, &held));
    CHECK(held == weights);
    OK(fpga_model_memory(model, &held));
    CHECK(held == weights);

    fpga_generate_params small = short_generation(), large = short_generation();
    large.width = large.height = 4096;
    fpga_job *job = NULL;
    uint32_t state = 0;
    OK(fpga_job_new_generate(model, &large, &job));
    OK(fpga_job_estimate_memory(job, &needed));
    CHECK(needed > params.memory_budget);
    CHECK(fpga_job_run(job) == FPGA_STATUS_MEMORY_BUDGET && last_error_says("job: needs about"));
    OK(fpga_job_get_state(job, &state));
    CHECK(state == FPGA_JOB_STATE_READY);
    CHECK(fpga_job_run(job) == FPGA_STATUS_MEMORY_BUDGET);
    fpga_job_free(job);
    OK(fpga_job_new_generate(model, &small, &job));
    OK(fpga_job_run(job));
    fpga_job_free(job);
    OK(fpga_context_memory_in_use(context, &held));
    CHECK(held == weights);
    fpga_model_free(model);
    OK(fpga_context_memory_in_use(context, &held));
    CHECK(held == 0);
    fpga_context_free(context);
}

static void devices_have_names(void)
{
    fpga_device_list *list = NULL;
    size_t count = 0, needed = 0;
    char id[16], name[128];
    fpga_device_info info;
    OK(fpga_device_list_new(&list));
    OK(fpga_device_list_count(list, &count));
    CHECK(count >= 1);
    OK(fpga_device_list_id(list, 0, id, sizeof id, &needed));
    CHECK(strcmp(id, "cpu") == 0 && needed == 4);
    OK(fpga_device_list_name(list, 0, name, sizeof name, NULL));
    CHECK(strncmp(name, "CPU", 3) == 0);
    OK(fpga_device_list_info(list, 0, &info, sizeof info));
    CHECK(info.struct_size == sizeof info && info.computes_f32 == 1 && info.computes_f16 <= 1);
    CHECK(info.computes_bf16 <= 1 && info.has_memory == (info.memory > 0));
#ifdef __linux__
    CHECK(info.memory > 1 << 28);
#endif
    CHECK(fpga_device_list_info(list, count, &info, sizeof info) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("devices"));
    CHECK(fpga_device_list_info(list, 0, &info, 8) == FPGA_STATUS_INVALID_STRUCT_SIZE);
    CHECK(fpga_device_list_info(list, 0, NULL, sizeof info) == FPGA_STATUS_NULL_POINTER);
    CHECK(fpga_device_list_id(list, count, id, sizeof id, NULL) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_device_list_name(list, count, id, sizeof id, NULL) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_device_list_name(list, 0, name, 2, NULL) == FPGA_STATUS_BUFFER_TOO_SMALL);
    fpga_device_list_free(list);
}

/* Unless this machine has it, a card is an error that says what to do. */
static void absent_devices_say_what_to_do(void)
{
    static const char *const absent[][3] = {
        {"cuda:0", "device cuda:0: ", "rebuild with the feature `cuda`"},
        {"wgpu:7", "device wgpu:7: ", "rebuild with the feature `wgpu`"},
        {"wgpu:discrete", "device wgpu:discrete:0: ", "rebuild with the feature `wgpu`"},
    };
    fpga_context_params params = FPGA_CONTEXT_PARAMS_INIT;
    for (int index = 0; index < 3; index++) {
        fpga_context *context = (fpga_context *)(uintptr_t)0x10;
        params.device = absent[index][0];
        const fpga_status status = fpga_context_new(&params, &context);
        if (status == FPGA_STATUS_OK) {
            fpga_context_free(context);
            continue;
        }
        CHECK(status == FPGA_STATUS_DEVICE && context == NULL && last_error_says(absent[index][1]));
        CHECK(last_error_says(absent[index][2]) || last_error_says("`cpu` always works"));
    }
}

static void controlnets_load(const fpga_context *context, const char *path, const char *no_net)
{
    fpga_controlnet *net = NULL, *none = (fpga_controlnet *)(uintptr_t)0x10;
    size_t needed = 0;
    uint64_t held = 0;
    OK(fpga_controlnet_load(context, path, FPGA_STORAGE_F16, &net));
    OK(fpga_controlnet_load_report_json(net, NULL, 0, &needed));
    CHECK(needed > 100);
    OK(fpga_context_memory_in_use(context, &held));
    CHECK(held > 0);
    fpga_controlnet_free(net);
    CHECK(fpga_controlnet_load(context, path, 0, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(none == NULL && last_error_says("no such storage: 0"));
    CHECK(fpga_controlnet_load(context, no_net, 1, &none) == FPGA_STATUS_UNSUPPORTED);
    CHECK(last_error_says("ControlNetModel"));
    CHECK(fpga_controlnet_load(context, "/no/such", 1, &none) == FPGA_STATUS_IO);
    CHECK(fpga_controlnet_load(context, NULL, 1, &none) == FPGA_STATUS_NULL_POINTER);
    CHECK(fpga_controlnet_load_source(context, NULL, 1, &none) == FPGA_STATUS_NULL_POINTER);
}

int main(int argc, char **argv)
{
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    fpga_controlnet *net = NULL;
    char unet[1024];
    CHECK(argc >= 4);
    snprintf(unet, sizeof unet, "%s/unet", argv[1]);
    devices_have_names();
    absent_devices_say_what_to_do();
    memory_is_counted_and_refused(argv[1]);
    OK(fpga_context_new(NULL, &context));
    controlnets_load(context, argv[2], unet);
    OK(fpga_model_load(context, argv[1], NULL, &model));
    OK(fpga_controlnet_load(context, argv[2], FPGA_STORAGE_AS_STORED, &net));
    reports_say_how(model);
    callbacks_hear_and_stop(model);
    what_is_asked_for_wrongly(model, net);
    models_from_anywhere(context, argv[1], argv[3]);
    fpga_controlnet_free(net);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
