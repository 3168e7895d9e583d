"""Network files: the model contract, style cards, the catalog, and other people's networks made to fit."""
