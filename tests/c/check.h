/* What the C tests share. */
#ifndef CHECK_H
#define CHECK_H

#include <fpga.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with the place and the library's own words unless the condition holds. */
#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            char text[512] = "";                                                            \
            fpga_last_error_message(text, sizeof text, NULL);                               \
            fprintf(stderr, "%s:%d: %s\nlast error: %s\n", __FILE__, __LINE__, #condition,  \
                    text);                                                                  \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

#define OK(call) CHECK((call) == FPGA_STATUS_OK)

/* Whether the last failure of this thread says `words`. */
static inline int last_error_says(const char *words)
{
    char text[2048];
    OK(fpga_last_error_message(text, sizeof text, NULL));
    return strstr(text, words) != NULL;
}

/* A picture of a gradient with one simple face, in rows that are longer than they need to be. */
#define FACE_WIDTH 91
#define FACE_HEIGHT 77
#define FACE_STRIDE (3 * FACE_WIDTH + 7)
#define FACE_BYTES (FACE_STRIDE * (FACE_HEIGHT - 1) + 3 * FACE_WIDTH)

static inline void draw_face(uint8_t *pixels)
{
    memset(pixels, 0xEE, FACE_BYTES);
    for (int y = 0; y < FACE_HEIGHT; y++) {
        for (int x = 0; x < FACE_WIDTH; x++) {
            uint8_t *pixel = pixels + y * FACE_STRIDE + 3 * x;
            int dx = x - 45, dy = y - 38;
            int skin = dx * dx + dy * dy * 3 / 4 < 16 * 16;
            int dark = skin && dy > -8 && dy < -3 && (abs(dx + 6) < 3 || abs(dx - 6) < 3);
            pixel[0] = (uint8_t)(dark ? 40 : skin ? 205 : 2 * x);
            pixel[1] = (uint8_t)(dark ? 30 : skin ? 160 : 3 * y);
            pixel[2] = (uint8_t)(dark ? 30 : skin ? 140 : 120);
        }
    }
}

static inline fpga_image_view view_face(const uint8_t *pixels)
{
    fpga_image_view view = FPGA_IMAGE_VIEW_INIT;
    view.pixels = pixels;
    view.stride = FACE_STRIDE;
    view.width = FACE_WIDTH;
    view.height = FACE_HEIGHT;
    return view;
}

static inline fpga_face the_face(void)
{
    const float box[4] = {29, 18, 61, 58};
    const float landmarks[10] = {39, 33, 51, 33, 45, 39, 40, 46, 50, 46};
    fpga_face face = FPGA_FACE_INIT;
    memcpy(face.box, box, sizeof box);
    memcpy(face.landmarks, landmarks, sizeof landmarks);
    face.has_landmarks = 1;
    return face;
}

/* A short job for a tiny model whose results no gate would let through. */
static inline fpga_restore_params short_job(void)
{
    fpga_restore_params params = FPGA_RESTORE_PARAMS_INIT;
    params.prompt = "a face";
    params.steps = 5;
    params.model_size = 32;
    params.max_seam_delta_e = 1e9;
    params.min_sharpness_gain = 0;
    params.seed = 7;
    params.has_seed = 1;
    params.variation = 0.5;
    return params;
}

#endif
