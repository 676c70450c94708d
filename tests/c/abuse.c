/*
 * Everything that a caller can get wrong, and what the library says to it.
 *
 *   abuse MODEL
 *
 * MODEL is a tiny model that works. The library itself must print nothing.
 */
#include "check.h"
#include <math.h>

#define NULL_POINTER FPGA_STATUS_NULL_POINTER
#define INVALID FPGA_STATUS_INVALID_ARGUMENT
/* What a failed call must have turned to NULL. */
#define GARBAGE(type) ((type *)(uintptr_t)0x10)

static void names_of_statuses(void)
{
    CHECK(FPGA_CHECK_ABI());
    CHECK(strcmp(fpga_status_name(FPGA_STATUS_OK), "FPGA_STATUS_OK") == 0);
    CHECK(strcmp(fpga_status_name(FPGA_STATUS_CANCELLED), "FPGA_STATUS_CANCELLED") == 0);
    CHECK(strcmp(fpga_status_name(12345), "FPGA_STATUS_UNKNOWN") == 0);
}

static void macros_and_init_functions_agree(void)
{
#define AGREE(type, init, macro)                             \
    do {                                                     \
        type by_macro = macro, by_function;                  \
        memset(&by_function, 0xAA, sizeof by_function);      \
        OK(init(&by_function, sizeof by_function));          \
        CHECK(memcmp(&by_macro, &by_function, sizeof by_macro) == 0); \
        CHECK(init(NULL, sizeof by_macro) == NULL_POINTER);  \
        CHECK(init(&by_function, 7) == FPGA_STATUS_INVALID_STRUCT_SIZE); \
    } while (0)
    AGREE(fpga_context_params, fpga_context_params_init, FPGA_CONTEXT_PARAMS_INIT);
    AGREE(fpga_model_params, fpga_model_params_init, FPGA_MODEL_PARAMS_INIT);
    AGREE(fpga_image_view, fpga_image_view_init, FPGA_IMAGE_VIEW_INIT);
    AGREE(fpga_face, fpga_face_init, FPGA_FACE_INIT);
    AGREE(fpga_restore_params, fpga_restore_params_init, FPGA_RESTORE_PARAMS_INIT);
    AGREE(fpga_generate_params, fpga_generate_params_init, FPGA_GENERATE_PARAMS_INIT);
    AGREE(fpga_control, fpga_control_init, FPGA_CONTROL_INIT);
    AGREE(fpga_io, fpga_io_init, FPGA_IO_INIT);
    AGREE(fpga_adapter_params, fpga_adapter_params_init, FPGA_ADAPTER_PARAMS_INIT);
    AGREE(fpga_reference, fpga_reference_init, FPGA_REFERENCE_INIT);
    AGREE(fpga_person, fpga_person_init, FPGA_PERSON_INIT);
    AGREE(fpga_lora_use, fpga_lora_use_init, FPGA_LORA_USE_INIT);
    AGREE(fpga_rep_controlnet_use, fpga_rep_controlnet_use_init, FPGA_REP_CONTROLNET_USE_INIT);
    AGREE(fpga_modality, fpga_modality_init, FPGA_MODALITY_INIT);
    AGREE(fpga_detection, fpga_detection_init, FPGA_DETECTION_INIT);
    AGREE(fpga_detector_params, fpga_detector_params_init, FPGA_DETECTOR_PARAMS_INIT);
    AGREE(fpga_own_detector, fpga_own_detector_init, FPGA_OWN_DETECTOR_INIT);
    AGREE(fpga_own_embedder, fpga_own_embedder_init, FPGA_OWN_EMBEDDER_INIT);
    AGREE(fpga_own_parser, fpga_own_parser_init, FPGA_OWN_PARSER_INIT);
    AGREE(fpga_own_landmarks, fpga_own_landmarks_init, FPGA_OWN_LANDMARKS_INIT);
    AGREE(fpga_own_pose_estimator, fpga_own_pose_estimator_init, FPGA_OWN_POSE_ESTIMATOR_INIT);
    AGREE(fpga_observers, fpga_observers_init, FPGA_OBSERVERS_INIT);
    AGREE(fpga_sought_person, fpga_sought_person_init, FPGA_SOUGHT_PERSON_INIT);
    AGREE(fpga_search, fpga_search_init, FPGA_SEARCH_INIT);
    AGREE(fpga_prompt_embedding, fpga_prompt_embedding_init, FPGA_PROMPT_EMBEDDING_INIT);
    AGREE(fpga_facial_text, fpga_facial_text_init, FPGA_FACIAL_TEXT_INIT);
#undef AGREE
}

static void null_is_refused_and_freed(void)
{
    uint32_t number = 5;
    uint64_t large = 5;
    size_t size = 5;
    char text[8] = "as was";
    uint8_t byte = 5;
    fpga_job *job = GARBAGE(fpga_job);
    fpga_model *model = GARBAGE(fpga_model);
    fpga_cancel_token *token = GARBAGE(fpga_cancel_token);
    fpga_restoration *restoration = GARBAGE(fpga_restoration);
    fpga_face_report report;
    fpga_generation *generation = GARBAGE(fpga_generation);
    fpga_controlnet *controlnet = GARBAGE(fpga_controlnet);
    fpga_source *source = GARBAGE(fpga_source);
    fpga_generation_report made;
    fpga_progress progress;
    fpga_device_info info;

    fpga_device_list_free(NULL);
    fpga_source_free(NULL);
    fpga_controlnet_free(NULL);
    fpga_generation_free(NULL);
    fpga_context_free(NULL);
    fpga_model_free(NULL);
    fpga_job_free(NULL);
    fpga_cancel_token_free(NULL);
    fpga_restoration_free(NULL);

    CHECK(fpga_context_new(NULL, NULL) == NULL_POINTER);
    CHECK(last_error_says("output context is NULL"));
    CHECK(fpga_model_load(NULL, "x", NULL, &model) == NULL_POINTER && model == NULL);
    CHECK(last_error_says("context is NULL"));
    CHECK(fpga_model_load(NULL, "x", NULL, NULL) == NULL_POINTER);
    CHECK(fpga_model_load_report_json(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_job_new_restore(NULL, NULL, NULL, 0, NULL, &job) == NULL_POINTER && job == NULL);
    CHECK(fpga_job_new_restore(NULL, NULL, NULL, 0, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_set_progress_callback(NULL, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_set_cancel_token(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_run(NULL) == NULL_POINTER);
    CHECK(last_error_says("job is NULL"));
    CHECK(fpga_job_get_state(NULL, &number) == NULL_POINTER);
    CHECK(fpga_job_error_message(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_job_take_restoration(NULL, &restoration) == NULL_POINTER && restoration == NULL);
    CHECK(fpga_job_take_restoration(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_cancel_token_new(NULL) == NULL_POINTER);
    CHECK(fpga_cancel_token_ref(NULL, &token) == NULL_POINTER && token == NULL);
    CHECK(fpga_cancel_token_ref(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_cancel_token_cancel(NULL) == NULL_POINTER);
    CHECK(fpga_cancel_token_is_cancelled(NULL, &number) == NULL_POINTER);
    CHECK(fpga_restoration_size(NULL, &number, &number) == NULL_POINTER);
    CHECK(fpga_restoration_copy_picture(NULL, &byte, 1, 1) == NULL_POINTER);
    CHECK(fpga_restoration_seed(NULL, &large) == NULL_POINTER);
    CHECK(fpga_restoration_changed_outside_mask(NULL, &large) == NULL_POINTER);
    CHECK(fpga_restoration_num_faces(NULL, &size) == NULL_POINTER);
    CHECK(fpga_restoration_face_report(NULL, 0, &report, sizeof report) == NULL_POINTER);
    CHECK(fpga_restoration_face_verdict(NULL, 0, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_restoration_report_json(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_device_list_new(NULL) == NULL_POINTER);
    CHECK(fpga_device_list_count(NULL, &size) == NULL_POINTER);
    CHECK(fpga_device_list_id(NULL, 0, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_device_list_name(NULL, 0, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_device_list_info(NULL, 0, &info, sizeof info) == NULL_POINTER);
    CHECK(fpga_context_memory_in_use(NULL, &large) == NULL_POINTER);
    CHECK(fpga_source_new_memory(NULL, 0, NULL, &source) == NULL_POINTER && source == NULL);
    CHECK(fpga_source_new_memory(&byte, 1, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_source_new_io(NULL, &source) == NULL_POINTER);
    CHECK(fpga_model_load_source(NULL, NULL, NULL, &model) == NULL_POINTER && model == NULL);
    CHECK(fpga_model_estimate_memory(NULL, NULL, &large) == NULL_POINTER);
    CHECK(fpga_model_memory(NULL, &large) == NULL_POINTER);
    CHECK(fpga_controlnet_load(NULL, "x", 1, &controlnet) == NULL_POINTER && controlnet == NULL);
    CHECK(fpga_controlnet_load_source(NULL, NULL, 1, &controlnet) == NULL_POINTER);
    CHECK(fpga_controlnet_load_report_json(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_job_new_generate(NULL, NULL, &job) == NULL_POINTER && job == NULL);
    CHECK(fpga_job_new_generate(NULL, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_set_preview_callback(NULL, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_set_log_callback(NULL, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_job_estimate_memory(NULL, &large) == NULL_POINTER);
    CHECK(fpga_job_get_progress(NULL, &progress, sizeof progress) == NULL_POINTER);
    CHECK(fpga_job_num_finished(NULL, &size) == NULL_POINTER);
    CHECK(fpga_job_take_generation(NULL, &generation) == NULL_POINTER && generation == NULL);
    CHECK(fpga_generation_num_pictures(NULL, &size) == NULL_POINTER);
    CHECK(fpga_generation_size(NULL, 0, &number, &number) == NULL_POINTER);
    CHECK(fpga_generation_copy_picture(NULL, 0, &byte, 1, 1) == NULL_POINTER);
    CHECK(fpga_generation_get_report(NULL, &made, sizeof made) == NULL_POINTER);
    CHECK(fpga_generation_report_json(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_last_error_message(NULL, 0, NULL) == NULL_POINTER);
    CHECK(fpga_last_error_message(NULL, 8, &size) == NULL_POINTER);

    /* Outputs are written on success only. */
    CHECK(number == 5 && large == 5 && size == 5 && byte == 5 && strcmp(text, "as was") == 0);
}

static void null_is_refused_by_what_changes_a_model(void)
{
    fpga_adapter *adapter = GARBAGE(fpga_adapter);
    fpga_identity *identity = GARBAGE(fpga_identity);
    fpga_lora *lora = GARBAGE(fpga_lora);
    fpga_rep_controlnet *net = GARBAGE(fpga_rep_controlnet);
    fpga_delta *delta = GARBAGE(fpga_delta);
    fpga_model *model = GARBAGE(fpga_model);
    fpga_person_report person;
    uint64_t large = 5;
    uint32_t number = 5;
    size_t size = 5;
    double real = 5;
    uint8_t byte = 5;
    char text[8] = "as was";

    fpga_adapter_free(NULL);
    fpga_identity_free(NULL);
    fpga_lora_free(NULL);
    fpga_rep_controlnet_free(NULL);
    fpga_delta_free(NULL);
    CHECK(fpga_adapter_load(NULL, "x", NULL, &adapter) == NULL_POINTER && adapter == NULL);
    CHECK(fpga_adapter_load_source(NULL, NULL, NULL, &adapter) == NULL_POINTER);
    CHECK(fpga_adapter_get_kind(NULL, &number) == NULL_POINTER);
    CHECK(fpga_adapter_estimate_memory(NULL, NULL, &large) == NULL_POINTER);
    CHECK(fpga_adapter_memory(NULL, &large) == NULL_POINTER);
    CHECK(fpga_lora_memory(NULL, &large) == NULL_POINTER && large == 5);
    CHECK(fpga_model_with_adapter(NULL, NULL, &model) == NULL_POINTER && model == NULL);
    CHECK(fpga_identity_new(NULL, NULL, 0, &identity) == NULL_POINTER && identity == NULL);
    CHECK(fpga_generation_num_people(NULL, &size) == NULL_POINTER);
    CHECK(fpga_generation_person_report(NULL, 0, 0, &person, sizeof person) == NULL_POINTER);
    CHECK(fpga_generation_copy_attention(NULL, 0, 0, &byte, 1, 1) == NULL_POINTER);
    CHECK(fpga_lora_load(NULL, "x", &lora) == NULL_POINTER && lora == NULL);
    CHECK(fpga_lora_load(NULL, "x", NULL) == NULL_POINTER);
    CHECK(fpga_lora_load_source(NULL, NULL, &lora) == NULL_POINTER);
    CHECK(fpga_lora_num_changes(NULL, 1, &size) == NULL_POINTER);
    CHECK(fpga_model_with_loras(NULL, NULL, 0, &model) == NULL_POINTER);
    CHECK(fpga_model_with_loras(NULL, NULL, 0, NULL) == NULL_POINTER);
    CHECK(fpga_rep_controlnet_load(NULL, "x", 1, &net) == NULL_POINTER && net == NULL);
    CHECK(fpga_rep_controlnet_load_source(NULL, NULL, 1, &net) == NULL_POINTER);
    CHECK(fpga_rep_controlnet_coefficients(NULL, &real, &real) == NULL_POINTER);
    CHECK(fpga_rep_controlnet_load_report_json(NULL, text, sizeof text, &size) == NULL_POINTER);
    CHECK(fpga_rep_controlnet_save(NULL, "x", 1) == NULL_POINTER);
    CHECK(fpga_model_with_rep_controlnets(NULL, NULL, 0, &model) == NULL_POINTER);
    CHECK(fpga_delta_new(NULL, NULL, &delta) == NULL_POINTER && delta == NULL);
    CHECK(fpga_delta_load(NULL, "x", 1, &delta) == NULL_POINTER);
    CHECK(fpga_delta_load_source(NULL, NULL, 1, &delta) == NULL_POINTER);
    CHECK(fpga_delta_save(NULL, "x", 1) == NULL_POINTER);
    CHECK(fpga_model_with_delta(NULL, NULL, 1, &model) == NULL_POINTER);
    CHECK(fpga_model_without_delta(NULL, NULL, 1, &model) == NULL_POINTER);
    CHECK(number == 5 && size == 5 && real == 5 && byte == 5 && strcmp(text, "as was") == 0);
}

static void null_is_refused_by_face_networks(void)
{
    fpga_face_detector *detector = GARBAGE(fpga_face_detector);
    fpga_face_embedder *embedder = GARBAGE(fpga_face_embedder);
    fpga_face_parser *parser = GARBAGE(fpga_face_parser);
    fpga_landmark_detector *landmarks = GARBAGE(fpga_landmark_detector);
    fpga_pose_estimator *estimator = GARBAGE(fpga_pose_estimator);
    fpga_detections *detections = GARBAGE(fpga_detections);
    fpga_poses *poses = GARBAGE(fpga_poses);
    fpga_identity *identity = GARBAGE(fpga_identity);
    fpga_detection face;
    fpga_left_face left;
    fpga_restoration_report report;
    size_t size = 5;
    double real = 5;
    float numbers[10] = {5};
    uint8_t byte = 5;
    char text[8] = "as was";

    fpga_face_detector_free(NULL);
    fpga_face_embedder_free(NULL);
    fpga_face_parser_free(NULL);
    fpga_landmark_detector_free(NULL);
    fpga_pose_estimator_free(NULL);
    fpga_detections_free(NULL);
    fpga_poses_free(NULL);
    CHECK(fpga_face_detector_load(NULL, "x", NULL, &detector) == NULL_POINTER && detector == NULL);
    CHECK(fpga_face_detector_new(NULL, &detector) == NULL_POINTER);
    CHECK(fpga_face_detector_new(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_face_detector_detect(NULL, NULL, &detections) == NULL_POINTER && detections == NULL);
    CHECK(fpga_detections_add(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_detections_count(NULL, &size) == NULL_POINTER);
    CHECK(fpga_detections_get(NULL, 0, &face, sizeof face) == NULL_POINTER);
    CHECK(fpga_face_embedder_load(NULL, "x", 1, &embedder) == NULL_POINTER && embedder == NULL);
    CHECK(fpga_face_embedder_new(NULL, &embedder) == NULL_POINTER);
    CHECK(fpga_face_embedder_embed(NULL, NULL, numbers, numbers, 10, &size) == NULL_POINTER);
    CHECK(fpga_embedding_cosine(NULL, numbers, 1, &real) == NULL_POINTER);
    CHECK(fpga_face_parser_load(NULL, "x", 1, &parser) == NULL_POINTER && parser == NULL);
    CHECK(fpga_face_parser_new(NULL, &parser) == NULL_POINTER);
    CHECK(fpga_face_parser_parse(NULL, NULL, &byte, 1, 1) == NULL_POINTER);
    CHECK(fpga_landmark_detector_load(NULL, "x", &landmarks) == NULL_POINTER && landmarks == NULL);
    CHECK(fpga_landmark_detector_new(NULL, &landmarks) == NULL_POINTER);
    CHECK(fpga_landmark_detector_find(NULL, NULL, numbers, numbers, 10, &size) == NULL_POINTER);
    CHECK(fpga_landmarks_five(NULL, 68, numbers) == NULL_POINTER);
    CHECK(fpga_pose_estimator_load(NULL, "x", "x", &estimator) == NULL_POINTER && estimator == NULL);
    CHECK(fpga_pose_estimator_estimate(NULL, NULL, &poses) == NULL_POINTER && poses == NULL);
    CHECK(fpga_pose_estimator_new(NULL, &estimator) == NULL_POINTER && estimator == NULL);
    CHECK(fpga_pose_estimator_new(NULL, NULL) == NULL_POINTER);
    CHECK(fpga_poses_add(NULL, numbers, 18) == NULL_POINTER);
    CHECK(fpga_poses_count(NULL, &size) == NULL_POINTER);
    CHECK(fpga_poses_get(NULL, 0, numbers, 10, &size) == NULL_POINTER);
    CHECK(fpga_identity_from_pictures(NULL, NULL, 0, NULL, &identity) == NULL_POINTER);
    CHECK(identity == NULL && fpga_identity_embedding(NULL, numbers, 10, &size) == NULL_POINTER);
    fpga_facial_prompts *words = GARBAGE(fpga_facial_prompts);
    fpga_facial_prompts_free(NULL);
    CHECK(fpga_facial_prompts_new(NULL, NULL, NULL, &words) == NULL_POINTER && words == NULL);
    CHECK(fpga_facial_prompts_new(NULL, NULL, NULL, NULL) == NULL_POINTER);
    CHECK(fpga_restoration_get_report(NULL, &report, sizeof report) == NULL_POINTER);
    CHECK(fpga_restoration_left_face(NULL, 0, &left, sizeof left) == NULL_POINTER);
    CHECK(fpga_restoration_absent_person(NULL, 0, &size) == NULL_POINTER);
    CHECK(fpga_generation_person_name(NULL, 0, text, sizeof text, &size) == NULL_POINTER);
    CHECK(size == 5 && real == 5 && numbers[0] == 5 && byte == 5 && strcmp(text, "as was") == 0);
}

static void error_texts_come_by_two_calls(void)
{
    char text[64] = "as was";
    size_t needed = 0;
    CHECK(fpga_job_run(NULL) == NULL_POINTER);
    OK(fpga_last_error_message(NULL, 0, &needed));
    CHECK(needed == sizeof "job is NULL");
    size_t again = 0;
    CHECK(fpga_last_error_message(text, needed - 1, &again) == FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(again == needed && strcmp(text, "as was") == 0);
    OK(fpga_last_error_message(text, needed, NULL));
    CHECK(strcmp(text, "job is NULL") == 0);
}

static void contexts(void)
{
    fpga_context *context = GARBAGE(fpga_context);
    fpga_context_params params = FPGA_CONTEXT_PARAMS_INIT;

    params.device = "toaster";
    CHECK(fpga_context_new(&params, &context) == FPGA_STATUS_DEVICE && context == NULL);
    CHECK(last_error_says("device toaster: no such device; known are cpu"));
    params.device = "cpu:\xFF";
    CHECK(fpga_context_new(&params, &context) == FPGA_STATUS_INVALID_UTF8);
    params.device = "cpu";
    params.num_threads = 1000000;
    CHECK(fpga_context_new(&params, &context) == INVALID && last_error_says("1000000"));
    params.num_threads = 1;
    params.reserved = 1;
    CHECK(fpga_context_new(&params, &context) == INVALID && last_error_says("reserved"));
    params.reserved = 0;
    params.struct_size = sizeof params - 1;
    CHECK(fpga_context_new(&params, &context) == FPGA_STATUS_INVALID_STRUCT_SIZE);
    CHECK(last_error_says("fpga_context_params: struct_size is"));
    params.struct_size = 0;
    CHECK(fpga_context_new(&params, &context) == FPGA_STATUS_INVALID_STRUCT_SIZE);
    params.struct_size = SIZE_MAX;
    CHECK(fpga_context_new(&params, &context) == FPGA_STATUS_INVALID_STRUCT_SIZE);

    /* A caller with a newer header: fine as long as it sets nothing that this library lacks. */
    struct {
        fpga_context_params known;
        uint64_t unknown;
    } newer = {FPGA_CONTEXT_PARAMS_INIT, 1};
    newer.known.struct_size = sizeof newer;
    CHECK(fpga_context_new(&newer.known, &context) == FPGA_STATUS_UNSUPPORTED && context == NULL);
    newer.unknown = 0;
    OK(fpga_context_new(&newer.known, &context));
    fpga_context_free(context);
}

static void models(const fpga_context *context, const char *no_model)
{
    fpga_model *model = GARBAGE(fpga_model);
    fpga_model_params params = FPGA_MODEL_PARAMS_INIT;
    CHECK(fpga_model_load(context, "/no/such/folder", NULL, &model) == FPGA_STATUS_IO);
    CHECK(model == NULL && last_error_says("/no/such/folder"));
    CHECK(fpga_model_load(context, no_model, NULL, &model) == FPGA_STATUS_FORMAT);
    CHECK(model == NULL && last_error_says(no_model));
    CHECK(fpga_model_load(context, NULL, NULL, &model) == NULL_POINTER);
    CHECK(last_error_says("path is NULL"));
    CHECK(fpga_model_load(context, "\xC3(", NULL, &model) == FPGA_STATUS_INVALID_UTF8);
    params.storage = 99;
    CHECK(fpga_model_load(context, "x", &params, &model) == INVALID);
    CHECK(last_error_says("no such storage: 99"));
    params.storage = 0;
    CHECK(fpga_model_load(context, "x", &params, &model) == INVALID);
}

static void load_reports(const fpga_model *model)
{
    size_t needed = 0;
    OK(fpga_model_load_report_json(model, NULL, 0, &needed));
    char *text = malloc(needed);
    CHECK(text != NULL);
    CHECK(fpga_model_load_report_json(model, text, needed - 1, NULL) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    OK(fpga_model_load_report_json(model, text, needed, NULL));
    CHECK(strstr(text, "\"unet\":{\"applied\":[\"") != NULL && strlen(text) + 1 == needed);
    free(text);
}

/* Makes a job and returns the status; there is a job only on success. */
static fpga_status try_job(const fpga_model *model, const fpga_image_view *picture,
                           const fpga_face *face, const fpga_restore_params *params)
{
    fpga_job *job = GARBAGE(fpga_job);
    fpga_status status = fpga_job_new_restore(model, picture, face, 1, params, &job);
    CHECK((job == NULL) == (status != FPGA_STATUS_OK));
    fpga_job_free(job);
    return status;
}

static void jobs_that_cannot_be_made(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    const fpga_face face = the_face();
    const fpga_restore_params params = short_job();
    OK(try_job(model, &picture, &face, &params));
    CHECK(try_job(model, NULL, &face, &params) == NULL_POINTER);
    CHECK(try_job(model, &picture, NULL, &params) == NULL_POINTER);
    OK(try_job(model, &picture, &face, NULL));

#define BAD_PICTURE(change, expected)                                          \
    do {                                                                       \
        fpga_image_view bad = picture;                                         \
        change;                                                                \
        CHECK(try_job(model, &bad, &face, &params) == (expected));             \
    } while (0)
    BAD_PICTURE(bad.pixels = NULL, NULL_POINTER);
    BAD_PICTURE(bad.format = 0, INVALID);
    BAD_PICTURE(bad.format = 77, INVALID);
    CHECK(last_error_says("no such pixel format: 77"));
    BAD_PICTURE(bad.format = FPGA_PIXEL_FORMAT_GRAY8, INVALID);
    BAD_PICTURE(bad.stride = 3 * FACE_WIDTH - 1, INVALID);
    BAD_PICTURE(bad.width = 0, INVALID);
    BAD_PICTURE(bad.height = 0, INVALID);
    BAD_PICTURE(bad.stride = SIZE_MAX / 2, INVALID);
    BAD_PICTURE(bad.reserved = 1, INVALID);
    BAD_PICTURE(bad.struct_size = 8, FPGA_STATUS_INVALID_STRUCT_SIZE);

#define BAD_FACE(change, expected)                                             \
    do {                                                                       \
        fpga_face bad = face;                                                  \
        change;                                                                \
        CHECK(try_job(model, &picture, &bad, &params) == (expected));          \
    } while (0)
    BAD_FACE(bad.box[2] = bad.box[0], INVALID);
    CHECK(last_error_says("face 0: face box: needs left < right"));
    BAD_FACE(bad.box[1] = NAN, INVALID);
    BAD_FACE(bad.landmarks[3] = INFINITY, INVALID);
    BAD_FACE(bad.has_landmarks = 2, INVALID);
    BAD_FACE(bad.reserved = 1, INVALID);
    BAD_FACE(bad.prompt = "\xFF", FPGA_STATUS_INVALID_UTF8);
    BAD_FACE(bad.struct_size = sizeof bad - 4, FPGA_STATUS_INVALID_STRUCT_SIZE);
    fpga_image_view colour = view_face(pixels);
    BAD_FACE(bad.mask = &colour, INVALID);
    CHECK(last_error_says("face 0: mask: fpga_image_view.format: needs Gray8"));

#define BAD_PARAMS(change, expected)                                           \
    do {                                                                       \
        fpga_restore_params bad = params;                                      \
        change;                                                                \
        CHECK(try_job(model, &picture, &face, &bad) == (expected));            \
    } while (0)
    BAD_PARAMS(bad.has_seed = 2, INVALID);
    BAD_PARAMS(bad.measure_round_trip = 7, INVALID);
    BAD_PARAMS(bad.long_prompt = 0, INVALID);
    BAD_PARAMS(bad.noise = 3, INVALID);
    BAD_PARAMS(bad.reserved = 1, INVALID);
    BAD_PARAMS(bad.negative_prompt = "\x80", FPGA_STATUS_INVALID_UTF8);
    /* Shorter than the first version of the struct, which ended before `search`. */
    BAD_PARAMS(bad.struct_size = offsetof(fpga_restore_params, search) - 8,
               FPGA_STATUS_INVALID_STRUCT_SIZE);

    fpga_job *job = GARBAGE(fpga_job);
    fpga_face two[2];
    two[0] = two[1] = face;
    two[1].struct_size += 8;
    CHECK(fpga_job_new_restore(model, &picture, two, 2, &params, &job) == INVALID && job == NULL);
    CHECK(last_error_says("face 1: fpga_face.struct_size"));
    CHECK(fpga_job_new_restore(model, &picture, two, SIZE_MAX, &params, &job) == INVALID);
}

/* A job that fails says so by status, by thread and by job; and it cannot run again. */
static void fails(const fpga_model *model, const fpga_image_view *picture, const fpga_face *face,
                  const fpga_restore_params *params, fpga_status expected, const char *words)
{
    fpga_job *job = NULL;
    fpga_restoration *restoration = GARBAGE(fpga_restoration);
    uint32_t state = 0;
    char text[512];
    OK(fpga_job_new_restore(model, picture, face, 1, params, &job));
    OK(fpga_job_error_message(job, text, sizeof text, NULL));
    CHECK(text[0] == 0);
    CHECK(fpga_job_run(job) == expected);
    CHECK(last_error_says(words));
    OK(fpga_job_error_message(job, text, sizeof text, NULL));
    CHECK(strstr(text, words) != NULL);
    OK(fpga_job_get_state(job, &state));
    CHECK(state == FPGA_JOB_STATE_FAILED);
    CHECK(fpga_job_take_restoration(job, &restoration) == FPGA_STATUS_INVALID_STATE);
    CHECK(restoration == NULL);
    CHECK(fpga_job_run(job) == FPGA_STATUS_INVALID_STATE);
    fpga_job_free(job);
}

static void jobs_that_fail(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    const fpga_face face = the_face();
    fpga_restore_params params = short_job();
    params.depth = NAN;
    fails(model, &picture, &face, &params, INVALID, "depth: needs 0 to 1, found NaN");
    params = short_job();
    params.steps = 0;
    fails(model, &picture, &face, &params, INVALID, "steps: needs 1 to 1000, found 0");
    params = short_job();
    params.model_size = 33;
    fails(model, &picture, &face, &params, INVALID, "crop size: must be a multiple of 8");
    params = short_job();

    fpga_face outside = face;
    outside.has_landmarks = 0;
    outside.box[0] = 1000;
    outside.box[2] = 1010;
    fails(model, &picture, &outside, &params, INVALID, "face 0: face box");

    uint8_t bits[4 * 4] = {0};
    fpga_image_view small = FPGA_IMAGE_VIEW_INIT;
    small.pixels = bits;
    small.stride = small.width = small.height = 4;
    small.format = FPGA_PIXEL_FORMAT_GRAY8;
    fpga_face masked = face;
    masked.mask = &small;
    fails(model, &picture, &masked, &params, FPGA_STATUS_SHAPE, "face 0");
}

static int32_t count(void *userdata, const fpga_progress *progress)
{
    (void)progress;
    ++*(unsigned *)userdata;
    return 0;
}

static int32_t stop_at_the_third(void *userdata, const fpga_progress *progress)
{
    return count(userdata, progress) + (*(unsigned *)userdata == 3 ? -1 : 0);
}

static void cancelled_jobs(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    const fpga_face face = the_face();
    const fpga_restore_params params = short_job();
    fpga_cancel_token *token = NULL, *copy = NULL;
    fpga_job *job = NULL;
    uint32_t cancelled = 7, state = 0;
    unsigned calls = 0;
    OK(fpga_cancel_token_new(&token));

    /* A callback that says stop stops its job, and leaves the token alone. */
    OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    OK(fpga_job_set_cancel_token(job, token));
    OK(fpga_job_set_progress_callback(job, stop_at_the_third, &calls));
    CHECK(fpga_job_run(job) == FPGA_STATUS_CANCELLED && calls == 3);
    OK(fpga_job_get_state(job, &state));
    CHECK(state == FPGA_JOB_STATE_CANCELLED);
    fpga_job_free(job);
    OK(fpga_cancel_token_is_cancelled(token, &cancelled));
    CHECK(cancelled == 0);

    /* A cancel before the start is not lost, nor is one by another reference. */
    OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    OK(fpga_job_set_cancel_token(job, token));
    OK(fpga_job_set_progress_callback(job, count, &calls));
    OK(fpga_cancel_token_ref(token, &copy));
    fpga_cancel_token_free(token);
    OK(fpga_cancel_token_cancel(copy));
    calls = 0;
    CHECK(fpga_job_run(job) == FPGA_STATUS_CANCELLED && calls == 0);
    CHECK(last_error_says("cancelled"));
    CHECK(fpga_job_set_cancel_token(job, NULL) == FPGA_STATUS_INVALID_STATE);
    CHECK(fpga_job_set_progress_callback(job, NULL, NULL) == FPGA_STATUS_INVALID_STATE);
    fpga_job_free(job);
    OK(fpga_cancel_token_is_cancelled(copy, &cancelled));
    CHECK(cancelled == 1);
    fpga_cancel_token_free(copy);
}

/* Tries what a callback may do with its own job. */
static int32_t meddle(void *userdata, const fpga_progress *progress)
{
    fpga_job **job = userdata;
    uint32_t state = 0;
    (void)progress;
    if (*job != NULL) {
        OK(fpga_job_get_state(*job, &state));
        CHECK(state == FPGA_JOB_STATE_RUNNING);
        CHECK(fpga_job_run(*job) == FPGA_STATUS_INVALID_STATE);
        CHECK(fpga_job_set_progress_callback(*job, NULL, NULL) == FPGA_STATUS_INVALID_STATE);
        fpga_job_free(*job);
        *job = NULL;
    }
    return 0;
}

static void callbacks_may_free_their_job(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    const fpga_face face = the_face();
    const fpga_restore_params params = short_job();
    fpga_job *job = NULL;
    OK(fpga_job_new_restore(model, &picture, &face, 1, &params, &job));
    fpga_job *running = job;
    OK(fpga_job_set_progress_callback(job, meddle, &job));
    OK(fpga_job_run(running));
    CHECK(job == NULL);
}

static void results(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    fpga_restore_params params = short_job();
    /* Faces of a newer header: longer, so farther apart. */
    struct {
        fpga_face known;
        uint64_t unknown[3];
    } faces[2];
    memset(faces, 0, sizeof faces);
    faces[0].known = faces[1].known = the_face();
    faces[0].known.struct_size = faces[1].known.struct_size = sizeof faces[0];
    uint8_t mask[FACE_WIDTH * FACE_HEIGHT] = {0};
    fpga_image_view empty = FPGA_IMAGE_VIEW_INIT;
    empty.pixels = mask;
    empty.stride = empty.width = FACE_WIDTH;
    empty.height = FACE_HEIGHT;
    empty.format = FPGA_PIXEL_FORMAT_GRAY8;
    faces[1].known.mask = &empty;

    fpga_job *job = NULL;
    fpga_restoration *restoration = GARBAGE(fpga_restoration);
    OK(fpga_job_new_restore(model, &picture, &faces[0].known, 2, &params, &job));
    CHECK(fpga_job_take_restoration(job, &restoration) == FPGA_STATUS_INVALID_STATE);
    CHECK(restoration == NULL);
    OK(fpga_job_run(job));
    OK(fpga_job_take_restoration(job, &restoration));
    fpga_restoration *second = GARBAGE(fpga_restoration);
    CHECK(fpga_job_take_restoration(job, &second) == FPGA_STATUS_INVALID_STATE && second == NULL);
    CHECK(last_error_says("taken before"));
    CHECK(fpga_job_run(job) == FPGA_STATUS_INVALID_STATE);
    fpga_job_free(job);

    fpga_face_report report;
    char verdict[128];
    OK(fpga_restoration_face_report(restoration, 0, &report, sizeof report));
    CHECK(report.struct_size == sizeof report && report.verdict == FPGA_VERDICT_ACCEPTED);
    CHECK(report.steps == 3 && report.changed_pixels > 0 && report.seed == 7);
    CHECK(report.round_trip_psnr > 0 && report.sharpness_before > 0);
    OK(fpga_restoration_face_report(restoration, 1, &report, sizeof report));
    CHECK(report.verdict == FPGA_VERDICT_KEPT_EMPTY_MASK && report.changed_pixels == 0);
    CHECK(isnan(report.round_trip_psnr) && isnan(report.seam_delta_e));
    OK(fpga_restoration_face_verdict(restoration, 1, verdict, sizeof verdict, NULL));
    CHECK(strcmp(verdict, "kept the original: the mask is empty") == 0);
    CHECK(fpga_restoration_face_report(restoration, 2, &report, sizeof report) == INVALID);
    CHECK(last_error_says("2 of 2 faces"));
    CHECK(fpga_restoration_face_report(restoration, 0, &report, 8) ==
          FPGA_STATUS_INVALID_STRUCT_SIZE);
    CHECK(fpga_restoration_face_report(restoration, 0, NULL, sizeof report) == NULL_POINTER);

    uint8_t copy[FACE_BYTES], untouched[FACE_BYTES];
    memset(copy, 0x55, sizeof copy);
    memset(untouched, 0x55, sizeof untouched);
    CHECK(fpga_restoration_copy_picture(restoration, NULL, FACE_STRIDE, FACE_BYTES) == NULL_POINTER);
    CHECK(fpga_restoration_copy_picture(restoration, copy, 3 * FACE_WIDTH - 1, FACE_BYTES) ==
          INVALID);
    CHECK(fpga_restoration_copy_picture(restoration, copy, FACE_STRIDE, FACE_BYTES - 1) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(memcmp(copy, untouched, sizeof copy) == 0);
    OK(fpga_restoration_copy_picture(restoration, copy, FACE_STRIDE, FACE_BYTES));
    CHECK(copy[3 * FACE_WIDTH] == 0x55 && memcmp(copy, pixels, 3 * FACE_WIDTH) == 0);

    char tiny[4] = "abc";
    size_t needed = 0;
    CHECK(fpga_restoration_report_json(restoration, tiny, sizeof tiny, &needed) ==
          FPGA_STATUS_BUFFER_TOO_SMALL);
    CHECK(needed > sizeof tiny && strcmp(tiny, "abc") == 0);
    fpga_restoration_free(restoration);
}

static void pictures_without_faces_stay_as_they_are(const fpga_model *model, const uint8_t *pixels)
{
    const fpga_image_view picture = view_face(pixels);
    fpga_job *job = NULL;
    fpga_restoration *restoration = NULL;
    uint64_t changed = 1;
    uint8_t copy[FACE_BYTES];
    memset(copy, 0xEE, sizeof copy);
    OK(fpga_job_new_restore(model, &picture, NULL, 0, NULL, &job));
    OK(fpga_job_run(job));
    OK(fpga_job_take_restoration(job, &restoration));
    OK(fpga_restoration_changed_outside_mask(restoration, &changed));
    OK(fpga_restoration_copy_picture(restoration, copy, FACE_STRIDE, FACE_BYTES));
    CHECK(changed == 0 && memcmp(copy, pixels, FACE_BYTES) == 0);
    fpga_restoration_free(restoration);
    fpga_job_free(job);
}

int main(int argc, char **argv)
{
    static uint8_t pixels[FACE_BYTES];
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    CHECK(argc == 2);
    draw_face(pixels);
    names_of_statuses();
    macros_and_init_functions_agree();
    null_is_refused_and_freed();
    null_is_refused_by_what_changes_a_model();
    null_is_refused_by_face_networks();
    error_texts_come_by_two_calls();
    contexts();
    OK(fpga_context_new(NULL, &context));
    models(context, argv[0]);
    OK(fpga_model_load(context, argv[1], NULL, &model));
    load_reports(model);
    jobs_that_cannot_be_made(model, pixels);
    jobs_that_fail(model, pixels);
    cancelled_jobs(model, pixels);
    callbacks_may_free_their_job(model, pixels);
    results(model, pixels);
    pictures_without_faces_stay_as_they_are(model, pixels);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
