"""The CustomResourceDefinitions, made of the models: a field has one home."""

from retrain_core.crd.definition import DEFINITIONS, retrain_schedule_crd, training_run_crd

__all__ = ["DEFINITIONS", "retrain_schedule_crd", "training_run_crd"]
