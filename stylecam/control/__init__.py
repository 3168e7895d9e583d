"""The hands on the switches: actions, and the keys that stand for them."""
