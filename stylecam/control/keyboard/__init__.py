"""Keys: bindings, global hotkeys, and keys typed in the terminal."""
