"""Titles of the variants of a study in figures."""

ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "gelu_tanh": "GELU, tanh form",
    "leaky_relu": "LeakyReLU",
    "leaky_relu_0.01": "LeakyReLU, slope 0.01",
    "mish": "Mish",
    "relu": "ReLU",
    "selu": "SELU",
    "sigmoid": "sigmoid",
    "silu": "SiLU",
    "softplus": "softplus",
    "tanh": "tanh",
}
PARTS = {
    "encoder": "in the encoder alone",
    "decoder": "in the decoder alone",
}
EXTRAS = {
    "bfloat16": "bfloat16",
    "dropout": "dropout",
    "batchnorm": "batch normalization",
    "batchnorm_after": "batch normalization after it",
    "batchnorm_before": "batch normalization before it",
    "layernorm": "layer normalization",
    "layernorm_after": "layer normalization after it",
    "layernorm_before": "layer normalization before it",
}


def variant_title(name: str) -> str:
    """The title of a variant whose name consists of an activation and an addition.

    `gelu_layernorm_after` becomes "GELU, layer normalization after it"; other names are unchanged.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    for activation, title in ACTIVATIONS.items():
        added = name.removeprefix(f"{activation}_")
        if added != name and added in PARTS:
            return f"{title} {PARTS[added]}"
        if added != name and added in EXTRAS:
            return f"{title}, {EXTRAS[added]}"
    return name
