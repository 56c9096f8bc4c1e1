"""What figures call the variants of a study."""

ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "gelu_tanh": "GELU, tanh form",
    "leaky_relu": "LeakyReLU",
    "mish": "Mish",
    "relu": "ReLU",
    "selu": "SELU",
    "silu": "SiLU",
}
PARTS = {
    "encoder": "in the encoder alone",
    "decoder": "in the decoder alone",
}
EXTRAS = {
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
    for activation in sorted(ACTIVATIONS, key=len, reverse=True):
        rest = name.removeprefix(activation)
        if rest == name or (rest and not rest.startswith("_")):
            continue
        title, rest = ACTIVATIONS[activation], rest[1:]
        if not rest:
            return title
        if rest in PARTS:
            return f"{title} {PARTS[rest]}"
        if rest in EXTRAS:
            return f"{title}, {EXTRAS[rest]}"
    return name
