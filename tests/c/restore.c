/*
 * The main job, as a program of its own would do it.
 *
 *   restore MODEL SIZE [IN.rgb WIDTH HEIGHT LEFT TOP RIGHT BOTTOM OUT.rgb]
 *
 * MODEL is a folder or a file, SIZE what the model sees (512 for Stable Diffusion 1). IN.rgb is raw RGB;
 * without it a drawn face is restored. Prints the report.
 */
#include "check.h"

struct seen {
    unsigned calls;
    uint32_t last_phase;
};

static int32_t on_progress(void *userdata, const fpga_progress *progress)
{
    struct seen *seen = userdata;
    CHECK(progress->struct_size >= sizeof *progress);
    CHECK(progress->step <= progress->steps);
    CHECK(progress->phase >= seen->last_phase || progress->phase == FPGA_PHASE_ENCODE);
    CHECK(progress->has_face == (progress->phase != FPGA_PHASE_TEXT));
    seen->calls++;
    seen->last_phase = progress->phase;
    return 0;
}

static uint8_t *read_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size);
    CHECK(file != NULL && bytes != NULL);
    CHECK(fread(bytes, 1, size, file) == size);
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static char *report_of(const fpga_restoration *restoration)
{
    size_t needed = 0;
    OK(fpga_restoration_report_json(restoration, NULL, 0, &needed));
    char *text = malloc(needed);
    CHECK(text != NULL);
    OK(fpga_restoration_report_json(restoration, text, needed, NULL));
    CHECK(strlen(text) + 1 == needed);
    return text;
}

static void print_reports(const fpga_restoration *restoration)
{
    size_t num_faces = 0;
    uint64_t changed = 1, seed = 0;
    OK(fpga_restoration_num_faces(restoration, &num_faces));
    OK(fpga_restoration_changed_outside_mask(restoration, &changed));
    OK(fpga_restoration_seed(restoration, &seed));
    CHECK(changed == 0);
    for (size_t index = 0; index < num_faces; index++) {
        fpga_face_report face;
        char verdict[256];
        OK(fpga_restoration_face_report(restoration, index, &face, sizeof face));
        OK(fpga_restoration_face_verdict(restoration, index, verdict, sizeof verdict, NULL));
        CHECK((face.verdict == FPGA_VERDICT_ACCEPTED) == (strcmp(verdict, "accepted") == 0));
        CHECK(face.seed == seed + index);
        fprintf(stderr, "face %u: %s, %u steps, %.1f dB round trip\n", (unsigned)index, verdict,
                (unsigned)face.steps, face.round_trip_psnr);
    }
    char *report = report_of(restoration);
    puts(report);
    free(report);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 11) {
        fprintf(stderr,
                "usage: restore MODEL SIZE [IN.rgb WIDTH HEIGHT LEFT TOP RIGHT BOTTOM OUT.rgb]\n");
        return 2;
    }
    CHECK(FPGA_CHECK_ABI());

    fpga_context *context = NULL;
    fpga_model *model = NULL;
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    fpga_context_free(context); /* the model keeps what it needs */

    fpga_image_view picture = FPGA_IMAGE_VIEW_INIT;
    fpga_face face = FPGA_FACE_INIT;
    uint8_t drawn[FACE_BYTES], *pixels = NULL;
    if (argc == 11) {
        picture.width = (uint32_t)atoi(argv[4]);
        picture.height = (uint32_t)atoi(argv[5]);
        picture.stride = 3 * (size_t)picture.width;
        pixels = read_file(argv[3], picture.stride * picture.height);
        picture.pixels = pixels;
        for (int edge = 0; edge < 4; edge++) {
            face.box[edge] = (float)atof(argv[6 + edge]);
        }
    } else {
        draw_face(drawn);
        picture = view_face(drawn);
        face = the_face();
    }

    fpga_restore_params params = short_job();
    params.model_size = (uint32_t)atoi(argv[2]);
    struct seen seen = {0, 0};
    fpga_job *job = NULL;
    OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    fpga_model_free(model); /* the job keeps what it needs */
    OK(fpga_job_set_progress_callback(job, on_progress, &seen));
    OK(fpga_job_run(job));
    CHECK(seen.calls > 2 * 3 && seen.last_phase == FPGA_PHASE_DECODE);

    fpga_restoration *restoration = NULL;
    OK(fpga_job_take_restoration(job, &restoration));
    fpga_job_free(job);

    uint32_t width = 0, height = 0;
    OK(fpga_restoration_size(restoration, &width, &height));
    CHECK(width == picture.width && height == picture.height);
    size_t size = picture.stride * (height - 1) + 3 * (size_t)width;
    uint8_t *restored = malloc(size);
    CHECK(restored != NULL);
    memcpy(restored, picture.pixels, size);
    OK(fpga_restoration_copy_picture(restoration, restored, picture.stride, size));
    CHECK(memcmp(restored, picture.pixels, size) != 0);
    print_reports(restoration);
    if (argc == 11) {
        write_file(argv[10], restored, size);
    }

    free(restored);
    free(pixels);
    fpga_restoration_free(restoration);
    return 0;
}
