"""stylecam: a virtual webcam that paints you live.

Importing this package is cheap: cv2, the web server and the hotkey library are only loaded by the parts that use them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
