"""The whole state of a training run in one file, replaced in one move."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stylecam.errors import TrainingDataError, UsageError
from stylecam.training.hyperparameters import Recipe
from stylecam.utils.files import write_bytes

DAMAGES = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, EOFError, pickle.UnpicklingError)
"""What `torch.load` and looking into what it gave raise on files that are damaged, or not what they should be."""
_FORM = 2


def checkpoint_path(output: Path) -> Path:
    """Where the checkpoint of the bank `output` lies."""
    return output.with_suffix(".checkpoint")


def check_free(output: Path) -> None:
    """See that no unfinished run lies beside `output`: a new one would soon write over hours of work.

    Raises:
        UsageError: one does; says how to go on with it.
    """
    path = checkpoint_path(output)
    try:
        saved = Checkpoint.load(path)
        done = Recipe(**saved.plan["recipe"]).done(saved.progress["step"], saved.progress["elapsed_s"])
    except (TrainingDataError, UsageError, *DAMAGES):  # there is none, or none to go on with
        return
    if done < 1:
        raise UsageError(
            f"{path} holds a run that was stopped when {done:.0%} of it was done; go on with it: stylecam train "
            f"--resume -o {output}; or begin anew in its place: --overwrite"
        )


@dataclass
class Checkpoint:
    """Everything a run needs to go on as if it had never stopped.

    Attributes:
        plan: plain JSON values: recipe, paintings, folders, metadata.
        progress: plain JSON values: step, elapsed seconds, the random generator's state, the loss history.
        network, optimizer: torch state dictionaries.
    """

    plan: dict[str, Any]
    progress: dict[str, Any]
    network: dict[str, Any]
    optimizer: dict[str, Any]

    def save(self, path: Path) -> None:
        """Replace `path`, whole or not at all.

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
            },
            buffer,
        )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read `path`; only tensors and plain values are accepted from it.

        Raises:
            TrainingDataError: it is missing or no checkpoint.
        """
        if not path.is_file():
            raise TrainingDataError(f"there is no checkpoint {path} to resume from; train without --resume first")
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            if stored["form"] != _FORM:
                raise TrainingDataError(f"{path} was written by another version of stylecam (form {stored['form']})")
            return cls(
                json.loads(stored["plan"]), json.loads(stored["progress"]), stored["network"], stored["optimizer"]
            )
        except (OSError, *DAMAGES) as error:
            if isinstance(error, TrainingDataError):
                raise
            reason = str(error).splitlines()[0].partition(". ")[0] if str(error) else type(error).__name__
            raise TrainingDataError(f"{path} is no checkpoint of stylecam, or a damaged one: {reason}") from error
