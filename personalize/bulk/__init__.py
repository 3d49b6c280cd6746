"""Set-based SQL of this package; the only place that speaks it."""
