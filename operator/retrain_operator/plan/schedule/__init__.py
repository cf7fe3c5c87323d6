"""What to do next for a RetrainSchedule: one module for each thing that a schedule promises."""
