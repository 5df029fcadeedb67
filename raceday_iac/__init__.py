"""raceday-iac: a Terraform-style reconciler for Appwrite."""

__version__ = "0.1.0"
