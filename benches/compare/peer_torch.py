"""The parts of the model and single operations in PyTorch, diffusers and transformers.

Inputs are what the CPU generator draws from seed 0, operand after operand, as in `measure`.
"""
import torch
from torch.nn import functional


def load(arguments):
    """A function that runs the part once and gives its result."""
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    layout = torch.contiguous_format if arguments.engine == "torch_nchw" else torch.channels_last
    if arguments.part == "ops":
        return operations(layout)
    return PARTS[arguments.part](arguments.model, layout)


def drawn(*shapes):
    """One tensor per shape."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def step_inputs():
    """Latents, text tokens and the picture that a ControlNet sees."""
    return drawn((2, 4, 64, 64), (2, 77, 768), (2, 3, 512, 512))


def unet(folder, layout):
    from diffusers import UNet2DConditionModel

    network = UNet2DConditionModel.from_pretrained(folder / "unet").eval().to(memory_format=layout)
    latents, context, _ = step_inputs()
    latents = latents.to(memory_format=layout)
    return lambda _: network(latents, 501.0, context, return_dict=False)[0]


def control(folder, layout):
    from diffusers import ControlNetModel, UNet2DConditionModel

    network = UNet2DConditionModel.from_pretrained(folder / "unet").eval().to(memory_format=layout)
    controlnet = ControlNetModel.from_pretrained(folder / "controlnet").eval().to(memory_format=layout)
    latents, context, condition = step_inputs()
    latents, condition = latents.to(memory_format=layout), condition.to(memory_format=layout)

    def run(_):
        down, mid = controlnet(latents, 501.0, context, condition, return_dict=False)
        return network(
            latents,
            501.0,
            context,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]

    return run


def vae(folder, layout):
    from diffusers import AutoencoderKL

    network = AutoencoderKL.from_pretrained(folder / "vae").eval().to(memory_format=layout)
    (latents,) = drawn((1, 4, 64, 64))
    latents = latents.to(memory_format=layout)
    return lambda _: network.decode(latents, return_dict=False)[0]


def text(folder, _):
    from transformers import CLIPTextModel

    network = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval()
    ids = (torch.arange(2 * 77) * 311 % 49408).reshape(2, 77)
    return lambda _: network(ids).last_hidden_state


def vision(folder, _):
    from transformers import CLIPVisionModelWithProjection

    network = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder", dtype=torch.float32).eval()
    (pixels,) = drawn((1, 3, 224, 224))
    return lambda _: network(pixels).last_hidden_state


def train(_, layout):
    """One training step of the UNet that `support/training.rs` describes."""
    from diffusers import UNet2DConditionModel

    torch.set_grad_enabled(True)
    network = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=64,
        attention_head_dim=4,
    ).to(memory_format=layout)
    latents, noise, context = drawn((16, 4, 16, 16), (16, 4, 16, 16), (16, 16, 64))
    latents = latents.to(memory_format=layout)
    timesteps = torch.arange(16) * 50

    def run(_):
        network.zero_grad()
        loss = (network(latents, timesteps, context, return_dict=False)[0] - noise).square().mean()
        loss.backward()
        return loss.detach()

    return run


PARTS = {"unet": unet, "control": control, "vae": vae, "text": text, "vision": vision, "train": train}


def operations(layout):
    """Any operation by its name; built when it is first asked for."""
    built = {}

    def run(name):
        if name not in built:
            kind, _, sizes = name.partition(":")
            built[name] = OPERATIONS[kind](layout, *map(int, sizes.split(",")))
        return built[name]()

    return run


def feature_map(values, layout):
    """`[b, c, h, w]` of values drawn as `[b, h, w, c]`."""
    return values.permute(0, 3, 1, 2).contiguous(memory_format=layout)


def attention(_, batch, queries, keys, heads, width):
    width *= heads
    operands = drawn((batch, queries, width), (batch, keys, width), (batch, keys, width))

    def run():
        query, key, value = (operand.unflatten(2, (heads, -1)).transpose(1, 2) for operand in operands)
        found = functional.scaled_dot_product_attention(query, key, value)
        return found.transpose(1, 2).flatten(2)

    return run


def conv(layout, batch, inputs, height, width, outputs, kernel, stride):
    values, weights, bias = drawn((batch, height, width, inputs), (outputs, inputs, kernel, kernel), (outputs,))
    values = feature_map(values, layout)
    weights = (weights / (inputs * kernel * kernel) ** 0.5).contiguous(memory_format=layout)
    return lambda: functional.conv2d(values, weights, bias, stride, kernel // 2)


def group_norm_silu(layout, batch, channels, height, width):
    values, weights, bias = drawn((batch, height, width, channels), (channels,), (channels,))
    values = feature_map(values, layout)
    return lambda: functional.silu(functional.group_norm(values, 32, weights, bias, 1e-5))


def gated_linear(_, rows, inputs, outputs):
    product = linear(_, rows, inputs, 2 * outputs)

    def run():
        value, gate = product().chunk(2, dim=-1)
        return value * functional.gelu(gate)

    return run


def geglu(_, batch, tokens, width):
    (values,) = drawn((batch, tokens, width))

    def run():
        value, gate = values.chunk(2, dim=-1)
        return value * functional.gelu(gate)

    return run


def linear(_, rows, inputs, outputs):
    values, weights, bias = drawn((rows, inputs), (outputs, inputs), (outputs,))
    weights = weights / inputs**0.5
    return lambda: functional.linear(values, weights, bias)


OPERATIONS = {
    "attention": attention,
    "conv": conv,
    "group_norm_silu": group_norm_silu,
    "gated_linear": gated_linear,
    "geglu": geglu,
    "linear": linear,
}
