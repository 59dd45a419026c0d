"""What is fitted, and how a fit becomes a form: families, what they read, calibration, conversion of estimators from elsewhere."""
