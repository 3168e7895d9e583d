"""Tests of the measurements that are run by hand."""
