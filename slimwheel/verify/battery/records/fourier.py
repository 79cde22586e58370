"""Fourier transforms and windows."""

import torch

from ..inputs import normal, supported, with_gradients
from ..registry import record, since

NEEDS = "torch.fft.fftn"
LENGTHS = (64, 60, 97, 1000)


@record("fourier.complex.{}", each=("complex64", "complex128"), needs=(supported, NEEDS))
def complex_numbers(dtype: str) -> object:
    signals = [normal(3, length, dtype=dtype) for length in LENGTHS]
    return [[torch.fft.fft(signal), torch.fft.ifft(signal)] for signal in signals]


@record("fourier.real.{}", each=("float32", "float64"), needs=NEEDS)
def real(dtype: str) -> object:
    signals = [normal(3, length, dtype=dtype) for length in LENGTHS]
    spectra = [torch.fft.rfft(signal) for signal in signals]
    return [spectra, [torch.fft.irfft(spectrum) for spectrum in spectra]]


@record("fourier.dimensions", needs=(NEEDS, "torch.fft.rfft2"))
def dimensions() -> object:
    images = normal(2, 12, 15)
    spectrum = torch.fft.rfft2(images)
    return [spectrum, torch.fft.irfft2(spectrum, (12, 15)), torch.fft.fftn(images)]


@record("fourier.norms", needs=NEEDS)
def norms() -> object:
    signal = normal(40)
    return [torch.fft.fft(signal, norm=norm) for norm in ("forward", "backward", "ortho")]


@record("fourier.hermitian", needs=(NEEDS, "torch.fft.fftshift"))
def hermitian() -> object:
    signal = normal(21, dtype="complex64")
    return [torch.fft.hfft(signal), torch.fft.ihfft(signal.abs()), torch.fft.fftshift(signal)]


@record("fourier.gradients", needs=NEEDS)
def gradients() -> object:
    return [
        with_gradients(torch.fft.rfft, normal(5, 24)),
        with_gradients(torch.fft.fft, normal(5, 24, dtype="complex64")),
    ]


@record("fourier.spectrogram", needs=since("1.8"))
def spectrogram() -> object:
    signal, window = normal(2, 400), torch.hann_window(64)
    spectrum = torch.stft(signal, 64, hop_length=16, window=window, return_complex=True)
    return [spectrum, torch.istft(spectrum, 64, hop_length=16, window=window)]


@record("fourier.windows")
def windows() -> object:
    names = ("bartlett_window", "blackman_window", "hamming_window", "hann_window")
    return [getattr(torch, name)(length) for name in names for length in (16, 33)]


@record("fourier.signal_windows", needs="torch.signal.windows.kaiser")
def signal_windows() -> object:
    names = ("bartlett", "cosine", "exponential", "gaussian", "kaiser", "nuttall")
    return [getattr(torch.signal.windows, name)(33) for name in names]
