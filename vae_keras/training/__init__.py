"""The loop that trains, its callbacks and checkpoints, and the folder of a run."""
