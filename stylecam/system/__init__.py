"""The operating system: probes, driver, doctor, setup, service."""
