"""Runs model.pt as plain Python does, in every way it may be loaded, and looks for what would tie it to a device.

usage: run_model.py model.pt input.f32 BATCH OUT
Writes OUT/WAY.sed.f32 and OUT/WAY.doa.f32 for every WAY of loading, float32 as they lie in memory.
"""

import array
import sys
from pathlib import Path

import torch

model_file, input_file, batch, out = sys.argv[1:]
waveform = torch.frombuffer(bytearray(Path(input_file).read_bytes()), dtype=torch.float32)
waveform = waveform.reshape(int(batch), 4, -1)


def run(way, model, device="cpu"):
    with torch.no_grad():
        sed, doa = model(waveform.to(device))
    for name, output in ("sed", sed), ("doa", doa):
        assert output.device.type == device and output.dtype == torch.float32, (name, output.device)
        values = array.array("f", output.flatten().tolist())
        Path(out, f"{way}.{name}.f32").write_bytes(values.tobytes())


run("loaded", torch.jit.load(model_file))
run("mapped", torch.jit.load(model_file, map_location="cpu"))
model = torch.jit.load(model_file).to("cpu").eval()
run("moved", model)

for node in model.inlined_graph.nodes():
    for value in node.inputs():
        assert value.type().kind() != "DeviceObjType", f"a device is baked in: {node}"
    if node.kind() == "prim::Constant" and node.hasAttribute("value"):
        assert node.kindOf("value") != "t", f"a tensor that will not move: {node}"

if torch.cuda.is_available():
    torch.backends.cudnn.allow_tf32 = False
    run("cuda", torch.jit.load(model_file, map_location="cuda"), "cuda")
    run("moved-to-cuda", torch.jit.load(model_file).to("cuda"), "cuda")
