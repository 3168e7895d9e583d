"""Other people's networks, turned into the model contract."""
