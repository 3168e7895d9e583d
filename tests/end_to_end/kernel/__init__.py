"""stylecam on a real kernel: a guest under QEMU with the real v4l2loopback, and vivid as the camera. See README.md."""
