/*
 * What a job is said to take, and what it takes.
 *
 *   memory MODEL VARIANT KIND SIZE COUNT [CONTROLNET]
 *
 * VARIANT is that of the weight files, such as fp16, or - for none; KIND is blank, picture or restore.
 * Prints both in bytes, as JSON. Linux: memory is read from /proc.
 */
#include "check.h"

/* A line of /proc/self/status, in bytes. */
static uint64_t status_of(const char *name)
{
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            CHECK(sscanf(line + strlen(name), ": %llu", &kilobytes) == 1);
        }
    }
    fclose(file);
    return 1024 * (uint64_t)kilobytes;
}

/* Starts the measurement of the peak anew. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    CHECK(file != NULL && fputs("5", file) >= 0 && fclose(file) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 6 || argc == 7);
    const uint32_t size = (uint32_t)atoi(argv[4]);
    uint64_t weights = 0, needed = 0;
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    fpga_controlnet *net = NULL;
    fpga_job *job = NULL;
    fpga_model_params how = FPGA_MODEL_PARAMS_INIT;
    how.variant = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
    const uint64_t empty = status_of("VmRSS");
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], &how, &model));
    OK(fpga_model_memory(model, &weights));
    const uint64_t load_peak = status_of("VmHWM") - empty;
    const uint64_t loaded = status_of("VmRSS") - empty;

    uint8_t *pixels = calloc(3, (size_t)size * size);
    CHECK(pixels != NULL);
    fpga_image_view picture = FPGA_IMAGE_VIEW_INIT;
    picture.pixels = pixels;
    picture.stride = 3 * (size_t)size;
    picture.width = picture.height = size;
    fpga_control control = FPGA_CONTROL_INIT;
    if (strcmp(argv[3], "restore") == 0) {
        fpga_face face = FPGA_FACE_INIT;
        fpga_restore_params params = FPGA_RESTORE_PARAMS_INIT;
        face.box[0] = face.box[1] = (float)size / 4;
        face.box[2] = face.box[3] = 3 * (float)size / 4;
        params.steps = 1;
        params.depth = 1;
        params.measure_round_trip = 0;
        params.model_size = size;
        OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    } else {
        fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
        params.width = params.height = size;
        params.steps = 1;
        params.count = (uint32_t)atoi(argv[5]);
        params.sampler = FPGA_SAMPLER_DDIM;
        params.strength = 1;
        if (strcmp(argv[3], "picture") == 0) {
            params.picture = &picture;
        }
        if (argc == 7) {
            OK(fpga_controlnet_load(context, argv[6], FPGA_STORAGE_F16, &net));
            control.controlnet = net;
            control.condition = &picture;
            params.controls = &control;
            params.num_controls = 1;
        }
        OK(fpga_job_new_generate(model, &params, &job));
    }
    OK(fpga_job_estimate_memory(job, &needed));
    const uint64_t before = status_of("VmRSS");
    forget_peak();
    OK(fpga_job_run(job));
    const uint64_t peak = status_of("VmHWM") - before;
    printf("{\"kind\":\"%s\",\"size\":%u,\"count\":%s,\"control\":%d,\"weights_said\":%llu,"
           "\"weights_taken\":%llu,\"load_peak\":%llu,\"job_said\":%llu,\"job_taken\":%llu}\n",
           argv[3], size, argv[5], argc == 7, (unsigned long long)weights,
           (unsigned long long)loaded, (unsigned long long)load_peak, (unsigned long long)needed,
           (unsigned long long)peak);
    fpga_job_free(job);
    fpga_controlnet_free(net);
    fpga_model_free(model);
    fpga_context_free(context);
    free(pixels);
    return 0;
}
