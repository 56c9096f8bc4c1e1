"""The training loop, its callbacks and checkpoints, and the folder of a run."""
