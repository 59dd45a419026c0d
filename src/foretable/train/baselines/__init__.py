"""What a practitioner would do without a model, fitted to the same training rows and measured on the same test rows."""
