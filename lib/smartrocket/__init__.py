"""SmartRocket Analytics: from a shop's raw click log to a published report."""
