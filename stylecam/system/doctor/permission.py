"""Why a device may not be used, and what changes that."""

from __future__ import annotations

from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import Machine, Node
from stylecam.system.setup.steps import Step


def permission(machine: Machine, path: str, node: Node, topic: Topic, subject: str) -> Finding | None:
    """A finding where this user may not read and write the device, None where that is allowed."""
    if node.usable:
        return None
    user, group = machine.user, node.group
    allowed = f"{path} belongs to {node.owner}:{group}, mode {node.mode:03o}"
    if node.mode & 0o060 != 0o060 or group == "root":
        return topic.fault(
            subject,
            f"no permission: {allowed}, so not even the group video may use it",
            "give it to the group video (until the next start):",
            Step("to the group video", ("chgrp", "video", path), True),
            Step("which may read and write", ("chmod", "660", path), True),
        )
    if group in user.groups:
        return topic.fault(
            subject,
            f"no permission, although {allowed} and you are in {group}",
            "a sandbox or container forbids it; run stylecam outside, or let the device in",
        )
    if group in user.listed:
        return topic.fault(
            subject,
            f"no permission yet: you were put into the group {group}, and this session does not know",
            "log out and in again, or restart the computer",
        )
    return topic.fault(
        subject,
        f"no permission: {allowed}, and you are not in {group}",
        "put yourself into the group, then log out and in:",
        Step(f"into the group {group}", ("usermod", "-aG", group, user.name), True),
    )
