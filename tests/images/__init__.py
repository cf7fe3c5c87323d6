"""The images: built by scripts/images, looked at and run without a cluster."""
