"""Encode frames and send them to other programs and computers."""
