/*
 * What a job is said to take, and what it takes.
 *
 *   memory MODEL VARIANT KIND SIZE COUNT [FILE]
 *
 * VARIANT is that of the weight files, such as fp16, or - for none. KIND is blank or picture, with COUNT
 * pictures and a ControlNet as FILE; lora, which is blank with a LoRA as FILE; people, with COUNT of them
 * and their adapter as FILE; restore; or search, which finds COUNT faces. Prints both in bytes, as JSON: of
 * the model, of what FILE adds to it, and of the job. Linux: memory is read from /proc.
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

/* What the process and the context hold. */
struct held {
    uint64_t said, taken;
};

static struct held held_by(const fpga_context *context)
{
    struct held held = {0, status_of("VmRSS")};
    OK(fpga_context_memory_in_use(context, &held.said));
    return held;
}

/* As many faces in a row as `userdata` says. */
static int32_t detect(void *userdata, const fpga_image_view *picture, fpga_detections *faces)
{
    const unsigned count = *(const unsigned *)userdata;
    for (unsigned index = 0; index < count; index++) {
        const float width = (float)picture->width / (float)count;
        fpga_detection face = FPGA_DETECTION_INIT;
        face.box[0] = width * ((float)index + 0.25f);
        face.box[1] = (float)picture->height / 2 - width / 4;
        face.box[2] = face.box[0] + width / 2;
        face.box[3] = face.box[1] + width / 2;
        OK(fpga_detections_add(faces, &face));
    }
    return 0;
}

static fpga_job *restoration(const fpga_model *model, const fpga_image_view *picture,
                             const fpga_search *search)
{
    fpga_job *job = NULL;
    fpga_face face = FPGA_FACE_INIT;
    fpga_restore_params params = FPGA_RESTORE_PARAMS_INIT;
    face.box[0] = face.box[1] = (float)picture->width / 4;
    face.box[2] = face.box[3] = 3 * (float)picture->width / 4;
    params.steps = 1;
    params.depth = 1;
    params.measure_round_trip = 0;
    params.model_size = picture->width;
    params.search = search;
    OK(fpga_job_new_restore(model, picture, &face, search == NULL, &params, &job));
    return job;
}

/* People side by side, known by numbers that mean nothing. */
static fpga_person person_of(const fpga_adapter *adapter, unsigned index, unsigned count,
                             uint32_t size)
{
    float embedding[512];
    fpga_identity *identity = NULL;
    fpga_reference reference = FPGA_REFERENCE_INIT;
    fpga_person person = FPGA_PERSON_INIT;
    for (unsigned at = 0; at < 512; at++) {
        embedding[at] = (float)((at * 37 + index * 11) % 101) - 50;
    }
    reference.embedding = embedding;
    reference.embedding_length = 512;
    OK(fpga_identity_new(adapter, &reference, 1, &identity));
    person.identity = identity; /* Kept until the end of the process. */
    person.place = FPGA_PLACE_BOX;
    person.box[0] = (float)(size * index / count);
    person.box[2] = (float)(size * (index + 1) / count);
    person.box[3] = (float)size;
    return person;
}

int main(int argc, char **argv)
{
    CHECK(argc == 6 || argc == 7);
    const char *kind = argv[3], *file = argc == 7 ? argv[6] : NULL;
    const uint32_t size = (uint32_t)atoi(argv[4]);
    unsigned count = (unsigned)atoi(argv[5]);
    uint64_t weights = 0, needed = 0;
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    fpga_controlnet *net = NULL;
    fpga_adapter *adapter = NULL;
    fpga_face_detector *detector = NULL;
    fpga_job *job = NULL;
    fpga_model_params how = FPGA_MODEL_PARAMS_INIT;
    how.variant = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
    const uint64_t empty = status_of("VmRSS");
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], &how, &model));
    OK(fpga_model_memory(model, &weights));
    const uint64_t load_peak = status_of("VmHWM") - empty;
    const struct held plain = held_by(context);

    uint8_t *pixels = calloc(3, (size_t)size * size);
    CHECK(pixels != NULL);
    fpga_image_view picture = FPGA_IMAGE_VIEW_INIT;
    picture.pixels = pixels;
    picture.stride = 3 * (size_t)size;
    picture.width = picture.height = size;
    fpga_control control = FPGA_CONTROL_INIT;
    fpga_person people[16];
    fpga_search search = FPGA_SEARCH_INIT;
    fpga_own_detector own = FPGA_OWN_DETECTOR_INIT;
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.width = params.height = size;
    params.steps = 1;
    params.count = count;
    params.sampler = FPGA_SAMPLER_DDIM;
    params.strength = 1;
    if (strcmp(kind, "lora") == 0) {
        fpga_lora *lora = NULL;
        fpga_lora_use use = FPGA_LORA_USE_INIT;
        fpga_model *changed = NULL;
        CHECK(file != NULL);
        OK(fpga_lora_load(context, file, &lora));
        use.lora = lora;
        OK(fpga_model_with_loras(model, &use, 1, &changed));
        fpga_lora_free(lora);
        fpga_model_free(model);
        model = changed;
    } else if (strcmp(kind, "people") == 0) {
        CHECK(file != NULL && count <= 16);
        OK(fpga_adapter_load(model, file, NULL, &adapter));
        for (unsigned index = 0; index < count; index++) {
            people[index] = person_of(adapter, index, count, size);
        }
        params.people = people;
        params.num_people = count;
        params.count = 1;
    } else if (file != NULL) {
        OK(fpga_controlnet_load(context, file, FPGA_STORAGE_F16, &net));
        control.controlnet = net;
        control.condition = &picture;
        params.controls = &control;
        params.num_controls = 1;
    }
    const struct held added = held_by(context);
    if (strcmp(kind, "restore") == 0) {
        job = restoration(model, &picture, NULL);
    } else if (strcmp(kind, "search") == 0) {
        own.detect = detect;
        own.userdata = &count;
        OK(fpga_face_detector_new(&own, &detector));
        search.detector = detector;
        search.most = count;
        job = restoration(model, &picture, &search);
    } else {
        params.picture = strcmp(kind, "picture") == 0 ? &picture : NULL;
        OK(fpga_job_new_generate(model, &params, &job));
    }
    OK(fpga_job_estimate_memory(job, &needed));
    const uint64_t before = status_of("VmRSS");
    forget_peak();
    OK(fpga_job_run(job));
    const uint64_t peak = status_of("VmHWM") - before;
    printf("{\"kind\":\"%s\",\"size\":%u,\"count\":%u,\"file\":%d,\"weights_said\":%llu,"
           "\"weights_taken\":%llu,\"load_peak\":%llu,\"added_said\":%lld,\"added_taken\":%lld,"
           "\"job_said\":%llu,\"job_taken\":%llu}\n",
           kind, size, count, file != NULL, (unsigned long long)weights,
           (unsigned long long)(plain.taken - empty), (unsigned long long)load_peak,
           (long long)(added.said - plain.said), (long long)(added.taken - plain.taken),
           (unsigned long long)needed, (unsigned long long)peak);
    fpga_job_free(job);
    fpga_controlnet_free(net);
    fpga_adapter_free(adapter);
    fpga_face_detector_free(detector);
    fpga_model_free(model);
    fpga_context_free(context);
    free(pixels);
    return 0;
}
