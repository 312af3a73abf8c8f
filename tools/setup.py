#!/usr/bin/env python3
"""Sets a checkout up: libtorch and the default pretrained tagger, in the user's cache folder.

Run by `make setup`. Needs no root. What is downloaded is pinned by version and sha256 and shared by all
checkouts; when it is there already, this only looks and ends. See CONTRIBUTING.md for what is unpacked and why.

Environment: AT2SELD_CACHE (another cache folder), LIBTORCH or LIBTORCH_USE_PYTORCH (use that libtorch; none is
downloaded).
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBTORCH_VERSION = "2.11.0"
# Wheels, pip's copy of them, and what is unpacked.
BYTES_NEEDED = 1_700_000_000
MEGABYTE = 1_000_000

AISFX_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"
AISFX_MEMBER = "aisfx/models/checkpoint.pth"
AISFX_LICENCE = "aisfx-0.1.2.dist-info/licenses/LICENSE"


class Failure(Exception):
    """What is wrong and what to do about it, in one line."""


class Wheel:
    def __init__(self, name, version, megabytes, sha256, options=()):
        self.name = name
        self.version = version
        self.megabytes = megabytes
        self.sha256 = sha256
        self.options = list(options)


# The wheel of another Python serves any Python here: only its C++ half is used.
TORCH = Wheel(
    "torch", LIBTORCH_VERSION, 531, "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
    ["--python-version", "311", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64"],
)
# libtorch_cpu.so names these two small libraries as needed, also on machines without a GPU.
CUPTI = Wheel(
    "nvidia-cuda-cupti", "13.0.85", 11, "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
)
CUDART = Wheel(
    "nvidia-cuda-runtime", "13.0.96", 2, "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
)
AISFX = Wheel("aisfx", "0.1.2", 23, "bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194")

# Which files of a wheel go where in the libtorch folder: (pattern, folder, strip).
UNPACK = [
    (TORCH, r"torch/(include/.+)", "{}"),
    (TORCH, r"torch/(lib/(?:libc10|libtorch_cpu|libgomp)\.so(?:\.1)?)", "{}"),
    (TORCH, r"torch-[^/]+\.dist-info/(?:licenses/)?((?:LICENSE|NOTICE)[^/]*)", "licenses/torch-{}"),
    (CUPTI, r"nvidia/cu13/(lib/libcupti\.so\.13)", "{}"),
    (CUPTI, r"nvidia_cuda_cupti-[^/]+\.dist-info/(?:licenses/)?(License[^/]*)", "licenses/cupti-{}"),
    (CUDART, r"nvidia/cu13/(lib/libcudart\.so\.13)", "{}"),
    (CUDART, r"nvidia_cuda_runtime-[^/]+\.dist-info/(?:licenses/)?(License[^/]*)", "licenses/cudart-{}"),
]
LIBRARIES = ["libc10.so", "libtorch_cpu.so", "libgomp.so.1", "libcupti.so.13", "libcudart.so.13", "libtorch.so"]


def say(text):
    print("setup: " + text, flush=True)


def cache_folder():
    chosen = os.environ.get("AT2SELD_CACHE")
    if chosen:
        return Path(chosen).absolute()
    # The convention asks to ignore a relative XDG_CACHE_HOME.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "at2seld"


def compiler():
    """The C++ compiler that building torch-sys will use."""
    return shutil.which(os.environ.get("CXX") or "c++")


def check_tools():
    if not shutil.which("cargo") or not shutil.which("rustc"):
        raise Failure("cargo and rustc are missing: install Rust with rustup, then open a new shell")
    wanted = re.search(r'^rust-version = "(\d+)\.(\d+)', (ROOT / "Cargo.toml").read_text(), re.M)
    shown = subprocess.run(["rustc", "--version"], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = re.match(rb"rustc (\d+)\.(\d+)", shown.stdout)
    if not found:
        said = shown.stderr.decode(errors="replace").strip().splitlines()
        raise Failure("rustc does not start ({}): run `rustup update stable`".format(said[0] if said else "no output"))
    if wanted and tuple(map(int, found.groups())) < tuple(map(int, wanted.groups())):
        raise Failure("rustc {}.{} is too old, {}.{} or newer is needed: run `rustup update stable`".format(
            *map(int, found.groups() + wanted.groups())))
    if not compiler():
        name = os.environ.get("CXX") or "g++"
        raise Failure("the C++ compiler {} is missing: install g++ (Debian, Ubuntu: apt install g++)".format(name))
    if not shutil.which("cc"):
        raise Failure("the linker driver cc is missing: install gcc (Debian, Ubuntu: apt install gcc)")


def check_own_libtorch():
    """Says whether the user brings a libtorch; checks its version, so that the build does not stop on it."""
    if "LIBTORCH_USE_PYTORCH" in os.environ:
        # The interpreter that torch-sys will ask.
        python = "python" if "VIRTUAL_ENV" in os.environ else "python3"
        code = "from importlib.metadata import version; print(version('torch'))"
        try:
            asked = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            version = asked.stdout.decode().strip()
        except OSError:
            version = ""
        if not version:
            raise Failure("LIBTORCH_USE_PYTORCH is set, but {} has no torch: install torch=={} or unset it".format(
                python, LIBTORCH_VERSION))
        check_version(version, "the PyTorch of " + python, "LIBTORCH_USE_PYTORCH")
        say("libtorch: the PyTorch {} of {}, as LIBTORCH_USE_PYTORCH asks".format(version, python))
        return True
    if "LIBTORCH" in os.environ:
        folder = Path(os.environ["LIBTORCH"])
        if not (folder / "lib").is_dir():
            raise Failure("LIBTORCH is set to {}, which has no folder lib: correct or unset it".format(folder))
        version = folder / "build-version"
        if version.is_file():
            check_version(version.read_text().strip(), str(folder), "LIBTORCH")
        say("libtorch: {}, as LIBTORCH asks".format(folder))
        return True
    return False


def check_version(version, where, variable):
    if version.split("+")[0] != LIBTORCH_VERSION and "LIBTORCH_BYPASS_VERSION_CHECK" not in os.environ:
        raise Failure("{} is libtorch {}, but {} is needed: unset {} to have it downloaded".format(
            where, version, LIBTORCH_VERSION, variable))


def check_platform():
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Failure("no libtorch is known for {} on {}: set LIBTORCH to a folder with libtorch {}".format(
            platform.system(), platform.machine(), LIBTORCH_VERSION))
    kind, version = platform.libc_ver()
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if kind != "glibc" or numbers < (2, 28):
        raise Failure("libtorch needs glibc 2.28 or newer, this system has {} {}: use a newer Linux".format(
            kind or "another C library", version).replace("  ", " "))


def check_download(cache):
    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    version = re.match(rb"pip (\d+)\.(\d+)", pip.stdout)
    if pip.returncode != 0 or not version:
        raise Failure("pip of python3 is missing: install it (Debian, Ubuntu: apt install python3-pip)")
    if tuple(map(int, version.groups())) < (20, 3):
        raise Failure("pip {}.{} is too old, 20.3 or newer is needed: run `python3 -m pip install --user --upgrade "
                      "pip`".format(*map(int, version.groups())))
    free = shutil.disk_usage(str(cache)).free
    if free < BYTES_NEEDED:
        raise Failure("{} has {} MB free, {} MB are needed while unpacking: make room, or set AT2SELD_CACHE to a "
                      "folder on another disk".format(cache, free // MEGABYTE, BYTES_NEEDED // MEGABYTE))


def download(wheel, folder):
    """Downloads one wheel into `folder`, checked by pip against its hash; gives its path."""
    say("downloading {} {} ({} MB)".format(wheel.name, wheel.version, wheel.megabytes))
    target = folder / wheel.name
    scratch = folder / (wheel.name + ".part")
    target.mkdir()
    scratch.mkdir()
    wanted = scratch / "requirement.txt"
    wanted.write_text("{}=={} --hash=sha256:{}\n".format(wheel.name, wheel.version, wheel.sha256))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--retries", "3",
               "--only-binary=:all:", "--dest", str(target), "--requirement", str(wanted)] + wheel.options
    # pip's temporary files go to the disk whose space was checked, not to a small /tmp.
    environment = dict(os.environ, TMPDIR=str(scratch), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_REQUIRE_VIRTUALENV="0")
    with open(str(scratch / "said"), "w+b") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment)
        try:
            while True:
                try:
                    code = process.wait(timeout=15)
                    break
                except subprocess.TimeoutExpired:
                    here = sum(size(path) for place in (target, scratch) for path in place.rglob("*.whl"))
                    say("  {} of {} MB".format(here // MEGABYTE, wheel.megabytes))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        lines = [line.strip() for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    wheels = list(target.glob("*.whl"))
    if code == 0 and len(wheels) == 1:
        shutil.rmtree(str(scratch))
        return wheels[0]
    what = "cannot download {} {}".format(wheel.name, wheel.version)
    if any("HASHES" in line for line in lines):
        raise Failure(what + ": the file offered is another one than the one this version was tested with (its hash "
                      "differs); check the package index that pip is set to use")
    if any("No space left" in line for line in lines):
        raise Failure(what + ": no space left: make room, or set AT2SELD_CACHE to a folder on another disk")
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["pip ended with {}".format(code)]
    raise Failure("{} ({}): is this machine online? a proxy goes into HTTPS_PROXY, a mirror into PIP_INDEX_URL".format(
        what, re.sub(r"^ERROR: ", "", errors[-1])))


def size(path):
    try:
        return path.stat().st_size
    except OSError:
        return 0


def unpack(wheel, path, folder):
    with zipfile.ZipFile(str(path)) as archive:
        for member in archive.infolist():
            for owner, pattern, destination in UNPACK:
                match = owner is wheel and re.fullmatch(pattern, member.filename)
                if match and not member.is_dir():
                    extract(archive, member, folder / destination.format(match.group(1)))


def extract(archive, member, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, open(str(target), "wb") as out:
        shutil.copyfileobj(source, out, MEGABYTE)


def make_stub(lib):
    """torch-sys links -ltorch, and the wheel's own libtorch.so asks for all of CUDA: this one does not."""
    source = lib / "stub.cpp"
    source.write_text('extern "C" { int at2seld_libtorch_stub; }\n')
    command = [compiler(), "-shared", "-fPIC", "-o", "libtorch.so", source.name, "-Wl,--no-as-needed", "-L.",
               "-ltorch_cpu", "-lc10", "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined"]
    made = subprocess.run(command, cwd=str(lib), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    source.unlink()
    if made.returncode != 0:
        said = made.stdout.decode(errors="replace").strip().splitlines()
        raise Failure("{} cannot link libtorch.so ({}): check the compiler".format(
            command[0], said[-1] if said else "no output"))


def is_complete(libtorch):
    version = libtorch / "build-version"
    return version.is_file() and all((libtorch / "lib" / name).is_file() for name in LIBRARIES)


def install_libtorch(cache, scratch, libtorch):
    check_platform()
    fresh = scratch / "libtorch"
    for wheel in (TORCH, CUPTI, CUDART):
        path = download(wheel, scratch)
        say("unpacking {}".format(wheel.name))
        unpack(wheel, path, fresh)
        path.unlink()
    make_stub(fresh / "lib")
    (fresh / "build-version").write_text(LIBTORCH_VERSION + "\n")
    if not is_complete(fresh):
        missing = [name for name in LIBRARIES if not (fresh / "lib" / name).is_file()]
        raise Failure("the wheels lack {}: report this".format(", ".join(missing)))
    # A folder that is there after the rename must be whole, also when the machine goes down now.
    os.sync()
    if libtorch.exists():
        libtorch.rename(scratch / "incomplete")
    fresh.rename(libtorch)


def is_sound(checkpoint):
    if not checkpoint.is_file():
        return False
    digest = hashlib.sha256()
    with open(str(checkpoint), "rb") as source:
        for block in iter(lambda: source.read(MEGABYTE), b""):
            digest.update(block)
    return digest.hexdigest() == AISFX_SHA256


def install_aisfx(scratch, checkpoint):
    path = download(AISFX, scratch)
    fresh = scratch / "aisfx.pth"
    with zipfile.ZipFile(str(path)) as archive:
        extract(archive, archive.getinfo(AISFX_MEMBER), fresh)
        extract(archive, archive.getinfo(AISFX_LICENCE), checkpoint.with_suffix(".licence.txt"))
    if not is_sound(fresh):
        raise Failure("the checkpoint in {} has another hash than expected: report this".format(path.name))
    os.sync()
    fresh.replace(checkpoint)


def link(libtorch):
    """Points ./libtorch of this checkout, which .cargo/config.toml names, to the shared folder."""
    place = ROOT / "libtorch"
    if place.is_symlink():
        if os.readlink(str(place)) == str(libtorch):
            return
    elif place.exists():
        say("libtorch: {} is a folder of its own, left as it is".format(place))
        return
    # A link cannot be replaced in place: make another one and rename it over the old.
    fresh = ROOT / ".libtorch-{}".format(os.getpid())
    fresh.symlink_to(libtorch)
    fresh.replace(place)


def lock(cache):
    """Held until this process ends: two checkouts must not download the same files at once."""
    handle = open(str(cache / "setup.lock"), "w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another set-up is at work in {}, waiting for it".format(cache))
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def install_missing(cache, libtorch, checkpoint, own):
    """Downloads what is not there, under the lock."""
    cache.mkdir(parents=True, exist_ok=True)
    with lock(cache):
        # While the lock is ours, every scratch folder was left by a set-up that was killed.
        for stale in cache.glob(".setup-*"):
            shutil.rmtree(str(stale), ignore_errors=True)
        # Looked at again: another checkout may have finished while this one waited.
        need_libtorch = not own and not is_complete(libtorch)
        need_checkpoint = not is_sound(checkpoint)
        if not need_libtorch and not need_checkpoint:
            return
        check_download(cache)
        scratch = Path(tempfile.mkdtemp(prefix=".setup-", dir=str(cache)))
        try:
            if need_libtorch:
                install_libtorch(cache, scratch, libtorch)
            if need_checkpoint:
                install_aisfx(scratch, checkpoint)
        finally:
            shutil.rmtree(str(scratch), ignore_errors=True)


def main():
    if sys.version_info < (3, 8):
        raise Failure("Python {}.{} is too old, 3.8 or newer is needed: install a newer python3".format(
            *sys.version_info[:2]))
    check_tools()
    own = check_own_libtorch()
    cache = cache_folder()
    libtorch = cache / "libtorch-{}".format(LIBTORCH_VERSION)
    checkpoint = cache / "backbones" / "aisfx.pth"
    if not is_sound(checkpoint) or (not own and not is_complete(libtorch)):
        install_missing(cache, libtorch, checkpoint, own)
    if not own:
        link(libtorch)
    say("ready: libtorch {} and the tagger aiSFX{}".format(
        LIBTORCH_VERSION, "" if own else " in {}".format(cache)))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit("error: {}".format(failure))
    except OSError as failure:
        sys.exit("error: {}: {}: free the disk or correct the rights, or set AT2SELD_CACHE to another folder".format(
            failure.filename, failure.strerror))
    except KeyboardInterrupt:
        print("error: interrupted; nothing half-made is left", file=sys.stderr)
        sys.exit(130)
