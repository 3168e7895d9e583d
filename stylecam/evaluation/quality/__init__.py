"""Judge how good the shipped styles look: losses, steadiness, speed, style cards."""
