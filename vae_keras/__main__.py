"""`python -m vae_keras`: the commands there are."""

COMMANDS = {
    "fit": "train a model, draw it, save it and export it",
    "evaluate": "say in numbers what trained models are worth",
    "attributes": "find and show the direction of an attribute, such as a smile",
    "explore": "write a page in which to explore the latent space of trained models",
    "study": "train and compare many variants with several seeds",
    "benchmark": "time a training step, here and in plain Keras and PyTorch",
}


def main():
    """Print one line for each command."""
    print("usage: python -m vae_keras.COMMAND [--help]\n")
    for name, purpose in COMMANDS.items():
        print(f"  {name:<12}{purpose}")


if __name__ == "__main__":
    main()
