"""Take sound from a microphone and bring it in step with the published picture."""
