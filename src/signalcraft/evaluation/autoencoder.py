"""The autoencoder of the MIMII baseline, small enough for one core and NumPy."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from signalcraft.evaluation.trials import Sample

FRAMES = 5  # joined to one input vector
WIDTHS = (64, 64, 8, 64, 64)  # of the hidden layers, with ReLU
BATCH = 512
LEARNING_RATE = 1e-3
EPOCHS = 50
# Bounds the time: at 320 inputs some 10 s on one core. Fewer than 50 epochs above 15,000 input vectors.
MAX_STEPS = 1500
MIN_STEPS = 500  # a few vectors only: more epochs, or it would not have learned anything
_MEL_BANDS = 64
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8

Array = NDArray[np.float32]


class Autoencoder:
    """Learns to reproduce healthy sound through a bottleneck of 8; the score is the mean squared error.

    Purohit et al. 2019 (MIMII, arXiv 1909.09347): 5 frames of 64 log-mel bands, layers 64-64-8-64-64, Adam.
    Ours differs in 64 ms frames and in standardised inputs. Vectors are taken as they are in place of frames.
    The same seed and the same BLAS give the same network.
    """

    name = "autoencoder (reference)"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def fit(self, healthy: Sequence[Sample]) -> None:
        x = np.concatenate([_inputs(sample) for sample in healthy])
        self._mean = x.mean(axis=0)
        self._deviation = np.maximum(x.std(axis=0), np.float32(1e-6))
        x = (x - self._mean) / self._deviation
        rng = np.random.default_rng(self._seed)
        widths = (x.shape[1], *WIDTHS, x.shape[1])
        self._weights = [
            (rng.standard_normal((i, o)) * np.sqrt(2 / i)).astype(np.float32)  # He et al. 2015
            for i, o in pairwise(widths)
        ]
        self._biases = [np.zeros(o, np.float32) for o in widths[1:]]
        self._train(x, rng)

    def score(self, sample: Sample) -> float:
        z = (_inputs(sample) - self._mean) / self._deviation
        return float(np.square(self._forward(z)[-1] - z).mean(dtype=np.float64))

    def _forward(self, x: Array) -> list[Array]:
        layers = [x]
        for i, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            out = layers[-1] @ weight + bias
            layers.append(out if i == len(self._weights) - 1 else np.maximum(out, np.float32(0)))
        return layers

    def _train(self, x: Array, rng: np.random.Generator) -> None:
        per_epoch = -(-len(x) // BATCH)
        steps = min(max(EPOCHS * per_epoch, MIN_STEPS), MAX_STEPS)
        parameters = self._weights + self._biases
        first = [np.zeros_like(p) for p in parameters]
        second = [np.zeros_like(p) for p in parameters]
        order = np.empty(0, np.int64)
        for step in range(1, steps + 1):
            if not order.size:
                order = rng.permutation(len(x))
            batch, order = x[order[:BATCH]], order[BATCH:]
            for p, m, v, g in zip(parameters, first, second, self._gradients(batch), strict=True):
                m += (1 - _BETA1) * (g - m)
                v += (1 - _BETA2) * (g * g - v)
                corrected = np.sqrt(v / (1 - _BETA2**step)) + _EPSILON
                p -= LEARNING_RATE * (m / (1 - _BETA1**step)) / corrected

    def _gradients(self, batch: Array) -> list[Array]:
        """Of the mean squared error, for the weights and then the biases."""
        layers = self._forward(batch)
        error = (layers[-1] - batch) * np.float32(2 / batch.size)
        weights, biases = [], []
        for i in range(len(self._weights) - 1, -1, -1):
            weights.append(layers[i].T @ error)
            biases.append(error.sum(axis=0))
            if i:
                error = (error @ self._weights[i].T) * (layers[i] > 0)
        return weights[::-1] + biases[::-1]


def _inputs(sample: Sample) -> Array:
    """(frames, 128) -> (frames - 4, 320); (p,) -> (1, p). A clip of fewer frames repeats its last."""
    if sample.log_mel is None:
        return sample.features[None].astype(np.float32)
    bands = sample.log_mel.reshape(len(sample.log_mel), _MEL_BANDS, -1).mean(axis=2, dtype=np.float32)
    if len(bands) < FRAMES:
        bands = np.pad(bands, ((0, FRAMES - len(bands)), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(bands, FRAMES, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1).astype(np.float32)
