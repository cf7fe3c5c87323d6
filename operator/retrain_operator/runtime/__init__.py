"""The machinery around the plan: watch, store, queue, resync, apply, http."""
