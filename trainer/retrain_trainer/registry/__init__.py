"""The model registry: versions, registration, promotion."""
