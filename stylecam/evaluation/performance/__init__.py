"""Measurements: what the engines, the frame path, the governor and a long call do on this machine.

Everything is measured beside its like in one run, for machines are never twice the same; nothing here prints.
"""
