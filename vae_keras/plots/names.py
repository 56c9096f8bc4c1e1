"""What figures call the variants of a study."""

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
    "batchnorm_after": "batch normalization after",
    "batchnorm_before": "batch normalization before",
    "layernorm": "layer normalization",
    "layernorm_after": "layer normalization after",
    "layernorm_before": "layer normalization before",
}


def variant_title(name: str) -> str:
    """The name of a variant in words, if it is made of an activation and what was added to it.

    `gelu_layernorm_after` is "GELU, layer normalization after"; any other name stays as it is.
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
