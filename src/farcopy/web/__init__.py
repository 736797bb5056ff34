"""Floor 5: the JSON endpoints, sign-in and the page."""
