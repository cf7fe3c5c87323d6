"""DVC as an iterator of stage events. The only package that imports dvc."""
