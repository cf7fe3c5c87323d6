"""The inside of a run: source, pipeline, tracking, registry, and the steps that join them."""
