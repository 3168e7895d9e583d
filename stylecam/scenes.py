"""OBS's scenes, in a live run: what belongs to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stylecam.control.actions import Order
from stylecam.control.control import Control
from stylecam.control.obs import ObsAddress, SceneFollower


class Scenes:
    """Has the styles and presets of `scenes` chosen as OBS goes from scene to scene, while it is wanted."""

    def __init__(
        self,
        address: str | None,
        scenes: Mapping[str, str],
        control: Control,
        press: Callable[[Order], None],
        say: Callable[[str], None],
    ) -> None:
        """Without an `address` nothing is followed. `press` and `say` may be called from any thread.

        Raises:
            UsageError: the address is none.
            ObsUnavailableError: the library for it is not installed.
        """
        self._scenes, self._control = scenes, control
        self._follower: SceneFollower | None = None
        if address is not None:
            self._follower = SceneFollower(ObsAddress.parse(address), self.order_of, press, say)

    def start(self) -> None:
        """Begin to look for OBS."""
        if self._follower is not None:
            self._follower.start()

    def stop(self) -> None:
        """Let OBS go."""
        if self._follower is not None:
            self._follower.stop()

    def replace(self, scenes: Mapping[str, str]) -> None:
        """Other things belong to the scenes now, also to the one that is on; presets may be others, too."""
        self._scenes = scenes
        if self._follower is not None:
            self._follower.look_again()

    def order_of(self, scene: str) -> Order | None:
        """What a scene stands for; a preset before a style of the same name, None for a scene that is not listed."""
        name = self._scenes.get(scene)
        if name is None:
            return None
        return (
            Order.of("preset", {"name": name}) if name in self._control.presets else Order.of("select", {"style": name})
        )
