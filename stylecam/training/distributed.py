"""The processes that train one bank together: those that `torchrun` started, or just this one."""

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
class ProcessGroup:
    """The place of this process among the `size` that train together; `local_rank` selects its graphics card."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls) -> ProcessGroup:
        """Return the group that torchrun's variables describe; a group of one where there are none."""
        rank, size, local = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(rank, size, local) if size > 1 else cls()

    @property
    def leads(self) -> bool:
        """Return whether this process writes files and reports progress."""
        return self.rank == 0

    @contextmanager
    def connected(self, device: torch.device) -> Iterator[None]:
        """Connect to the other processes while the context lasts.

        Raises:
            TrainingFailedError: they cannot be reached, or one of them ended.
        """
        if self.size == 1:
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)  # NCCL gathers plain values there; otherwise all would use the first card
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
                f"another of the {self.size} processes ended; its own message tells why"
            ) from error
        finally:
            distributed.destroy_process_group()

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return `network` such that its gradients are averaged over all processes."""
        return network if self.size == 1 else nn.parallel.DistributedDataParallel(network)

    def broadcast(self, value: Any) -> Any:
        """Return the leader's `value` in every process."""
        return self.gather(value)[0]

    def gather(self, value: Any) -> list[Any]:
        """Return the `value` of every process, ordered by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values
