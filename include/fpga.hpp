/*
 * fpga for C++17: owners that free what they own, and exceptions with the library's own words.
 *
 * Everything here is inline over fpga.h; nothing is hidden: get() gives the C handle, and structs are
 * those of fpga.h, started by init<...>(). Owners can be moved, not copied. A moved-from owner holds
 * nothing, and using it throws. Every function may throw fpga::error unless it is noexcept; attempt()
 * turns that into a value. The rules of fpga.h on threads and lifetimes hold here, too.
 */
#ifndef FPGA_HPP
#define FPGA_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fpga.h"

namespace fpga {

/* Why a call failed: a status to decide by, and words for people. */
class error : public std::runtime_error {
public:
    error(fpga_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}
    fpga_status status() const noexcept { return status_; }
    bool is_cancelled() const noexcept { return status_ == FPGA_STATUS_CANCELLED; }

private:
    fpga_status status_;
};

namespace detail {

/* A string by two calls; another thread cannot change it between them. */
template <class Get>
std::string text(Get get)
{
    std::size_t needed = 0;
    if (get(static_cast<char *>(nullptr), std::size_t{0}, &needed) != FPGA_STATUS_OK || needed == 0)
        return std::string();
    std::string text(needed, '\0');
    if (get(&text[0], needed, &needed) != FPGA_STATUS_OK)
        return std::string();
    text.resize(needed - 1);
    return text;
}

inline void check(fpga_status status)
{
    if (status != FPGA_STATUS_OK)
        throw error(status, text(fpga_last_error_message));
}

template <class T, void (*Free)(T *)>
struct freer {
    void operator()(T *handle) const noexcept { Free(handle); }
};

/* What owns one handle. */
template <class T, void (*Free)(T *)>
class owner {
public:
    explicit owner(T *handle) noexcept : handle_(handle) {}
    T *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<T, freer<T, Free>> handle_;
};

/* What a function that hands out a handle gives. */
template <class T, class Make>
T *made(Make make)
{
    T *handle = nullptr;
    check(make(&handle));
    return handle;
}

/* What a function that writes one number writes. */
template <class T, class Get>
T number(Get get)
{
    T value{};
    check(get(&value));
    return value;
}

template <class T, class Get>
std::string checked_text(const T *handle, Get get)
{
    std::size_t needed = 0;
    check(get(handle, static_cast<char *>(nullptr), std::size_t{0}, &needed));
    std::string text(needed, '\0');
    check(get(handle, &text[0], needed, &needed));
    text.resize(needed - 1);
    return text;
}

} // namespace detail

/* A struct of fpga.h with every field at its default. */
template <class Struct>
Struct init();
template <>
inline fpga_context_params init() { return FPGA_CONTEXT_PARAMS_INIT; }
template <>
inline fpga_model_params init() { return FPGA_MODEL_PARAMS_INIT; }
template <>
inline fpga_image_view init() { return FPGA_IMAGE_VIEW_INIT; }
template <>
inline fpga_face init() { return FPGA_FACE_INIT; }
template <>
inline fpga_control init() { return FPGA_CONTROL_INIT; }
template <>
inline fpga_adapter_params init() { return FPGA_ADAPTER_PARAMS_INIT; }
template <>
inline fpga_reference init() { return FPGA_REFERENCE_INIT; }
template <>
inline fpga_person init() { return FPGA_PERSON_INIT; }
template <>
inline fpga_lora_use init() { return FPGA_LORA_USE_INIT; }
template <>
inline fpga_rep_controlnet_use init() { return FPGA_REP_CONTROLNET_USE_INIT; }
template <>
inline fpga_modality init() { return FPGA_MODALITY_INIT; }
template <>
inline fpga_detection init() { return FPGA_DETECTION_INIT; }
template <>
inline fpga_detector_params init() { return FPGA_DETECTOR_PARAMS_INIT; }
template <>
inline fpga_own_detector init() { return FPGA_OWN_DETECTOR_INIT; }
template <>
inline fpga_own_embedder init() { return FPGA_OWN_EMBEDDER_INIT; }
template <>
inline fpga_own_parser init() { return FPGA_OWN_PARSER_INIT; }
template <>
inline fpga_own_landmarks init() { return FPGA_OWN_LANDMARKS_INIT; }
template <>
inline fpga_observers init() { return FPGA_OBSERVERS_INIT; }
template <>
inline fpga_sought_person init() { return FPGA_SOUGHT_PERSON_INIT; }
template <>
inline fpga_search init() { return FPGA_SEARCH_INIT; }
template <>
inline fpga_facial_text init() { return FPGA_FACIAL_TEXT_INIT; }
template <>
inline fpga_prompt_embedding init() { return FPGA_PROMPT_EMBEDDING_INIT; }
template <>
inline fpga_restore_params init() { return FPGA_RESTORE_PARAMS_INIT; }
template <>
inline fpga_generate_params init() { return FPGA_GENERATE_PARAMS_INIT; }

/* A picture (three bytes per pixel) or a mask (one), rows without gaps. */
class image {
public:
    image(std::uint32_t width, std::uint32_t height, std::size_t bytes_per_pixel = 3)
        : width_(width), height_(height), bytes_per_pixel_(bytes_per_pixel),
          pixels_(std::size_t{width} * height * bytes_per_pixel) {}
    std::uint32_t width() const noexcept { return width_; }
    std::uint32_t height() const noexcept { return height_; }
    std::size_t stride() const noexcept { return std::size_t{width_} * bytes_per_pixel_; }
    std::vector<std::uint8_t> &pixels() noexcept { return pixels_; }
    const std::vector<std::uint8_t> &pixels() const noexcept { return pixels_; }
    /* Valid as long as this image, and until its pixels are resized. */
    fpga_image_view view() const
    {
        fpga_image_view view = init<fpga_image_view>();
        view.pixels = pixels_.data();
        view.stride = stride();
        view.width = width_;
        view.height = height_;
        view.format = bytes_per_pixel_ == 1 ? FPGA_PIXEL_FORMAT_GRAY8 : FPGA_PIXEL_FORMAT_RGB8;
        return view;
    }

private:
    std::uint32_t width_, height_;
    std::size_t bytes_per_pixel_;
    std::vector<std::uint8_t> pixels_;
};

/* Bodies on black, as OpenPose's and DWPose's ControlNets read them: 18 or 134 points of each, x, y and
   score. */
inline image draw_bodies(const std::vector<float> &points, std::size_t points_per_body,
                         std::uint32_t width, std::uint32_t height)
{
    image drawing(width, height);
    const std::size_t each = 3 * points_per_body;
    detail::check(fpga_draw_bodies(points.data(), each == 0 ? 0 : points.size() / each,
                                   points_per_body, width, height, drawing.pixels().data(),
                                   drawing.stride(), drawing.pixels().size()));
    return drawing;
}

/* One body, as fpga_poses_get gives it: 18 points, or 134 with feet, face and hands. data() is what
   fpga_person.skeleton takes. */
class skeleton {
public:
    struct keypoint {
        float x, y, score;
    };

    /* x, y and score of 18 or 134 points; of 133 only for what a pose_estimator's function returns. */
    explicit skeleton(std::vector<float> points) : points_(std::move(points)) {}
    std::size_t size() const noexcept { return points_.size() / 3; }
    bool has_extremities() const noexcept { return size() > 18; }
    keypoint at(std::size_t index) const
    {
        return {points_.at(3 * index), points_.at(3 * index + 1), points_.at(3 * index + 2)};
    }
    const float *data() const noexcept { return points_.data(); }
    const std::vector<float> &points() const noexcept { return points_; }

private:
    std::vector<float> points_;
};

/* Bodies on black; the extremities of those that have them only if all have. */
inline image draw_bodies(const std::vector<skeleton> &bodies, std::uint32_t width,
                         std::uint32_t height)
{
    const bool whole = std::all_of(bodies.begin(), bodies.end(),
                                   [](const skeleton &body) { return body.has_extremities(); });
    const std::size_t each = whole ? 134 : 18;
    std::vector<float> points;
    for (const skeleton &body : bodies) {
        if (body.size() < each)
            throw error(FPGA_STATUS_INVALID_ARGUMENT, "skeleton: needs 18 or 134 points, found " +
                                                          std::to_string(body.size()));
        points.insert(points.end(), body.points().begin(),
                      body.points().begin() + static_cast<std::ptrdiff_t>(3 * each));
    }
    return draw_bodies(points, each, width, height);
}

/* Five points of faces on black, as InstantID's ControlNet reads them: ten numbers of each. */
inline image draw_landmarks(const std::vector<float> &landmarks, std::uint32_t width,
                            std::uint32_t height)
{
    image drawing(width, height);
    detail::check(fpga_draw_landmarks(landmarks.data(), landmarks.size() / 10, width, height,
                                      drawing.pixels().data(), drawing.stride(),
                                      drawing.pixels().size()));
    return drawing;
}

inline std::string version() { return fpga_version(); }

/* A device of this machine. */
struct device {
    std::string id, name;
    fpga_device_info info;
};

inline std::vector<device> devices()
{
    detail::owner<fpga_device_list, fpga_device_list_free> list(
        detail::made<fpga_device_list>(fpga_device_list_new));
    std::vector<device> found(detail::number<std::size_t>(
        [&](std::size_t *count) { return fpga_device_list_count(list.get(), count); }));
    for (std::size_t index = 0; index < found.size(); index++) {
        using detail::text;
        found[index].id = text([&](char *buffer, std::size_t capacity, std::size_t *needed) {
            return fpga_device_list_id(list.get(), index, buffer, capacity, needed);
        });
        found[index].name = text([&](char *buffer, std::size_t capacity, std::size_t *needed) {
            return fpga_device_list_name(list.get(), index, buffer, capacity, needed);
        });
        detail::check(fpga_device_list_info(list.get(), index, &found[index].info,
                                            sizeof found[index].info));
    }
    return found;
}

class context : public detail::owner<fpga_context, fpga_context_free> {
public:
    context() : owner(make(nullptr)) {}
    explicit context(const fpga_context_params &params) : owner(make(&params)) {}
    std::uint64_t memory_in_use() const
    {
        return detail::number<std::uint64_t>(
            [this](std::uint64_t *bytes) { return fpga_context_memory_in_use(get(), bytes); });
    }

private:
    static fpga_context *make(const fpga_context_params *params)
    {
        return detail::made<fpga_context>(
            [params](fpga_context **out) { return fpga_context_new(params, out); });
    }
};

/* A .safetensors checkpoint in memory, or behind a function that reads: it returns whether all bytes are
   there, and an exception in it counts as no. */
class source {
public:
    using reader = std::function<bool(std::uint64_t offset, std::uint8_t *buffer, std::size_t length)>;

    explicit source(std::vector<std::uint8_t> bytes, const char *name = nullptr)
        : bytes_(std::make_unique<std::vector<std::uint8_t>>(std::move(bytes))),
          handle_(detail::made<fpga_source>([&](fpga_source **out) {
              return fpga_source_new_memory(bytes_->data(), bytes_->size(), name, out);
          })) {}
    source(std::uint64_t size, reader read, const char *name = nullptr)
        : read_(std::make_unique<reader>(std::move(read))),
          handle_(detail::made<fpga_source>([&](fpga_source **out) {
              fpga_io io = FPGA_IO_INIT;
              io.name = name;
              io.read = call;
              io.userdata = read_.get();
              io.size = size;
              return fpga_source_new_io(&io, out);
          })) {}
    fpga_source *get() const noexcept { return handle_.get(); }

private:
    static std::int32_t call(void *userdata, std::uint64_t offset, std::uint8_t *buffer,
                             std::size_t length) noexcept
    {
        try {
            return (*static_cast<reader *>(userdata))(offset, buffer, length) ? 0 : 1;
        } catch (...) {
            return 2;
        }
    }

    /* Before the handle, which reads from them until it goes. */
    std::unique_ptr<std::vector<std::uint8_t>> bytes_;
    std::unique_ptr<reader> read_;
    detail::owner<fpga_source, fpga_source_free> handle_;
};

class model : public detail::owner<fpga_model, fpga_model_free> {
public:
    model(const context &context, const std::string &path,
          const fpga_model_params &params = init<fpga_model_params>())
        : owner(detail::made<fpga_model>([&](fpga_model **out) {
              return fpga_model_load(context.get(), path.c_str(), &params, out);
          })) {}
    model(const context &context, const source &source,
          const fpga_model_params &params = init<fpga_model_params>())
        : owner(detail::made<fpga_model>([&](fpga_model **out) {
              return fpga_model_load_source(context.get(), source.get(), &params, out);
          })) {}
    /* This model as an adapter was trained with it: with the LoRA of its file. */
    model with(const fpga_adapter *adapter) const
    {
        return model(detail::made<fpga_model>([&](fpga_model **out) {
            return fpga_model_with_adapter(get(), adapter, out);
        }));
    }
    /* This model with LoRAs added up. */
    model with(const std::vector<fpga_lora_use> &loras) const
    {
        return model(detail::made<fpga_model>([&](fpga_model **out) {
            return fpga_model_with_loras(get(), loras.data(), loras.size(), out);
        }));
    }
    /* This model with RepControlNets merged into it. */
    model with(const std::vector<fpga_rep_controlnet_use> &uses) const
    {
        return model(detail::made<fpga_model>([&](fpga_model **out) {
            return fpga_model_with_rep_controlnets(get(), uses.data(), uses.size(), out);
        }));
    }
    model with(const fpga_delta *delta, double strength = 1) const
    {
        return model(detail::made<fpga_model>([&](fpga_model **out) {
            return fpga_model_with_delta(get(), delta, strength, out);
        }));
    }
    model without(const fpga_delta *delta, double strength = 1) const
    {
        return model(detail::made<fpga_model>([&](fpga_model **out) {
            return fpga_model_without_delta(get(), delta, strength, out);
        }));
    }
    std::string load_report_json() const
    {
        return detail::checked_text(get(), fpga_model_load_report_json);
    }
    std::uint64_t memory() const
    {
        return detail::number<std::uint64_t>(
            [this](std::uint64_t *bytes) { return fpga_model_memory(get(), bytes); });
    }

private:
    explicit model(fpga_model *handle) : owner(handle) {}
};

class controlnet : public detail::owner<fpga_controlnet, fpga_controlnet_free> {
public:
    controlnet(const context &context, const std::string &path,
               std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_controlnet>([&](fpga_controlnet **out) {
              return fpga_controlnet_load(context.get(), path.c_str(), storage, out);
          })) {}
    controlnet(const context &context, const source &source,
               std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_controlnet>([&](fpga_controlnet **out) {
              return fpga_controlnet_load_source(context.get(), source.get(), storage, out);
          })) {}
};

class lora : public detail::owner<fpga_lora, fpga_lora_free> {
public:
    lora(const context &context, const std::string &path)
        : owner(detail::made<fpga_lora>([&](fpga_lora **out) {
              return fpga_lora_load(context.get(), path.c_str(), out);
          })) {}
    lora(const context &context, const source &source)
        : owner(detail::made<fpga_lora>([&](fpga_lora **out) {
              return fpga_lora_load_source(context.get(), source.get(), out);
          })) {}
    /* One of fpga_lora_part. */
    std::size_t num_changes(std::uint32_t part) const
    {
        return detail::number<std::size_t>(
            [&](std::size_t *count) { return fpga_lora_num_changes(get(), part, count); });
    }
    /* What a model with it does not share with the model without, at most. */
    std::uint64_t memory() const
    {
        return detail::number<std::uint64_t>(
            [this](std::uint64_t *bytes) { return fpga_lora_memory(get(), bytes); });
    }
    /* For model::with. */
    fpga_lora_use at(double strength) const
    {
        fpga_lora_use use = init<fpga_lora_use>();
        use.lora = get();
        use.strength = strength;
        return use;
    }
};

class rep_controlnet : public detail::owner<fpga_rep_controlnet, fpga_rep_controlnet_free> {
public:
    rep_controlnet(const model &model, const std::string &path,
                   std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_rep_controlnet>([&](fpga_rep_controlnet **out) {
              return fpga_rep_controlnet_load(model.get(), path.c_str(), storage, out);
          })) {}
    rep_controlnet(const model &model, const source &source,
                   std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_rep_controlnet>([&](fpga_rep_controlnet **out) {
              return fpga_rep_controlnet_load_source(model.get(), source.get(), storage, out);
          })) {}
    /* For model::with. */
    fpga_rep_controlnet_use at(double strength) const
    {
        fpga_rep_controlnet_use use = init<fpga_rep_controlnet_use>();
        use.rep_controlnet = get();
        use.strength = strength;
        return use;
    }
    void save(const std::string &path, std::uint32_t storage = FPGA_STORAGE_AS_STORED) const
    {
        detail::check(fpga_rep_controlnet_save(get(), path.c_str(), storage));
    }
};

/* What merging a RepControlNet adds to a model. */
class delta : public detail::owner<fpga_delta, fpga_delta_free> {
public:
    delta(const model &model, const rep_controlnet &net)
        : owner(detail::made<fpga_delta>([&](fpga_delta **out) {
              return fpga_delta_new(model.get(), net.get(), out);
          })) {}
    delta(const model &model, const std::string &path,
          std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_delta>([&](fpga_delta **out) {
              return fpga_delta_load(model.get(), path.c_str(), storage, out);
          })) {}
    void save(const std::string &path, std::uint32_t storage = FPGA_STORAGE_AS_STORED) const
    {
        detail::check(fpga_delta_save(get(), path.c_str(), storage));
    }
};

class adapter : public detail::owner<fpga_adapter, fpga_adapter_free> {
public:
    adapter(const model &model, const std::string &path,
            const fpga_adapter_params &params = init<fpga_adapter_params>())
        : owner(detail::made<fpga_adapter>([&](fpga_adapter **out) {
              return fpga_adapter_load(model.get(), path.c_str(), &params, out);
          })) {}
    adapter(const model &model, const source &source,
            const fpga_adapter_params &params = init<fpga_adapter_params>())
        : owner(detail::made<fpga_adapter>([&](fpga_adapter **out) {
              return fpga_adapter_load_source(model.get(), source.get(), &params, out);
          })) {}
    /* One of fpga_adapter_kind. */
    std::uint32_t kind() const
    {
        return detail::number<std::uint32_t>(
            [this](std::uint32_t *kind) { return fpga_adapter_get_kind(get(), kind); });
    }
};

/* Finds faces: a network from a file, or a function of the caller's, in which an exception counts as a
   failure. One of a function's must live until every job with it is gone. */
class face_detector {
public:
    using function = std::function<std::vector<fpga_detection>(const fpga_image_view &picture)>;

    face_detector(const context &context, const std::string &path,
                  const fpga_detector_params &params = init<fpga_detector_params>())
        : handle_(detail::made<fpga_face_detector>([&](fpga_face_detector **out) {
              return fpga_face_detector_load(context.get(), path.c_str(), &params, out);
          })) {}
    explicit face_detector(function detect)
        : detect_(std::make_unique<function>(std::move(detect))),
          handle_(detail::made<fpga_face_detector>([&](fpga_face_detector **out) {
              fpga_own_detector own = FPGA_OWN_DETECTOR_INIT;
              own.detect = call;
              own.userdata = detect_.get();
              return fpga_face_detector_new(&own, out);
          })) {}
    fpga_face_detector *get() const noexcept { return handle_.get(); }
    /* The surest first. */
    std::vector<fpga_detection> detect(const image &picture) const
    {
        const fpga_image_view view = picture.view();
        const detail::owner<fpga_detections, fpga_detections_free> list(
            detail::made<fpga_detections>([&](fpga_detections **out) {
                return fpga_face_detector_detect(get(), &view, out);
            }));
        std::vector<fpga_detection> faces(detail::number<std::size_t>(
            [&](std::size_t *count) { return fpga_detections_count(list.get(), count); }));
        for (std::size_t index = 0; index < faces.size(); index++)
            detail::check(
                fpga_detections_get(list.get(), index, &faces[index], sizeof faces[index]));
        return faces;
    }

private:
    static std::int32_t call(void *userdata, const fpga_image_view *picture,
                             fpga_detections *faces) noexcept
    {
        try {
            for (const fpga_detection &face : (*static_cast<function *>(userdata))(*picture))
                detail::check(fpga_detections_add(faces, &face));
            return 0;
        } catch (...) {
            return 1;
        }
    }

    /* Before the handle, which calls it until it goes. */
    std::unique_ptr<function> detect_;
    detail::owner<fpga_face_detector, fpga_face_detector_free> handle_;
};

/* Says whose a face is: a network from a file, or a function of the caller's, as face_detector. */
class face_embedder {
public:
    /* `landmarks` are ten numbers, or NULL if `picture` is an aligned face. */
    using function =
        std::function<std::vector<float>(const fpga_image_view &picture, const float *landmarks)>;

    face_embedder(const context &context, const std::string &path,
                  std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : handle_(detail::made<fpga_face_embedder>([&](fpga_face_embedder **out) {
              return fpga_face_embedder_load(context.get(), path.c_str(), storage, out);
          })) {}
    /* `length` numbers per face; `aligned_size` as in fpga_own_embedder. */
    face_embedder(std::size_t length, function embed, std::uint32_t aligned_size = 112)
        : own_(std::make_unique<own>(own{std::move(embed), length})),
          handle_(detail::made<fpga_face_embedder>([&](fpga_face_embedder **out) {
              fpga_own_embedder own = FPGA_OWN_EMBEDDER_INIT;
              own.embed = call;
              own.userdata = own_.get();
              own.embedding_length = length;
              own.aligned_size = aligned_size;
              return fpga_face_embedder_new(&own, out);
          })) {}
    fpga_face_embedder *get() const noexcept { return handle_.get(); }
    std::vector<float> embed(const image &picture, const float landmarks[10]) const
    {
        const fpga_image_view view = picture.view();
        std::vector<float> values(512);
        std::size_t needed = 0;
        fpga_status status = fpga_face_embedder_embed(get(), &view, landmarks, values.data(),
                                                      values.size(), &needed);
        values.resize(needed);
        if (status == FPGA_STATUS_BUFFER_TOO_SMALL)
            status = fpga_face_embedder_embed(get(), &view, landmarks, values.data(), needed,
                                              &needed);
        detail::check(status);
        return values;
    }

private:
    struct own {
        function embed;
        std::size_t length;
    };

    static std::int32_t call(void *userdata, const fpga_image_view *picture, const float *landmarks,
                             float *embedding) noexcept
    {
        try {
            const own *self = static_cast<own *>(userdata);
            const std::vector<float> values = self->embed(*picture, landmarks);
            if (values.size() != self->length)
                return 1;
            std::copy(values.begin(), values.end(), embedding);
            return 0;
        } catch (...) {
            return 1;
        }
    }

    /* Before the handle, which calls it until it goes. */
    std::unique_ptr<own> own_;
    detail::owner<fpga_face_embedder, fpga_face_embedder_free> handle_;
};

/* Tells the parts of a face: a network from a file, or a C callback of the caller's. */
class face_parser : public detail::owner<fpga_face_parser, fpga_face_parser_free> {
public:
    face_parser(const context &context, const std::string &path,
                std::uint32_t storage = FPGA_STORAGE_AS_STORED)
        : owner(detail::made<fpga_face_parser>([&](fpga_face_parser **out) {
              return fpga_face_parser_load(context.get(), path.c_str(), storage, out);
          })) {}
    explicit face_parser(const fpga_own_parser &own)
        : owner(detail::made<fpga_face_parser>(
              [&](fpga_face_parser **out) { return fpga_face_parser_new(&own, out); })) {}
    /* One label per pixel. */
    image parse(const image &portrait) const
    {
        const fpga_image_view view = portrait.view();
        image labels(portrait.width(), portrait.height(), 1);
        detail::check(fpga_face_parser_parse(get(), &view, labels.pixels().data(), labels.stride(),
                                             labels.pixels().size()));
        return labels;
    }
};

/* Finds many points of a face: a network from a file, or a C callback of the caller's. */
class landmark_detector
    : public detail::owner<fpga_landmark_detector, fpga_landmark_detector_free> {
public:
    landmark_detector(const context &context, const std::string &path)
        : owner(detail::made<fpga_landmark_detector>([&](fpga_landmark_detector **out) {
              return fpga_landmark_detector_load(context.get(), path.c_str(), out);
          })) {}
    explicit landmark_detector(const fpga_own_landmarks &own)
        : owner(detail::made<fpga_landmark_detector>(
              [&](fpga_landmark_detector **out) { return fpga_landmark_detector_new(&own, out); })) {}
    /* x and y of each point. */
    std::vector<float> find(const image &picture, const float box[4]) const
    {
        const fpga_image_view view = picture.view();
        std::vector<float> points(2 * 106);
        std::size_t needed = 0;
        detail::check(fpga_landmark_detector_find(get(), &view, box, points.data(), points.size(),
                                                  &needed));
        points.resize(needed);
        return points;
    }
};

/* Finds bodies: a network from files, or a function of the caller's, in which an exception counts as a
   failure. */
class pose_estimator {
public:
    using function = std::function<std::vector<skeleton>(const fpga_image_view &picture)>;

    pose_estimator(const context &context, const std::string &people_path,
                   const std::string &points_path)
        : handle_(detail::made<fpga_pose_estimator>([&](fpga_pose_estimator **out) {
              return fpga_pose_estimator_load(context.get(), people_path.c_str(),
                                              points_path.c_str(), out);
          })) {}
    explicit pose_estimator(function estimate)
        : estimate_(std::make_unique<function>(std::move(estimate))),
          handle_(detail::made<fpga_pose_estimator>([&](fpga_pose_estimator **out) {
              fpga_own_pose_estimator own = FPGA_OWN_POSE_ESTIMATOR_INIT;
              own.estimate = call;
              own.userdata = estimate_.get();
              return fpga_pose_estimator_new(&own, out);
          })) {}
    fpga_pose_estimator *get() const noexcept { return handle_.get(); }
    std::vector<skeleton> estimate(const image &picture) const
    {
        const fpga_image_view view = picture.view();
        const detail::owner<fpga_poses, fpga_poses_free> list(
            detail::made<fpga_poses>([&](fpga_poses **out) {
                return fpga_pose_estimator_estimate(get(), &view, out);
            }));
        const auto count = detail::number<std::size_t>(
            [&](std::size_t *count) { return fpga_poses_count(list.get(), count); });
        std::vector<skeleton> bodies;
        for (std::size_t index = 0; index < count; index++) {
            std::vector<float> points(3 * 134);
            std::size_t needed = 0;
            detail::check(
                fpga_poses_get(list.get(), index, points.data(), points.size(), &needed));
            points.resize(needed);
            bodies.emplace_back(std::move(points));
        }
        return bodies;
    }

private:
    static std::int32_t call(void *userdata, const fpga_image_view *picture,
                             fpga_poses *poses) noexcept
    {
        try {
            for (const skeleton &body : (*static_cast<function *>(userdata))(*picture))
                detail::check(fpga_poses_add(poses, body.data(), body.size()));
            return 0;
        } catch (...) {
            return 1;
        }
    }

    /* Before the handle, which calls it until it goes. */
    std::unique_ptr<function> estimate_;
    detail::owner<fpga_pose_estimator, fpga_pose_estimator_free> handle_;
};

/* Who somebody is, as one adapter sees it. */
class identity : public detail::owner<fpga_identity, fpga_identity_free> {
public:
    identity(const adapter &adapter, const std::vector<fpga_reference> &references)
        : owner(detail::made<fpga_identity>([&](fpga_identity **out) {
              return fpga_identity_new(adapter.get(), references.data(), references.size(), out);
          })) {}
    /* From one face embedding. */
    identity(const adapter &adapter, const std::vector<float> &embedding)
        : owner(detail::made<fpga_identity>([&](fpga_identity **out) {
              fpga_reference reference = init<fpga_reference>();
              reference.embedding = embedding.data();
              reference.embedding_length = embedding.size();
              return fpga_identity_new(adapter.get(), &reference, 1, out);
          })) {}
    /* From pictures that the observers look at. */
    identity(const adapter &adapter, const std::vector<image> &pictures,
             const fpga_observers &observers)
        : owner(detail::made<fpga_identity>([&](fpga_identity **out) {
              std::vector<fpga_image_view> views;
              for (const image &picture : pictures)
                  views.push_back(picture.view());
              return fpga_identity_from_pictures(adapter.get(), views.data(), views.size(),
                                                 &observers, out);
          })) {}
};

/* Prompts that know a face, by a ConsistentID adapter. */
class facial_prompts : public detail::owner<fpga_facial_prompts, fpga_facial_prompts_free> {
public:
    facial_prompts(const model &model, const adapter &adapter, const fpga_facial_text &text)
        : owner(detail::made<fpga_facial_prompts>([&](fpga_facial_prompts **out) {
              return fpga_facial_prompts_new(model.get(), adapter.get(), &text, out);
          })) {}
};

/* A prompt that the caller encoded: `width` numbers per token, and SDXL's pooled text. */
class prompt_embedding {
public:
    prompt_embedding(std::vector<float> tokens, std::size_t width, std::vector<float> pooled = {})
        : tokens_(std::move(tokens)), pooled_(std::move(pooled)), width_(width)
    {
        if (width == 0 || tokens_.size() % width != 0)
            throw error(FPGA_STATUS_INVALID_ARGUMENT,
                        "prompt embedding: needs whole tokens of " + std::to_string(width) +
                            " numbers, found " + std::to_string(tokens_.size()) + " numbers");
    }
    /* Valid as long as this object. */
    fpga_prompt_embedding view() const
    {
        fpga_prompt_embedding view = init<fpga_prompt_embedding>();
        view.tokens = tokens_.data();
        view.num_tokens = tokens_.size() / width_;
        view.width = width_;
        view.pooled = pooled_.empty() ? nullptr : pooled_.data();
        view.pooled_width = pooled_.size();
        return view;
    }

private:
    std::vector<float> tokens_, pooled_;
    std::size_t width_;
};

class cancel_token : public detail::owner<fpga_cancel_token, fpga_cancel_token_free> {
public:
    cancel_token() : owner(detail::made<fpga_cancel_token>(fpga_cancel_token_new)) {}
    /* A second owner of the same token. */
    cancel_token share() const
    {
        return cancel_token(detail::made<fpga_cancel_token>(
            [this](fpga_cancel_token **out) { return fpga_cancel_token_ref(get(), out); }));
    }
    void cancel() { detail::check(fpga_cancel_token_cancel(get())); }
    bool is_cancelled() const
    {
        return detail::number<std::uint32_t>([this](std::uint32_t *cancelled) {
                   return fpga_cancel_token_is_cancelled(get(), cancelled);
               }) == 1;
    }

private:
    explicit cancel_token(fpga_cancel_token *handle) : owner(handle) {}
};

class restoration : public detail::owner<fpga_restoration, fpga_restoration_free> {
public:
    explicit restoration(fpga_restoration *handle) : owner(handle) {}
    image picture() const
    {
        std::uint32_t width = 0, height = 0;
        detail::check(fpga_restoration_size(get(), &width, &height));
        image picture(width, height);
        detail::check(fpga_restoration_copy_picture(get(), picture.pixels().data(), picture.stride(),
                                                    picture.pixels().size()));
        return picture;
    }
    std::uint64_t seed() const
    {
        return detail::number<std::uint64_t>(
            [this](std::uint64_t *seed) { return fpga_restoration_seed(get(), seed); });
    }
    std::uint64_t changed_outside_mask() const
    {
        return detail::number<std::uint64_t>([this](std::uint64_t *changed) {
            return fpga_restoration_changed_outside_mask(get(), changed);
        });
    }
    fpga_restoration_report report() const
    {
        fpga_restoration_report report;
        detail::check(fpga_restoration_get_report(get(), &report, sizeof report));
        return report;
    }
    /* What a search found and left alone. */
    std::vector<fpga_left_face> left() const
    {
        std::vector<fpga_left_face> left(static_cast<std::size_t>(report().num_left));
        for (std::size_t index = 0; index < left.size(); index++)
            detail::check(
                fpga_restoration_left_face(get(), index, &left[index], sizeof left[index]));
        return left;
    }
    std::vector<fpga_face_report> faces() const
    {
        std::vector<fpga_face_report> faces(detail::number<std::size_t>(
            [this](std::size_t *count) { return fpga_restoration_num_faces(get(), count); }));
        for (std::size_t index = 0; index < faces.size(); index++)
            detail::check(
                fpga_restoration_face_report(get(), index, &faces[index], sizeof faces[index]));
        return faces;
    }
    std::string report_json() const
    {
        return detail::checked_text(get(), fpga_restoration_report_json);
    }
};

class generation : public detail::owner<fpga_generation, fpga_generation_free> {
public:
    explicit generation(fpga_generation *handle) : owner(handle) {}
    std::size_t size() const
    {
        return detail::number<std::size_t>(
            [this](std::size_t *count) { return fpga_generation_num_pictures(get(), count); });
    }
    image picture(std::size_t index) const
    {
        std::uint32_t width = 0, height = 0;
        detail::check(fpga_generation_size(get(), index, &width, &height));
        image picture(width, height);
        detail::check(fpga_generation_copy_picture(get(), index, picture.pixels().data(),
                                                   picture.stride(), picture.pixels().size()));
        return picture;
    }
    fpga_generation_report report() const
    {
        fpga_generation_report report;
        detail::check(fpga_generation_get_report(get(), &report, sizeof report));
        return report;
    }
    std::size_t num_people() const
    {
        return detail::number<std::size_t>(
            [this](std::size_t *count) { return fpga_generation_num_people(get(), count); });
    }
    fpga_person_report person(std::size_t picture, std::size_t person) const
    {
        fpga_person_report report;
        detail::check(
            fpga_generation_person_report(get(), picture, person, &report, sizeof report));
        return report;
    }
    std::string person_name(std::size_t person) const
    {
        return detail::checked_text(
            get(), [person](const fpga_generation *made, char *buffer, std::size_t capacity,
                            std::size_t *needed) {
                return fpga_generation_person_name(made, person, buffer, capacity, needed);
            });
    }
    /* Where a person acted; only if the request said `measure`. */
    image attention(std::size_t picture, std::size_t person) const
    {
        std::uint32_t width = 0, height = 0;
        detail::check(fpga_generation_size(get(), picture, &width, &height));
        image attention(width, height);
        detail::check(fpga_generation_copy_attention(get(), picture, person,
                                                     attention.pixels().data(), attention.stride(),
                                                     attention.pixels().size()));
        return attention;
    }
    std::string report_json() const
    {
        return detail::checked_text(get(), fpga_generation_report_json);
    }
};

/* One restoration or generation. Its callbacks may throw: that cancels the job, and run() throws it. */
class job {
public:
    /* Return whether to go on. */
    using on_progress = std::function<bool(const fpga_progress &)>;
    using on_preview = std::function<bool(const fpga_progress &, const fpga_image_view &)>;
    using on_log = std::function<void(std::uint32_t level, const char *message)>;

    static job restore(const model &model, const image &picture, const std::vector<fpga_face> &faces,
                       const fpga_restore_params &params = init<fpga_restore_params>())
    {
        return job(detail::made<fpga_job>([&](fpga_job **out) {
            const fpga_image_view view = picture.view();
            return fpga_job_new_restore(model.get(), &view, faces.data(), faces.size(), &params, out);
        }));
    }
    static job generate(const model &model, const fpga_generate_params &params)
    {
        return job(detail::made<fpga_job>(
            [&](fpga_job **out) { return fpga_job_new_generate(model.get(), &params, out); }));
    }

    fpga_job *get() const noexcept { return handle_.get(); }
    job &watch(on_progress progress)
    {
        detail::check(fpga_job_set_progress_callback(get(), tell, callbacks_.get()));
        callbacks_->progress = std::move(progress);
        return *this;
    }
    job &preview(on_preview preview)
    {
        detail::check(fpga_job_set_preview_callback(get(), show, callbacks_.get()));
        callbacks_->preview = std::move(preview);
        return *this;
    }
    job &log(on_log log)
    {
        detail::check(fpga_job_set_log_callback(get(), say, callbacks_.get()));
        callbacks_->log = std::move(log);
        return *this;
    }
    job &cancel_with(const cancel_token &token)
    {
        detail::check(fpga_job_set_cancel_token(get(), token.get()));
        return *this;
    }
    std::uint64_t estimate_memory() const
    {
        return detail::number<std::uint64_t>(
            [this](std::uint64_t *bytes) { return fpga_job_estimate_memory(get(), bytes); });
    }
    void run()
    {
        const fpga_status status = fpga_job_run(get());
        if (callbacks_ && callbacks_->thrown)
            std::rethrow_exception(std::exchange(callbacks_->thrown, nullptr));
        detail::check(status);
    }
    /* One of fpga_job_state; any thread may ask while the job runs. */
    std::uint32_t state() const
    {
        return detail::number<std::uint32_t>(
            [this](std::uint32_t *state) { return fpga_job_get_state(get(), state); });
    }
    std::size_t num_finished() const
    {
        return detail::number<std::size_t>(
            [this](std::size_t *count) { return fpga_job_num_finished(get(), count); });
    }
    restoration take_restoration()
    {
        return restoration(detail::made<fpga_restoration>(
            [this](fpga_restoration **out) { return fpga_job_take_restoration(get(), out); }));
    }
    generation take_generation()
    {
        return generation(detail::made<fpga_generation>(
            [this](fpga_generation **out) { return fpga_job_take_generation(get(), out); }));
    }

private:
    struct callbacks {
        on_progress progress;
        on_preview preview;
        on_log log;
        std::exception_ptr thrown;
    };

    explicit job(fpga_job *handle) : callbacks_(std::make_unique<callbacks>()), handle_(handle) {}

    /* Calls the caller's function; what it throws waits for run(). */
    template <class Call>
    static std::int32_t guarded(callbacks *self, Call call) noexcept
    {
        try {
            return call() ? 0 : 1;
        } catch (...) {
            self->thrown = std::current_exception();
            return 1;
        }
    }
    static std::int32_t tell(void *userdata, const fpga_progress *progress) noexcept
    {
        callbacks *self = static_cast<callbacks *>(userdata);
        return guarded(self, [&] { return !self->thrown && self->progress(*progress); });
    }
    static std::int32_t show(void *userdata, const fpga_progress *progress,
                             const fpga_image_view *picture) noexcept
    {
        callbacks *self = static_cast<callbacks *>(userdata);
        return guarded(self, [&] { return !self->thrown && self->preview(*progress, *picture); });
    }
    static void say(void *userdata, std::uint32_t level, const char *message) noexcept
    {
        callbacks *self = static_cast<callbacks *>(userdata);
        guarded(self, [&] {
            self->log(level, message);
            return true;
        });
    }

    /* Before the handle, whose job calls them until it goes. */
    std::unique_ptr<callbacks> callbacks_;
    detail::owner<fpga_job, fpga_job_free> handle_;
};

/* A value, or the error in its place. */
template <class T>
class result {
public:
    result(T value) : either_(std::in_place_index<0>, std::move(value)) {}
    result(error failure) : either_(std::in_place_index<1>, std::move(failure)) {}
    explicit operator bool() const noexcept { return either_.index() == 0; }
    fpga_status status() const noexcept
    {
        return *this ? FPGA_STATUS_OK : std::get_if<1>(&either_)->status();
    }
    /* The value; throws the error if there is none. */
    T &value() &
    {
        if (!*this)
            throw *std::get_if<1>(&either_);
        return *std::get_if<0>(&either_);
    }
    T &&value() && { return std::move(value()); }
    /* The error; only if there is no value. */
    const error &failure() const { return std::get<1>(either_); }

private:
    std::variant<T, error> either_;
};

/* What `work` returns, or the fpga::error that it throws. */
template <class Work, class T = std::invoke_result_t<Work>>
auto attempt(Work work) -> result<std::conditional_t<std::is_void<T>::value, std::monostate, T>>
{
    try {
        if constexpr (std::is_void<T>::value) {
            work();
            return std::monostate();
        } else {
            return work();
        }
    } catch (const error &failure) {
        return failure;
    }
}

} // namespace fpga

#endif /* FPGA_HPP */
