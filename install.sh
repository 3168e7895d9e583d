#!/bin/sh
# Install stylecam into the folder .venv beside this file. No compiler and no root is needed.
#
#   sh install.sh                  what a call needs
#   sh install.sh video openvino   with extras: sound and H.264, a faster engine …
#   sh install.sh train            with PyTorch for processors; for NVIDIA's cards: UV_TORCH_BACKEND=auto sh install.sh train
#   PYTHON=python3.12 sh install.sh
set -eu
cd "$(dirname "$0")"
fail() { echo "install.sh: $1" >&2; exit 2; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "there is no $python; install Python 3.10 or newer"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version) is too old; name a newer one: PYTHON=python3.12 sh install.sh"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make environments; on Debian and Ubuntu run: sudo apt install python3-venv"
echo "installing stylecam into $(pwd)/.venv; this takes a minute or two …"
"$python" -m venv .venv

extras=$(IFS=,; echo "$*")
install() { .venv/bin/python -m pip install -q --disable-pip-version-check "$@"; }
case " $* " in *" train "*)
    echo "PyTorch's build for processors: 200 MB to download, 800 MB on disk …"
    install uv  # pip itself would take the build for NVIDIA's cards, of several gigabytes
    .venv/bin/uv pip install -q --python .venv/bin/python --torch-backend "${UV_TORCH_BACKEND:-cpu}" torch ||
        fail "PyTorch cannot be installed; without it: sh install.sh $(echo "$*" | sed 's/train//')" ;;
esac
install ".${extras:+[$extras]}" "opencv-python<5"
# pynput, the hotkeys, asks for evdev, which would need a compiler; X11 does not need it.
install --no-deps pynput
# The usual OpenCV shows windows, for which a server has no libraries. The other one paints as well.
.venv/bin/python -c 'import cv2' 2>/dev/null || install --no-deps --force-reinstall "opencv-python-headless<5"
echo "installed; in this folder run: . .venv/bin/activate && stylecam run"
