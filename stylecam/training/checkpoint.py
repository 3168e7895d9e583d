"""The whole state of a training run in one file that is replaced at once."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stylecam.errors import TrainingDataError, UsageError
from stylecam.training.config import checkpoint_path
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.utils.files import write_bytes

DAMAGED_FILE_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
)
"""What `torch.load`, and reading what it returned, raise on files that are damaged or something else."""
_FORM = 3


def check_no_unfinished_run(output: Path) -> None:
    """Check that no unfinished run lies beside `output`: a new run would soon overwrite hours of work.

    Raises:
        UsageError: there is one; the message says how to continue it.
    """
    path = checkpoint_path(output)
    try:
        saved = Checkpoint.load(path)
        done = Hyperparameters(**saved.plan["recipe"]).done(saved.progress["step"], saved.progress["elapsed_s"])
    except (TrainingDataError, UsageError, *DAMAGED_FILE_ERRORS):  # there is none that could be continued
        return
    if done < 1:
        raise UsageError(
            f"{path} holds a run that was stopped when {done:.0%} of it was done; continue it: stylecam train "
            f"--resume -o {output}; or start a new one in its place: --overwrite"
        )


@dataclass
class Checkpoint:
    """Everything a run needs to continue as if it had never stopped.

    Attributes:
        plan: the training configuration, the network's shape and the bank's metadata, as plain JSON values.
        progress: step, elapsed seconds, states of the random generators and loss history, as plain JSON values.
        network: state dictionary of the network.
        optimizer: state dictionary of the optimizer.
        average: the network's exponentially averaged parameters, by name.
    """

    plan: dict[str, Any]
    progress: dict[str, Any]
    network: dict[str, Any]
    optimizer: dict[str, Any]
    average: dict[str, Any]

    def save(self, path: Path) -> None:
        """Replace `path`, completely or not at all.

        Raises:
            OSError: it cannot be written, or the disk is full.
        """
        buffer = io.BytesIO()
        torch.save(
            {
                "form": _FORM,
                "plan": json.dumps(self.plan),
                "progress": json.dumps(self.progress),
                "network": self.network,
                "optimizer": self.optimizer,
                "average": self.average,
            },
            buffer,
        )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read `path`; only tensors and plain values are accepted from it.

        Raises:
            TrainingDataError: it is missing, damaged or not a checkpoint.
        """
        if not path.is_file():
            raise TrainingDataError(f"there is no checkpoint {path} to resume from; train without --resume first")
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            if stored["form"] != _FORM:
                raise TrainingDataError(
                    f"{path} was written by another version of stylecam (form {stored['form']}), whose losses were "
                    f"others; go on from its bank: --from {path.with_suffix('.onnx')} --body free"
                )
            return cls(
                json.loads(stored["plan"]),
                json.loads(stored["progress"]),
                stored["network"],
                stored["optimizer"],
                stored["average"],
            )
        except (OSError, *DAMAGED_FILE_ERRORS) as error:
            if isinstance(error, TrainingDataError):
                raise
            reason = str(error).splitlines()[0].partition(". ")[0] if str(error) else type(error).__name__
            raise TrainingDataError(f"{path} is damaged, or not a checkpoint of stylecam: {reason}") from error
