"""Finds out why this user may not use a device."""

from __future__ import annotations

from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import DeviceNode, HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message


def check_permission(host: HostProbe, path: str, node: DeviceNode, topic: Topic, subject: str) -> Finding | None:
    """Return a fault if this user may not read and write the device, else None."""
    if node.accessible:
        return None
    user, group = host.user, node.group
    allowed = Message(
        "{path} belongs to {owner}:{group}, mode {mode:03o}", path=path, owner=node.owner, group=group, mode=node.mode
    )
    if node.mode & 0o060 != 0o060 or group == "root":
        return topic.fault(
            subject,
            Message("no permission: {allowed}, and its group may not use it", allowed=allowed),
            "hand it to the group video (until the next start):",
            SetupStep("hand it to the group video", ("chgrp", "video", path), True),
            SetupStep("let the group read and write it", ("chmod", "660", path), True),
        )
    if group in user.groups:
        return topic.fault(
            subject,
            Message("no permission, although {allowed} and you are in {group}", allowed=allowed, group=group),
            "a sandbox or container forbids it; run stylecam outside of it, or pass the device in",
        )
    if group in user.account_groups:
        return topic.fault(
            subject,
            Message("no permission yet: you were added to the group {group} after this session started", group=group),
            "log out and in again, or restart the computer",
        )
    return topic.fault(
        subject,
        Message("no permission: {allowed}, and you are not in {group}", allowed=allowed, group=group),
        "add yourself to the group, then log out and in:",
        SetupStep(
            Message("add yourself to the group {group}", group=group), ("usermod", "-aG", group, user.name), True
        ),
    )
