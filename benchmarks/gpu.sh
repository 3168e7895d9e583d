#!/bin/sh
# Measure stylecam once on this computer's graphics card: run this in a fresh clone and paste the table that it prints.
#
#   sh benchmarks/gpu.sh                    installs into .venv, unless stylecam is there, and measures; about 10 minutes
#   sh benchmarks/gpu.sh --seconds 10       as for python -m benchmarks.gpu
#   OPENCV=FOLDER sh benchmarks/gpu.sh      with the module cv2 in FOLDER, built with WITH_CUDA and OPENCV_DNN_CUDA
#   PYTHON=python3.12 sh benchmarks/gpu.sh
#
# Without a card it says so, and measures the processor.
set -eu
cd "$(dirname "$0")/.."
say() { echo "gpu.sh: $1" >&2; }
case $(uname -s) in MINGW* | MSYS*) bin=.venv/Scripts ;; *) bin=.venv/bin ;; esac
install() { "$bin/python" -m pip install -q --disable-pip-version-check "$@"; }

if ! ls "$bin"/stylecam* >/dev/null 2>&1; then # not yet, or an earlier try was interrupted
    if [ "$bin" = .venv/Scripts ]; then # Git's shell on Windows
        "${PYTHON:-python}" -m venv .venv
        install ".[video,openvino,bench,train]" onnxruntime-directml "opencv-python<5"
    else
        UV_TORCH_BACKEND=auto sh install.sh video onnxruntime openvino bench train ||
            { say "going on without PyTorch and training"; sh install.sh video onnxruntime openvino bench; }
    fi
    if nvidia-smi -L 2>/dev/null | grep -q GPU; then
        "$bin/python" -m pip uninstall -q -y onnxruntime onnxruntime-directml
        if install "onnxruntime-gpu[cuda,cudnn]"; then # TensorRT must be for the same CUDA
            cuda=$("$bin/python" -c "import importlib.metadata as m; print(*m.requires('onnxruntime-gpu'))" |
                sed 's/.*nvidia-cudnn-\(cu[0-9]*\).*/\1/')
            install "tensorrt-$cuda" || say "TensorRT cannot be installed"
        else
            say "ONNX Runtime for NVIDIA's cards cannot be installed"
            install onnxruntime
        fi
    fi
fi
if [ -n "${OPENCV:-}" ]; then
    PYTHONPATH=$OPENCV${PYTHONPATH:+:$PYTHONPATH}
    export PYTHONPATH
fi
exec "$bin/python" -m benchmarks.gpu "$@"
