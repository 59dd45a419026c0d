"""How good a model is: measures with intervals, thresholds by value, groups, chance, curves, and the gate."""
