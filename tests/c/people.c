/*
 * People with identities at their places: adapters, references, reports, and what is refused.
 *
 *   people MODEL ADAPTER
 */
#include "check.h"

#define WIDTH 24
#define HEIGHT 16
#define BYTES (3 * WIDTH * HEIGHT)
#define EMBEDDING 6

static fpga_identity *identity_of(const fpga_adapter *adapter, float first)
{
    const float values[EMBEDDING] = {first, 1, -2, 0.5f, 3, -1};
    fpga_reference reference = FPGA_REFERENCE_INIT;
    fpga_identity *identity = NULL;
    reference.embedding = values;
    reference.embedding_length = EMBEDDING;
    OK(fpga_identity_new(adapter, &reference, 1, &identity));
    return identity;
}

static fpga_person person_in(const fpga_identity *identity, float left, float right)
{
    fpga_person person = FPGA_PERSON_INIT;
    person.identity = identity;
    person.place = FPGA_PLACE_BOX;
    person.box[0] = left;
    person.box[2] = right;
    person.box[3] = HEIGHT;
    return person;
}

static fpga_generate_params with_people(const fpga_person *people, size_t num_people)
{
    fpga_generate_params params = FPGA_GENERATE_PARAMS_INIT;
    params.prompt = "two people";
    params.width = WIDTH;
    params.height = HEIGHT;
    params.steps = 3;
    params.seed = 7;
    params.has_seed = 1;
    params.people = people;
    params.num_people = num_people;
    return params;
}

static fpga_generation *generate(const fpga_model *model, const fpga_generate_params *params)
{
    fpga_job *job = NULL;
    fpga_generation *generation = NULL;
    OK(fpga_job_new_generate(model, params, &job));
    OK(fpga_job_run(job));
    OK(fpga_job_take_generation(job, &generation));
    fpga_job_free(job);
    return generation;
}

static void pixels_of(const fpga_model *model, const fpga_generate_params *params,
                      uint8_t pixels[BYTES])
{
    fpga_generation *generation = generate(model, params);
    OK(fpga_generation_copy_picture(generation, 0, pixels, 3 * WIDTH, BYTES));
    fpga_generation_free(generation);
}

static void people_show_where_they_are_put(const fpga_model *model, const fpga_identity *ada,
                                           const fpga_identity *ben)
{
    uint8_t nobody[BYTES], both[BYTES], turned[BYTES], swapped[BYTES];
    fpga_person people[2] = {person_in(ada, 0, 12), person_in(ben, 12, 24)};
    fpga_generate_params params = with_people(people, 0);
    pixels_of(model, &params, nobody);
    params.num_people = 2;
    pixels_of(model, &params, both);
    CHECK(memcmp(nobody, both, BYTES) != 0);
    const fpga_person other_order[2] = {people[1], people[0]};
    params.people = other_order;
    pixels_of(model, &params, turned);
    CHECK(memcmp(both, turned, BYTES) == 0);
    params.people = people;
    people[0].identity = ben;
    people[1].identity = ada;
    pixels_of(model, &params, swapped);
    CHECK(memcmp(both, swapped, BYTES) != 0);
    people[0].strength = people[1].strength = 0;
    pixels_of(model, &params, turned);
    CHECK(memcmp(nobody, turned, BYTES) == 0);
}

static void reports_say_who_is_where(const fpga_model *model, const fpga_identity *ada,
                                     const fpga_identity *ben)
{
    fpga_person people[2] = {person_in(ada, 0, 12), person_in(ben, 12, 24)};
    people[1].name = "Ben";
    people[1].strength = 0.5;
    people[1].window_end = 0.75;
    fpga_generate_params params = with_people(people, 2);
    fpga_person_report report;
    size_t count = 0, needed = 0;
    uint8_t plain[BYTES], measured[BYTES], attention[BYTES];
    char json[4096];
    pixels_of(model, &params, plain);
    params.measure = 1;
    fpga_generation *generation = generate(model, &params);
    OK(fpga_generation_copy_picture(generation, 0, measured, 3 * WIDTH, BYTES));
    CHECK(memcmp(plain, measured, BYTES) == 0);
    OK(fpga_generation_num_people(generation, &count));
    CHECK(count == 2);
    OK(fpga_generation_person_report(generation, 0, 1, &report, sizeof report));
    CHECK(report.struct_size == sizeof report && report.index == 1 && report.has_leakage == 1);
    CHECK(report.bounds[0] == 12 && report.bounds[2] == 24 && report.bounds[3] == HEIGHT);
    CHECK(report.coverage > 0.49 && report.coverage < 0.51);
    CHECK(report.strength > 0.4 && report.strength < 0.6 && report.window_end < 0.8);
    const double sum =
        report.attention_inside + report.attention_others + report.attention_background;
    CHECK(sum > 0.999 && sum < 1.001 && report.attention_inside > 0.5);
    OK(fpga_generation_copy_attention(generation, 0, 1, attention, 3 * WIDTH, BYTES));
    unsigned left = 0, right = 0;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            *(x < 12 ? &left : &right) += attention[3 * (y * WIDTH + x)];
        }
    }
    CHECK(right > left);
    OK(fpga_generation_report_json(generation, json, sizeof json, &needed));
    CHECK(strstr(json, "\"Ben\"") != NULL && strstr(json, "\"leakage\"") != NULL);
    CHECK(fpga_generation_person_report(generation, 0, 2, &report, sizeof report) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(last_error_says("2 of 2 people"));
    CHECK(fpga_generation_person_report(generation, 1, 0, &report, sizeof report) ==
          FPGA_STATUS_INVALID_ARGUMENT);
    fpga_generation_free(generation);

    params.measure = 0;
    generation = generate(model, &params);
    CHECK(fpga_generation_copy_attention(generation, 0, 1, attention, 3 * WIDTH, BYTES) ==
          FPGA_STATUS_INVALID_STATE);
    fpga_generation_free(generation);
}

static void refused(const fpga_model *model, const fpga_generate_params *params, const char *words)
{
    fpga_job *job = NULL;
    fpga_status status = fpga_job_new_generate(model, params, &job);
    if (status == FPGA_STATUS_OK)
        status = fpga_job_run(job);
    CHECK(status != FPGA_STATUS_OK && status != FPGA_STATUS_PANIC);
    CHECK(last_error_says(words));
    fpga_job_free(job);
}

static void mistakes_are_named(const fpga_model *model, const fpga_adapter *adapter,
                               const fpga_adapter *other, const fpga_identity *ada)
{
    fpga_identity *stranger = identity_of(other, 9);
    fpga_identity *none = (fpga_identity *)&stranger;
    fpga_person people[2] = {person_in(ada, 0, 12), person_in(ada, 12, 24)};
    fpga_generate_params params = with_people(people, 2);
    people[1].identity = stranger;
    refused(model, &params, "person 1: fpga_person.identity: comes from another adapter");
    people[1].identity = NULL;
    refused(model, &params, "person 1: identity is NULL");
    people[1] = person_in(ada, 12, 24);
    people[1].place = 6;
    refused(model, &params, "no such place: 6");
    people[1].place = FPGA_PLACE_MASK;
    refused(model, &params, "fpga_person.mask is NULL");
    people[1].place = FPGA_PLACE_SKELETON;
    refused(model, &params, "fpga_person.skeleton is NULL");
    people[1].place = FPGA_PLACE_EVERYWHERE;
    refused(model, &params, "place");
    people[1] = person_in(ada, 100, 120);
    refused(model, &params, "identity 1");
    people[1] = person_in(ada, 12, 24);
    people[1].reserved = 1;
    refused(model, &params, "fpga_person.reserved");
    params.num_people = 1;
    params.measure = 2;
    refused(model, &params, "measure");
    params.measure = 0;
    params.reserved_2 = 1;
    refused(model, &params, "reserved_2");

    fpga_reference reference = FPGA_REFERENCE_INIT;
    CHECK(fpga_identity_new(adapter, &reference, 1, &none) != FPGA_STATUS_OK && none == NULL);
    CHECK(last_error_says("face embedding"));
    CHECK(fpga_identity_new(adapter, &reference, 0, &none) != FPGA_STATUS_OK);
    CHECK(last_error_says("at least one"));
    const float zeros[EMBEDDING] = {0, 0, 0, 0, 0, 0};
    reference.embedding = zeros;
    reference.embedding_length = EMBEDDING;
    CHECK(fpga_identity_new(adapter, &reference, 1, &none) != FPGA_STATUS_OK);
    CHECK(last_error_says("direction"));
    const float values[2] = {1, 2};
    reference.embedding = values;
    reference.embedding_length = 2;
    const fpga_status status = fpga_identity_new(adapter, &reference, 1, &none);
    CHECK(status != FPGA_STATUS_OK && status != FPGA_STATUS_PANIC && none == NULL);
    CHECK(fpga_identity_new(NULL, &reference, 1, &none) == FPGA_STATUS_NULL_POINTER);
    fpga_identity_free(stranger);
}

static uint64_t in_use(const fpga_context *context)
{
    uint64_t bytes = 0;
    OK(fpga_context_memory_in_use(context, &bytes));
    return bytes;
}

static void memory_is_counted(const char *model_path, const char *adapter_path)
{
    fpga_context_params how = FPGA_CONTEXT_PARAMS_INIT;
    fpga_context *context = NULL;
    fpga_model *model = NULL;
    fpga_adapter *adapter = NULL;
    OK(fpga_context_new(&how, &context));
    OK(fpga_model_load(context, model_path, NULL, &model));
    const uint64_t before = in_use(context);
    uint64_t expected = 0, own = 0;
    OK(fpga_adapter_estimate_memory(adapter_path, NULL, &expected));
    OK(fpga_adapter_load(model, adapter_path, NULL, &adapter));
    OK(fpga_adapter_memory(adapter, &own));
    CHECK(own > 0 && own == expected && in_use(context) == before + own);
    fpga_identity *identity = identity_of(adapter, 2);
    fpga_person person = FPGA_PERSON_INIT;
    person.identity = identity;
    fpga_generate_params params = with_people(&person, 0);
    uint64_t alone = 0, together = 0;
    fpga_job *job = NULL;
    OK(fpga_job_new_generate(model, &params, &job));
    OK(fpga_job_estimate_memory(job, &alone));
    fpga_job_free(job);
    params.num_people = 1;
    OK(fpga_job_new_generate(model, &params, &job));
    OK(fpga_job_estimate_memory(job, &together));
    CHECK(together > alone);
    /* The job keeps all that it needs. */
    fpga_adapter_free(adapter);
    fpga_identity_free(identity);
    fpga_model_free(model);
    OK(fpga_job_run(job));
    fpga_job_free(job);
    CHECK(in_use(context) == 0);
    fpga_context_free(context);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    fpga_context *context = NULL;
    fpga_model *model = NULL, *adapted = NULL;
    fpga_adapter *adapter = NULL, *other = NULL;
    uint32_t kind = 0;
    OK(fpga_context_new(NULL, &context));
    OK(fpga_model_load(context, argv[1], NULL, &model));
    OK(fpga_adapter_load(model, argv[2], NULL, &adapter));
    OK(fpga_adapter_load(model, argv[2], NULL, &other));
    OK(fpga_adapter_get_kind(adapter, &kind));
    CHECK(kind == FPGA_ADAPTER_KIND_FACE_ID);
    OK(fpga_model_with_adapter(model, adapter, &adapted));
    fpga_model_free(model);
    fpga_identity *ada = identity_of(adapter, 4), *ben = identity_of(adapter, -4);
    people_show_where_they_are_put(adapted, ada, ben);
    reports_say_who_is_where(adapted, ada, ben);
    mistakes_are_named(adapted, adapter, other, ada);
    fpga_adapter *none = NULL;
    CHECK(fpga_adapter_load(adapted, argv[1], NULL, &none) != FPGA_STATUS_OK && none == NULL);
    fpga_adapter_params how = FPGA_ADAPTER_PARAMS_INIT;
    how.storage = 9;
    CHECK(fpga_adapter_load(adapted, argv[2], &how, &none) == FPGA_STATUS_INVALID_ARGUMENT);
    fpga_identity_free(ben);
    fpga_identity_free(ada);
    fpga_identity_free(NULL);
    fpga_adapter_free(other);
    fpga_adapter_free(adapter);
    fpga_adapter_free(NULL);
    fpga_model_free(adapted);
    fpga_context_free(context);
    memory_is_counted(argv[1], argv[2]);
    return 0;
}
