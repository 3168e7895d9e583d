"""Setting up the virtual camera's driver: a plan of steps, and carrying it out."""
