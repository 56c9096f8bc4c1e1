from .apply import apply
from .backend.smooth import SmoothActivation
from .config import PRESETS, FitConfig, make_config
from .data.images import ImageData
from .data.sources import load_data
from .export.loading import load_model
from .features import LatentFeatures
from .layers import Sampling
from .model import VAE, Autoencoder
from .networks import build_decoder, build_encoder
from .support.errors import DivergedError, InputError
from .training.build import build_model
from .training.loop import train
from .training.run import Run

__version__: str

__all__ = [
    "PRESETS",
    "VAE",
    "Autoencoder",
    "DivergedError",
    "FitConfig",
    "ImageData",
    "InputError",
    "LatentFeatures",
    "Run",
    "Sampling",
    "SmoothActivation",
    "apply",
    "build_decoder",
    "build_encoder",
    "build_model",
    "load_data",
    "load_model",
    "make_config",
    "train",
]
