/*
 * The C++ wrapper: what it owns is freed once, what fails throws, and what callbacks throw arrives.
 *
 *   wrap MODEL CONTROLNET SINGLE_FILE LORA REP_CONTROLNET
 */
#include <fpga.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <type_traits>

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            std::exit(1);                                                            \
        }                                                                            \
    } while (0)

static_assert(std::is_move_constructible<fpga::model>::value, "owners move");
static_assert(std::is_move_constructible<fpga::job>::value, "owners move");
static_assert(!std::is_copy_constructible<fpga::context>::value, "owners do not copy");
static_assert(!std::is_copy_constructible<fpga::job>::value, "owners do not copy");
static_assert(!std::is_copy_assignable<fpga::source>::value, "owners do not copy");

/* The status of what `work` throws. */
template <class Work>
static fpga_status thrown(Work work)
{
    const auto result = fpga::attempt(work);
    CHECK(!result);
    CHECK(std::strlen(result.failure().what()) > 0);
    return result.status();
}

static fpga::image picture()
{
    fpga::image picture(61, 47);
    for (std::size_t index = 0; index < picture.pixels().size(); index++)
        picture.pixels()[index] = static_cast<std::uint8_t>(index * 7 % 251);
    return picture;
}

static fpga_restore_params short_restoration()
{
    auto params = fpga::init<fpga_restore_params>();
    params.prompt = "a face";
    params.steps = 5;
    params.model_size = 32;
    params.max_seam_delta_e = 1e9;
    params.min_sharpness_gain = 0;
    params.seed = 7;
    params.has_seed = 1;
    return params;
}

static fpga_generate_params short_generation()
{
    auto params = fpga::init<fpga_generate_params>();
    params.prompt = "a cat";
    params.width = 24;
    params.height = 16;
    params.steps = 4;
    params.seed = 7;
    params.has_seed = 1;
    return params;
}

static void restores(const fpga::model &model)
{
    auto face = fpga::init<fpga_face>();
    const float box[4] = {20, 10, 44, 38};
    std::memcpy(face.box, box, sizeof box);
    const fpga::image before = picture();
    auto job = fpga::job::restore(model, before, {face}, short_restoration());
    CHECK(job.estimate_memory() > 0 && job.state() == FPGA_JOB_STATE_READY);
    unsigned steps = 0, messages = 0;
    job.watch([&](const fpga_progress &progress) { return progress.steps > 0 && ++steps > 0; })
        .log([&](std::uint32_t, const char *words) { messages += std::strlen(words) > 0; });
    fpga::job moved = std::move(job);
    moved.run();
    CHECK(steps > 3 && messages == 2 && moved.num_finished() == 1);
    const fpga::restoration restored = moved.take_restoration();
    CHECK(restored.picture().pixels() != before.pixels());
    CHECK(restored.changed_outside_mask() == 0 && restored.seed() == 7);
    CHECK(restored.faces().size() == 1 && restored.faces()[0].verdict == FPGA_VERDICT_ACCEPTED);
    CHECK(restored.report_json().front() == '{');
    CHECK(thrown([&] { moved.take_restoration(); }) == FPGA_STATUS_INVALID_STATE);
    CHECK(thrown([&] { job.state(); }) == FPGA_STATUS_NULL_POINTER);
}

static void generates(const fpga::context &context, const fpga::model &model, const char *path)
{
    const fpga::controlnet net(context, path);
    const fpga::image condition(24, 16);
    const fpga_image_view view = condition.view();
    auto control = fpga::init<fpga_control>();
    control.controlnet = net.get();
    control.condition = &view;
    control.scale = 0.3;
    auto params = short_generation();
    params.count = 2;
    params.controls = &control;
    params.num_controls = 1;
    unsigned previews = 0;
    auto job = fpga::job::generate(model, params);
    job.preview([&](const fpga_progress &, const fpga_image_view &seen) {
        previews += seen.width == 12 && seen.height == 8;
        return true;
    });
    job.run();
    const fpga::generation made = job.take_generation();
    CHECK(made.size() == 2 && previews == 4 && made.report().seed == 7);
    CHECK(made.picture(0).width() == 24 && made.picture(0).pixels() != made.picture(1).pixels());
    CHECK(thrown([&] { made.picture(2); }) == FPGA_STATUS_INVALID_ARGUMENT);
    CHECK(made.report_json().find("\"steps\":4") != std::string::npos);
}

static void embeds_prompts(const fpga::model &model)
{
    auto params = short_generation();
    const auto pixels = [&](float wanted, float unwanted) {
        const fpga::prompt_embedding prompt(std::vector<float>(3 * 12, wanted), 12);
        const fpga::prompt_embedding negative(std::vector<float>(3 * 12, unwanted), 12);
        const fpga_prompt_embedding views[2] = {prompt.view(), negative.view()};
        params.prompt = nullptr;
        params.prompt_embedding = &views[0];
        params.negative_prompt_embedding = &views[1];
        auto job = fpga::job::generate(model, params);
        job.run();
        return job.take_generation().picture(0).pixels();
    };
    CHECK(pixels(1, -1) == pixels(1, -1));
    CHECK(pixels(1, -1) != pixels(-1, 1) && pixels(1, -1) != pixels(1, 1));
    CHECK(thrown([] { fpga::prompt_embedding({1, 2, 3}, 2); }) == FPGA_STATUS_INVALID_ARGUMENT);
    const fpga::prompt_embedding owner({1, 2}, 1, {3});
    const fpga_prompt_embedding pooled = owner.view();
    CHECK(pooled.num_tokens == 2 && pooled.pooled_width == 1 && pooled.pooled != nullptr);
}

static void exceptions_of_callbacks_arrive(const fpga::model &model)
{
    for (int kind = 0; kind < 3; kind++) {
        auto job = fpga::job::generate(model, short_generation());
        if (kind == 0)
            job.watch([](const fpga_progress &) -> bool { throw std::out_of_range("mine"); });
        else if (kind == 1)
            job.preview([](const fpga_progress &, const fpga_image_view &) -> bool {
                throw std::out_of_range("mine");
            });
        else
            job.log([](std::uint32_t, const char *) { throw std::out_of_range("mine"); });
        bool arrived = false;
        try {
            job.run();
        } catch (const std::out_of_range &mine) {
            arrived = std::strcmp(mine.what(), "mine") == 0;
        }
        CHECK(arrived);
    }
}

static void cancels(const fpga::model &model)
{
    auto job = fpga::job::generate(model, short_generation());
    job.watch([](const fpga_progress &progress) { return progress.step < 2; });
    CHECK(thrown([&] { job.run(); }) == FPGA_STATUS_CANCELLED);
    CHECK(job.state() == FPGA_JOB_STATE_CANCELLED && job.num_finished() == 0);

    fpga::cancel_token token;
    fpga::cancel_token other = token.share();
    std::thread([&other] { other.cancel(); }).join();
    CHECK(token.is_cancelled());
    auto late = fpga::job::generate(model, short_generation());
    late.cancel_with(token);
    const auto result = fpga::attempt([&] { late.run(); });
    CHECK(!result && result.failure().is_cancelled());
}

static void sources(const fpga::context &context, const std::string &folder, const char *path)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)),
                                    std::istreambuf_iterator<char>());
    const std::vector<std::uint8_t> copy = bytes;
    const std::string tokenizer = folder + "/tokenizer";
    auto params = fpga::init<fpga_model_params>();
    params.tokenizer = tokenizer.c_str();

    fpga::source memory(std::move(bytes), "from memory");
    fpga::source moved = std::move(memory);
    fpga::source reading(copy.size(), [&](std::uint64_t at, std::uint8_t *to, std::size_t length) {
        std::memcpy(to, copy.data() + at, length);
        return true;
    });
    const fpga::model first(context, moved, params), second(context, reading, params);
    CHECK(first.load_report_json() == second.load_report_json());
    auto one = fpga::job::generate(first, short_generation());
    auto other = fpga::job::generate(second, short_generation());
    one.run();
    other.run();
    CHECK(one.take_generation().picture(0).pixels() == other.take_generation().picture(0).pixels());

    const auto broken = [](std::uint64_t, std::uint8_t *, std::size_t) -> bool { throw 1; };
    CHECK(thrown([&] { fpga::source(100, broken, "mine"); }) == FPGA_STATUS_IO);
    CHECK(thrown([&] { fpga::source(std::vector<std::uint8_t>(20)); }) == FPGA_STATUS_FORMAT);
}

static std::vector<std::uint8_t> pixels_of(const fpga::model &model)
{
    auto job = fpga::job::generate(model, short_generation());
    job.run();
    return job.take_generation().picture(0).pixels();
}

static void changes_weights(const fpga::context &context, const fpga::model &model,
                            const char *lora_path, const char *rep_path)
{
    const std::vector<std::uint8_t> plain = pixels_of(model);
    const fpga::lora lora(context, lora_path);
    CHECK(lora.num_changes(FPGA_LORA_PART_UNET) == 1);
    CHECK(pixels_of(model.with({lora.at(4)})) != plain);
    CHECK(pixels_of(model.with({lora.at(0)})) == plain);
    CHECK(thrown([&] { fpga::lora(context, rep_path); }) == FPGA_STATUS_UNSUPPORTED);

    const fpga::rep_controlnet net(model, rep_path);
    const fpga::delta delta(model, net);
    const fpga::model merged = model.with({net.at(1)}), added = model.with(delta.get());
    CHECK(pixels_of(merged) != plain && pixels_of(added) != plain);
    const fpga::model base = added.without(delta.get());
    CHECK(base.memory() == added.memory() && pixels_of(base) != pixels_of(added));
    CHECK(pixels_of(model) == plain);
}

static void finds_faces(const fpga::model &model)
{
    const fpga::image before = picture();
    const float box[4] = {20, 10, 44, 38}, points[10] = {27, 20, 37, 20, 32, 25, 28, 31, 36, 31};
    unsigned calls = 0;
    const fpga::face_detector detector([&](const fpga_image_view &seen) {
        CHECK(seen.width == 61 && seen.height == 47);
        auto face = fpga::init<fpga_detection>();
        std::memcpy(face.box, box, sizeof box);
        std::memcpy(face.landmarks, points, sizeof points);
        face.has_landmarks = 1;
        face.score = 0.5f;
        calls++;
        return std::vector<fpga_detection>{face};
    });
    CHECK(detector.detect(before).size() == 1 && detector.detect(before)[0].score == 0.5f);
    const fpga::face_embedder embedder(
        3, [](const fpga_image_view &, const float *) { return std::vector<float>{1, 2, 3}; });
    CHECK(embedder.embed(before, points) == (std::vector<float>{1, 2, 3}));
    const fpga::face_embedder long_one(
        600, [](const fpga_image_view &, const float *) { return std::vector<float>(600, 1); });
    CHECK(long_one.embed(before, points).size() == 600);
    const fpga::face_embedder short_one(
        4, [](const fpga_image_view &, const float *) { return std::vector<float>{1}; });
    CHECK(thrown([&] { short_one.embed(before, points); }) == FPGA_STATUS_CALLBACK);

    auto search = fpga::init<fpga_search>();
    search.detector = detector.get();
    auto person = fpga::init<fpga_sought_person>();
    const float same[3] = {1, 2, 3}, other[3] = {-1, -2, -3};
    person.embedding = same;
    person.embedding_length = 3;
    search.people = &person;
    search.num_people = 1;
    search.embedder = embedder.get();
    auto params = short_restoration();
    params.search = &search;
    const auto restore = [&] {
        auto job = fpga::job::restore(model, before, {}, params);
        job.run();
        return job.take_restoration();
    };
    const fpga::restoration found = restore();
    CHECK(found.report().num_faces == 1 && found.faces()[0].has_person == 1);
    person.embedding = other;
    const fpga::restoration nobody = restore();
    CHECK(nobody.report().num_absent == 1 && nobody.picture().pixels() == before.pixels());
    CHECK(nobody.left().size() == 1 && nobody.left()[0].reason == FPGA_LEFT_REASON_UNKNOWN);
    CHECK(calls == 4);

    const fpga::face_detector broken(
        [](const fpga_image_view &) -> std::vector<fpga_detection> { throw 1; });
    CHECK(thrown([&] { broken.detect(before); }) == FPGA_STATUS_CALLBACK);
    search.detector = broken.get();
    CHECK(thrown(restore) == FPGA_STATUS_CALLBACK);
}

static void finds_bodies()
{
    const fpga::image before = picture();
    const auto body = [](std::size_t points) {
        std::vector<float> numbers(3 * points, 1);
        for (std::size_t index = 0; index < points; index++)
            numbers[3 * index] = numbers[3 * index + 1] = static_cast<float>(index % 40);
        return fpga::skeleton(std::move(numbers));
    };
    std::size_t points = 18;
    const fpga::pose_estimator estimator([&](const fpga_image_view &seen) {
        CHECK(seen.width == 61 && seen.height == 47);
        return std::vector<fpga::skeleton>{body(18), body(points)};
    });
    const auto plain = estimator.estimate(before);
    CHECK(plain.size() == 2 && plain[0].size() == 18 && !plain[1].has_extremities());
    CHECK(plain[0].points() == body(18).points() && plain[1].at(7).x == 7);
    points = 134;
    const auto mixed = estimator.estimate(before);
    CHECK(mixed[1].has_extremities() && mixed[1].at(133).y == 13 && mixed[1].at(133).score == 1);
    points = 133;
    CHECK(estimator.estimate(before)[1].at(1).x == 5.5f);
    points = 20;
    CHECK(thrown([&] { estimator.estimate(before); }) == FPGA_STATUS_CALLBACK);
    const fpga::pose_estimator broken(
        [](const fpga_image_view &) -> std::vector<fpga::skeleton> { throw 1; });
    CHECK(thrown([&] { broken.estimate(before); }) == FPGA_STATUS_CALLBACK);
    bool absent = false;
    try {
        plain[0].at(18);
    } catch (const std::out_of_range &) {
        absent = true;
    }
    CHECK(absent);

    const fpga::image drawn = fpga::draw_bodies(plain, 64, 48), black(64, 48);
    CHECK(drawn.pixels() != black.pixels());
    CHECK(fpga::draw_bodies(mixed, 64, 48).pixels() == drawn.pixels());
    CHECK(fpga::draw_bodies({mixed[1]}, 64, 48).pixels() != drawn.pixels());
    CHECK(fpga::draw_bodies(std::vector<fpga::skeleton>(), 64, 48).pixels() == black.pixels());
    CHECK(thrown([&] { fpga::draw_bodies({body(17)}, 64, 48); }) == FPGA_STATUS_INVALID_ARGUMENT);
}

static void budgets(const std::string &folder)
{
    auto params = fpga::init<fpga_context_params>();
    params.memory_budget = 1000;
    const fpga::context small(params);
    const auto result = fpga::attempt([&] { return fpga::model(small, folder); });
    CHECK(result.status() == FPGA_STATUS_MEMORY_BUDGET && small.memory_in_use() == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 6);
    CHECK(fpga::version() == fpga_version());
    CHECK(fpga::devices().front().id == "cpu");
    CHECK(fpga::devices().front().info.computes_f32 == 1);
    auto asked = fpga::init<fpga_context_params>();
    asked.device = "toaster";
    CHECK(thrown([&] { fpga::context context(asked); }) == FPGA_STATUS_DEVICE);

    fpga::context context;
    auto loaded = fpga::attempt([&] { return fpga::model(context, argv[1]); });
    CHECK(loaded && loaded.status() == FPGA_STATUS_OK);
    const fpga::model model = std::move(loaded).value();
    CHECK(model.memory() > 0 && context.memory_in_use() == model.memory());
    restores(model);
    generates(context, model, argv[2]);
    embeds_prompts(model);
    exceptions_of_callbacks_arrive(model);
    cancels(model);
    sources(context, argv[1], argv[3]);
    changes_weights(context, model, argv[4], argv[5]);
    finds_faces(model);
    finds_bodies();
    budgets(argv[1]);
    return 0;
}
