/*
 * Many threads at once: jobs side by side give the bytes that they give alone, a cancel from another
 * thread arrives, and every thread has its own error text.
 *
 *   threads MODEL
 */
#include "check.h"
#include <pthread.h>

#define JOBS 4

struct task {
    const fpga_model *model;
    const uint8_t *pixels;
    uint64_t seed;
    uint8_t result[FACE_BYTES];
};

static void *restore(void *argument)
{
    struct task *task = argument;
    const fpga_image_view picture = view_face(task->pixels);
    const fpga_face face = the_face();
    fpga_restore_params params = short_job();
    fpga_job *job = NULL;
    fpga_restoration *restoration = NULL;
    params.seed = task->seed;
    OK(fpga_job_new_restore(task->model, &picture, &face, 1, &params, &job));
    OK(fpga_job_run(job));
    OK(fpga_job_take_restoration(job, &restoration));
    memset(task->result, 0, FACE_BYTES);
    OK(fpga_restoration_copy_picture(restoration, task->result, FACE_STRIDE, FACE_BYTES));
    fpga_restoration_free(restoration);
    fpga_job_free(job);
    return NULL;
}

static void jobs_side_by_side_equal_jobs_alone(const fpga_model *model, const uint8_t *pixels)
{
    static struct task alone[JOBS], together[JOBS];
    pthread_t threads[JOBS];
    for (int index = 0; index < JOBS; index++) {
        alone[index].model = together[index].model = model;
        alone[index].pixels = together[index].pixels = pixels;
        alone[index].seed = together[index].seed = 100 + (uint64_t)index;
        restore(&alone[index]);
    }
    for (int index = 0; index < JOBS; index++) {
        CHECK(pthread_create(&threads[index], NULL, restore, &together[index]) == 0);
    }
    for (int index = 0; index < JOBS; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
        CHECK(memcmp(alone[index].result, together[index].result, FACE_BYTES) == 0);
    }
    CHECK(memcmp(alone[0].result, alone[1].result, FACE_BYTES) != 0);
}

/* Lets the other thread cancel, and waits until it has. */
struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int running, cancelled;
    fpga_cancel_token *token;
};

static int32_t on_progress(void *userdata, const fpga_progress *progress)
{
    struct meeting *meeting = userdata;
    (void)progress;
    CHECK(pthread_mutex_lock(&meeting->lock) == 0);
    CHECK(!meeting->cancelled);
    meeting->running = 1;
    pthread_cond_broadcast(&meeting->changed);
    while (!meeting->cancelled) {
        pthread_cond_wait(&meeting->changed, &meeting->lock);
    }
    pthread_mutex_unlock(&meeting->lock);
    return 0;
}

static void *cancel(void *argument)
{
    struct meeting *meeting = argument;
    char text[8] = "x";
    OK(fpga_last_error_message(text, sizeof text, NULL));
    CHECK(text[0] == 0); /* whatever the main thread did wrong */
    CHECK(pthread_mutex_lock(&meeting->lock) == 0);
    while (!meeting->running) {
        pthread_cond_wait(&meeting->changed, &meeting->lock);
    }
    OK(fpga_cancel_token_cancel(meeting->token));
    meeting->cancelled = 1;
    pthread_cond_broadcast(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
    return NULL;
}

static void a_cancel_from_another_thread_arrives(const fpga_model *model, const uint8_t *pixels)
{
    struct meeting meeting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, NULL};
    const fpga_image_view picture = view_face(pixels);
    const fpga_face face = the_face();
    const fpga_restore_params params = short_job();
    fpga_job *job = NULL;
    pthread_t canceller;
    CHECK(fpga_job_run(NULL) == FPGA_STATUS_NULL_POINTER);
    OK(fpga_cancel_token_new(&meeting.token));
    OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    OK(fpga_job_set_cancel_token(job, meeting.token));
    OK(fpga_job_set_progress_callback(job, on_progress, &meeting));
    CHECK(pthread_create(&canceller, NULL, cancel, &meeting) == 0);
    CHECK(fpga_job_run(job) == FPGA_STATUS_CANCELLED);
    CHECK(pthread_join(canceller, NULL) == 0);
    fpga_job_free(job);
    fpga_cancel_token_free(meeting.token);
}

int main(int argc, char **argv)
{
    static uint8_t pixels[FACE_BYTES];
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    CHECK(argc == 2);
    draw_face(pixels);
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    jobs_side_by_side_equal_jobs_alone(model, pixels);
    a_cancel_from_another_thread_arrives(model, pixels);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
