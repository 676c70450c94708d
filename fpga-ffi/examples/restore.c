/* Restores a face of a PPM picture: restore MODEL IN.ppm LEFT TOP RIGHT BOTTOM OUT.ppm [SIZE]
   SIZE is what the model sees: 512 for Stable Diffusion 1. Ctrl-C cancels. */
#include <fpga.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static fpga_cancel_token *token;

static void on_signal(int number)
{
    (void)number;
    fpga_cancel_token_cancel(token); /* safe in a signal handler */
}

static int32_t on_progress(void *userdata, const fpga_progress *progress)
{
    (void)userdata;
    fprintf(stderr, "\rphase %u: %u of %u ", progress->phase, progress->step, progress->steps);
    return 0; /* anything else cancels this job */
}

static void try(const char *what, fpga_status status)
{
    char message[1024] = "";
    if (status == FPGA_STATUS_OK) return;
    fpga_last_error_message(message, sizeof message, NULL);
    fprintf(stderr, "\n%s: %s: %s\n", what, fpga_status_name(status), message);
    exit(status == FPGA_STATUS_CANCELLED ? 130 : 1);
}

int main(int argc, char **argv)
{
    if (argc < 8) { fprintf(stderr, "restore MODEL IN LEFT TOP RIGHT BOTTOM OUT [SIZE]\n"); return 2; }
    fpga_image_view picture = FPGA_IMAGE_VIEW_INIT;
    FILE *in = fopen(argv[2], "rb");
    if (!in || fscanf(in, "P6 %u %u 255%*c", &picture.width, &picture.height) != 2) { perror(argv[2]); return 1; }
    picture.stride = 3 * (size_t)picture.width;
    const size_t size = picture.stride * picture.height;
    uint8_t *pixels = malloc(size);
    if (!pixels || fread(pixels, 1, size, in) != size) { perror(argv[2]); return 1; }
    picture.pixels = pixels;
    fpga_face face = FPGA_FACE_INIT;
    for (int edge = 0; edge < 4; edge++) face.box[edge] = (float)atof(argv[3 + edge]);
    fpga_restore_params params = FPGA_RESTORE_PARAMS_INIT;
    params.prompt = "a sharp photo of a face";
    if (argc > 8) params.model_size = (uint32_t)atoi(argv[8]);

    fpga_context *context; fpga_model *model; fpga_job *job; fpga_restoration *result;
    try("context", fpga_context_new(NULL, &context));
    try("model", fpga_model_load(context, argv[1], NULL, &model));
    try("job", fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    try("token", fpga_cancel_token_new(&token));
    try("token", fpga_job_set_cancel_token(job, token));
    try("progress", fpga_job_set_progress_callback(job, on_progress, NULL));
    signal(SIGINT, on_signal);
    try("restoration", fpga_job_run(job));
    try("result", fpga_job_take_restoration(job, &result));
    try("picture", fpga_restoration_copy_picture(result, pixels, picture.stride, size));
    FILE *out = fopen(argv[7], "wb");
    if (!out || fprintf(out, "P6 %u %u 255\n", picture.width, picture.height) < 0 ||
        fwrite(pixels, 1, size, out) != size || fclose(out)) { perror(argv[7]); return 1; }
    fpga_restoration_free(result); fpga_cancel_token_free(token);
    fpga_job_free(job); fpga_model_free(model); fpga_context_free(context); free(pixels);
    return 0;
}
