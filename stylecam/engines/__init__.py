"""Run style networks: one module for each library."""
