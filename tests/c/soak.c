/*
 * Many jobs and many cancels, and the memory that they leave behind.
 *
 *   soak MODEL JOBS CANCELS
 *
 * Prints what it measured, as JSON. Linux: memory is read from /proc.
 */
#include "check.h"
#include <pthread.h>
#include <time.h>

/* Resident bytes of this process. */
static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1 && fclose(file) == 0);
    return pages * 4096;
}

static int32_t detect(void *userdata, const fpga_image_view *picture, fpga_detections *faces)
{
    const fpga_face known = the_face();
    fpga_detection face = FPGA_DETECTION_INIT;
    (void)userdata;
    (void)picture;
    memcpy(face.box, known.box, sizeof face.box);
    memcpy(face.landmarks, known.landmarks, sizeof face.landmarks);
    face.has_landmarks = 1;
    return fpga_detections_add(faces, &face) == FPGA_STATUS_OK ? 0 : 1;
}

static int32_t embed(void *userdata, const fpga_image_view *picture, const float *landmarks,
                     float *embedding)
{
    (void)userdata;
    (void)picture;
    (void)landmarks;
    embedding[0] = 1;
    embedding[1] = 2;
    return 0;
}

/* A restoration that finds its face with networks that nobody but the job holds any more. */
static fpga_job *searching_job(const fpga_model *model, const fpga_image_view *picture)
{
    const float values[2] = {1, 2};
    fpga_own_detector eyes = FPGA_OWN_DETECTOR_INIT;
    fpga_own_embedder memory = FPGA_OWN_EMBEDDER_INIT;
    fpga_face_detector *detector = NULL;
    fpga_face_embedder *embedder = NULL;
    fpga_sought_person person = FPGA_SOUGHT_PERSON_INIT;
    fpga_search search = FPGA_SEARCH_INIT;
    fpga_restore_params params = short_job();
    fpga_job *job = NULL;
    eyes.detect = detect;
    memory.embed = embed;
    memory.embedding_length = 2;
    OK(fpga_face_detector_new(&eyes, &detector));
    OK(fpga_face_embedder_new(&memory, &embedder));
    person.embedding = values;
    person.embedding_length = 2;
    search.detector = detector;
    search.embedder = embedder;
    search.people = &person;
    search.num_people = 1;
    params.search = &search;
    OK(fpga_job_new_restore(model, picture, NULL, 0, &params, &job));
    fpga_face_detector_free(detector);
    fpga_face_embedder_free(embedder);
    return job;
}

static fpga_job *new_job(const fpga_model *model, const uint8_t *pixels, unsigned index)
{
    fpga_job *job = NULL;
    if (index % 4 == 0) {
        const fpga_image_view picture = view_face(pixels);
        return searching_job(model, &picture);
    }
    if (index % 2 == 0) {
        const fpga_image_view picture = view_face(pixels);
        const fpga_face face = the_face();
        fpga_restore_params params = short_job();
        params.seed = index;
        OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    } else {
        fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
        params.prompt = "a cat";
        params.width = 24;
        params.height = 16;
        params.steps = 4;
        params.has_seed = 1;
        params.seed = index;
        OK(fpga_job_new_generate(model, &params, &job));
    }
    return job;
}

/* Resident bytes when a fifth of `count` jobs were done, and at the end. */
static void many_jobs(const fpga_model *model, const uint8_t *pixels, unsigned count, long seen[2])
{
    for (unsigned index = 0; index < count; index++) {
        fpga_job *job = new_job(model, pixels, index);
        OK(fpga_job_run(job));
        fpga_restoration *restoration = NULL;
        fpga_generation *generation = NULL;
        if (index % 2 == 0) {
            OK(fpga_job_take_restoration(job, &restoration));
        } else {
            OK(fpga_job_take_generation(job, &generation));
        }
        fpga_restoration_free(restoration);
        fpga_generation_free(generation);
        fpga_job_free(job);
        if (index == count / 5) {
            seen[0] = resident();
        }
    }
    seen[1] = resident();
}

struct canceller {
    fpga_cancel_token *token;
    long nanoseconds;
};

static void *cancel_after(void *argument)
{
    struct canceller *canceller = argument;
    struct timespec pause = {0, canceller->nanoseconds};
    nanosleep(&pause, NULL);
    OK(fpga_cancel_token_cancel(canceller->token));
    return NULL;
}

static double seconds_now(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Cancels from another thread after a random time within that of a whole job. Returns how many were in
 * time. */
static unsigned many_cancels(const fpga_model *model, const uint8_t *pixels, unsigned count,
                             long seen[2])
{
    const double start = seconds_now();
    for (unsigned index = 0; index < 10; index++) {
        fpga_job *job = new_job(model, pixels, index);
        OK(fpga_job_run(job));
        fpga_job_free(job);
    }
    const double span = (seconds_now() - start) / 10;
    uint32_t random = 12345;
    unsigned in_time = 0;
    for (unsigned index = 0; index < count; index++) {
        struct canceller canceller = {NULL, 0};
        pthread_t thread;
        uint32_t state = 0;
        random = random * 1664525u + 1013904223u;
        canceller.nanoseconds = (long)(span * 1e9 * (random >> 8) / (double)(1 << 24));
        canceller.nanoseconds = canceller.nanoseconds % 1000000000;
        OK(fpga_cancel_token_new(&canceller.token));
        fpga_job *job = new_job(model, pixels, index);
        OK(fpga_job_set_cancel_token(job, canceller.token));
        CHECK(pthread_create(&thread, NULL, cancel_after, &canceller) == 0);
        const fpga_status status = fpga_job_run(job);
        CHECK(status == FPGA_STATUS_OK || status == FPGA_STATUS_CANCELLED);
        OK(fpga_job_get_state(job, &state));
        CHECK(state == (status == FPGA_STATUS_OK ? FPGA_JOB_STATE_DONE : FPGA_JOB_STATE_CANCELLED));
        in_time += status == FPGA_STATUS_CANCELLED;
        CHECK(pthread_join(thread, NULL) == 0);
        fpga_job_free(job);
        fpga_cancel_token_free(canceller.token);
        if (index == count / 5) {
            seen[0] = resident();
        }
    }
    seen[1] = resident();
    return in_time;
}

int main(int argc, char **argv)
{
    static uint8_t pixels[FACE_BYTES];
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    uint64_t before = 0, after = 0;
    long jobs[2] = {0, 0}, cancels[2] = {0, 0};
    CHECK(argc == 4);
    draw_face(pixels);
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    OK(fpga_context_memory_in_use(context, &before));
    const unsigned num_jobs = (unsigned)atoi(argv[2]), num_cancels = (unsigned)atoi(argv[3]);
    many_jobs(model, pixels, num_jobs, jobs);
    const unsigned in_time = many_cancels(model, pixels, num_cancels, cancels);
    OK(fpga_context_memory_in_use(context, &after));
    CHECK(before == after);
    fpga_model_free(model);
    OK(fpga_context_memory_in_use(context, &after));
    CHECK(after == 0);
    fpga_context_free(context);
    printf("{\"jobs\":%u,\"jobs_early\":%ld,\"jobs_end\":%ld,\"cancels\":%u,\"in_time\":%u,"
           "\"cancels_early\":%ld,\"cancels_end\":%ld}\n",
           num_jobs, jobs[0], jobs[1], num_cancels, in_time, cancels[0], cancels[1]);
    return 0;
}
