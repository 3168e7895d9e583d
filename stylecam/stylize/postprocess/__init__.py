"""What happens to a picture after the network."""
