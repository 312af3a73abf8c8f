"""Events of a recording by an exported model, with nothing but PyTorch. See docs/python.md.

usage: infer_example.py MODEL_DIR RECORDING.wav > events.csv
"""

import json
import math
import sys
from pathlib import Path

import torch


def read_wav(path):
    """Samples of a 16-bit wav as [channels, samples]; soundfile.read(path, dtype="float32")[0].T does the same."""
    data, at = Path(path).read_bytes(), 12
    while data[at : at + 4] != b"data":
        if data[at : at + 4] == b"fmt ":
            channels = int.from_bytes(data[at + 10 : at + 12], "little")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    samples = torch.frombuffer(bytearray(data[at + 8 : at + 8 + size]), dtype=torch.int16)
    return samples.reshape(-1, channels).T.float() / 32768


folder, recording = Path(sys.argv[1]), sys.argv[2]

device = "cuda" if torch.cuda.is_available() else "cpu"
model = torch.jit.load(str(folder / "model.pt"), map_location=device)
classes = (folder / "classes.txt").read_text().splitlines()
decoding = json.loads((folder / "thresholds.json").read_text())
threshold = torch.tensor([decoding["thresholds"][name] for name in classes])

waveform = read_wav(recording)  # [4, samples]: W, Y, Z, X at the model's sample rate
with torch.no_grad():
    sed, doa = model(waveform.unsqueeze(0).to(device))
sed, doa = sed[0].cpu(), doa[0].cpu()  # [frames, tracks, classes] and [frames, tracks, 3]
sed = torch.sigmoid(torch.logit(sed) / decoding.get("temperature", 1.0))

print("frame,class,source,azimuth,elevation")
for frame, track, class_ in (sed > threshold).nonzero().tolist():
    x, y, z = doa[frame, track].tolist()
    azimuth = math.degrees(math.atan2(y, x))
    elevation = math.degrees(math.asin(max(-1.0, min(1.0, z))))
    print(f"{frame},{class_},{track},{azimuth:.0f},{elevation:.0f}")
