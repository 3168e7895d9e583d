"""Sets up the virtual camera's driver: `plan` lists the steps, `steps` runs them."""
