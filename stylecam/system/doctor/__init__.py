"""What keeps a camera from appearing, or makes a picture crawl: looked for, and said with the way out."""
