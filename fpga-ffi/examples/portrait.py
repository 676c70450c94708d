"""Makes a picture from a prompt through the C interface, with nothing but Python's own ctypes.

    python portrait.py LIBRARY MODEL PROMPT OUT.ppm [SIZE [STEPS]]

A struct starts with its size and is filled by the library's own _init function, so that Python needs to
know only the fields up to the last one that it sets; `Params` lists all of them in the header's order.
"""

import ctypes as c
import sys


class Params(c.Structure):
    """fpga_generate_params."""

    _fields_ = [
        ("struct_size", c.c_size_t),
        ("prompt", c.c_char_p),
        ("negative_prompt", c.c_char_p),
        ("picture", c.c_void_p),
        ("mask", c.c_void_p),
        ("controls", c.c_void_p),
        ("num_controls", c.c_size_t),
        ("seed", c.c_uint64),
        ("strength", c.c_double),
        ("guidance", c.c_double),
        ("guidance_rescale", c.c_double),
        ("eta", c.c_double),
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("count", c.c_uint32),
        ("steps", c.c_uint32),
        ("has_seed", c.c_uint32),
        ("has_eta", c.c_uint32),
        ("sampler", c.c_uint32),
        ("long_prompt", c.c_uint32),
        ("noise", c.c_uint32),
        ("tile", c.c_uint32),
        ("tile_overlap", c.c_uint32),
        ("reserved", c.c_uint32),
    ]


class Progress(c.Structure):
    """fpga_progress."""

    _fields_ = [("struct_size", c.c_size_t)] + [
        (name, c.c_uint32) for name in ("phase", "has_face", "face", "step", "steps", "reserved")
    ]


OnProgress = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.POINTER(Progress))


class Library:
    """Calls that raise what the library says."""

    def __init__(self, path):
        self.c = c.CDLL(path)
        self.c.fpga_status_name.restype = c.c_char_p

    def __call__(self, name, *arguments):
        status = getattr(self.c, name)(*arguments)
        if status != 0:
            text = c.create_string_buffer(4096)
            self.c.fpga_last_error_message(text, c.c_size_t(len(text)), None)
            kind = self.c.fpga_status_name(c.c_uint32(status)).decode()
            raise RuntimeError(f"{kind}: {text.value.decode()}")

    def make(self, name, *arguments):
        handle = c.c_void_p()
        self(name, *arguments, c.byref(handle))
        return handle

    def free(self, kind, handle):
        free = getattr(self.c, f"fpga_{kind}_free")
        free.restype = None
        free(handle)


def main(library, model_path, prompt, out, size="512", steps="30"):
    fpga = Library(library)
    context = fpga.make("fpga_context_new", None)
    model = fpga.make("fpga_model_load", context, model_path.encode(), None)

    params = Params()
    fpga("fpga_generate_params_init", c.byref(params), c.c_size_t(c.sizeof(params)))
    params.prompt = prompt.encode()
    params.width = params.height = int(size)
    params.steps = int(steps)
    job = fpga.make("fpga_job_new_generate", model, c.byref(params))

    @OnProgress
    def on_progress(_, progress):
        told = progress.contents
        print(f"\rphase {told.phase}: {told.step} of {told.steps}", end="", file=sys.stderr)
        return 0

    fpga("fpga_job_set_progress_callback", job, on_progress, None)
    fpga("fpga_job_run", job)
    generation = fpga.make("fpga_job_take_generation", job)
    width, height = c.c_uint32(), c.c_uint32()
    fpga("fpga_generation_size", generation, c.c_size_t(0), c.byref(width), c.byref(height))
    stride = 3 * width.value
    pixels = (c.c_uint8 * (stride * height.value))()
    fpga(
        "fpga_generation_copy_picture",
        generation, c.c_size_t(0), pixels, c.c_size_t(stride), c.c_size_t(len(pixels)),
    )
    with open(out, "wb") as file:
        file.write(b"P6 %d %d 255\n" % (width.value, height.value) + bytes(pixels))
    for kind, handle in [("generation", generation), ("job", job), ("model", model), ("context", context)]:
        fpga.free(kind, handle)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
