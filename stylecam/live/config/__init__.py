"""The configuration file's parts: where each key stands, what may be set, and the template made from that."""
