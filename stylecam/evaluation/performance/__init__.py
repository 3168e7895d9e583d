"""Measurements for `stylecam bench`: engines, the frame path, the governor and long runs on this machine.

What is compared is measured in the same run, because no machine is twice in the same state. Nothing here prints.
"""
