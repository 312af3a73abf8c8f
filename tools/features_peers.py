#!/usr/bin/env python3
"""Log-mel and intensity of one minute of FOA audio with librosa and with PyTorch: what `cargo bench --bench features`
is compared with.

    python3 tools/features_peers.py [--minutes N] [--repeat N] [--bench] [--whole]

needs numpy and librosa; torch is compared where it is installed. Every figure is processor time per minute of audio on
one core. With --bench, the program's own bench is run as well, so that all figures are of one run. With --whole, whole
processes are compared: from a wav file to a file of descriptors, with all that starting costs.

The computation is that of the DCASE 2022 and 2023 baselines: 24 kHz, n_fft 1024, Hann window of 960, hop 480, 64 mel
bands; log power 80 dB deep, and the active intensity over the energy, averaged in the same bands.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import wave

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import librosa  # noqa: E402
import numpy as np  # noqa: E402

RATE, N_FFT, WINDOW, HOP, BANDS = 24000, 1024, 960, 480, 64
EPSILON = 1e-8


def with_librosa(audio, mel):
    """audio: [S, 4] float; the way the baselines do it, channel by channel."""
    frames = audio.shape[0] // HOP
    spectra = []
    for channel in range(4):
        stft = librosa.core.stft(
            np.asfortranarray(audio[:, channel]), n_fft=N_FFT, hop_length=HOP, win_length=WINDOW, window="hann"
        )
        spectra.append(stft[:, :frames])
    spectra = np.array(spectra).T
    logmel = np.zeros((frames, BANDS, 4))
    for channel in range(4):
        power = np.abs(spectra[:, :, channel]) ** 2
        logmel[:, :, channel] = librosa.power_to_db(np.dot(power, mel))
    omni, dipoles = spectra[:, :, 0], spectra[:, :, 1:]
    active = np.real(np.conj(omni)[:, :, np.newaxis] * dipoles)
    energy = EPSILON + np.abs(omni) ** 2 + np.mean(np.abs(dipoles) ** 2, axis=-1)
    normal = active / energy[:, :, np.newaxis]
    intensity = np.transpose(np.dot(np.transpose(normal, (0, 2, 1)), mel), (0, 2, 1))
    return np.concatenate((logmel, intensity), axis=-1)


def with_torch(torch, audio, mel, window):
    """audio: [1, 4, S] float32, eager, the same operations in one batch."""
    frames = audio.shape[-1] // HOP
    stft = torch.stft(
        audio.flatten(0, 1), N_FFT, HOP, WINDOW, window, center=True, pad_mode="constant", return_complex=True
    )
    stft = stft[:, :, :frames].transpose(1, 2).unflatten(0, (-1, 4))
    power = stft.real**2 + stft.imag**2
    logmel = 10.0 * torch.log10(torch.clamp(power @ mel, min=1e-10))
    logmel = torch.maximum(logmel, logmel.amax((2, 3), keepdim=True) - 80.0)
    omni, dipoles = stft[:, :1], stft[:, 1:]
    active = omni.real * dipoles.real + omni.imag * dipoles.imag
    energy = EPSILON + power[:, :1] + power[:, 1:].mean(1, keepdim=True)
    return torch.cat((logmel, (active / energy) @ mel), 1)


def processor_time(function, repeat):
    """Median over repetitions, after one to warm up."""
    function()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return sorted(times)[len(times) // 2]


def own_bench():
    """Median of the program's bench, in seconds for one minute."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    command = ["cargo", "bench", "--locked", "--bench", "features", "--", "nothing_but_processor_time"]
    text = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    found = re.search(r"processor time per minute of audio: ([0-9.]+) ms", text)
    if not found:
        sys.exit(f"no figure in what the bench printed:\n{text}")
    return float(found.group(1)) / 1000.0


def whole(minutes, repeat):
    """Processor time of whole processes, in seconds a run; one thread each."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    program = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target")), "release", "at2seld")
    with tempfile.TemporaryDirectory() as folder:
        wav, out = os.path.join(folder, "foa.wav"), os.path.join(folder, "out")
        samples = (3000 * np.random.default_rng(1).standard_normal((int(minutes * 60 * RATE), 4))).astype("<i2")
        with wave.open(wav, "wb") as file:
            file.setnchannels(4)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        own = [program, "features", wav, "--preset", "dcase", "--out", out + ".safetensors"]
        peer = [sys.executable, os.path.abspath(__file__), "--one", wav, out + ".npy"]

        def run(command):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return {name: sorted(run(c) for _ in range(repeat))[repeat // 2] for name, c in (("librosa", peer), ("at2seld", own))}


def one(wav, out):
    """What a process of the peer does: read, describe, write."""
    with wave.open(wav) as file:
        audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 4) / 32768.0 + EPSILON
    np.save(out, with_librosa(audio, librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=BANDS).T))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--bench", action="store_true", help="run the program's own bench as well")
    parser.add_argument("--whole", action="store_true", help="compare whole processes instead")
    parser.add_argument("--one", nargs=2, metavar=("WAV", "OUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return one(*args.one)
    if args.whole:
        figures = whole(args.minutes, args.repeat)
        for name, seconds in figures.items():
            ratio = seconds / figures["at2seld"]
            print(f"{name}: {seconds:.2f} s of processor time for the whole process, {ratio:.1f} times at2seld")
        return
    samples = int(args.minutes * 60 * RATE)
    audio = 0.1 * np.random.default_rng(1).standard_normal((samples, 4))
    mel = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=BANDS).T
    figures = {"librosa": processor_time(lambda: with_librosa(audio, mel), args.repeat) / args.minutes}
    try:
        import torch
    except ImportError:
        print("torch is not installed: not compared", file=sys.stderr)
    else:
        torch.set_num_threads(1)
        tensor = torch.tensor(audio.T[None], dtype=torch.float32)
        filters, window = torch.tensor(mel, dtype=torch.float32), torch.hann_window(WINDOW)
        with torch.no_grad():
            seconds = processor_time(lambda: with_torch(torch, tensor, filters, window), args.repeat)
        figures["PyTorch eager"] = seconds / args.minutes
    if args.bench:
        figures["at2seld"] = own_bench()
    for name, seconds in figures.items():
        ratio = f", {figures[name] / figures['at2seld']:.1f} times at2seld" if "at2seld" in figures else ""
        print(f"{name}: {1000 * seconds:.1f} ms of processor time per minute of audio{ratio}")


if __name__ == "__main__":
    main()
