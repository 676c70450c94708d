/*
 * Face networks from files and of the caller's, restorations that find their faces, and who is whose.
 *
 *   faces MODEL ADAPTER CONTROLNET ARCFACE BISENET ONNX_FOLDER
 */
#include "check.h"
#include <math.h>
#include <pthread.h>
#include <time.h>

#define EMBEDDING 6

static const float BOX[4] = {29, 18, 61, 58};
static const float POINTS[10] = {39, 33, 51, 33, 45, 39, 40, 46, 50, 46};
static const float ADA[EMBEDDING] = {4, 1, -2, 0.5f, 3, -1};
static const float BEN[EMBEDDING] = {-4, 1, 2, 0.5f, -3, 1};

/* What the callbacks are given. */
struct seen {
    unsigned calls;
    int fails;
    int broken;
};

/* The face of check.h, somebody at the left without landmarks, and somebody tiny. */
static int32_t detect(void *userdata, const fpga_image_view *picture, fpga_detections *faces)
{
    struct seen *seen = userdata;
    fpga_detection face = FPGA_DETECTION_INIT;
    seen->calls++;
    CHECK(picture->width == FACE_WIDTH && picture->height == FACE_HEIGHT);
    CHECK(picture->format == FPGA_PIXEL_FORMAT_RGB8 && picture->stride >= 3 * FACE_WIDTH);
    if (seen->fails) {
        return seen->fails;
    }
    const float left[4] = {2, 2, 20, 22}, tiny[4] = {70, 60, 74, 65};
    memcpy(face.box, left, sizeof left);
    face.score = 0.8f;
    OK(fpga_detections_add(faces, &face));
    memcpy(face.box, tiny, sizeof tiny);
    face.score = 0.95f;
    OK(fpga_detections_add(faces, &face));
    memcpy(face.box, BOX, sizeof BOX);
    memcpy(face.landmarks, POINTS, sizeof POINTS);
    face.score = 0.9f;
    face.has_landmarks = 1;
    if (seen->broken) {
        face.score = 2;
        return fpga_detections_add(faces, &face) == FPGA_STATUS_OK ? 0 : 7;
    }
    OK(fpga_detections_add(faces, &face));
    size_t count = 0;
    OK(fpga_detections_count(faces, &count));
    CHECK(count == 3);
    return 0;
}

static int32_t embed(void *userdata, const fpga_image_view *picture, const float *landmarks,
                     float *embedding)
{
    struct seen *seen = userdata;
    seen->calls++;
    if (landmarks == NULL) {
        CHECK(picture->width == 96 && picture->height == 96);
    } else {
        CHECK(picture->width == FACE_WIDTH);
        CHECK(memcmp(landmarks, POINTS, sizeof POINTS) == 0);
    }
    memcpy(embedding, ADA, sizeof ADA);
    if (seen->broken) {
        embedding[0] = NAN;
    }
    return seen->fails;
}

static int32_t parse(void *userdata, const fpga_image_view *portrait, uint8_t *labels)
{
    struct seen *seen = userdata;
    for (uint32_t index = 0; index < portrait->width * portrait->height; index++) {
        labels[index] = (uint8_t)(index % 19);
    }
    if (seen->broken) {
        labels[5] = 19;
    }
    return seen->fails;
}

static int32_t find(void *userdata, const fpga_image_view *picture, const float *box, float *points)
{
    struct seen *seen = userdata;
    CHECK(picture->width == FACE_WIDTH && memcmp(box, BOX, sizeof BOX) == 0);
    for (int index = 0; index < 136; index++) {
        points[index] = (float)index;
    }
    return seen->fails;
}

static fpga_face_detector *own_detector(struct seen *seen)
{
    fpga_own_detector own = FPGA_OWN_DETECTOR_INIT;
    fpga_face_detector *detector = NULL;
    own.detect = detect;
    own.userdata = seen;
    OK(fpga_face_detector_new(&own, &detector));
    return detector;
}

static fpga_face_embedder *own_embedder(struct seen *seen, uint32_t aligned_size)
{
    fpga_own_embedder own = FPGA_OWN_EMBEDDER_INIT;
    fpga_face_embedder *embedder = NULL;
    own.embed = embed;
    own.userdata = seen;
    own.embedding_length = EMBEDDING;
    own.aligned_size = aligned_size;
    OK(fpga_face_embedder_new(&own, &embedder));
    return embedder;
}

static uint64_t in_use(const fpga_context *context)
{
    uint64_t bytes = 0;
    OK(fpga_context_memory_in_use(context, &bytes));
    return bytes;
}

/* Whether an ONNX network is there; a library without them must say how to have them. */
static int has_onnx(fpga_status status)
{
    if (status == FPGA_STATUS_UNSUPPORTED) {
        CHECK(last_error_says("--features onnx"));
        return 0;
    }
    CHECK(status == FPGA_STATUS_OK);
    return 1;
}

static void detectors(const fpga_context *context, const fpga_image_view *picture,
                      const char *folder)
{
    struct seen seen = {0, 0, 0};
    fpga_face_detector *detector = own_detector(&seen);
    fpga_detections *found = NULL;
    fpga_detection face = FPGA_DETECTION_INIT;
    size_t count = 0;
    char path[1024];
    OK(fpga_face_detector_detect(detector, picture, &found));
    OK(fpga_detections_count(found, &count));
    CHECK(count == 3 && seen.calls == 1);
    OK(fpga_detections_get(found, 1, &face, sizeof face));
    CHECK(face.score == 0.9f && face.has_landmarks == 1 && memcmp(face.box, BOX, sizeof BOX) == 0);
    CHECK(memcmp(face.landmarks, POINTS, sizeof POINTS) == 0 && face.struct_size == sizeof face);
    OK(fpga_detections_get(found, 0, &face, sizeof face));
    CHECK(face.score == 0.95f && face.has_landmarks == 0);
    CHECK(fpga_detections_get(found, 3, &face, sizeof face) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("3 of 3 faces"));
    CHECK(fpga_detections_add(found, &face) == FPGA_STATUS_INVALID_STATE);
    fpga_detections_free(found);

    seen.fails = 42;
    CHECK(fpga_face_detector_detect(detector, picture, &found) == FPGA_STATUS_CALLBACK);
    CHECK(found == NULL && last_error_says("the caller's callback failed: it returned 42"));
    seen.fails = 0;
    seen.broken = 1;
    CHECK(fpga_face_detector_detect(detector, picture, &found) == FPGA_STATUS_CALLBACK);
    CHECK(last_error_says("it returned 7"));
    fpga_face_detector_free(detector);
    fpga_face_detector_free(NULL);
    fpga_own_detector own = FPGA_OWN_DETECTOR_INIT;
    CHECK(fpga_face_detector_new(&own, &detector) == FPGA_STATUS_NULL_POINTER && detector == NULL);
    CHECK(last_error_says("fpga_own_detector.detect"));

    snprintf(path, sizeof path, "%s/scrfd.onnx", folder);
    fpga_detector_params params = FPGA_DETECTOR_PARAMS_INIT;
    params.width = 128;
    params.height = 96;
    params.min_score = 0.1f;
    const uint64_t before = in_use(context);
    if (has_onnx(fpga_face_detector_load(context, path, &params, &detector))) {
        CHECK(in_use(context) > before);
        OK(fpga_face_detector_detect(detector, picture, &found));
        OK(fpga_detections_count(found, &count));
        CHECK(count > 0);
        OK(fpga_detections_get(found, 0, &face, sizeof face));
        CHECK(face.score >= 0.1f && face.has_landmarks == 1);
        fpga_detections_free(found);
        fpga_face_detector_free(detector);
        CHECK(in_use(context) == before);
        params.min_score = 2;
        CHECK(fpga_face_detector_load(context, path, &params, &detector) ==
              FPGA_STATUS_INVALID_ARGUMENT);
        CHECK(fpga_face_detector_load(context, "/no/such.onnx", NULL, &detector) == FPGA_STATUS_IO);
        CHECK(detector == NULL);
    }
}

static void embedders(const fpga_context *context, const fpga_image_view *picture, const char *arcface,
                      const char *folder)
{
    struct seen seen = {0, 0, 0};
    fpga_face_embedder *embedder = own_embedder(&seen, 0);
    float values[64] = {0}, other[64] = {0};
    size_t needed = 0;
    double cosine = 0;
    char path[1024];
    OK(fpga_face_embedder_embed(embedder, picture, POINTS, NULL, 0, &needed));
    CHECK(needed == EMBEDDING);
    CHECK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 5, &needed) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(values[0] == 0);
    OK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, NULL));
    CHECK(memcmp(values, ADA, sizeof ADA) == 0);
    OK(fpga_embedding_cosine(ADA, values, EMBEDDING, &cosine));
    CHECK(cosine > 0.9999);
    OK(fpga_embedding_cosine(ADA, BEN, EMBEDDING, &cosine));
    CHECK(cosine < 0);
    CHECK(fpga_embedding_cosine(ADA, other, EMBEDDING, &cosine) == FPGA_STATUS_INVALID_ARGUMENT);
    seen.fails = -1;
    CHECK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, NULL) ==
          FPGA_STATUS_CALLBACK);
    seen.fails = 0;
    seen.broken = 1;
    CHECK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, NULL) ==
          FPGA_STATUS_NOT_FINITE);
    CHECK(last_error_says("face embedder"));
    fpga_face_embedder_free(embedder);
    seen.broken = 0;
    embedder = own_embedder(&seen, 96);
    OK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, NULL));
    fpga_face_embedder_free(embedder);
    fpga_face_embedder_free(NULL);
    fpga_own_embedder own = FPGA_OWN_EMBEDDER_INIT;
    CHECK(fpga_face_embedder_new(&own, &embedder) == FPGA_STATUS_NULL_POINTER && embedder == NULL);
    own.embed = embed;
    own.embedding_length = 0;
    CHECK(fpga_face_embedder_new(&own, &embedder) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("fpga_own_embedder.embedding_length"));
    own.embedding_length = 6;
    own.aligned_size = 5000;
    CHECK(fpga_face_embedder_new(&own, &embedder) == FPGA_STATUS_INVALID_ARGUMENT);

    const uint64_t before = in_use(context);
    OK(fpga_face_embedder_load(context, arcface, FPGA_STORAGE_AS_STORED, &embedder));
    CHECK(in_use(context) > before);
    OK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, &needed));
    CHECK(needed == 16 && values[0] != 0);
    fpga_face_embedder_free(embedder);
    CHECK(in_use(context) == before);
    CHECK(fpga_face_embedder_load(context, arcface, 9, &embedder) == FPGA_STATUS_INVALID_ARGUMENT);
    snprintf(path, sizeof path, "%s/arcface.onnx", folder);
    if (has_onnx(fpga_face_embedder_load(context, path, FPGA_STORAGE_AS_STORED, &embedder))) {
        OK(fpga_face_embedder_embed(embedder, picture, POINTS, values, 64, &needed));
        fpga_face_embedder_free(embedder);
    }
}

static void parsers(const fpga_context *context, const fpga_image_view *picture, const char *bisenet,
                    const char *folder)
{
    enum { STRIDE = FACE_WIDTH + 3, SIZE = STRIDE * (FACE_HEIGHT - 1) + FACE_WIDTH };
    static uint8_t labels[SIZE];
    struct seen seen = {0, 0, 0};
    fpga_own_parser own = FPGA_OWN_PARSER_INIT;
    fpga_face_parser *parser = NULL;
    char path[1024];
    CHECK(fpga_face_parser_new(&own, &parser) == FPGA_STATUS_NULL_POINTER && parser == NULL);
    own.parse = parse;
    own.userdata = &seen;
    OK(fpga_face_parser_new(&own, &parser));
    memset(labels, 0xEE, sizeof labels);
    OK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE));
    CHECK(labels[18] == 18 && labels[STRIDE] == FACE_WIDTH % 19 && labels[FACE_WIDTH] == 0xEE);
    CHECK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE - 1) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(fpga_face_parser_parse(parser, picture, labels, FACE_WIDTH - 1, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    seen.broken = 1;
    CHECK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("labels go from 0 to 18, found 19"));
    seen.fails = 3;
    CHECK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE) == FPGA_STATUS_CALLBACK);
    fpga_face_parser_free(parser);
    fpga_face_parser_free(NULL);

    const uint64_t before = in_use(context);
    OK(fpga_face_parser_load(context, bisenet, FPGA_STORAGE_AS_STORED, &parser));
    CHECK(in_use(context) > before);
    OK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE));
    for (int index = 0; index < FACE_WIDTH; index++) {
        CHECK(labels[index] < 19);
    }
    fpga_face_parser_free(parser);
    CHECK(fpga_face_parser_load(context, "/no/such", FPGA_STORAGE_F32, &parser) == FPGA_STATUS_IO);
    snprintf(path, sizeof path, "%s/parsing.onnx", folder);
    if (has_onnx(fpga_face_parser_load(context, path, FPGA_STORAGE_AS_STORED, &parser))) {
        OK(fpga_face_parser_parse(parser, picture, labels, STRIDE, SIZE));
        fpga_face_parser_free(parser);
    }
}

/* Two bodies, one of them whole; then what no body is. */
static int32_t estimate(void *userdata, const fpga_image_view *picture, fpga_poses *poses)
{
    struct seen *seen = userdata;
    float points[402];
    size_t count = 9;
    CHECK(picture->width == FACE_WIDTH && picture->format == FPGA_PIXEL_FORMAT_RGB8);
    for (int index = 0; index < 402; index++) {
        points[index] = index % 3 == 2 ? 1 : (float)index / 8;
    }
    seen->calls++;
    OK(fpga_poses_add(poses, points, 18));
    OK(fpga_poses_add(poses, points, 133));
    CHECK(fpga_poses_add(poses, points, 17) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("num_points: needs 18, 133 or 134, found 17"));
    CHECK(fpga_poses_add(poses, points, SIZE_MAX) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_poses_add(poses, NULL, 18) == FPGA_STATUS_NULL_POINTER);
    points[7] = NAN;
    CHECK(fpga_poses_add(poses, points, 18) == FPGA_STATUS_NOT_FINITE);
    CHECK(last_error_says("points: number 7 is NaN"));
    OK(fpga_poses_count(poses, &count));
    CHECK(count == 2);
    return seen->fails;
}

/* A skeleton that a callback found is one that people stand by and that is drawn. */
static void own_poses(const fpga_image_view *picture)
{
    struct seen seen = {0, 0, 0};
    fpga_own_pose_estimator own = FPGA_OWN_POSE_ESTIMATOR_INIT;
    fpga_pose_estimator *estimator = (fpga_pose_estimator *)(uintptr_t)0x10;
    fpga_poses *poses = (fpga_poses *)(uintptr_t)0x10;
    float points[402], whole[402];
    size_t needed = 0, count = 0;
    CHECK(fpga_pose_estimator_new(&own, &estimator) == FPGA_STATUS_NULL_POINTER && estimator == NULL);
    CHECK(last_error_says("fpga_own_pose_estimator.estimate is NULL"));
    own.estimate = estimate;
    own.userdata = &seen;
    OK(fpga_pose_estimator_new(&own, &estimator));
    seen.fails = 3;
    CHECK(fpga_pose_estimator_estimate(estimator, picture, &poses) == FPGA_STATUS_CALLBACK);
    CHECK(poses == NULL && last_error_says("pose estimator: the caller's callback failed: it returned 3"));
    seen.fails = 0;
    OK(fpga_pose_estimator_estimate(estimator, picture, &poses));
    fpga_pose_estimator_free(estimator);
    CHECK(seen.calls == 2);
    OK(fpga_poses_count(poses, &count));
    CHECK(count == 2);
    OK(fpga_poses_get(poses, 0, points, 402, &needed));
    CHECK(needed == 54 && points[3] == 3.0f / 8 && points[52] == 52.0f / 8 && points[53] == 1);
    OK(fpga_poses_get(poses, 1, whole, 402, &needed));
    /* COCO's points, whose neck lies between the shoulders, 5 and 6; its last point stays the last. */
    CHECK(needed == 402 && whole[0] == 0 && whole[3] == 16.5f / 8 && whole[399] == 396.0f / 8);
    CHECK(fpga_poses_get(poses, 2, points, 402, &needed) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("2 of 2 bodies"));
    CHECK(fpga_poses_add(poses, points, 18) == FPGA_STATUS_INVALID_STATE);
    fpga_poses_free(poses);
}

static void landmarks_and_poses(const fpga_context *context, const fpga_image_view *picture,
                                const char *folder)
{
    struct seen seen = {0, 0, 0};
    fpga_own_landmarks own = FPGA_OWN_LANDMARKS_INIT;
    fpga_landmark_detector *detector = NULL;
    fpga_pose_estimator *estimator = NULL;
    fpga_poses *poses = NULL;
    float points[402], five[10];
    size_t needed = 0, count = 0;
    char path[1024], other[1024];
    CHECK(fpga_landmark_detector_new(&own, &detector) == FPGA_STATUS_NULL_POINTER);
    own.find = find;
    own.userdata = &seen;
    own.num_points = 70;
    CHECK(fpga_landmark_detector_new(&own, &detector) == FPGA_STATUS_INVALID_ARGUMENT);
    own.num_points = 68;
    OK(fpga_landmark_detector_new(&own, &detector));
    OK(fpga_landmark_detector_find(detector, picture, BOX, points, 402, &needed));
    CHECK(needed == 136 && points[135] == 135);
    CHECK(fpga_landmark_detector_find(detector, picture, BOX, points, 135, NULL) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    OK(fpga_landmarks_five(points, 68, five));
    CHECK(five[4] == 60 && five[5] == 61 && five[8] == 108);
    CHECK(fpga_landmarks_five(points, 67, five) == FPGA_STATUS_SHAPE);
    seen.fails = 1;
    CHECK(fpga_landmark_detector_find(detector, picture, BOX, points, 402, NULL) ==
          FPGA_STATUS_CALLBACK);
    fpga_landmark_detector_free(detector);
    fpga_landmark_detector_free(NULL);

    snprintf(path, sizeof path, "%s/2d106.onnx", folder);
    if (has_onnx(fpga_landmark_detector_load(context, path, &detector))) {
        OK(fpga_landmark_detector_find(detector, picture, BOX, points, 402, &needed));
        CHECK(needed == 212);
        fpga_landmark_detector_free(detector);
    }
    snprintf(path, sizeof path, "%s/yolox.onnx", folder);
    snprintf(other, sizeof other, "%s/simcc.onnx", folder);
    if (has_onnx(fpga_pose_estimator_load(context, path, other, &estimator))) {
        OK(fpga_pose_estimator_estimate(estimator, picture, &poses));
        OK(fpga_poses_count(poses, &count));
        CHECK(fpga_poses_get(poses, count, points, 402, &needed) == FPGA_STATUS_INVALID_ARGUMENT);
        for (size_t index = 0; index < count; index++) {
            OK(fpga_poses_get(poses, index, points, 402, &needed));
            CHECK(needed == 402 || needed == 54);
        }
        fpga_poses_free(poses);
        fpga_pose_estimator_free(estimator);
    }
    fpga_poses_free(NULL);
    fpga_pose_estimator_free(NULL);
}

static void drawings_are_conditions(void)
{
    enum { SIDE = 64, SIZE = 3 * SIDE * SIDE };
    static uint8_t black[SIZE], drawing[SIZE], other[SIZE];
    float points[402] = {0};
    for (int index = 0; index < 18; index++) {
        points[3 * index] = (float)(10 + 2 * index);
        points[3 * index + 1] = (float)(50 - 2 * index);
        points[3 * index + 2] = 1;
    }
    OK(fpga_draw_bodies(NULL, 0, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, black, SIZE) == 0);
    OK(fpga_draw_bodies(points, 1, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, black, SIZE) != 0);
    OK(fpga_draw_bodies(points, 1, 134, SIDE, SIDE, other, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, other, SIZE) == 0); /* Points that are not seen are not drawn. */
    for (int index = 24; index < 134; index++) {
        points[3 * index] = points[3 * index + 1] = (float)(index % SIDE);
        points[3 * index + 2] = 1;
    }
    OK(fpga_draw_bodies(points, 1, 134, SIDE, SIDE, other, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, other, SIZE) != 0);
    for (int index = 0; index < 18; index++) {
        points[3 * index + 2] = 0.3f;
    }
    OK(fpga_draw_bodies(points, 1, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, black, SIZE) == 0);
    points[0] = NAN;
    points[1] = -1e30f;
    points[2] = points[5] = 1;
    OK(fpga_draw_bodies(points, 1, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE));
    CHECK(fpga_draw_bodies(points, 1, 17, SIDE, SIDE, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_draw_bodies(points, SIZE_MAX, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_draw_bodies(points, 1, 18, 0, SIDE, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_draw_bodies(points, 1, 18, SIDE, 100000, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_draw_bodies(points, 1, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE - 1) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(fpga_draw_bodies(NULL, 1, 18, SIDE, SIDE, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_NULL_POINTER);
    OK(fpga_draw_landmarks(POINTS, 1, SIDE, SIDE, drawing, 3 * SIDE, SIZE));
    CHECK(memcmp(drawing, black, SIZE) != 0);
    CHECK(fpga_draw_landmarks(NULL, 1, SIDE, SIDE, drawing, 3 * SIDE, SIZE) ==
          FPGA_STATUS_NULL_POINTER);
    CHECK(fpga_draw_landmarks(POINTS, 1, SIDE, SIDE, NULL, 3 * SIDE, SIZE) ==
          FPGA_STATUS_NULL_POINTER);
}

static fpga_restoration *restore(const fpga_model *model, const fpga_image_view *picture,
                                 const fpga_face *faces, size_t num_faces,
                                 const fpga_restore_params *params)
{
    fpga_job *job = NULL;
    fpga_restoration *restoration = NULL;
    OK(fpga_job_new_restore(model, picture, faces, num_faces, params, &job));
    OK(fpga_job_run(job));
    OK(fpga_job_take_restoration(job, &restoration));
    fpga_job_free(job);
    return restoration;
}

static void pixels_of(const fpga_restoration *restoration, uint8_t pixels[FACE_BYTES])
{
    memset(pixels, 0, FACE_BYTES);
    OK(fpga_restoration_copy_picture(restoration, pixels, FACE_STRIDE, FACE_BYTES));
}

static void refused(const fpga_model *model, const fpga_image_view *picture,
                    const fpga_restore_params *params, fpga_status expected, const char *words)
{
    fpga_job *job = NULL;
    fpga_status status = fpga_job_new_restore(model, picture, NULL, 0, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    CHECK(status == expected);
    CHECK(last_error_says(words));
    fpga_job_free(job);
}

static void restorations_find_their_faces(const fpga_model *model, const fpga_image_view *picture)
{
    struct seen seen = {0, 0, 0};
    fpga_face_detector *detector = own_detector(&seen);
    fpga_search search = FPGA_SEARCH_INIT;
    fpga_restore_params params = short_job();
    fpga_restoration_report report;
    fpga_face_report face;
    fpga_left_face left;
    static uint8_t found[FACE_BYTES], given[FACE_BYTES];
    size_t absent = 0;
    search.detector = detector;
    search.min_size = 10;
    params.search = &search;
    fpga_restoration *restoration = restore(model, picture, NULL, 0, &params);
    CHECK(seen.calls == 1);
    pixels_of(restoration, found);
    OK(fpga_restoration_get_report(restoration, &report, sizeof report));
    CHECK(report.struct_size == sizeof report && report.searched == 1 && report.num_faces == 2);
    CHECK(report.num_detected == 3 && report.num_left == 1 && report.num_absent == 0);
    CHECK(report.width == FACE_WIDTH && report.height == FACE_HEIGHT && report.seed == 7);
    CHECK(report.seconds > 0 && report.changed_outside_mask == 0);
    OK(fpga_restoration_left_face(restoration, 0, &left, sizeof left));
    CHECK(left.reason == FPGA_LEFT_REASON_TOO_SMALL && left.box[0] == 70 && left.score == 0.95f);
    CHECK(fpga_restoration_left_face(restoration, 1, &left, sizeof left) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(fpga_restoration_absent_person(restoration, 0, &absent) == FPGA_STATUS_INVALID_ARGUMENT);
    OK(fpga_restoration_face_report(restoration, 1, &face, sizeof face));
    CHECK(face.index == 1 && memcmp(face.box, BOX, sizeof BOX) == 0 && face.has_person == 0);
    CHECK(face.crop_size == 32 && face.crop_side > 32 && face.crop_to_picture[0] > 0);
    fpga_restoration_free(restoration);

    /* The same faces, given, from left to right. */
    fpga_face faces[2];
    faces[0] = faces[1] = the_face();
    const float box[4] = {2, 2, 20, 22};
    memcpy(faces[0].box, box, sizeof box);
    faces[0].has_landmarks = 0;
    restoration = restore(model, picture, faces, 2, &params);
    CHECK(seen.calls == 1);
    pixels_of(restoration, given);
    CHECK(memcmp(found, given, FACE_BYTES) == 0);
    OK(fpga_restoration_get_report(restoration, &report, sizeof report));
    CHECK(report.searched == 0 && report.num_detected == 0);
    CHECK(fpga_restoration_left_face(restoration, 0, &left, sizeof left) ==
          FPGA_STATUS_INVALID_STATE);
    fpga_restoration_free(restoration);

    search.most = 1;
    search.order = FPGA_FACE_ORDER_SUREST_FIRST;
    restoration = restore(model, picture, NULL, 0, &params);
    OK(fpga_restoration_get_report(restoration, &report, sizeof report));
    CHECK(report.num_faces == 1 && report.num_left == 2);
    OK(fpga_restoration_left_face(restoration, 1, &left, sizeof left));
    CHECK(left.reason == FPGA_LEFT_REASON_TOO_MANY && left.has_landmarks == 0);
    fpga_restoration_free(restoration);
    search.most = 0;
    search.max_size = 30;
    search.min_score = 0.85f;
    restoration = restore(model, picture, NULL, 0, &params);
    OK(fpga_restoration_left_face(restoration, 0, &left, sizeof left));
    CHECK(left.reason == FPGA_LEFT_REASON_UNSURE || left.reason == FPGA_LEFT_REASON_TOO_SMALL ||
          left.reason == FPGA_LEFT_REASON_TOO_LARGE);
    fpga_restoration_free(restoration);

    /* What a search needs more memory for is estimated: masks of faces that are not known yet. */
    uint64_t with = 0, without = 0;
    fpga_job *job = NULL;
    OK(fpga_job_new_restore(model, picture, NULL, 0, &params, &job));
    OK(fpga_job_estimate_memory(job, &with));
    fpga_job_free(job);
    params.search = NULL;
    OK(fpga_job_new_restore(model, picture, NULL, 0, &params, &job));
    OK(fpga_job_estimate_memory(job, &without));
    fpga_job_free(job);
    CHECK(with > without);
    params.search = &search;

    search.order = 4;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "no such order: 4");
    search.order = FPGA_FACE_ORDER_LARGEST_FIRST;
    search.reserved = 1;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "search: fpga_search.reserved");
    search.reserved = 0;
    search.min_cosine = 3;
    fpga_sought_person person = FPGA_SOUGHT_PERSON_INIT;
    search.people = &person;
    search.num_people = 1;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "min_cosine");
    search.min_cosine = 0.25;
    person.has_box = 2;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "person 0: fpga_sought_person.has_box");
    search.num_people = 0;
    search.detector = NULL;
    refused(model, picture, &params, FPGA_STATUS_NULL_POINTER, "search: face_detector is NULL");
    search.detector = detector;
    seen.fails = 9;
    refused(model, picture, &params, FPGA_STATUS_CALLBACK, "finding faces: face detector");
    fpga_face_detector_free(detector);
}

static fpga_identity *identity_of(const fpga_adapter *adapter, const float *values)
{
    fpga_reference reference = FPGA_REFERENCE_INIT;
    fpga_identity *identity = NULL;
    reference.embedding = values;
    reference.embedding_length = EMBEDDING;
    OK(fpga_identity_new(adapter, &reference, 1, &identity));
    return identity;
}

static void faces_go_to_whom_they_belong(const fpga_model *model, const fpga_image_view *picture,
                                         const fpga_identity *ada, const fpga_identity *ben)
{
    struct seen seen = {0, 0, 0}, looks = {0, 0, 0};
    fpga_face_detector *detector = own_detector(&seen);
    fpga_face_embedder *embedder = own_embedder(&looks, 0);
    fpga_search search = FPGA_SEARCH_INIT;
    fpga_sought_person people[2] = {FPGA_SOUGHT_PERSON_INIT, FPGA_SOUGHT_PERSON_INIT};
    fpga_restore_params params = short_job();
    fpga_restoration_report report;
    fpga_face_report face;
    fpga_left_face left;
    size_t absent = 9;
    static uint8_t pixels[FACE_BYTES], plain[FACE_BYTES];
    search.detector = detector;
    search.embedder = embedder;
    search.people = people;
    search.num_people = 2;
    people[0].identity = ben;
    people[1].identity = ada;
    params.search = &search;
    params.recogniser = embedder;
    params.min_likeness_gain = -HUGE_VAL;
    fpga_restoration *restoration = restore(model, picture, NULL, 0, &params);
    CHECK(looks.calls == 3); /* One face has landmarks: found, and measured before and after. */
    OK(fpga_restoration_get_report(restoration, &report, sizeof report));
    CHECK(report.num_faces == 1 && report.num_left == 2 && report.num_absent == 1);
    OK(fpga_restoration_absent_person(restoration, 0, &absent));
    CHECK(absent == 0);
    OK(fpga_restoration_left_face(restoration, 0, &left, sizeof left));
    CHECK(left.reason == FPGA_LEFT_REASON_UNKNOWN);
    OK(fpga_restoration_face_report(restoration, 0, &face, sizeof face));
    CHECK(face.has_person == 1 && face.person == 1 && face.evidence == FPGA_EVIDENCE_LIKENESS);
    CHECK(face.evidence_value > 0.999 && face.likeness_before > 0.999 && face.likeness_after > 0.999);
    CHECK(face.verdict == FPGA_VERDICT_ACCEPTED && isnan(face.verdict_limit));
    pixels_of(restoration, pixels);
    fpga_restoration_free(restoration);

    /* By place, whoever it was; and with the face's own embedding in place of the identity's. */
    people[0].has_box = 1;
    memcpy(people[0].box, BOX, sizeof BOX);
    restoration = restore(model, picture, NULL, 0, &params);
    OK(fpga_restoration_face_report(restoration, 0, &face, sizeof face));
    CHECK(face.person == 0 && face.evidence == FPGA_EVIDENCE_PLACE && face.evidence_value > 0.99);
    CHECK(face.likeness_before < 0);
    pixels_of(restoration, plain);
    CHECK(memcmp(plain, pixels, FACE_BYTES) != 0);
    fpga_restoration_free(restoration);
    people[0].has_box = 0;
    people[0].embedding = ADA;
    people[0].embedding_length = EMBEDDING;
    people[1].embedding = BEN;
    people[1].embedding_length = EMBEDDING;
    people[0].prompt = "somebody else";
    restoration = restore(model, picture, NULL, 0, &params);
    OK(fpga_restoration_face_report(restoration, 0, &face, sizeof face));
    CHECK(face.person == 0 && face.evidence == FPGA_EVIDENCE_LIKENESS);
    fpga_restoration_free(restoration);
    people[0].embedding_length = 0;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "embedding_length");

    /* Accept only what got more like the person. */
    fpga_face known = the_face();
    known.identity = ada;
    params.search = NULL;
    params.min_likeness_gain = 0.5;
    restoration = restore(model, picture, &known, 1, &params);
    OK(fpga_restoration_face_report(restoration, 0, &face, sizeof face));
    CHECK(face.verdict == FPGA_VERDICT_KEPT_LESS_LIKE && face.changed_pixels == 0);
    CHECK(face.verdict_limit == 0.5 && fabs(face.verdict_found) < 1e-6);
    fpga_restoration_free(restoration);
    params.min_likeness_gain = NAN;
    refused(model, picture, &params, FPGA_STATUS_INVALID_ARGUMENT, "min_likeness_gain");
    fpga_face_detector_free(detector);
    fpga_face_embedder_free(embedder);
}

static void faces_are_swapped(const fpga_model *model, const fpga_image_view *picture,
                              const fpga_identity *ada, const fpga_identity *ben,
                              const fpga_identity *stranger)
{
    fpga_restore_params params = short_job();
    fpga_face face = the_face(), two[2];
    static uint8_t nobody[FACE_BYTES], one[FACE_BYTES], other[FACE_BYTES];
    fpga_job *job = NULL;
    params.depth = 1;
    fpga_restoration *restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, nobody);
    fpga_restoration_free(restoration);
    face.identity = ada;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, one);
    fpga_restoration_free(restoration);
    face.identity = ben;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, other);
    fpga_restoration_free(restoration);
    CHECK(memcmp(nobody, one, FACE_BYTES) != 0 && memcmp(one, other, FACE_BYTES) != 0);
    face.identity_strength = 0;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, other);
    fpga_restoration_free(restoration);
    CHECK(memcmp(nobody, other, FACE_BYTES) == 0);
    face.identity_strength = 1;
    face.identity_window_end = 0;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, other);
    fpga_restoration_free(restoration);
    CHECK(memcmp(nobody, other, FACE_BYTES) == 0);
    two[0] = two[1] = the_face();
    two[0].identity = ada;
    two[1].identity = stranger;
    CHECK(fpga_job_new_restore(model, picture, two, 2, &params, &job) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(job == NULL && last_error_says("face 1: identity: comes from another adapter"));

    /* Tokens of a person take memory at every step. */
    uint64_t with = 0, without = 0;
    face = the_face();
    OK(fpga_job_new_restore(model, picture, &face, 1, &params, &job));
    OK(fpga_job_estimate_memory(job, &without));
    fpga_job_free(job);
    face.identity = ada;
    OK(fpga_job_new_restore(model, picture, &face, 1, &params, &job));
    OK(fpga_job_estimate_memory(job, &with));
    fpga_job_free(job);
    CHECK(with > without);
}

static void landmarks_keep_the_pose(const fpga_context *context, const fpga_model *model,
                                    const fpga_image_view *picture, const char *path)
{
    fpga_restore_params params = short_job();
    fpga_face face = the_face();
    fpga_controlnet *net = NULL;
    static uint8_t plain[FACE_BYTES], with[FACE_BYTES], silent[FACE_BYTES];
    OK(fpga_controlnet_load(context, path, FPGA_STORAGE_AS_STORED, &net));
    fpga_restoration *restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, plain);
    fpga_restoration_free(restoration);
    params.landmark_controlnet = net;
    params.landmark_scale = 0.3;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, with);
    fpga_restoration_free(restoration);
    params.landmark_scale = 0;
    restoration = restore(model, picture, &face, 1, &params);
    pixels_of(restoration, silent);
    fpga_restoration_free(restoration);
    CHECK(memcmp(plain, with, FACE_BYTES) != 0 && memcmp(plain, silent, FACE_BYTES) == 0);
    params.landmark_window_start = 0.7;
    params.landmark_window_end = 0.2;
    fpga_job *job = NULL;
    OK(fpga_job_new_restore(model, picture, &face, 1, &params, &job));
    CHECK(fpga_job_run(job) == FPGA_STATUS_INVALID_ARGUMENT && last_error_says("landmark control"));
    fpga_job_free(job);
    fpga_controlnet_free(net);
}

struct turns {
    volatile int inside;
    unsigned calls;
};

/* Never two at once, although two jobs ask. */
static int32_t detect_slowly(void *userdata, const fpga_image_view *picture, fpga_detections *faces)
{
    struct turns *turns = userdata;
    fpga_detection face = FPGA_DETECTION_INIT;
    const struct timespec pause = {0, 20000000};
    (void)picture;
    CHECK(turns->inside == 0);
    turns->inside = 1;
    nanosleep(&pause, NULL);
    turns->inside = 0;
    turns->calls++;
    memcpy(face.box, BOX, sizeof BOX);
    return fpga_detections_add(faces, &face) == FPGA_STATUS_OK ? 0 : 1;
}

static void *run_job(void *job)
{
    OK(fpga_job_run(job));
    return NULL;
}

static void jobs_share_a_detector(const fpga_model *model, const fpga_image_view *picture)
{
    struct turns turns = {0, 0};
    fpga_own_detector own = FPGA_OWN_DETECTOR_INIT;
    fpga_face_detector *detector = NULL;
    fpga_search search = FPGA_SEARCH_INIT;
    fpga_restore_params params = short_job();
    fpga_job *jobs[4];
    pthread_t threads[4];
    static uint8_t first[FACE_BYTES], other[FACE_BYTES];
    own.detect = detect_slowly;
    own.userdata = &turns;
    OK(fpga_face_detector_new(&own, &detector));
    search.detector = detector;
    params.search = &search;
    for (int index = 0; index < 4; index++) {
        OK(fpga_job_new_restore(model, picture, NULL, 0, &params, &jobs[index]));
    }
    fpga_face_detector_free(detector);
    for (int index = 0; index < 4; index++) {
        CHECK(pthread_create(&threads[index], NULL, run_job, jobs[index]) == 0);
    }
    for (int index = 0; index < 4; index++) {
        fpga_restoration *restoration = NULL;
        CHECK(pthread_join(threads[index], NULL) == 0);
        OK(fpga_job_take_restoration(jobs[index], &restoration));
        pixels_of(restoration, index == 0 ? first : other);
        CHECK(index == 0 || memcmp(first, other, FACE_BYTES) == 0);
        fpga_restoration_free(restoration);
        fpga_job_free(jobs[index]);
    }
    CHECK(turns.calls == 4);
}

static int32_t detect_there(void *userdata, const fpga_image_view *picture, fpga_detections *faces)
{
    fpga_detection face = FPGA_DETECTION_INIT;
    const float box[4] = {2, 2, 11, 14}, points[10] = {4, 5, 9, 5, 6, 8, 4, 11, 9, 11};
    (void)picture;
    ++*(unsigned *)userdata;
    memcpy(face.box, box, sizeof box);
    memcpy(face.landmarks, points, sizeof points);
    face.has_landmarks = 1;
    OK(fpga_detections_add(faces, &face));
    return 0;
}

static int32_t embed_anything(void *userdata, const fpga_image_view *picture, const float *landmarks,
                              float *embedding)
{
    CHECK(picture->width == 112 && landmarks == NULL);
    ++*(unsigned *)userdata;
    memcpy(embedding, ADA, sizeof ADA);
    return 0;
}

static void people_are_recognised(const fpga_model *model, const fpga_identity *ada,
                                  const fpga_identity *ben)
{
    unsigned detected = 0, embedded = 0;
    fpga_own_detector eyes = FPGA_OWN_DETECTOR_INIT;
    fpga_own_embedder memory = FPGA_OWN_EMBEDDER_INIT;
    fpga_face_detector *detector = NULL;
    fpga_face_embedder *embedder = NULL;
    eyes.detect = detect_there;
    eyes.userdata = &detected;
    memory.embed = embed_anything;
    memory.userdata = &embedded;
    memory.embedding_length = EMBEDDING;
    OK(fpga_face_detector_new(&eyes, &detector));
    OK(fpga_face_embedder_new(&memory, &embedder));
    fpga_person people[2] = {FPGA_PERSON_INIT, FPGA_PERSON_INIT};
    for (int index = 0; index < 2; index++) {
        people[index].identity = index == 0 ? ada : ben;
        people[index].place = FPGA_PLACE_BOX;
        people[index].box[0] = 12.0f * (float)index;
        people[index].box[2] = people[index].box[0] + 12;
        people[index].box[3] = 16;
    }
    people[0].name = "Ada";
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.prompt = "two people";
    params.width = 24;
    params.height = 16;
    params.steps = 2;
    params.people = people;
    params.num_people = 2;
    params.recognition_detector = detector;
    params.recognition_embedder = embedder;
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    fpga_person_report report;
    char name[8];
    OK(fpga_job_new_generate(model, &params, &job));
    fpga_face_detector_free(detector); /* The job keeps what it needs. */
    fpga_face_embedder_free(embedder);
    OK(fpga_job_run(job));
    CHECK(detected == 1 && embedded == 1);
    OK(fpga_job_take_generation(job, &generation));
    fpga_job_free(job);
    OK(fpga_generation_person_report(generation, 0, 0, &report, sizeof report));
    CHECK(report.has_face == 1 && report.has_landmarks == 1 && report.face_box[3] == 14);
    CHECK(report.cosine > 0.999 && report.face_score == 1 && report.face_landmarks[9] == 11);
    OK(fpga_generation_person_report(generation, 0, 1, &report, sizeof report));
    CHECK(report.has_face == 0 && isnan(report.cosine));
    OK(fpga_generation_person_name(generation, 0, name, sizeof name, NULL));
    CHECK(strcmp(name, "Ada") == 0);
    OK(fpga_generation_person_name(generation, 1, name, sizeof name, NULL));
    CHECK(name[0] == 0);
    CHECK(fpga_generation_person_name(generation, 2, name, sizeof name, NULL) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    fpga_generation_free(generation);
    params.recognition_detector = NULL;
    params.recognition_embedder = NULL;
    OK(fpga_face_embedder_new(&memory, &embedder));
    params.recognition_embedder = embedder;
    CHECK(fpga_job_new_generate(model, &params, &job) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("recognition_detector"));
    fpga_face_embedder_free(embedder);
}

static void identities_come_from_pictures(const fpga_adapter *adapter, const fpga_image_view *picture)
{
    struct seen seen = {0, 0, 0}, looks = {0, 0, 0};
    fpga_observers observers = FPGA_OBSERVERS_INIT;
    fpga_identity *identity = NULL;
    float values[EMBEDDING];
    double cosine = 0;
    size_t needed = 0;
    fpga_face_detector *detector = own_detector(&seen);
    fpga_face_embedder *embedder = own_embedder(&looks, 0);
    observers.detector = detector;
    observers.embedder = embedder;
    const fpga_image_view both[2] = {*picture, *picture};
    OK(fpga_identity_from_pictures(adapter, both, 2, &observers, &identity));
    CHECK(seen.calls == 2 && looks.calls == 2);
    OK(fpga_identity_embedding(identity, values, EMBEDDING, &needed));
    OK(fpga_embedding_cosine(values, ADA, EMBEDDING, &cosine));
    CHECK(needed == EMBEDDING && cosine > 0.9999);
    fpga_identity_free(identity);
    observers.embedder = NULL;
    CHECK(fpga_identity_from_pictures(adapter, both, 2, &observers, &identity) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(identity == NULL && last_error_says("face embedding"));
    observers.choice = 3;
    CHECK(fpga_identity_from_pictures(adapter, both, 2, &observers, &identity) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("fpga_observers.choice"));
    observers.choice = FPGA_FACE_CHOICE_FIRST;
    observers.colours = 0;
    CHECK(fpga_identity_from_pictures(adapter, both, 2, &observers, &identity) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    observers.colours = FPGA_COLOUR_ORDER_EXCHANGED;
    seen.fails = 5;
    CHECK(fpga_identity_from_pictures(adapter, both, 2, &observers, &identity) ==
          FPGA_STATUS_CALLBACK);
    CHECK(last_error_says("picture 0"));
    fpga_face_detector_free(detector);
    fpga_face_embedder_free(embedder);
}

int main(int argc, char **argv)
{
    static uint8_t pixels[FACE_BYTES];
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    fpga_adapter *adapter = NULL, *other = NULL;
    CHECK(argc == 7);
    draw_face(pixels);
    const fpga_image_view picture = view_face(pixels);
    OK(fpga_context_new(NULL, &context));
    detectors(context, &picture, argv[6]);
    embedders(context, &picture, argv[4], argv[6]);
    parsers(context, &picture, argv[5], argv[6]);
    landmarks_and_poses(context, &picture, argv[6]);
    own_poses(&picture);
    drawings_are_conditions();
    OK(fpga_model_load(context, argv[1], NULL, &model));
    OK(fpga_adapter_load(model, argv[2], NULL, &adapter));
    OK(fpga_adapter_load(model, argv[2], NULL, &other));
    fpga_identity *ada = identity_of(adapter, ADA), *ben = identity_of(adapter, BEN);
    fpga_identity *stranger = identity_of(other, ADA);
    restorations_find_their_faces(model, &picture);
    faces_go_to_whom_they_belong(model, &picture, ada, ben);
    faces_are_swapped(model, &picture, ada, ben, stranger);
    jobs_share_a_detector(model, &picture);
    landmarks_keep_the_pose(context, model, &picture, argv[3]);
    people_are_recognised(model, ada, ben);
    identities_come_from_pictures(adapter, &picture);
    fpga_identity_free(ada);
    fpga_identity_free(ben);
    fpga_identity_free(stranger);
    fpga_adapter_free(adapter);
    fpga_adapter_free(other);
    fpga_model_free(model);
    CHECK(in_use(context) == 0);
    fpga_context_free(context);
    return 0;
}
