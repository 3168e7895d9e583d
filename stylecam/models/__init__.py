"""What to paint with: models, their cards, the catalog."""
