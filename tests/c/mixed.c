/*
 * What was made for one model, on another one: refused by name, never a crash.
 *
 *   mixed MODEL ADAPTER LORA REP_CONTROLNET CONTROLNET OTHER_MODEL
 */
#include "check.h"

/* Refused with words about `words`, and by no bug of the library. */
static void refused(fpga_status status, const char *words)
{
    CHECK(status != FPGA_STATUS_OK && status < FPGA_STATUS_PANIC);
    CHECK(last_error_says(words));
}

static fpga_status restore(const fpga_model *model, const fpga_face *face,
                           const fpga_restore_params *params)
{
    static uint8_t pixels[FACE_BYTES];
    draw_face(pixels);
    const fpga_image_view picture = view_face(pixels);
    fpga_job *job = NULL;
    fpga_status status = fpga_job_new_restore(model, &picture, face, 1, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    fpga_job_free(job);
    return status;
}

static fpga_status generate(const fpga_model *model, fpga_generate_params params)
{
    fpga_job *job = NULL;
    params.prompt = "a cat";
    params.width = 32;
    params.height = 32;
    params.steps = 2;
    params.sampler = FPGA_SAMPLER_DDIM;
    fpga_status status = fpga_job_new_generate(model, &params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    fpga_job_free(job);
    return status;
}

int main(int argc, char **argv)
{
    fpga_context *context = NULL;
    fpga_model *model = NULL, *other = NULL, *changed = NULL;
    fpga_adapter *adapter = NULL;
    fpga_identity *identity = NULL;
    fpga_lora *lora = NULL;
    fpga_rep_controlnet *rep = NULL, *none = NULL;
    fpga_controlnet *controlnet = NULL;
    fpga_delta *delta = NULL;
    fpga_model_params how = FPGA_MODEL_PARAMS_INIT;
    char tokenizer[1024];
    CHECK(argc == 7);
    snprintf(tokenizer, sizeof tokenizer, "%s/tokenizer", argv[1]);
    how.tokenizer = tokenizer;
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    OK(fpga_model_load(context, argv[6], &how, &other));
    OK(generate(other, (fpga_generate_params)FPGA_GENERATE_PARAMS_INIT));

    const float values[6] = {4, 1, -2, 0.5f, 3, -1};
    fpga_reference reference = FPGA_REFERENCE_INIT;
    reference.embedding = values;
    reference.embedding_length = 6;
    OK(fpga_adapter_load(model, argv[2], NULL, &adapter));
    OK(fpga_identity_new(adapter, &reference, 1, &identity));
    fpga_restore_params params = short_job();
    fpga_face face = the_face();
    face.identity = identity;
    refused(restore(other, &face, &params), "face 0");
    fpga_person person = FPGA_PERSON_INIT;
    fpga_generate_params making = FPGA_GENERATE_PARAMS_INIT;
    person.identity = identity;
    making.people = &person;
    making.num_people = 1;
    refused(generate(other, making), "");
    fpga_adapter *never = NULL;
    refused(fpga_adapter_load(other, argv[2], NULL, &never), "");
    CHECK(never == NULL);

    fpga_lora_use use = FPGA_LORA_USE_INIT;
    OK(fpga_lora_load(context, argv[3], &lora));
    use.lora = lora;
    refused(fpga_model_with_loras(other, &use, 1, &changed), "LoRA");
    CHECK(changed == NULL);

    fpga_rep_controlnet_use merged = FPGA_REP_CONTROLNET_USE_INIT;
    OK(fpga_rep_controlnet_load(model, argv[4], FPGA_STORAGE_AS_STORED, &rep));
    merged.rep_controlnet = rep;
    refused(fpga_model_with_rep_controlnets(other, &merged, 1, &changed), "");
    refused(fpga_rep_controlnet_load(other, argv[4], FPGA_STORAGE_AS_STORED, &none), "weights");
    refused(fpga_delta_new(other, rep, &delta), "");
    OK(fpga_delta_new(model, rep, &delta));
    refused(fpga_model_with_delta(other, delta, 1, &changed), "");
    static uint8_t pixels[3 * 32 * 32];
    fpga_image_view condition = FPGA_IMAGE_VIEW_INIT;
    fpga_modality modality = FPGA_MODALITY_INIT;
    condition.pixels = pixels;
    condition.stride = 96;
    condition.width = condition.height = 32;
    modality.rep_controlnet = rep;
    modality.condition = &condition;
    making.num_people = 0;
    making.modalities = &modality;
    making.num_modalities = 1;
    refused(generate(other, making), "modality 0: condition encoder: expected 32 channels");

    OK(fpga_controlnet_load(context, argv[5], FPGA_STORAGE_AS_STORED, &controlnet));
    params.landmark_controlnet = controlnet;
    face.identity = NULL;
    refused(restore(other, &face, &params), "");

    /* The context still works. */
    OK(generate(other, (fpga_generate_params)FPGA_GENERATE_PARAMS_INIT));
    fpga_controlnet_free(controlnet);
    fpga_delta_free(delta);
    fpga_rep_controlnet_free(rep);
    fpga_lora_free(lora);
    fpga_identity_free(identity);
    fpga_adapter_free(adapter);
    fpga_model_free(other);
    fpga_model_free(model);
    fpga_context_free(context);
    return 0;
}
