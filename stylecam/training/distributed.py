"""The processes that train one bank together: those `torchrun` started, or just this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn

from stylecam.errors import TrainingFailedError


@dataclass(frozen=True)
class Crew:
    """Who trains along. The first of them leads: it alone writes files and tells of progress.

    Attributes:
        rank: the number of this process, 0 leads.
        size: how many there are.
        local: its number on this machine, which chooses its graphics card.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @classmethod
    def called(cls) -> Crew:
        """The crew that torchrun's variables tell of."""
        rank, size, local = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(rank, size, local) if size > 1 else cls()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @contextmanager
    def working(self, device: torch.device) -> Iterator[None]:
        """Be connected to the others.

        Raises:
            TrainingFailedError: they cannot be reached, or one of them ended.
        """
        if self.size == 1:
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)  # where NCCL gathers plain values: else all on the first card
        try:
            distributed.init_process_group(
                "nccl" if device.type == "cuda" else "gloo", rank=self.rank, world_size=self.size
            )
        except (RuntimeError, ValueError) as error:
            raise TrainingFailedError(
                f"the other {self.size - 1} processes cannot be reached ({str(error).splitlines()[0]}); start all of "
                "them with torchrun, or unset WORLD_SIZE to train alone"
            ) from error
        try:
            yield
        except RuntimeError as error:
            if "gloo" not in str(error) and not isinstance(error, distributed.DistError):
                raise
            raise TrainingFailedError(
                f"another of the {self.size} processes ended; what it said itself tells why"
            ) from error
        finally:
            distributed.destroy_process_group()

    def sharing(self, network: nn.Module) -> nn.Module:
        """`network`, its gradients averaged over the crew whenever they are computed."""
        return network if self.size == 1 else nn.parallel.DistributedDataParallel(network)

    def led(self, value: Any) -> Any:
        """The leader's `value`, for all of the crew."""
        return self.gathered(value)[0]

    def gathered(self, value: Any) -> list[Any]:
        """Everyone's `value`, in the order of rank."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, value)
        return found
